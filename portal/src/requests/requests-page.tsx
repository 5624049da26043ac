/** Who asks to see the record: what for, what of it, how long; answered by a signature over what is shown. */
import {
  Alert,
  Badge,
  Button,
  Card,
  Checkbox,
  Group,
  Stack,
  Table,
  Text,
  TextInput,
  Title,
} from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { ShownAccess } from '../../../adapter/http/contract/index.js';
import { usePurpose } from '../me/access-line.js';
import { OWN, useOwn } from '../me/own-query.js';
import { PatientPage } from '../me/patient-page.js';
import { useKind } from '../consent/kinds.js';
import { WhatIf } from '../consent/what-if.js';
import { useAct } from '../shell/act.js';
import { Empty, Failed, Loading } from '../shell/notices.js';
import { Refused } from '../shell/refused.js';
import type { Wallet } from '../wallet/wallet.js';
import { decide } from './decide.js';
import type { Narrowing } from './decide.js';
import { RulesCard } from './rules-card.js';

const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: 'long' });
const DATE_CHARS = 10;

export function RequestsPage(): ReactNode {
  const { t } = useTranslation();
  return <PatientPage title={t('requests.title')}>{(wallet) => <Requests wallet={wallet} />}</PatientPage>;
}

function Requests({ wallet }: { wallet: Wallet }): ReactNode {
  const { t } = useTranslation();
  const own = useOwn<{ requests: ShownAccess[] }>(wallet, '/requests');
  // Said above all: the request has moved to another part of the page.
  const [isRaced, setRaced] = useState(false);
  if (own.isPending) return <Loading />;
  if (own.isError) return <Failed error={own.error} retry={own.refetch} />;
  const { requests } = own.data;
  const open = requests.filter(({ state }) => state === 'custodian-approved');
  const inForce = requests.filter(({ state }) => state === 'in-force');
  const over = requests.filter((one) => !open.includes(one) && !inForce.includes(one));
  return (
    <Stack>
      <Text>{t('requests.intro')}</Text>
      <div aria-live="polite">{isRaced && <Alert color="yellow">{t('requests.raced')}</Alert>}</div>
      {requests.length === 0 && <Empty>{t('requests.empty')}</Empty>}
      {open.map((one) => (
        <Asked key={one.id} request={one} wallet={wallet} onRaced={() => setRaced(true)} />
      ))}
      {inForce.length > 0 && (
        <Title order={2} size="h3">
          {t('requests.inForce')}
        </Title>
      )}
      {inForce.map((one) => (
        <Asked key={one.id} request={one} wallet={wallet} onRaced={() => setRaced(true)} />
      ))}
      <RulesCard wallet={wallet} requests={requests} />
      {over.length > 0 && (
        <Title order={2} size="h3">
          {t('requests.over')}
        </Title>
      )}
      {over.map((one) => (
        <Asked key={one.id} request={one} wallet={wallet} onRaced={() => setRaced(true)} />
      ))}
    </Stack>
  );
}

function Asked({
  request,
  wallet,
  onRaced,
}: {
  request: ShownAccess;
  wallet: Wallet;
  onRaced: () => void;
}): ReactNode {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const purpose = usePurpose();
  const kind = useKind();
  const { isBusy, failure, run } = useAct();
  const [types, setTypes] = useState<readonly string[]>(request.types);
  const [until, setUntil] = useState(request.end.slice(0, DATE_CHARS));
  const { requester, state } = request;
  const isOpen = state === 'custodian-approved';
  const say = (outcome: 'approved' | 'refused' | 'ended', narrowing: Narrowing = {}): void =>
    run(async () => {
      const isTaken = await decide(wallet, request, outcome, narrowing);
      if (!isTaken) onRaced();
      await queries.invalidateQueries({ queryKey: [OWN] });
    });
  const rows: (readonly [string, string])[] = [
    [t('consent.who'), `${requester.name} (${t(`requests.group.${groupOf(requester.group)}`)})`],
    [t('consent.for'), purpose(request.purpose)],
    [t('requests.reason'), request.reason],
    [t('consent.what'), request.types.map(kind).join(', ')],
    [t('consent.from'), DAY.format(Date.parse(request.start))],
    [t('consent.to'), DAY.format(Date.parse(request.end))],
    [t('requests.bound'), t(`requests.binds.${groupOf(requester.group)}`)],
  ];
  return (
    <Card withBorder>
      <Group justify="space-between" mb="xs">
        <Text fw={700}>{t('requests.asks', { name: requester.name })}</Text>
        <Badge
          variant={state === 'in-force' ? 'filled' : 'outline'}
          color={state === 'in-force' ? 'teal.9' : 'gray'}
        >
          {t(`requests.state.${state}`)}
        </Badge>
      </Group>
      <Table variant="vertical" layout="fixed">
        <Table.Tbody>
          {rows.map(([name, value]) => (
            <Table.Tr key={name}>
              <Table.Th w="30%">{name}</Table.Th>
              <Table.Td>{value}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      {isOpen && (
        <Stack gap="sm" mt="sm">
          <Text>{t('requests.narrow')}</Text>
          <Checkbox.Group label={t('requests.types')} value={[...types]} onChange={setTypes}>
            <Group mt={4}>
              {request.types.map((type) => (
                <Checkbox key={type} value={type} label={kind(type)} />
              ))}
            </Group>
          </Checkbox.Group>
          <TextInput
            type="date"
            label={t('permissions.until')}
            maw={240}
            max={request.end.slice(0, DATE_CHARS)}
            value={until}
            onChange={(event) => setUntil(event.currentTarget.value)}
          />
          {types.length > 0 && until !== '' && (
            <WhatIf
              wallet={wallet}
              name={requester.name}
              question={{ request: request.id, ...narrowingOf(request, types, until) }}
            />
          )}
          <Text>{t('sign.recall')}</Text>
          <Group>
            <Button
              loading={isBusy}
              disabled={types.length === 0}
              onClick={() => say('approved', narrowingOf(request, types, until))}
            >
              {t('requests.approve')}
            </Button>
            <Button variant="default" disabled={isBusy} onClick={() => say('refused')}>
              {t('requests.refuse')}
            </Button>
          </Group>
        </Stack>
      )}
      {state === 'in-force' && (
        <Button mt="sm" variant="default" loading={isBusy} onClick={() => say('ended')}>
          {t('permissions.withdraw')}
        </Button>
      )}
      {failure !== undefined && <Refused failure={failure} />}
      {request.decisions.some(({ rule }) => rule !== undefined) && <Text mt="sm">{t('rules.answered')}</Text>}
      {state === 'withdrawn' && (
        <Alert mt="sm" color="gray">
          {t('requests.withdrawn')}
        </Alert>
      )}
    </Card>
  );
}

/** Only what was changed is said. */
function narrowingOf(request: ShownAccess, types: readonly string[], until: string): Narrowing {
  return {
    ...(types.length < request.types.length ? { types } : {}),
    ...(until === request.end.slice(0, DATE_CHARS) ? {} : { until: `${until}T00:00:00Z` }),
  };
}

function groupOf(group: string): 'authority' | 'payer' | 'provider' {
  return group === 'authority' || group === 'payer' ? group : 'provider';
}
