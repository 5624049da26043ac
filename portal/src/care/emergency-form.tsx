/** Breaking the glass: one record, for a reason that is signed, for a limited time. */
import { Button, Card, Group, Stack, Text, Textarea, TextInput, Title } from '@mantine/core';
import { useState } from 'react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { useAct } from '../shell/act.js';
import { Refused } from '../shell/refused.js';
import type { Wallet } from '../wallet/wallet.js';
import { sendSigned } from '../work/signed-act.js';
import type { Chosen } from './care-page.js';

const EMERGENCY_KIND = 'firebreak emergency';
const REASON_CHARS_MIN = 10;
const REASON_CHARS_MAX = 1000;

export function EmergencyForm({
  wallet,
  onOpen,
}: {
  wallet: Wallet;
  onOpen: (chosen: Chosen) => void;
}): ReactNode {
  const { t } = useTranslation();
  const [isOpen, setOpen] = useState(false);
  const [patient, setPatient] = useState('');
  const [reason, setReason] = useState('');
  const { isBusy, failure, run } = useAct();
  const declare = async (): Promise<void> => {
    const more = { kind: EMERGENCY_KIND, patient: patient.trim(), reason: reason.trim() };
    const answer = await sendSigned(wallet, '/emergencies', more);
    const opened = (await answer.json()) as { patient: string; until: string };
    onOpen({ reference: opened.patient, emergencyUntil: Date.parse(opened.until) });
  };
  return (
    <Card
      withBorder
      component="form"
      onSubmit={(event: { preventDefault(): void }) => {
        event.preventDefault();
        run(declare);
      }}
    >
      <Stack gap="sm" maw={560}>
        <Title order={2} size="h3">
          {t('care.emergency.title')}
        </Title>
        <Text>{t('care.emergency.text')}</Text>
        {!isOpen && (
          <Group>
            <Button color="red.9" onClick={() => setOpen(true)}>
              {t('care.emergency.open')}
            </Button>
          </Group>
        )}
        {isOpen && (
          <>
            <TextInput
              label={t('care.emergency.patient')}
              description={t('care.emergency.patientHint')}
              autoComplete="off"
              spellCheck={false}
              value={patient}
              onChange={({ currentTarget }) => setPatient(currentTarget.value)}
            />
            <Textarea
              label={t('care.emergency.reason')}
              maxLength={REASON_CHARS_MAX}
              autosize
              minRows={2}
              value={reason}
              onChange={({ currentTarget }) => setReason(currentTarget.value)}
            />
            <Group>
              <Button
                type="submit"
                color="red.9"
                loading={isBusy}
                disabled={patient.trim() === '' || reason.trim().length < REASON_CHARS_MIN}
              >
                {t('care.emergency.do')}
              </Button>
            </Group>
            <Refused failure={failure} />
          </>
        )}
      </Stack>
    </Card>
  );
}
