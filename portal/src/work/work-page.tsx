/** What the pages of people at work share: the wallet is open and of this role, or it is said what to do. */
import { Stack, Text, Title } from '@mantine/core';
import { useEffect } from 'react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { forgetWhenLocked } from '../me/forget-when-locked.js';
import { listenWhenOpen } from '../live/live.js';
import { ButtonLink } from '../shell/links.js';
import { Loading } from '../shell/notices.js';
import { useHeld } from '../wallet/holder.js';
import { UnlockForm } from '../wallet/unlock-form.js';
import { roleOf } from '../wallet/wallet.js';
import type { Wallet } from '../wallet/wallet.js';

export function WorkPage({
  title,
  role,
  children,
}: {
  title: string;
  role: 'clinician' | 'staff' | 'officer' | 'authority' | 'payer';
  children: (wallet: Wallet) => ReactNode;
}): ReactNode {
  const { t } = useTranslation();
  useEffect(forgetWhenLocked, []);
  useEffect(listenWhenOpen, []);
  const held = useHeld();
  const wallet = held.state === 'open' && roleOf(held.wallet) === role ? held.wallet : undefined;
  return (
    <Stack>
      <Title order={1}>{title}</Title>
      {held.state === 'unknown' && <Loading />}
      {held.state === 'locked' && <UnlockForm />}
      {(held.state === 'none' || held.state === 'open') && wallet === undefined && (
        <>
          <Text>{t(`work.only.${role}`)}</Text>
          <div>
            <ButtonLink to={held.state === 'none' ? '/join' : '/wallet'}>
              {t(held.state === 'none' ? 'join.title' : 'me.toWallet')}
            </ButtonLink>
          </div>
        </>
      )}
      {wallet !== undefined && (
        <>
          <Text c="dimmed">{t('work.as', { name: wallet.certificate?.organisation ?? '' })}</Text>
          {children(wallet)}
        </>
      )}
    </Stack>
  );
}
