/** The wallet: made, unlocked, looked at, put back from a recovery file, removed. */
import { Stack, Text, Title } from '@mantine/core';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Loading } from '../shell/notices.js';
import { useHeld } from './holder.js';
import { NewWallet } from './new-wallet.js';
import { OpenWallet } from './open-wallet.js';
import { UnlockForm } from './unlock-form.js';

export function WalletPage(): ReactNode {
  const { t } = useTranslation();
  const held = useHeld();
  return (
    <Stack>
      <Title order={1}>{t('wallet.title')}</Title>
      {held.state === 'unknown' && <Loading />}
      {held.state === 'none' && (
        <>
          <Text>{t('wallet.intro')}</Text>
          <NewWallet />
        </>
      )}
      {held.state === 'locked' && <UnlockForm />}
      {held.state === 'open' && <OpenWallet wallet={held.wallet} />}
    </Stack>
  );
}
