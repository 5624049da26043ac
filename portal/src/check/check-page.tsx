/** A proof file, dropped here and judged here: nothing of it is sent anywhere. */
import { Alert, Button, Code, FileButton, Stack, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { checkProof, PROOF_BYTES_MAX, proofTrust } from '../../../ledger/proofs/index.js';
import type { ProofTrust, ProofVerdict } from '../../../ledger/proofs/index.js';
import { readFile } from '../ledger/log-files.js';
import { readHead } from '../ledger/head.js';
import { Failed, Loading } from '../shell/notices.js';
import { FoundDetails } from './found-details.js';
import { reasonKey } from './reasons.js';

/** What files are judged by: the log's keys as this browser knows them, and the authority's root. */
async function readTrust(): Promise<ProofTrust> {
  const [head, caRoot] = await Promise.all([readHead(), readFile('/pki/root.crt')]);
  if (!head.ok) throw new Error(`the log is not believed: ${head.fault}`);
  return proofTrust({ vkeys: head.vkeys, caRoot });
}

interface Judged {
  readonly name: string;
  readonly verdict: ProofVerdict | { readonly ok: false; readonly code: 'too-large' };
}

export function CheckPage(): ReactNode {
  const { t } = useTranslation();
  // Kept for the visit: a file is then judged without a network.
  const trust = useQuery({ queryKey: ['trust'], queryFn: readTrust, staleTime: Infinity, gcTime: Infinity });
  const [judged, setJudged] = useState<Judged>();
  const [isOver, setOver] = useState(false);
  const take = async (file: File | null | undefined): Promise<void> => {
    if (file === null || file === undefined || trust.data === undefined) return;
    const verdict =
      file.size > PROOF_BYTES_MAX
        ? ({ ok: false, code: 'too-large' } as const)
        : checkProof(new Uint8Array(await file.arrayBuffer()), trust.data);
    setJudged({ name: file.name, verdict });
  };
  return (
    <Stack>
      <Title order={1}>{t('check.title')}</Title>
      <Text>{t('check.intro')}</Text>
      {trust.isPending && <Loading />}
      {trust.isError && <Failed error={trust.error} retry={trust.refetch} />}
      {trust.data !== undefined && (
        <div
          className="drop"
          data-over={isOver}
          onDragOver={(event) => {
            event.preventDefault();
            setOver(true);
          }}
          onDragLeave={() => setOver(false)}
          onDrop={(event) => {
            event.preventDefault();
            setOver(false);
            void take(event.dataTransfer.files[0]);
          }}
        >
          <Text mb="sm">{t('check.drop')}</Text>
          <FileButton onChange={(file) => void take(file)} inputProps={{ 'aria-label': t('check.choose') }}>
            {(props) => <Button {...props}>{t('check.choose')}</Button>}
          </FileButton>
        </div>
      )}
      <div aria-live="polite">{judged !== undefined && <Verdict judged={judged} />}</div>
    </Stack>
  );
}

function Verdict({ judged: { name, verdict } }: { judged: Judged }): ReactNode {
  const { t } = useTranslation();
  if (verdict.ok) {
    return (
      <Alert color="teal" title={t('check.good', { name })}>
        <FoundDetails found={verdict} />
      </Alert>
    );
  }
  return (
    <Alert color="red" title={t('check.bad', { name })}>
      <Text mb="xs">{t(reasonKey(verdict.code))}</Text>
      <Code>{verdict.code}</Code>
    </Alert>
  );
}
