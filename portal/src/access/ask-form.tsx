/** Asking to read one patient's record: of which hospital, what for, what of it, how long, why. */
import {
  Alert,
  Button,
  Card,
  Checkbox,
  Group,
  NativeSelect,
  Stack,
  Textarea,
  TextInput,
  Title,
} from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { KnownOrganisations } from '../../../adapter/http/contract/index.js';
import { useKind } from '../consent/kinds.js';
import { usePurpose } from '../me/access-line.js';
import { OWN } from '../me/own-query.js';
import { askJson } from '../session/ask.js';
import { useAct } from '../shell/act.js';
import { Failed, Loading } from '../shell/notices.js';
import { Refused } from '../shell/refused.js';
import type { Wallet } from '../wallet/wallet.js';
import { ASKED_PURPOSES, askedTypes, askForAccess } from './ask.js';

const PATIENT = /^Patient\/[A-Za-z0-9.-]{1,64}$/;
const REASON_CHARS_MAX = 1000;
const DAY_MS = 86_400_000;
const DATE_CHARS = 10;
const USUAL_DAYS = 30;
/** A request of more than a year is not taken. */
const DAYS_MAX = 364;

const dayIn = (days: number): string =>
  new Date(Date.now() + days * DAY_MS).toISOString().slice(0, DATE_CHARS);

export function AskForm({ wallet }: { wallet: Wallet }): ReactNode {
  const { t } = useTranslation();
  const hospitals = useQuery({
    queryKey: ['organisations'],
    queryFn: () => askJson<KnownOrganisations>('/pki/organisations'),
  });
  return (
    <Card withBorder>
      <Title order={2} size="h3" mb="sm">
        {t('access.new')}
      </Title>
      {hospitals.isPending && <Loading />}
      {hospitals.isError && <Failed error={hospitals.error} retry={hospitals.refetch} />}
      {hospitals.data !== undefined && <Fields wallet={wallet} hospitals={hospitals.data.organisations} />}
    </Card>
  );
}

function Fields({
  wallet,
  hospitals,
}: {
  wallet: Wallet;
  hospitals: KnownOrganisations['organisations'];
}): ReactNode {
  const { t } = useTranslation();
  const purposeText = usePurpose();
  const kind = useKind();
  const queries = useQueryClient();
  const { isBusy, failure, run } = useAct();
  const group = wallet.certificate?.group ?? 'authority';
  const purposes = ASKED_PURPOSES[group];
  const [patient, setPatient] = useState('');
  const [hospital, setHospital] = useState(hospitals[0]?.id ?? '');
  const [purpose, setPurpose] = useState<string>(purposes[0]);
  const [types, setTypes] = useState<readonly string[]>([]);
  const [until, setUntil] = useState(() => dayIn(USUAL_DAYS));
  const [reason, setReason] = useState('');
  const [isSent, setSent] = useState(false);
  const reference = patient.trim();
  const isWhole =
    PATIENT.test(reference) && hospital !== '' && types.length > 0 && until !== '' && reason.trim() !== '';
  const send = async (): Promise<void> => {
    setSent(false);
    await askForAccess(wallet, {
      patient: reference,
      hospital,
      purpose,
      types,
      until,
      reason: reason.trim(),
    });
    await queries.invalidateQueries({ queryKey: [OWN] });
    setPatient('');
    setReason('');
    setSent(true);
  };
  return (
    <Stack
      gap="sm"
      maw={640}
      component="form"
      onSubmit={(event: { preventDefault(): void }) => {
        event.preventDefault();
        run(send);
      }}
    >
      <TextInput
        label={t('access.patient')}
        description={t('access.patientHint')}
        autoComplete="off"
        spellCheck={false}
        value={patient}
        error={reference !== '' && !PATIENT.test(reference) ? t('access.badPatient') : undefined}
        onChange={({ currentTarget }) => setPatient(currentTarget.value)}
      />
      <NativeSelect
        label={t('access.hospital')}
        value={hospital}
        data={hospitals.map(({ id, name }) => ({ value: id, label: name }))}
        onChange={({ currentTarget }) => setHospital(currentTarget.value)}
      />
      <NativeSelect
        label={t('access.purpose')}
        value={purpose}
        data={purposes.map((code) => ({ value: code, label: purposeText(code) }))}
        onChange={({ currentTarget }) => setPurpose(currentTarget.value)}
      />
      <Checkbox.Group
        label={t('access.types')}
        description={group === 'payer' ? t('access.claimHint') : undefined}
        value={[...types]}
        onChange={setTypes}
      >
        <Group mt={4}>
          {askedTypes(group).map((type) => (
            <Checkbox key={type} value={type} label={kind(type)} />
          ))}
        </Group>
      </Checkbox.Group>
      <TextInput
        type="date"
        label={t('access.until')}
        maw={240}
        min={dayIn(0)}
        max={dayIn(DAYS_MAX)}
        value={until}
        onChange={({ currentTarget }) => setUntil(currentTarget.value)}
      />
      <Textarea
        label={t('access.reason')}
        description={t('access.reasonHint')}
        maxLength={REASON_CHARS_MAX}
        autosize
        minRows={2}
        value={reason}
        onChange={({ currentTarget }) => setReason(currentTarget.value)}
      />
      <Group>
        <Button type="submit" loading={isBusy} disabled={!isWhole}>
          {t('access.do')}
        </Button>
      </Group>
      <Refused failure={failure} />
      <div aria-live="polite">{isSent && <Alert color="teal">{t('access.sent')}</Alert>}</div>
    </Stack>
  );
}
