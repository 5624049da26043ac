import type { TFunction } from 'i18next';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { durationWords } from './dates.js';
import type { Happening } from './lanes.js';

const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });
/** What ended within a day is told by that day alone. */
const DAY_MS = 86_400_000;

/** From when to when, and how long. */
export function whenText({ span, isOngoing }: Happening, nowMs: number, t: TFunction): string {
  if (span === undefined) return t('timeline.undated');
  const start = DAY.format(span.start);
  if (isOngoing) return t('timeline.since', { start, duration: durationWords(nowMs - span.start) });
  if (span.end === undefined) return t('timeline.from', { start });
  const lasted = span.end - span.start;
  if (lasted < DAY_MS && DAY.format(span.end) === start)
    return lasted >= 60_000 && lasted < DAY_MS - 60_000 ? `${start}, ${durationWords(lasted)}` : start;
  return t('timeline.between', { start, end: DAY.format(span.end), duration: durationWords(lasted) });
}

export function WhenWords({ happening, nowMs }: { happening: Happening; nowMs: number }): ReactNode {
  const { t } = useTranslation();
  return <span>{whenText(happening, nowMs, t)}</span>;
}
