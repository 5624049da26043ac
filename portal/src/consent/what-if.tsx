/** “What would this person see if I agree?”: a dry run at the server, which shows nothing and gives nothing. */
import { Button, List, Stack, Table, Text } from '@mantine/core';
import { useState } from 'react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { OwnExplained, OwnSeen } from '../../../adapter/http/contract/index.js';
import { askAs } from '../session/session.js';
import { useAct } from '../shell/act.js';
import { Refused } from '../shell/refused.js';
import type { Wallet } from '../wallet/wallet.js';
import { useKind } from './kinds.js';

const REASONS_SHOWN = 4;

/**
 * @param question - Body of `POST /me/explain`.
 * @param name - Who would see it.
 * @param isEnd - What would be signed is a withdrawal.
 */
export function WhatIf({
  wallet,
  question,
  name,
  isEnd = false,
}: {
  wallet: Wallet;
  question: object;
  name: string;
  isEnd?: boolean;
}): ReactNode {
  const { t } = useTranslation();
  const { isBusy, failure, run } = useAct();
  const asked = JSON.stringify(question);
  const [answer, setAnswer] = useState<{ readonly to: string; readonly explained: OwnExplained }>();
  const look = async (): Promise<void> => {
    const response = await askAs(wallet, '/me/explain', { method: 'POST', body: asked });
    setAnswer({ to: asked, explained: (await response.json()) as OwnExplained });
  };
  // Of another question than the one on the page an answer says nothing.
  const explained = answer?.to === asked ? answer.explained : undefined;
  return (
    <Stack gap="xs">
      <div>
        <Button variant="default" className="wrapping" loading={isBusy} onClick={() => run(look)}>
          {t(isEnd ? 'whatIf.askEnd' : 'whatIf.ask', { name })}
        </Button>
      </div>
      <div aria-live="polite">
        {explained?.signed !== undefined && (
          <Seen now={explained.now} signed={explained.signed} name={name} />
        )}
      </div>
      <Refused failure={failure} />
    </Stack>
  );
}

function Seen({ now, signed, name }: { now: OwnSeen; signed: OwnSeen; name: string }): ReactNode {
  const { t } = useTranslation();
  const kind = useKind();
  const today = new Map(now.types.map(({ type, visible }) => [type, visible]));
  const total = signed.total;
  const isShown = ({ type, visible }: OwnSeen['types'][number]): boolean =>
    visible > 0 || (today.get(type) ?? 0) > 0;
  const rest = signed.types.filter((one) => !isShown(one)).reduce((sum, { hidden }) => sum + hidden, 0);
  return (
    <Stack gap="xs">
      <Text>
        {total === 0
          ? t('whatIf.empty')
          : t('whatIf.says', { name, now: now.visible, signed: signed.visible, total })}
      </Text>
      {total > 0 && (
        <Table layout="fixed" horizontalSpacing={6} aria-label={t('whatIf.table')}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th w="40%">{t('whatIf.kind')}</Table.Th>
              <Table.Th>{t('whatIf.now')}</Table.Th>
              <Table.Th>{t('whatIf.signed')}</Table.Th>
              <Table.Th>{t('whatIf.hidden')}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {signed.types.filter(isShown).map(({ type, visible, hidden }) => (
              <Table.Tr key={type}>
                <Table.Th scope="row">{kind(type)}</Table.Th>
                <Table.Td>{(today.get(type) ?? 0).toLocaleString()}</Table.Td>
                <Table.Td>{visible.toLocaleString()}</Table.Td>
                <Table.Td>{hidden.toLocaleString()}</Table.Td>
              </Table.Tr>
            ))}
            {rest > 0 && (
              <Table.Tr>
                <Table.Th scope="row">{t('whatIf.rest')}</Table.Th>
                <Table.Td>0</Table.Td>
                <Table.Td>0</Table.Td>
                <Table.Td>{rest.toLocaleString()}</Table.Td>
              </Table.Tr>
            )}
          </Table.Tbody>
        </Table>
      )}
      {signed.reasons.length > 0 && (
        <details>
          <summary>{t('whatIf.why')}</summary>
          <List>
            {signed.reasons.slice(0, REASONS_SHOWN).map(({ sentence, count }) => (
              <List.Item key={sentence}>{t('whatIf.reason', { count, sentence })}</List.Item>
            ))}
          </List>
        </details>
      )}
      <Text size="sm" c="dimmed">
        {t('whatIf.today')}
      </Text>
    </Stack>
  );
}
