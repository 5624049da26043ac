/** What the pages of organisations' people share: the wallet is there, open, certified and of a group, or it is said what to do. */
import { Stack, Text, Title } from '@mantine/core';
import { useEffect } from 'react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { forgetWhenLocked } from '../me/forget-when-locked.js';
import { useHeld } from '../wallet/holder.js';
import { UnlockForm } from '../wallet/unlock-form.js';
import type { MemberCertificate, Wallet } from '../wallet/wallet.js';
import { ButtonLink } from './links.js';
import { Loading } from './notices.js';

export function MemberPage({
  title,
  groups,
  children,
}: {
  title: string;
  groups: readonly MemberCertificate['group'][];
  children: (wallet: Wallet, certificate: MemberCertificate) => ReactNode;
}): ReactNode {
  const { t } = useTranslation();
  useEffect(forgetWhenLocked, []);
  const held = useHeld();
  const certificate = held.state === 'open' ? held.wallet.certificate : undefined;
  const isMeant = certificate !== undefined && groups.includes(certificate.group);
  return (
    <Stack>
      <Title order={1}>{title}</Title>
      {held.state === 'unknown' && <Loading />}
      {held.state === 'locked' && <UnlockForm />}
      {(held.state === 'none' || (held.state === 'open' && !isMeant)) && (
        <>
          <Text>{t('member.notYours')}</Text>
          <div>
            <ButtonLink to="/wallet">{t('me.toWallet')}</ButtonLink>
          </div>
        </>
      )}
      {held.state === 'open' && isMeant && children(held.wallet, certificate)}
    </Stack>
  );
}
