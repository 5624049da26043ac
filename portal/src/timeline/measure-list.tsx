/** What was measured over time: a chart a kind, with the laboratory's reference range. */
import { Card, Group, SimpleGrid, Stack, Text, TextInput, Title } from '@mantine/core';
import type { FhirResource } from 'fhir/r4.js';
import { useDeferredValue, useMemo, useState } from 'react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Empty } from '../shell/notices.js';
import { MeasureChart } from './measure-chart.js';
import { seriesOf } from './measures.js';
import type { MeasuredSeries } from './measures.js';

const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });

/** @param title - Above it, within another page. @param none - Shown where nothing was measured. */
export function Measures({
  resources,
  title,
  none,
}: {
  resources: readonly FhirResource[];
  title?: string;
  none?: ReactNode;
}): ReactNode {
  const { t } = useTranslation();
  const [text, setText] = useState('');
  const wanted = useDeferredValue(text.trim().toLocaleLowerCase());
  const series = useMemo(() => seriesOf(resources), [resources]);
  if (series.length === 0) return none;
  const shown = series.filter((one) => one.title.toLocaleLowerCase().includes(wanted));
  return (
    <Stack>
      {title !== undefined && (
        <Title order={2} size="h3">
          {title}
        </Title>
      )}
      <TextInput
        label={t('measures.find')}
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
