/** Accesses as dots: a line for each recipient, time from left to right. The list below says the same. */
import { Group, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { OwnAccess } from '../../../adapter/http/contract/index.js';

const RECIPIENTS_MAX = 12;
/** Around a single moment, ms. */
const AROUND_MS = 60_000;
const DATE = new Intl.DateTimeFormat(undefined, { dateStyle: 'short', timeStyle: 'short' });

export function AccessPicture({
  accesses,
  nameOf,
}: {
  accesses: readonly OwnAccess[];
  nameOf: (access: OwnAccess) => string;
}): ReactNode {
  const { t } = useTranslation();
  const lines = new Map<string, OwnAccess[]>();
  for (const access of accesses) {
    const name = nameOf(access);
    const line = lines.get(name);
    if (line === undefined) lines.set(name, [access]);
    else line.push(access);
  }
  const shown = [...lines].slice(0, RECIPIENTS_MAX);
  const times = accesses.map(({ at }) => at);
  const [first, last] = [Math.min(...times), Math.max(...times)];
  const [from, to] = first === last ? [first - AROUND_MS, last + AROUND_MS] : [first, last];
  return (
    <div role="img" aria-label={t('accesses.picture', { count: accesses.length, recipients: lines.size })}>
      {shown.map(([name, line]) => (
        <div key={name}>
          <Text size="sm">
            {name} ({line.length})
          </Text>
          <div className="dots">
            {line.map(({ handle, at }) => (
              <span key={handle} style={{ left: `${((at - from) / (to - from)) * 100}%` }} />
            ))}
          </div>
        </div>
      ))}
      <Group justify="space-between">
        <Text size="sm">{DATE.format(from)}</Text>
        <Text size="sm">{DATE.format(to)}</Text>
      </Group>
    </div>
  );
}
