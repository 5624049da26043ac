/** What the patient's pages share: the wallet is there, open and enrolled, or it is said what to do. */
import { Stack, Text, Title } from '@mantine/core';
import { useEffect } from 'react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { listenWhenOpen } from '../live/live.js';
import { ButtonLink } from '../shell/links.js';
import { Loading } from '../shell/notices.js';
import { useHeld } from '../wallet/holder.js';
import { UnlockForm } from '../wallet/unlock-form.js';
import type { Wallet } from '../wallet/wallet.js';
import { forgetWhenLocked } from './forget-when-locked.js';

export function PatientPage({
  title,
  children,
}: {
  title: string;
  children: (wallet: Wallet) => ReactNode;
}): ReactNode {
  const { t } = useTranslation();
  useEffect(forgetWhenLocked, []);
  useEffect(listenWhenOpen, []);
  const held = useHeld();
  return (
    <Stack>
      <Title order={1}>{title}</Title>
      {held.state === 'unknown' && <Loading />}
      {held.state === 'locked' && <UnlockForm />}
      {(held.state === 'none' || (held.state === 'open' && held.wallet.enrolled === undefined)) && (
        <>
          <Text>{t('me.noWallet')}</Text>
          <div>
            <ButtonLink to="/wallet">{t('me.toWallet')}</ButtonLink>
          </div>
        </>
      )}
      {held.state === 'open' && held.wallet.enrolled !== undefined && children(held.wallet)}
    </Stack>
  );
}
