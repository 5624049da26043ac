/** An open wallet: whose it is, what is still to be done with it, its recovery file. */
import {
  Alert,
  Button,
  Card,
  Group,
  PasswordInput,
  Stack,
  Table,
  Text,
  Textarea,
  Title,
} from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { askJson } from '../session/ask.js';
import { useAct } from '../shell/act.js';
import { ButtonLink } from '../shell/links.js';
import { Failed, Loading } from '../shell/notices.js';
import { Refused } from '../shell/refused.js';
import { saveFile } from '../shell/save-file.js';
import { completeEnrolment } from './enrol.js';
import { certificateRequest } from './certificate-request.js';
import { holder } from './holder.js';
import { Hospitals } from './hospitals.js';
import { memberCertificate } from './member-certificate.js';
import { recoveryFile, RECOVERY_FILE_NAME } from './recovery.js';
import { RemoveButton } from './unlock-form.js';
import { WORK } from '../work/pages.js';
import { fingerprintOf, roleOf } from './wallet.js';
import type { Wallet } from './wallet.js';

export function OpenWallet({ wallet }: { wallet: Wallet }): ReactNode {
  const { t } = useTranslation();
  const fingerprint = fingerprintOf(wallet);
  return (
    <>
      {wallet.invitation !== undefined && wallet.enrolled === undefined && <Unfinished wallet={wallet} />}
      {wallet.invitation === undefined && fingerprint === undefined && (
        <>
          {wallet.application !== undefined && <ButtonLink to="/join">{t('join.toAnswer')}</ButtonLink>}
          {wallet.application === undefined && <Uncertified wallet={wallet} />}
        </>
      )}
      {fingerprint !== undefined && (
        <Card withBorder>
          <Table variant="vertical" layout="fixed">
            <Table.Tbody>
              {wallet.enrolled !== undefined && (
                <Table.Tr>
                  <Table.Th w="35%">{t('wallet.hospital')}</Table.Th>
                  <Table.Td>{wallet.enrolled.custodian.display}</Table.Td>
                </Table.Tr>
              )}
              {wallet.enrolled !== undefined && (
                <Table.Tr>
                  <Table.Th w="35%">{t('wallet.own')}</Table.Th>
                  <Table.Td className="hash">{wallet.enrolled.patient.reference}</Table.Td>
                </Table.Tr>
              )}
              <Table.Tr>
                <Table.Th w="35%">{t('wallet.fingerprint')}</Table.Th>
                <Table.Td className="hash">{fingerprint}</Table.Td>
              </Table.Tr>
            </Table.Tbody>
          </Table>
        </Card>
      )}
      {wallet.enrolled !== undefined && <Hospitals wallet={wallet} />}
      <Recovery wallet={wallet} />
      <Group>
        {wallet.enrolled !== undefined && <ButtonLink to="/me">{t('wallet.toRecord')}</ButtonLink>}
        {WORK.map(([role, to, text]) =>
          role === roleOf(wallet) ? (
            <ButtonLink key={to} to={to}>
              {t(text)}
            </ButtonLink>
          ) : null,
        )}
        <Button variant="default" onClick={() => holder.lock()}>
          {t('wallet.lock')}
        </Button>
        <RemoveButton />
      </Group>
      <Text c="dimmed">{t('wallet.idle')}</Text>
    </>
  );
}

/** An invitation that is being used; after a lost answer it is used again. */
function Unfinished({ wallet }: { wallet: Wallet }): ReactNode {
  const { t } = useTranslation();
  const { isBusy, failure, run } = useAct();
  const begun = useRef(false);
  useEffect(() => {
    if (begun.current) return;
    begun.current = true;
    run(() => completeEnrolment(wallet));
  });
  if (failure === undefined) return <Loading />;
  return (
    <Alert color="yellow" title={t('wallet.unfinished.title')}>
      <Text mb="sm">{t('wallet.unfinished.text')}</Text>
      <Button loading={isBusy} onClick={() => run(() => completeEnrolment(wallet))}>
        {t('wallet.unfinished.do')}
      </Button>
      <Refused failure={failure} />
    </Alert>
  );
}

/** Keys of somebody who works in an organisation: the request goes to the authority, a certificate comes back. */
function Uncertified({ wallet }: { wallet: Wallet }): ReactNode {
  const { t } = useTranslation();
  const [pem, setPem] = useState('');
  const { isBusy, failure, run } = useAct();
  const request = useQuery({
    queryKey: ['csr', wallet.keys.signing === undefined],
    queryFn: async () => {
      const { x25519Oid } = await askJson<{ x25519Oid: string }>('/pki/profile');
      return certificateRequest(wallet.keys, x25519Oid);
    },
    gcTime: 0,
  });
  const take = async (): Promise<void> => {
    const profile = await askJson<{ groupOid: string; roleOid: string }>('/pki/profile');
    const certificate = await memberCertificate(pem, wallet.keys, profile);
    if (certificate === undefined) throw new Error(t('wallet.uncertified.bad'));
    await holder.keep({ keys: wallet.keys, certificate });
  };
  return (
    <Card withBorder>
      <Stack>
        <Title order={2} size="h3">
          {t('wallet.uncertified.title')}
        </Title>
        <Text>{t('wallet.uncertified.text')}</Text>
        {request.isPending && <Loading />}
        {request.isError && <Failed error={request.error} retry={request.refetch} />}
        {request.data !== undefined && (
          <Button
            variant="default"
            onClick={() => saveFile('firebreak-request.csr.pem', request.data, 'application/x-pem-file')}
          >
            {t('wallet.uncertified.save')}
          </Button>
        )}
        <Textarea
          label={t('wallet.uncertified.paste')}
          autosize
          minRows={3}
          maxRows={8}
          spellCheck={false}
          value={pem}
          onChange={(event) => setPem(event.currentTarget.value)}
        />
        <Button loading={isBusy} disabled={pem.trim() === ''} onClick={() => run(take)}>
          {t('wallet.uncertified.do')}
        </Button>
        <Refused failure={failure} />
      </Stack>
    </Card>
  );
}

function Recovery({ wallet }: { wallet: Wallet }): ReactNode {
  const { t } = useTranslation();
  const [passphrase, setPassphrase] = useState('');
  const { isBusy, failure, run } = useAct();
  const save = async (): Promise<void> => {
    if (!(await holder.open(passphrase))) throw new Error(t('passphrase.wrong'));
    saveFile(RECOVERY_FILE_NAME, await recoveryFile(wallet, passphrase), 'application/octet-stream');
    setPassphrase('');
  };
  return (
    <Card
      withBorder
      component="form"
      onSubmit={(event: { preventDefault(): void }) => {
        event.preventDefault();
        run(save);
      }}
    >
      <Stack gap="sm">
        <Title order={2} size="h3">
          {t('wallet.recovery.title')}
        </Title>
        <Text>{t('wallet.recovery.text')}</Text>
        <PasswordInput
          label={t('passphrase.old')}
          autoComplete="current-password"
          maw={480}
          value={passphrase}
          onChange={(event) => setPassphrase(event.currentTarget.value)}
        />
        <Group>
          <Button type="submit" variant="default" loading={isBusy} disabled={passphrase === ''}>
            {t('wallet.recovery.do')}
          </Button>
        </Group>
        <Refused failure={failure} />
      </Stack>
    </Card>
  );
}
