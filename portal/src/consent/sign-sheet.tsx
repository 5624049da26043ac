/** The one place where a consent is signed: it shows what the bytes say, and signs these bytes. */
import { Alert, Button, Card, Code, Group, Stack, Text, Title } from '@mantine/core';
import { useMemo } from 'react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { askToEnd } from '../session/ask.js';
import { useAct } from '../shell/act.js';
import { Refused } from '../shell/refused.js';
import type { Wallet } from '../wallet/wallet.js';
import { ConsentInWords } from './in-words.js';
import { Narrative } from './narrative.js';
import { readConsentBytes } from './reading.js';
import type { ConsentReading } from './reading.js';
import { signedBundle } from './signed-bundle.js';
import { WhatIf } from './what-if.js';

export function SignSheet({
  bytes,
  wallet,
  onDone,
  onBack,
}: {
  bytes: Uint8Array;
  wallet: Wallet;
  onDone: () => void;
  onBack: () => void;
}): ReactNode {
  const { t } = useTranslation();
  const { isBusy, failure, run } = useAct();
  const reading = useMemo(() => readConsentBytes(bytes), [bytes]);
  // Sending again after a lost answer must send the same.
  const { enrolled, keys } = wallet;
  const fault =
    reading === undefined || reading.unknown.length > 0
      ? t('sign.cannotText', { paths: reading?.unknown.join(', ') ?? '…' })
      : reading.patient === enrolled?.patient.reference
        ? undefined
        : t('sign.other');
  const sign = async (): Promise<void> => {
    if (enrolled === undefined || fault !== undefined) return;
    await askToEnd('/fhir', {
      method: 'POST',
      headers: { 'Content-Type': 'application/fhir+json' },
      body: signedBundle(bytes, keys, enrolled.fingerprint),
    });
    onDone();
  };
  return (
    <Card withBorder padding="lg">
      <Stack>
        <Title order={2}>{t('sign.title')}</Title>
        {reading !== undefined && (
          <>
            {reading.narrative !== '' && (
              <section aria-label={t('sign.form')}>
                <Text fw={700} c="dimmed">
                  {t('sign.form')}
                </Text>
                <Narrative xhtml={reading.narrative} />
              </section>
            )}
            <section aria-label={t('sign.means')}>
              <Text fw={700} c="dimmed">
                {t('sign.means')}
              </Text>
              <ConsentInWords reading={reading} />
            </section>
          </>
        )}
        {fault !== undefined && (
          <Alert color="red" title={t('sign.cannot')}>
            {fault}
          </Alert>
        )}
        {reading !== undefined && fault === undefined && (
          <WhatItGives reading={reading} bytes={bytes} wallet={wallet} />
        )}
        <Text>{t('sign.recall')}</Text>
        <details>
          <summary>{t('sign.bytes', { count: bytes.length })}</summary>
          <Code block className="whole">
            {new TextDecoder().decode(bytes)}
          </Code>
        </details>
        <Group>
          <Button
            size="md"
            loading={isBusy}
            disabled={fault !== undefined}
            onClick={() => run(sign)}
            color={reading?.status === 'active' ? 'teal.9' : 'red.9'}
          >
            {t(reading?.status === 'active' ? 'sign.do' : 'sign.doWithdraw')}
          </Button>
          <Button size="md" variant="default" onClick={onBack}>
            {t('sign.back')}
          </Button>
        </Group>
        <Refused failure={failure} />
      </Stack>
    </Card>
  );
}

/** Who would see how much of the record by this; nothing for a form by which nobody reads. */
function WhatItGives({
  reading: { provision, status, hospital },
  bytes,
  wallet,
}: {
  reading: ConsentReading;
  bytes: Uint8Array;
  wallet: Wallet;
}): ReactNode {
  const [actor] = provision?.actors ?? [];
  const [purpose] = provision?.purposes ?? [];
  if (actor === undefined || purpose === undefined || !provision?.actions.includes('access')) return null;
  const consent = JSON.parse(new TextDecoder().decode(bytes)) as object;
  return (
    <WhatIf
      wallet={wallet}
      name={actor.display ?? hospital?.display ?? actor.reference}
      isEnd={status !== 'active'}
      question={{ requester: actor.reference, purpose, action: 'access', consent }}
    />
  );
}
