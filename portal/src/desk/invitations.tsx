/** Inviting a patient: a code that is shown once, to be handed over on paper. */
import { Alert, Button, Card, Group, NativeSelect, Stack, Text, TextInput } from '@mantine/core';
import { useState } from 'react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { INVITATION_KIND } from '../../../adapter/http/contract/index.js';
import type { DeskSource, InvitedPatient } from '../../../adapter/http/contract/index.js';
import { useOwn } from '../me/own-query.js';
import { useAct } from '../shell/act.js';
import { Empty, Failed, Loading } from '../shell/notices.js';
import { Refused } from '../shell/refused.js';
import type { Wallet } from '../wallet/wallet.js';
import { sendSigned } from '../work/signed-act.js';

/** @see FHIR R4 id */
const ID = /^[A-Za-z0-9.-]{1,64}$/;

export function Invitations({ wallet }: { wallet: Wallet }): ReactNode {
  const { t } = useTranslation();
  const own = useOwn<{ sources: DeskSource[] }>(wallet, '/desk/sources');
  const [source, setSource] = useState('');
  const [patient, setPatient] = useState('');
  const [made, setMade] = useState<InvitedPatient>();
  const { isBusy, failure, run } = useAct();
  if (own.isPending) return <Loading />;
  if (own.isError) return <Failed error={own.error} retry={own.refetch} />;
  const { sources } = own.data;
  const [first] = sources;
  if (first === undefined) return <Empty>{t('desk.noSources')}</Empty>;
  const chosen = sources.find(({ id }) => id === source)?.id ?? first.id;
  const id = patient.trim();
  const invite = async (): Promise<void> => {
    setMade(undefined);
    const more = { kind: INVITATION_KIND, source: chosen, patient: id };
    const answer = await sendSigned(wallet, '/desk/invitations', more);
    setMade((await answer.json()) as InvitedPatient);
    setPatient('');
  };
  return (
    <Stack>
      <Text>{t('desk.inviteIntro')}</Text>
      <Card
        withBorder
        component="form"
        onSubmit={(event: { preventDefault(): void }) => {
          event.preventDefault();
          run(invite);
        }}
      >
        <Stack gap="sm" maw={480}>
          <NativeSelect
            label={t('desk.source')}
            data={sources.map(({ id: value, name }) => ({ value, label: name === '' ? value : name }))}
            value={chosen}
            onChange={({ currentTarget }) => setSource(currentTarget.value)}
          />
          <TextInput
            label={t('desk.patientId')}
            description={t('desk.patientIdHint')}
            autoComplete="off"
            spellCheck={false}
            value={patient}
            error={id !== '' && !ID.test(id) ? t('desk.badId') : undefined}
            onChange={({ currentTarget }) => setPatient(currentTarget.value)}
          />
          <Group>
            <Button type="submit" loading={isBusy} disabled={!ID.test(id)}>
              {t('desk.invite')}
            </Button>
          </Group>
          <Refused failure={failure} />
        </Stack>
      </Card>
      {made !== undefined && (
        <Alert color="teal" title={t('desk.invited', { id: made.patient })} role="status">
          <Text size="xl" fw={700} className="hash" mb="sm">
            {made.code}
          </Text>
          <Text mb="sm">{t('desk.invitedText', { address: `${location.origin}/app/wallet` })}</Text>
          <Group>
            <Button variant="default" onClick={() => print()}>
              {t('desk.print')}
            </Button>
            <Button variant="default" onClick={() => setMade(undefined)}>
              {t('desk.handedOver')}
            </Button>
          </Group>
        </Alert>
      )}
    </Stack>
  );
}
