/** What a good proof file shows, in words. */
import { Code, Stack, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { ProofFound } from '../../../ledger/proofs/index.js';
import { Instant } from '../shell/instant.js';

/** Longer contents are not shown in the page. */
const SHOWN_BYTES_MAX = 64 * 1024;

export function FoundDetails({ found }: { found: ProofFound }): ReactNode {
  const { t } = useTranslation();
  return (
    <Stack gap="xs">
      <Text>{t(`check.kind.${found.kind}`)}</Text>
      <Text>
        {t('check.at')} <Instant at={timeOf(found)} />
      </Text>
      <Text>{t('check.by', { name: signerOf(found) })}</Text>
      <Text>{t('check.log', { origin: found.log.origin, size: found.log.size.toLocaleString() })}</Text>
      <Content found={found} />
    </Stack>
  );
}

function timeOf(found: ProofFound): number {
  return 'entry' in found ? found.entry.at : found.anchor.at;
}

function signerOf(found: ProofFound): string {
  const { organisation, id } = 'receivedFrom' in found ? found.receivedFrom : found.anchoredBy;
  return organisation ?? id;
}

function Content({ found }: { found: ProofFound }): ReactNode {
  const { t } = useTranslation();
  if (found.kind === 'claim') {
    return (
      <Code block className="scroll" tabIndex={0} aria-label={t('check.content')}>
        {JSON.stringify(found.document, null, 2)}
      </Code>
    );
  }
  if (found.kind !== 'record') return null;
  const { content } = found;
  if (content.kind === 'none') return <Text>{t('check.closed')}</Text>;
  if (content.kind === 'fact') {
    return (
      <Code block>
        {content.name}: {JSON.stringify(content.value)}
      </Code>
    );
  }
  if (content.plaintext.length > SHOWN_BYTES_MAX) return <Text>{t('check.large')}</Text>;
  return (
    <Code block className="scroll" tabIndex={0} aria-label={t('check.content')}>
      {new TextDecoder().decode(content.plaintext)}
    </Code>
  );
}
