import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { durationWords } from './dates.js';
import type { Happening } from './lanes.js';

const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });
/** What ended within a day is told by that day alone. */
const DAY_MS = 86_400_000;

/** From when to when, and how long. */
export function WhenWords({ happening, nowMs }: { happening: Happening; nowMs: number }): ReactNode {
  const { t } = useTranslation();
  const { span, isOngoing } = happening;
  if (span === undefined) return <span>{t('timeline.undated')}</span>;
  const start = DAY.format(span.start);
  if (isOngoing)
    return <span>{t('timeline.since', { start, duration: durationWords(nowMs - span.start) })}</span>;
  if (span.end === undefined) return <span>{t('timeline.from', { start })}</span>;
  const lasted = span.end - span.start;
  if (lasted < DAY_MS && DAY.format(span.end) === start) {
    return (
      <span>
        {start}
        {lasted >= 60_000 && lasted < DAY_MS - 60_000 && `, ${durationWords(lasted)}`}
      </span>
    );
  }
  return (
    <span>
      {t('timeline.between', { start, end: DAY.format(span.end), duration: durationWords(lasted) })}
    </span>
  );
}
