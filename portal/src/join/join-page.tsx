/** Asking for a certificate: who works for a hospital, an authority or an insurer makes keys here and waits for two officers. */
import { Alert, Button, Card, Code, NativeSelect, Stack, Text, TextInput, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { JOINING_GROUPS, JOINING_ROLES } from '../../../adapter/http/contract/index.js';
import type {
  Application,
  ApplicationAnswer,
  JoiningRole,
  KnownOrganisations,
} from '../../../adapter/http/contract/index.js';
import { askJson } from '../session/ask.js';
import { useAct } from '../shell/act.js';
import { ButtonLink } from '../shell/links.js';
import { Failed, Loading } from '../shell/notices.js';
import { Refused } from '../shell/refused.js';
import { certificateRequest } from '../wallet/certificate-request.js';
import { holder, useHeld } from '../wallet/holder.js';
import { makeKeys } from '../wallet/keys.js';
import { memberCertificate } from '../wallet/member-certificate.js';
import { isGoodPassphrase, NO_PASSPHRASE, PassphraseFields } from '../wallet/passphrase-fields.js';
import { UnlockForm } from '../wallet/unlock-form.js';
import { roleOf } from '../wallet/wallet.js';
import type { Wallet } from '../wallet/wallet.js';
import { WORK } from '../work/pages.js';

const EVERY_MS = 10_000;
/** Digits of the number that is compared by telephone. */
const COMPARED = 16;

export function JoinPage(): ReactNode {
  const { t } = useTranslation();
  const held = useHeld();
  const open = held.state === 'open' ? held.wallet : undefined;
  return (
    <Stack>
      <Title order={1}>{t('join.title')}</Title>
      {held.state === 'unknown' && <Loading />}
      {held.state === 'locked' && <UnlockForm />}
      {held.state === 'none' && <Asking />}
      {open !== undefined && roleOf(open) !== undefined && <Done wallet={open} />}
      {open !== undefined && roleOf(open) === undefined && open.application !== undefined && (
        <Waiting wallet={open} application={open.application} />
      )}
      {open !== undefined && roleOf(open) === undefined && open.application === undefined && (
        <div>
          <ButtonLink to="/wallet">{t('me.toWallet')}</ButtonLink>
        </div>
      )}
    </Stack>
  );
}

function Asking(): ReactNode {
  const { t } = useTranslation();
  const known = useQuery({
    queryKey: ['organisations'],
    queryFn: () => askJson<KnownOrganisations>('/pki/organisations'),
  });
  const [applicant, setApplicant] = useState('');
  const [role, setRole] = useState<JoiningRole>('clinician');
  const [of, setOf] = useState('');
  const [name, setName] = useState('');
  const [group, setGroup] = useState('payer');
  const [passphrase, setPassphrase] = useState(NO_PASSPHRASE);
  const { isBusy, failure, run } = useAct();
  if (known.isPending) return <Loading />;
  if (known.isError) return <Failed error={known.error} retry={known.refetch} />;
  const employers = known.data.organisations.filter(({ isAuthority }) => role !== 'officer' || isAuthority);
  const employer = employers.some(({ id }) => id === of) ? of : (employers[0]?.id ?? '');
  const isOrganisation = role === 'organisation';
  const isWhole =
    applicant.trim() !== '' &&
    isGoodPassphrase(passphrase) &&
    (isOrganisation ? name.trim() !== '' : employer !== '');
  const chosen = JOINING_GROUPS.find((one) => one === group) ?? 'payer';
  const application: Omit<Application, 'csr'> = {
    applicant: applicant.trim(),
    role,
    ...(isOrganisation ? { name: name.trim(), group: chosen } : { of: employer }),
  };
  return (
    <Card
      withBorder
      component="form"
      padding="lg"
      onSubmit={(event: { preventDefault(): void }) => {
        event.preventDefault();
        run(() => holder.create({ keys: makeKeys(), application }, passphrase.first));
      }}
    >
      <Stack gap="sm" maw={560}>
        <Text>{t('join.intro')}</Text>
        <TextInput
          label={t('join.name')}
          description={t('join.nameHint')}
          required
          autoComplete="name"
          maxLength={64}
          value={applicant}
          onChange={(event) => setApplicant(event.currentTarget.value)}
        />
        <NativeSelect
          label={t('join.role')}
          data={JOINING_ROLES.map((value) => ({ value, label: t(`join.roles.${value}`) }))}
          value={role}
          onChange={({ currentTarget }) =>
            setRole(JOINING_ROLES.find((one) => one === currentTarget.value) ?? 'clinician')
          }
        />
        {isOrganisation ? (
          <>
            <NativeSelect
              label={t('join.group')}
              data={JOINING_GROUPS.map((value) => ({ value, label: t(`requests.group.${value}`) }))}
              value={group}
              onChange={({ currentTarget }) => setGroup(currentTarget.value)}
            />
            <TextInput
              label={t('join.organisation')}
              required
              maxLength={64}
              value={name}
              onChange={(event) => setName(event.currentTarget.value)}
            />
          </>
        ) : (
          <NativeSelect
            label={t('join.of')}
            data={employers.map(({ id, name: label }) => ({ value: id, label }))}
            value={employer}
            onChange={({ currentTarget }) => setOf(currentTarget.value)}
          />
        )}
        <PassphraseFields value={passphrase} onChange={setPassphrase} />
        <Button type="submit" loading={isBusy} disabled={!isWhole}>
          {t('join.do')}
        </Button>
        <Refused failure={failure} />
      </Stack>
    </Card>
  );
}

/** Asks, and asks again until it is decided. @throws Refusal */
async function askFor(wallet: Wallet, application: Omit<Application, 'csr'>): Promise<ApplicationAnswer> {
  const profile = await askJson<{ x25519Oid: string; groupOid: string; roleOid: string }>('/pki/profile');
  const csr = await certificateRequest(wallet.keys, profile.x25519Oid);
  const answer = await askJson<ApplicationAnswer>('/pki/applications', {
    method: 'POST',
    body: JSON.stringify({ csr, ...application }),
  });
  if (answer.certificate === undefined) return answer;
  const certificate = await memberCertificate(answer.certificate, wallet.keys, profile);
  if (certificate === undefined) throw new Error('the certificate is not for the keys of this wallet');
  await holder.keep({ keys: wallet.keys, certificate });
  return answer;
}

function Waiting({
  wallet,
  application,
}: {
  wallet: Wallet;
  application: Omit<Application, 'csr'>;
}): ReactNode {
  const { t } = useTranslation();
  const asked = useQuery({
    queryKey: ['application'],
    queryFn: () => askFor(wallet, application),
    refetchInterval: EVERY_MS,
    gcTime: 0,
  });
  if (asked.isPending) return <Loading />;
  if (asked.isError) return <Failed error={asked.error} retry={asked.refetch} />;
  const { state, csrSha256, reason } = asked.data;
  return (
    <Card withBorder padding="lg">
      <Stack gap="sm" role="status">
        <Text fw={700}>{t(`join.state.${state}`)}</Text>
        {state === 'refused' ? (
          <Alert color="red" title={t('join.refused')}>
            {reason}
          </Alert>
        ) : (
          <>
            <Text>{t('join.compare')}</Text>
            <Code className="hash">{spaced(csrSha256.slice(0, COMPARED))}</Code>
            <Text c="dimmed">{t('join.later')}</Text>
          </>
        )}
        <div>
          <Button variant="default" onClick={() => void asked.refetch()}>
            {t('join.look')}
          </Button>
        </div>
      </Stack>
    </Card>
  );
}

function Done({ wallet }: { wallet: Wallet }): ReactNode {
  const { t } = useTranslation();
  const page = WORK.find(([role]) => role === roleOf(wallet));
  useEffect(() => {
    document.getElementById('content')?.focus();
  }, []);
  return (
    <Alert color="teal" title={t('join.done')}>
      <Text mb="sm">{t('join.doneText', { name: wallet.certificate?.organisation ?? '' })}</Text>
      <ButtonLink to={page?.[1] ?? '/wallet'}>{t(page?.[2] ?? 'me.toWallet')}</ButtonLink>
    </Alert>
  );
}

/** In fours, to be read aloud. */
function spaced(digits: string): string {
  return digits.replaceAll(/(.{4})(?=.)/g, '$1 ');
}
