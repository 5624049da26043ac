/** Records of others: asked for, waited for, read while hospital and patient permit it. */
import { Badge, Button, Card, Group, Stack, Text, Title } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { ShownAccess } from '../../../adapter/http/contract/index.js';
import { PatientRecord } from '../care/patient-record.js';
import { useKind } from '../consent/kinds.js';
import { usePurpose } from '../me/access-line.js';
import { OWN, useOwn } from '../me/own-query.js';
import { decide } from '../requests/decide.js';
import { useAct } from '../shell/act.js';
import { Empty, Failed, Loading } from '../shell/notices.js';
import { Refused } from '../shell/refused.js';
import { roleOf } from '../wallet/wallet.js';
import type { Wallet } from '../wallet/wallet.js';
import { useHeld } from '../wallet/holder.js';
import { Facts } from '../work/facts.js';
import { WorkPage } from '../work/work-page.js';
import { AskForm } from './ask-form.js';

const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: 'long' });

export function AccessPage(): ReactNode {
  const { t } = useTranslation();
  const held = useHeld();
  const role = held.state === 'open' && roleOf(held.wallet) === 'payer' ? 'payer' : 'authority';
  return (
    <WorkPage title={t('access.title')} role={role}>
      {(wallet) => <Accesses wallet={wallet} />}
    </WorkPage>
  );
}

function Accesses({ wallet }: { wallet: Wallet }): ReactNode {
  const { t } = useTranslation();
  // In this page's memory alone: an address would be kept in the browser's history.
  const [opened, setOpened] = useState<ShownAccess>();
  const own = useOwn<{ requests: ShownAccess[] }>(wallet, '/requests');
  if (opened !== undefined)
    return (
      <PatientRecord
        wallet={wallet}
        chosen={{ reference: opened.task.for?.reference ?? '', sharedFor: opened.purpose }}
        onBack={() => setOpened(undefined)}
      />
    );
  const requests = own.data?.requests ?? [];
  return (
    <Stack>
      <Text>{t('access.intro')}</Text>
      <AskForm wallet={wallet} />
      <Title order={2} size="h3">
        {t('access.asked')}
      </Title>
      {own.isPending && <Loading />}
      {own.isError && <Failed error={own.error} retry={own.refetch} />}
      {own.data !== undefined && requests.length === 0 && <Empty>{t('access.none')}</Empty>}
      {requests.map((one) => (
        <Asked key={one.id} request={one} wallet={wallet} onOpen={() => setOpened(one)} />
      ))}
    </Stack>
  );
}

function Asked({
  request,
  wallet,
  onOpen,
}: {
  request: ShownAccess;
  wallet: Wallet;
  onOpen: () => void;
}): ReactNode {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const purpose = usePurpose();
  const kind = useKind();
  const { isBusy, failure, run } = useAct();
  const { state, task } = request;
  const isInForce = state === 'in-force';
  const isOpen = state === 'requested' || state === 'custodian-approved';
  const giveUp = (): void =>
    run(async () => {
      await decide(wallet, request, 'ended', {});
      await queries.invalidateQueries({ queryKey: [OWN] });
    });
  return (
    <Card withBorder component="article" aria-label={task.for?.reference ?? ''}>
      <Group justify="space-between" mb="xs">
        <Text fw={700} className="fact">
          {task.for?.reference}
        </Text>
        <Badge variant={isInForce ? 'filled' : 'outline'} color={isInForce ? 'teal.9' : 'gray'}>
          {t(`access.state.${state}`)}
        </Badge>
      </Group>
      <Facts
        rows={[
          [t('consent.for'), purpose(request.purpose)],
          [t('requests.reason'), request.reason],
          [t('consent.what'), request.types.map(kind).join(', ')],
          [t('consent.from'), DAY.format(Date.parse(request.start))],
          [t('consent.to'), DAY.format(Date.parse(request.end))],
        ]}
      />
      {(isOpen || isInForce) && (
        <Group mt="sm">
          {isInForce && <Button onClick={onOpen}>{t('access.read')}</Button>}
          <Button variant="default" loading={isBusy} onClick={giveUp}>
            {t('access.giveUp')}
          </Button>
        </Group>
      )}
      <Refused failure={failure} />
    </Card>
  );
}
