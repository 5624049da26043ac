/** The whole record erased, on the patient's signature: said first what goes, what stays, and what cannot be called back. */
import { Alert, Button, Card, Code, Group, List, Stack, Text, TextInput, Title } from '@mantine/core';
import { useState } from 'react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Enrolled, OwnErasure } from '../../../adapter/http/contract/index.js';
import { askAs } from '../session/session.js';
import { useAct } from '../shell/act.js';
import { ButtonLink } from '../shell/links.js';
import { Failed, Loading } from '../shell/notices.js';
import { Refused } from '../shell/refused.js';
import { detachedJws, documentBytes } from '../wallet/detached-jws.js';
import type { Wallet } from '../wallet/wallet.js';
import { useOwn } from './own-query.js';
import { PatientPage } from './patient-page.js';

const KIND = 'firebreak/erasure-request/v1';
const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: 'long' });

export function ErasePage(): ReactNode {
  const { t } = useTranslation();
  return <PatientPage title={t('erase.title')}>{(wallet) => <Erase wallet={wallet} />}</PatientPage>;
}

function Erase({ wallet }: { wallet: Wallet }): ReactNode {
  const [done, setDone] = useState<OwnErasure>();
  if (wallet.enrolled === undefined) return null;
  return done === undefined ? (
    <Asked wallet={wallet} enrolled={wallet.enrolled} onDone={setDone} />
  ) : (
    <Done erasure={done} />
  );
}

function Asked({
  wallet,
  enrolled,
  onDone,
}: {
  wallet: Wallet;
  enrolled: Enrolled;
  onDone: (done: OwnErasure) => void;
}): ReactNode {
  const { t } = useTranslation();
  const own = useOwn<OwnErasure>(wallet, '/me/erasure');
  const { isBusy, failure, run } = useAct();
  const [typed, setTyped] = useState('');
  // Made once: sending it again after a lost answer sends the same.
  const [request] = useState(() => ({
    kind: KIND,
    patient: enrolled.patient.reference,
    scope: 'all',
    dateTime: new Date().toISOString(),
  }));
  if (own.isPending) return <Loading />;
  if (own.isError) return <Failed error={own.error} retry={own.refetch} />;
  const { records, scores, models, isHeld } = own.data;
  const bytes = documentBytes(request);
  const erase = async (): Promise<void> => {
    const jws = detachedJws(wallet.keys, enrolled.fingerprint, bytes);
    const answer = await askAs(wallet, '/me/erasure', {
      method: 'POST',
      body: JSON.stringify({ request, jws }),
    });
    onDone((await answer.json()) as OwnErasure);
  };
  const word = t('erase.word');
  return (
    <Stack>
      <Text>{t('erase.intro', { hospital: enrolled.custodian.display })}</Text>
      <List spacing="xs">
        <List.Item>{t('erase.goes', { count: records })}</List.Item>
        <List.Item>{t('erase.ledger')}</List.Item>
        <List.Item>{t('erase.recall')}</List.Item>
        <List.Item>{t('erase.hospital', { hospital: enrolled.custodian.display })}</List.Item>
        {scores + models > 0 && <List.Item>{t('erase.made', { scores, models })}</List.Item>}
      </List>
      {isHeld ? (
        <Alert color="yellow" title={t('erase.held')}>
          {t('erase.heldText', { hospital: enrolled.custodian.display })}
        </Alert>
      ) : (
        <Card withBorder>
          <Stack>
            <Title order={2} size="h3">
              {t('erase.sign')}
            </Title>
            <Text>{t('erase.first')}</Text>
            <div>
              <ButtonLink to="/me/take" variant="default">
                {t('take.title')}
              </ButtonLink>
            </div>
            <TextInput
              label={t('erase.type', { word })}
              value={typed}
              maw={320}
              onChange={(event) => setTyped(event.currentTarget.value)}
            />
            <details>
              <summary>{t('sign.bytes', { count: bytes.length })}</summary>
              <Code block className="whole">
                {new TextDecoder().decode(bytes)}
              </Code>
            </details>
            <Group>
              <Button
                color="red.9"
                loading={isBusy}
                disabled={typed.trim().toLocaleLowerCase() !== word.toLocaleLowerCase()}
                onClick={() => run(erase)}
              >
                {t('erase.do')}
              </Button>
              <ButtonLink to="/me" variant="default">
                {t('erase.back')}
              </ButtonLink>
            </Group>
            <Refused failure={failure} />
          </Stack>
        </Card>
      )}
    </Stack>
  );
}

function Done({ erasure }: { erasure: OwnErasure }): ReactNode {
  const { t } = useTranslation();
  const { records, isGone, backupsUntil } = erasure;
  return (
    <Alert color="teal" title={t('erase.done')} role="status">
      <Text>{t('erase.doneText', { count: records })}</Text>
      {isGone === false && <Text mt="xs">{t('erase.notYet')}</Text>}
      {backupsUntil !== undefined && (
        <Text mt="xs">{t('erase.backups', { until: DAY.format(backupsUntil) })}</Text>
      )}
    </Alert>
  );
}
