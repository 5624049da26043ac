/** FHIR dates as spans of time: a date without a month or a day is as long as it is vague. */
import type { Period } from 'fhir/r4.js';

/** Ms since the epoch. */
export interface Span {
  readonly start: number;
  /** Absent: it goes on, or nobody said when it ended. */
  readonly end?: number;
}

const DATE = /^(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?$/;

/** First and last instant that a FHIR date may mean, in the reader's zone where it names none; `undefined` for none. */
export function boundsOf(
  text: string | undefined,
): { readonly start: number; readonly end: number } | undefined {
  if (text === undefined) return undefined;
  const parts = DATE.exec(text);
  if (parts === null) {
    const ms = Date.parse(text);
    return Number.isNaN(ms) ? undefined : { start: ms, end: ms };
  }
  const [year, month, day] = [parts[1], parts[2], parts[3]].map((part) =>
    part === undefined ? undefined : Number(part),
  );
  if (year === undefined) return undefined;
  const start = new Date(year, (month ?? 1) - 1, day ?? 1);
  const after =
    month === undefined
      ? new Date(year + 1, 0, 1)
      : day === undefined
        ? new Date(year, month, 1)
        : new Date(year, month - 1, day + 1);
  return { start: start.getTime(), end: after.getTime() - 1 };
}

/** A span from a beginning and an end, either of which may be missing; `undefined` when both are. */
export function spanOf(start: string | undefined, end: string | undefined): Span | undefined {
  const [from, to] = [boundsOf(start), boundsOf(end)];
  if (from === undefined) return to === undefined ? undefined : { start: to.start, end: to.end };
  return to === undefined ? { start: from.start } : { start: from.start, end: Math.max(to.end, from.start) };
}

/** What happened at one time. */
export function instantOf(text: string | undefined): Span | undefined {
  const bounds = boundsOf(text);
  return bounds === undefined ? undefined : { start: bounds.start, end: bounds.end };
}

export function periodOf(period: Period | undefined): Span | undefined {
  return period === undefined ? undefined : spanOf(period.start, period.end);
}

const UNITS = [
  ['year', 365.25 * 86_400_000],
  ['month', 30.4375 * 86_400_000],
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
] as const;

/** How long, in the two largest units that matter: `2 years, 3 months`. @param ms - At least 0. */
export function durationWords(ms: number, locale?: string): string {
  const words: string[] = [];
  let rest = ms;
  for (const [unit, size] of UNITS) {
    const count = words.length === 0 ? Math.floor(rest / size) : Math.round(rest / size);
    if (count > 0) {
      words.push(new Intl.NumberFormat(locale, { style: 'unit', unit, unitDisplay: 'long' }).format(count));
      rest -= count * size;
    }
    if (words.length === 2 || (words.length === 1 && count === 0)) break;
  }
  return words.length > 0
    ? words.join(', ')
    : new Intl.NumberFormat(locale, { style: 'unit', unit: 'minute', unitDisplay: 'long' }).format(0);
}
