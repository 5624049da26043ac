/** Three ways to a wallet: a hospital's invitation, a recovery file, and keys for who works in an organisation. */
import {
  Button,
  Card,
  FileInput,
  PasswordInput,
  SimpleGrid,
  Stack,
  Text,
  TextInput,
  Title,
} from '@mantine/core';
import { useState } from 'react';
import type { ReactNode, SubmitEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { useAct } from '../shell/act.js';
import { ButtonLink } from '../shell/links.js';
import { Refused } from '../shell/refused.js';
import { INVITATION, makeInvited } from './enrol.js';
import { DemoRoles, isDemo } from './demo-roles.js';
import { holder } from './holder.js';
import { makeKeys } from './keys.js';
import { isGoodPassphrase, NO_PASSPHRASE, PassphraseFields } from './passphrase-fields.js';
import { RECOVERY_BYTES_MAX, openRecovery } from './recovery.js';

export function NewWallet(): ReactNode {
  return (
    <SimpleGrid cols={{ base: 1, md: 2 }}>
      <Stack>
        {isDemo() && <DemoRoles />}
        <ByInvitation />
      </Stack>
      <Stack>
        <ByRecovery />
        <ForMember />
      </Stack>
    </SimpleGrid>
  );
}

function ByInvitation(): ReactNode {
  const { t } = useTranslation();
  const [invitation, setInvitation] = useState('');
  const [passphrase, setPassphrase] = useState(NO_PASSPHRASE);
  const { isBusy, failure, run } = useAct();
  const code = invitation.trim();
  const isCode = INVITATION.test(code);
  return (
    <Way
      title={t('wallet.invited.title')}
      text={t('wallet.invited.text')}
      onSubmit={() => run(() => makeInvited(code, passphrase.first))}
    >
      <TextInput
        label={t('wallet.invited.code')}
        autoComplete="off"
        spellCheck={false}
        required
        value={invitation}
        error={code !== '' && !isCode ? t('wallet.invited.bad') : undefined}
        onChange={(event) => setInvitation(event.currentTarget.value)}
      />
      <PassphraseFields value={passphrase} onChange={setPassphrase} />
      <Button type="submit" loading={isBusy} disabled={!isCode || !isGoodPassphrase(passphrase)}>
        {t('wallet.invited.do')}
      </Button>
      <Refused failure={failure} />
    </Way>
  );
}

function ByRecovery(): ReactNode {
  const { t } = useTranslation();
  const [file, setFile] = useState<File | null>(null);
  const [passphrase, setPassphrase] = useState('');
  const { isBusy, failure, run } = useAct();
  const restore = async (): Promise<void> => {
    if (file === null) return;
    if (file.size > RECOVERY_BYTES_MAX) throw new Error(t('wallet.recover.bad'));
    const wallet = await openRecovery(new Uint8Array(await file.arrayBuffer()), passphrase);
    if (wallet === undefined) throw new Error(t('wallet.recover.bad'));
    await holder.create(wallet, passphrase);
  };
  return (
    <Way title={t('wallet.recover.title')} text={t('wallet.recover.text')} onSubmit={() => run(restore)}>
      <FileInput
        label={t('wallet.recover.file')}
        placeholder={t('wallet.recover.choose')}
        value={file}
        onChange={setFile}
        required
      />
      <PasswordInput
        label={t('passphrase.old')}
        autoComplete="current-password"
        required
        value={passphrase}
        onChange={(event) => setPassphrase(event.currentTarget.value)}
      />
      <Button type="submit" variant="default" loading={isBusy} disabled={file === null || passphrase === ''}>
        {t('wallet.recover.do')}
      </Button>
      <Refused failure={failure} />
    </Way>
  );
}

function ForMember(): ReactNode {
  const { t } = useTranslation();
  const [passphrase, setPassphrase] = useState(NO_PASSPHRASE);
  const { isBusy, failure, run } = useAct();
  return (
    <Way
      title={t('wallet.member.title')}
      text={t('wallet.member.text')}
      onSubmit={() => run(() => holder.create({ keys: makeKeys() }, passphrase.first))}
    >
      <ButtonLink to="/join">{t('join.ask')}</ButtonLink>
      <Text>{t('join.orFile')}</Text>
      <PassphraseFields value={passphrase} onChange={setPassphrase} />
      <Button type="submit" variant="default" loading={isBusy} disabled={!isGoodPassphrase(passphrase)}>
        {t('wallet.member.do')}
      </Button>
      <Refused failure={failure} />
    </Way>
  );
}

function Way({
  title,
  text,
  onSubmit,
  children,
}: {
  title: string;
  text: string;
  onSubmit: () => void;
  children: ReactNode;
}): ReactNode {
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    onSubmit();
  };
  return (
    <Card withBorder component="form" onSubmit={submit} padding="lg" noValidate>
      <Stack gap="sm">
        <Title order={2} size="h3">
          {title}
        </Title>
        <Text>{text}</Text>
        {children}
      </Stack>
    </Card>
  );
}
