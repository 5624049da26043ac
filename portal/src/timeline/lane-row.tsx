/** One row of a lane: its name, when it was and how long, and its bars. */
import { Button, Collapse, Group, List, Text } from '@mantine/core';
import { useState } from 'react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Happening, Row } from './lanes.js';
import { WhenWords } from './when-words.js';
import { shareOf } from './window.js';
import type { Window } from './window.js';

/** A bar is never thinner than this share of the track. */
const THINNEST = 0.006;

export function LaneRow({
  row,
  shown,
  nowMs,
  onOpen,
}: {
  row: Row;
  shown: Window;
  nowMs: number;
  onOpen: (reference: string) => void;
}): ReactNode {
  const { t } = useTranslation();
  const [isOpen, setOpen] = useState(false);
  const { happenings, title } = row;
  const [latest] = happenings;
  if (latest === undefined) return null;
  const isOne = happenings.length === 1;
  return (
    <li className="lane-row">
      <div className="lane-words">
        <Button
          variant="subtle"
          size="compact-md"
          className="lane-title"
          aria-expanded={isOne ? undefined : isOpen}
          onClick={() => (isOne ? onOpen(latest.reference) : setOpen(!isOpen))}
        >
          {title}
        </Button>
        <Text size="sm" c="dimmed">
          {!isOne && `${t('timeline.times', { count: happenings.length })} `}
          <WhenWords happening={latest} nowMs={nowMs} />
        </Text>
      </div>
      <Bars happenings={happenings} shown={shown} nowMs={nowMs} />
      {!isOne && (
        <Collapse in={isOpen} className="lane-more">
          {isOpen && (
            <List listStyleType="none" spacing={4}>
              {happenings.map((one) => (
                <List.Item key={one.reference}>
                  <Group gap="xs">
                    <WhenWords happening={one} nowMs={nowMs} />
                    <Button variant="light" size="compact-sm" onClick={() => onOpen(one.reference)}>
                      {t('timeline.open')}
                    </Button>
                  </Group>
                </List.Item>
              ))}
            </List>
          )}
        </Collapse>
      )}
    </li>
  );
}

function Bars({
  happenings,
  shown,
  nowMs,
}: {
  happenings: readonly Happening[];
  shown: Window;
  nowMs: number;
}): ReactNode {
  // Words beside the bars say the same.
  return (
    <div className="track" aria-hidden>
      {happenings.map(({ span, isOngoing, reference }) => {
        if (span === undefined) return null;
        const end = isOngoing ? nowMs : (span.end ?? span.start);
        if (end < shown.start || span.start > shown.end) return null;
        const from = shareOf(span.start, shown);
        const width = Math.max(THINNEST, shareOf(end, shown) - from);
        return (
          <span
            key={reference}
            className="bar"
            data-ongoing={isOngoing}
            ref={(element) => {
              element?.style.setProperty('left', `${(Math.min(from, 1 - width) * 100).toFixed(2)}%`);
              element?.style.setProperty('width', `${(width * 100).toFixed(2)}%`);
            }}
          />
        );
      })}
    </div>
  );
}
