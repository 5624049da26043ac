/** Requests of others to read records of this hospital: the hospital answers first, then the patient. */
import { Badge, Button, Card, Group, Stack, Text } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { ShownAccess } from '../../../adapter/http/contract/index.js';
import { useKind } from '../consent/kinds.js';
import { usePurpose } from '../me/access-line.js';
import { OWN, useOwn } from '../me/own-query.js';
import { decide } from '../requests/decide.js';
import { useAct } from '../shell/act.js';
import { Empty, Failed, Loading } from '../shell/notices.js';
import { Refused } from '../shell/refused.js';
import type { Wallet } from '../wallet/wallet.js';
import { Facts } from '../work/facts.js';

const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: 'long' });

export function DeskRequests({ wallet }: { wallet: Wallet }): ReactNode {
  const { t } = useTranslation();
  const own = useOwn<{ requests: ShownAccess[] }>(wallet, '/requests');
  if (own.isPending) return <Loading />;
  if (own.isError) return <Failed error={own.error} retry={own.refetch} />;
  const { requests } = own.data;
  const open = requests.filter(({ state }) => state === 'requested');
  return (
    <Stack>
      <Text>{t('desk.requestsIntro')}</Text>
      {requests.length === 0 && <Empty>{t('desk.noRequests')}</Empty>}
      {[...open, ...requests.filter((one) => !open.includes(one))].map((one) => (
        <Asked key={one.id} request={one} wallet={wallet} />
      ))}
    </Stack>
  );
}

function Asked({ request, wallet }: { request: ShownAccess; wallet: Wallet }): ReactNode {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const purpose = usePurpose();
  const kind = useKind();
  const { isBusy, failure, run } = useAct();
  const { requester, state } = request;
  const say = (outcome: 'approved' | 'refused' | 'ended'): void =>
    run(async () => {
      const isTaken = await decide(wallet, request, outcome, {});
      await queries.invalidateQueries({ queryKey: [OWN] });
      if (!isTaken) throw new Error(t('requests.raced'));
    });
  return (
    <Card withBorder>
      <Group justify="space-between" mb="xs">
        <Text fw={700}>{requester.name}</Text>
        <Badge
          variant={state === 'requested' ? 'filled' : 'outline'}
          color={state === 'requested' ? 'teal.9' : 'gray'}
        >
          {t(`desk.requestState.${state}`)}
        </Badge>
      </Group>
      <Facts
        rows={[
          [t('desk.patient'), request.task.for?.reference ?? ''],
          [t('consent.for'), purpose(request.purpose)],
          [t('requests.reason'), request.reason],
          [t('consent.what'), request.types.map(kind).join(', ')],
          [t('consent.from'), DAY.format(Date.parse(request.start))],
          [t('consent.to'), DAY.format(Date.parse(request.end))],
        ]}
      />
      {state === 'requested' && (
        <Group mt="sm">
          <Button loading={isBusy} onClick={() => say('approved')}>
            {t('requests.approve')}
          </Button>
          <Button variant="default" disabled={isBusy} onClick={() => say('refused')}>
            {t('requests.refuse')}
          </Button>
        </Group>
      )}
      {(state === 'in-force' || state === 'custodian-approved') && (
        <Button mt="sm" variant="default" loading={isBusy} onClick={() => say('ended')}>
          {t('desk.takeBack')}
        </Button>
      )}
      <Refused failure={failure} />
    </Card>
  );
}
