/** One patient's record: severity, timeline, what is written into it. */
import { Alert, Button, Group, Stack, Title } from '@mantine/core';
import { useMemo, useState } from 'react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { FhirResource, Patient } from 'fhir/r4.js';
import { useRecordOf } from '../me/everything.js';
import { RecordDrawer } from '../me/record-drawer.js';
import { Failed, Loading } from '../shell/notices.js';
import { happeningsOf } from '../timeline/lanes.js';
import { Measures } from '../timeline/measure-list.js';
import { Timeline } from '../timeline/timeline.js';
import type { Wallet } from '../wallet/wallet.js';
import type { Chosen } from './care-page.js';
import { nameOf } from './patient-name.js';
import { SeverityCard } from './severity-card.js';
import { WriteForm } from './write-form.js';

const TIME = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });

export function PatientRecord({
  wallet,
  chosen,
  onBack,
}: {
  wallet: Wallet;
  chosen: Chosen;
  onBack: () => void;
}): ReactNode {
  const { t } = useTranslation();
  const { reference, emergencyUntil, sharedFor } = chosen;
  const purpose = emergencyUntil === undefined ? sharedFor : 'BTG';
  const whole = useRecordOf(wallet, reference, purpose);
  const [opened, setOpened] = useState<string>();
  const nowMs = useMemo(() => Date.now(), []);
  const happenings = useMemo(() => happeningsOf(whole.data?.resources ?? []), [whole.data]);
  const patient = whole.data?.byReference.get(reference) as Patient | undefined;
  return (
    <Stack>
      <Group>
        <Button variant="default" onClick={onBack}>
          {t(sharedFor === undefined ? 'care.back' : 'access.back')}
        </Button>
      </Group>
      {emergencyUntil !== undefined && (
        <Alert color="red" title={t('care.emergency.title')}>
          {t('care.emergency.on', { time: TIME.format(emergencyUntil) })}
        </Alert>
      )}
      {whole.isPending && <Loading />}
      {whole.isError && <Failed error={whole.error} retry={whole.refetch} />}
      {whole.data !== undefined && (
        <>
          <Title order={2}>
            {(patient === undefined ? undefined : nameOf(patient)) ?? t('care.unnamed')}
          </Title>
          {(sharedFor === undefined || hasSeverity(whole.data.resources)) && (
            <SeverityCard resources={whole.data.resources} />
          )}
          <Title order={2} size="h3">
            {t('timeline.title')}
          </Title>
          <Timeline happenings={happenings} nowMs={nowMs} onOpen={setOpened} />
          <Measures resources={whole.data.resources} title={t('measures.title')} />
          {purpose === undefined && (
            <WriteForm
              wallet={wallet}
              patient={reference}
              lookAgain={async () => (await whole.refetch()).data?.resources ?? []}
            />
          )}
          <RecordDrawer
            wallet={wallet}
            purpose={purpose}
            resource={opened === undefined ? undefined : whole.data.byReference.get(opened)}
            onClose={() => setOpened(undefined)}
          />
        </>
      )}
    </Stack>
  );
}

function hasSeverity(resources: readonly FhirResource[]): boolean {
  return resources.some(({ resourceType }) => resourceType === 'RiskAssessment');
}
