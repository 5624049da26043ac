/** How the hospital's own servers do: state, how far behind, what was set aside, the newest comparison in full. */
import { Badge, Card, Group, Stack, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { DeskSource } from '../../../adapter/http/contract/index.js';
import { useOwn } from '../me/own-query.js';
import { Instant } from '../shell/instant.js';
import { Empty, Failed, Loading } from '../shell/notices.js';
import type { Wallet } from '../wallet/wallet.js';
import { Facts } from '../work/facts.js';

/** Beyond this the desk is told, ms. */
const LAG_MS_MAX = 60_000;

export function Sources({ wallet }: { wallet: Wallet }): ReactNode {
  const { t } = useTranslation();
  const own = useOwn<{ sources: DeskSource[] }>(wallet, '/desk/sources');
  if (own.isPending) return <Loading />;
  if (own.isError) return <Failed error={own.error} retry={own.refetch} />;
  const { sources } = own.data;
  if (sources.length === 0) return <Empty>{t('desk.noSources')}</Empty>;
  return (
    <Stack>
      {sources.map((one) => (
        <Source key={one.id} source={one} />
      ))}
    </Stack>
  );
}

function Source({ source }: { source: DeskSource }): ReactNode {
  const { t } = useTranslation();
  const { id, name, state, pending, lagMs, received, lastAt, deadLetters, failures, code, reconciled } =
    source;
  const isWell = state === 'active' && failures === 0 && lagMs <= LAG_MS_MAX;
  return (
    <Card withBorder>
      <Group justify="space-between" mb="xs">
        <Text fw={700}>{name === '' ? id : name}</Text>
        <Badge color={isWell ? 'teal.9' : 'red.9'}>{t(isWell ? 'desk.well' : 'desk.unwell')}</Badge>
      </Group>
      <Facts
        rows={[
          [t('desk.state'), state],
          [t('desk.lag'), t('desk.lagText', { count: pending, seconds: Math.round(lagMs / 1000) })],
          [t('desk.received'), received],
          [t('desk.last'), lastAt === undefined ? t('desk.never') : <Instant key="last" at={lastAt} />],
          ...(failures === 0 ? [] : [[t('desk.failures'), `${failures} (${code ?? ''})`] as const]),
          [t('desk.part.letters'), deadLetters],
          [
            t('desk.compared'),
            reconciled === undefined ? (
              t('desk.never')
            ) : (
              <span key="compared">
                <Instant at={Date.parse(reconciled.at)} />:{' '}
                {t(reconciled.isNothingMissed ? 'desk.nothingMissed' : 'desk.missed')}
              </span>
            ),
          ],
          ...(reconciled === undefined
            ? []
            : [
                [
                  t('desk.certificate'),
                  <span key="handle" className="hash">
                    {reconciled.handle}
                  </span>,
                ] as const,
              ]),
        ]}
      />
    </Card>
  );
}
