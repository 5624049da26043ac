/** What was measured over time: a chart a kind, with the laboratory's reference range. */
import { Card, Group, SimpleGrid, Stack, Text, TextInput, Title } from '@mantine/core';
import { useDeferredValue, useMemo, useState } from 'react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Empty, Failed, Loading } from '../shell/notices.js';
import { MeasureChart } from '../timeline/measure-chart.js';
import { seriesOf } from '../timeline/measures.js';
import type { MeasuredSeries } from '../timeline/measures.js';
import type { Wallet } from '../wallet/wallet.js';
import { useEverything } from './everything.js';
import { PatientPage } from './patient-page.js';

const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });

export function MeasuresPage(): ReactNode {
  const { t } = useTranslation();
  return <PatientPage title={t('measures.title')}>{(wallet) => <Measures wallet={wallet} />}</PatientPage>;
}

function Measures({ wallet }: { wallet: Wallet }): ReactNode {
  const { t } = useTranslation();
  const whole = useEverything(wallet);
  const [text, setText] = useState('');
  const wanted = useDeferredValue(text.trim().toLocaleLowerCase());
  const series = useMemo(() => seriesOf(whole.data?.resources ?? []), [whole.data]);
  if (whole.isPending) return <Loading />;
  if (whole.isError) return <Failed error={whole.error} retry={whole.refetch} />;
  if (series.length === 0) return <Empty>{t('measures.empty')}</Empty>;
  const shown = series.filter(({ title }) => title.toLocaleLowerCase().includes(wanted));
  return (
    <Stack>
      <TextInput
        label={t('timeline.find')}
        type="search"
        maw={420}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
      />
      {shown.length === 0 && <Empty>{t('timeline.nothing')}</Empty>}
      <SimpleGrid cols={{ base: 1, md: 2 }}>
        {shown.map((one) => (
          <Measure key={one.key} series={one} />
        ))}
      </SimpleGrid>
    </Stack>
  );
}

function Measure({ series }: { series: MeasuredSeries }): ReactNode {
  const { t } = useTranslation();
  const { title, unit, low, high, points } = series;
  const latest = points.at(-1);
  if (latest === undefined) return null;
  return (
    <Card withBorder padding="sm" className="measure">
      <Title order={2} size="h5">
        {title}
      </Title>
      <Group gap="xs">
        <Text fw={700}>
          {latest.value.toLocaleString()} {unit}
        </Text>
        <Text size="sm">{DAY.format(latest.at)}</Text>
        {latest.flag !== undefined && latest.flag !== 'N' && (
          <Text size="sm" fw={700}>
            {latest.flag}
          </Text>
        )}
      </Group>
      {(low !== undefined || high !== undefined) && (
        <Text size="sm" c="dimmed">
          {t('measures.range', {
            low: low?.toLocaleString() ?? '',
            high: high?.toLocaleString() ?? '',
            unit,
          })}
        </Text>
      )}
      {points.length > 1 && <MeasureChart series={series} />}
    </Card>
  );
}
