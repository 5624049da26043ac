/** The timeline itself: lanes of rows under one scale of time, to be filtered and zoomed. */
import { Button, Chip, Group, Stack, Text, TextInput, Title } from '@mantine/core';
import { useDeferredValue, useMemo, useState } from 'react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Empty } from '../shell/notices.js';
import { Axis } from './axis.js';
import { LaneRow } from './lane-row.js';
import { extentOf, LANES, rowsOf } from './lanes.js';
import type { Happening, Lane } from './lanes.js';
import { useZoom } from './window.js';

export function Timeline({
  happenings,
  nowMs,
  onOpen,
}: {
  happenings: readonly Happening[];
  nowMs: number;
  onOpen: (reference: string) => void;
}): ReactNode {
  const { t } = useTranslation();
  const present = LANES.filter((lane) => happenings.some((one) => one.lane === lane));
  const [chosen, setChosen] = useState<readonly string[]>();
  const [text, setText] = useState('');
  const wanted = useDeferredValue(text.trim().toLocaleLowerCase());
  const rows = useMemo(() => rowsOf(happenings), [happenings]);
  const extent = useMemo(
    () => extentOf(happenings, nowMs) ?? { start: nowMs - 1, end: nowMs },
    [happenings, nowMs],
  );
  const zoom = useZoom(extent);
  if (happenings.length === 0) return <Empty>{t('timeline.empty')}</Empty>;
  const lanes = present.filter((lane) => chosen === undefined || chosen.includes(lane));
  const rowsIn = (lane: Lane) =>
    rows.filter((row) => row.lane === lane && row.title.toLocaleLowerCase().includes(wanted));
  const isNothing = lanes.every((lane) => rowsIn(lane).length === 0);
  return (
    <Stack>
      <Group align="end">
        <TextInput
          label={t('timeline.find')}
          type="search"
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
        />
        <Chip.Group multiple value={[...(chosen ?? present)]} onChange={setChosen}>
          <Group gap="xs" role="group" aria-label={t('timeline.lanes')}>
            {present.map((lane) => (
              <Chip key={lane} value={lane}>
                {t(`timeline.lane.${lane}`)}
              </Chip>
            ))}
          </Group>
        </Chip.Group>
      </Group>
      <Group gap="xs" role="group" aria-label={t('timeline.zoom')}>
        <Button variant="default" size="compact-md" disabled={zoom.isNarrowest} onClick={zoom.closer}>
          {t('timeline.closer')}
        </Button>
        <Button variant="default" size="compact-md" disabled={zoom.isWhole} onClick={zoom.wider}>
          {t('timeline.wider')}
        </Button>
        <Button variant="default" size="compact-md" disabled={zoom.isWhole} onClick={zoom.earlier}>
          {t('timeline.earlier')}
        </Button>
        <Button variant="default" size="compact-md" disabled={zoom.isWhole} onClick={zoom.later}>
          {t('timeline.later')}
        </Button>
        <Button variant="default" size="compact-md" disabled={zoom.isWhole} onClick={zoom.whole}>
          {t('timeline.all')}
        </Button>
      </Group>
      <div className="lane-head">
        <Axis shown={zoom.shown} />
      </div>
      {isNothing && <Empty>{t('timeline.nothing')}</Empty>}
      {lanes.map((lane) => {
        const shown = rowsIn(lane);
        if (shown.length === 0) return null;
        return (
          <section key={lane} aria-labelledby={`lane-${lane}`}>
            <Group gap="xs" align="baseline">
              <Title order={2} size="h4" id={`lane-${lane}`}>
                {t(`timeline.lane.${lane}`)}
              </Title>
              <Text c="dimmed" size="sm">
                {shown.length}
              </Text>
            </Group>
            <ul className="lane">
              {shown.map((row) => (
                <LaneRow key={row.key} row={row} shown={zoom.shown} nowMs={nowMs} onOpen={onOpen} />
              ))}
            </ul>
          </section>
        );
      })}
    </Stack>
  );
}
