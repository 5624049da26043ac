/** The ledger for anyone: its head, who signed it, how it grew, what was entered lately. */
import { Card, Group, List, SimpleGrid, Stack, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { PageLink } from '../shell/links.js';
import type { Head } from '../../../ledger/proofs/index.js';
import { Empty, Failed, Loading } from '../shell/notices.js';
import { EntryTable } from './entry-table.js';
import { GrowthChart } from './growth-chart.js';
import { HeadNotice } from './head-notice.js';
import { hexOf } from './hex.js';
import { TypeBars } from './type-bars.js';
import { useHead } from './use-head.js';

/** So many of the latest entries are counted by their types. */
const LATELY = 512;
const SHOWN = 8;

export function LedgerPage(): ReactNode {
  const { t } = useTranslation();
  const head = useHead();
  return (
    <Stack gap="lg">
      <div>
        <Title order={1}>{t('ledger.title')}</Title>
        <Text>{t('ledger.intro')}</Text>
      </div>
      {head.isPending && <Loading />}
      {head.isError && <Failed error={head.error} retry={head.refetch} />}
      {head.data !== undefined && <HeadNotice found={head.data} />}
      {head.data?.ok === true && <HeadCard head={head.data.head} signers={head.data.signers} />}
      {head.data?.ok === true && head.data.head.size > 0 && <Lately head={head.data.head} />}
      {head.data?.ok === true && head.data.head.size === 0 && <Empty>{t('ledger.empty')}</Empty>}
    </Stack>
  );
}

function HeadCard({ head, signers }: { head: Head; signers: readonly string[] }): ReactNode {
  const { t } = useTranslation();
  const witnesses = signers.filter((name) => name !== head.origin);
  return (
    <Card withBorder component="section" aria-label={t('ledger.head')}>
      <SimpleGrid cols={{ base: 1, sm: 2 }}>
        <div>
          <Text c="dimmed">{t('ledger.size')}</Text>
          <Text fz={40} fw={700} lh={1.1} data-testid="size">
            {head.size.toLocaleString()}
          </Text>
        </div>
        <div>
          <Text c="dimmed">{t('ledger.witnesses')}</Text>
          {witnesses.length === 0 ? (
            <Text>{t('ledger.noWitness')}</Text>
          ) : (
            <List>
              {witnesses.map((name) => (
                <List.Item key={name}>{name}</List.Item>
              ))}
            </List>
          )}
        </div>
      </SimpleGrid>
      <Text c="dimmed" mt="md">
        {t('ledger.origin')}
      </Text>
      <Text className="hash">{head.origin}</Text>
      <Text c="dimmed" mt="md">
        {t('ledger.root')}
      </Text>
      <Text className="hash">{hexOf(head.root)}</Text>
    </Card>
  );
}

function Lately({ head }: { head: Head }): ReactNode {
  const { t } = useTranslation();
  const growth = useQuery({
    queryKey: ['growth', head.size],
    queryFn: async () => (await import('./entries.js')).readGrowth(head),
  });
  const latest = useQuery({
    queryKey: ['latest', head.size],
    queryFn: async () =>
      (await import('./entries.js')).readEntries(head, Math.max(0, head.size - LATELY), head.size),
  });
  return (
    <>
      <section>
        <Title order={2}>{t('growth.title')}</Title>
        {growth.isPending && <Loading />}
        {growth.isError && <Failed error={growth.error} retry={growth.refetch} />}
        {growth.data !== undefined && <GrowthChart points={growth.data} />}
      </section>
      {latest.isPending && <Loading />}
      {latest.isError && <Failed error={latest.error} retry={latest.refetch} />}
      {latest.data !== undefined && (
        <>
          <section>
            <Title order={2}>{t('types.title', { count: latest.data.length })}</Title>
            <TypeBars entries={latest.data} />
          </section>
          <section>
            <Group justify="space-between">
              <Title order={2}>{t('entries.latest')}</Title>
              <PageLink to="/entries">{t('entries.all')}</PageLink>
            </Group>
            <EntryTable entries={latest.data.slice(0, SHOWN)} />
          </section>
        </>
      )}
    </>
  );
}
