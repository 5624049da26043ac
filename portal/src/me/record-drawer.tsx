/** One record: its narrative, its elements, and whether it is proved by the ledger. */
import { Alert, Code, Drawer, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { Bundle, FhirResource, Provenance } from 'fhir/r4.js';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { checkProof, proofTrust } from '../../../ledger/proofs/index.js';
import type { ProofVerdict } from '../../../ledger/proofs/index.js';
import { Narrative } from '../consent/narrative.js';
import { readFile } from '../ledger/log-files.js';
import { readHead } from '../ledger/head.js';
import { askJsonAs } from '../session/session.js';
import { Failed, Loading } from '../shell/notices.js';
import { happeningsOf } from '../timeline/lanes.js';
import { fingerprintOf } from '../wallet/wallet.js';
import type { Wallet } from '../wallet/wallet.js';
import { OWN } from './own-query.js';

export function RecordDrawer({
  wallet,
  resource,
  onClose,
  purpose,
}: {
  wallet: Wallet;
  /** v3-ActReason code, where it is not the first one of the holder's group. */
  purpose?: string | undefined;
  resource: FhirResource | undefined;
  onClose: () => void;
}): ReactNode {
  const { t } = useTranslation();
  const title = resource === undefined ? '' : (happeningsOf([resource])[0]?.title ?? resource.resourceType);
  return (
    <Drawer
      opened={resource !== undefined}
      onClose={onClose}
      position="right"
      size="lg"
      title={title}
      closeButtonProps={{ 'aria-label': t('state.close') }}
    >
      {resource !== undefined && (
        <Stack>
          <ProofStatus
            wallet={wallet}
            purpose={purpose}
            reference={`${resource.resourceType}/${resource.id ?? ''}`}
          />
          {'text' in resource && resource.text !== undefined && <Narrative xhtml={resource.text.div} />}
          <Text fw={700}>{t('record.elements')}</Text>
          <Code block className="whole">
            {JSON.stringify(resource, null, 2)}
          </Code>
        </Stack>
      )}
    </Drawer>
  );
}

/** Asks for the proof of the record's present version and judges it here. */
async function prove(
  wallet: Wallet,
  reference: string,
  purpose: string | undefined,
): Promise<ProofVerdict | undefined> {
  const [bundle, head, caRoot] = await Promise.all([
    askJsonAs<Bundle>(wallet, `/fhir/${reference}?_proof=true`, purpose),
    readHead(),
    readFile('/pki/root.crt'),
  ]);
  if (!head.ok) throw new Error(`the log is not believed: ${head.fault}`);
  const provenance = bundle.entry
    ?.map(({ resource }) => resource)
    .find((one) => one?.resourceType === 'Provenance') as Provenance | undefined;
  const data = provenance?.signature?.[0]?.data;
  const file = data === undefined ? undefined : Uint8Array.from(atob(data), (char) => char.charCodeAt(0));
  return file === undefined ? undefined : checkProof(file, proofTrust({ vkeys: head.vkeys, caRoot }));
}

function ProofStatus({
  wallet,
  reference,
  purpose,
}: {
  wallet: Wallet;
  reference: string;
  purpose: string | undefined;
}): ReactNode {
  const { t } = useTranslation();
  const proof = useQuery({
    queryKey: [OWN, fingerprintOf(wallet), 'proof', reference],
    queryFn: async () => (await prove(wallet, reference, purpose)) ?? null,
    staleTime: Infinity,
  });
  if (proof.isPending) return <Loading />;
  if (proof.isError) return <Failed error={proof.error} retry={proof.refetch} />;
  if (proof.data === null) return <Text>{t('record.noProof')}</Text>;
  return proof.data.ok ? (
    <Alert color="teal" title={t('record.proved')}>
      {t('record.provedText')}
    </Alert>
  ) : (
    <Alert color="red" title={t('record.notProved')}>
      <Code>{proof.data.code}</Code>
    </Alert>
  );
}
