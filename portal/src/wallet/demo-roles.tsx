/** A demo's people: be one of them by a click. A real instance shows nothing of it. */
import { Button, Card, Stack, Text, Title } from '@mantine/core';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate } from '@tanstack/react-router';
import { DEMO_ROLES } from '../../../adapter/http/contract/index.js';
import type { DemoRole } from '../../../adapter/http/contract/index.js';
import { utf8 } from '../../../ledger/proofs/index.js';
import { ask } from '../session/ask.js';
import { useAct } from '../shell/act.js';
import { Refused } from '../shell/refused.js';
import { holder } from './holder.js';
import { readWallet } from './wallet.js';

/** Whether the server says that all its patients are synthetic. */
export function isDemo(): boolean {
  return document.querySelector<HTMLMetaElement>('meta[name="firebreak-mode"]')?.content === 'demo';
}

export function DemoRoles(): ReactNode {
  const { t } = useTranslation();
  const go = useNavigate();
  const { isBusy, failure, run } = useAct();
  const be = async (role: DemoRole): Promise<void> => {
    const answer = await ask(`/demo/wallets/${role}`, { method: 'POST' });
    const wallet = readWallet(utf8(await answer.text()));
    if (wallet === undefined) throw new Error(t('refused.unknown'));
    holder.borrow(wallet);
    if (role === 'patient') await go({ to: '/me' });
  };
  return (
    <Card withBorder padding="lg">
      <Stack gap="sm">
        <Title order={2} size="h3">
          {t('demo.title')}
        </Title>
        <Text>{t('demo.text')}</Text>
        {DEMO_ROLES.map((role) => (
          <Button
            key={role}
            variant={role === 'patient' ? 'filled' : 'default'}
            disabled={isBusy}
            onClick={() => run(() => be(role))}
          >
            {t(`demo.role.${role}`)}
          </Button>
        ))}
        <Refused failure={failure} />
      </Stack>
    </Card>
  );
}
