/** Times in searches: what a parameter means, what an element means, and how the two are compared. */
import { interval } from '../dates.js';
import type { Interval } from '../dates.js';
import { isJsonObject } from '../json/value.js';
import type { JsonValue } from '../json/value.js';

/** How an element's time relates to the parameter's. */
export type TimePrefix = 'eq' | 'ne' | 'gt' | 'lt' | 'ge' | 'le' | 'sa' | 'eb';

/** One value of a date parameter. */
export interface TimeTest {
  readonly prefix: TimePrefix;
  readonly range: Interval;
}

const PREFIXED = /^(eq|ne|gt|lt|ge|le|sa|eb)?(\d.*)$/;
const MINUTES = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2})(Z|[+-]\d{2}:\d{2})?$/;
const NO_ZONE = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?$/;
/** What {@link interval} adds at both ends of a date, which has no zone: a day of some zone is longer than one of UTC. */
const AHEAD_MS = 14 * 3_600_000;
const BEHIND_MS = 12 * 3_600_000;

/**
 * Reads a value of a date parameter, such as `ge2021-04`; `undefined` where it is none.
 *
 * @see HL7 FHIR R4, Search, date: without a zone the server's is meant, here UTC
 */
export function readTimeTest(text: string): TimeTest | undefined {
  const [, prefix = 'eq', value = ''] = PREFIXED.exec(text) ?? [];
  const range = parameterRange(value);
  return range === undefined ? undefined : { prefix: prefix as TimePrefix, range };
}

function parameterRange(text: string): Interval | undefined {
  const minutes = MINUTES.exec(text);
  if (minutes !== null) {
    const start = rangeOfText(`${minutes[1] ?? ''}:00${minutes[2] ?? 'Z'}`);
    return start === undefined ? undefined : { startMs: start.startMs, endMs: start.startMs + 59_999 };
  }
  return rangeOfText(NO_ZONE.test(text) ? `${text}Z` : text);
}

/** The stretch of time that a date or time names by its precision, days being UTC's. */
function rangeOfText(text: string): Interval | undefined {
  const found = interval(text);
  if (found === undefined) return undefined;
  if (text.length <= 10) return { startMs: found.startMs + AHEAD_MS, endMs: found.endMs - BEHIND_MS };
  return text.includes('.') ? found : { startMs: found.startMs, endMs: found.endMs + 999 };
}

/** The stretch of an element that is a date, a Period or a Timing; open ends reach without bound. */
export function rangeOfElement(value: JsonValue): Interval | undefined {
  if (typeof value === 'string') return rangeOfText(value);
  if (!isJsonObject(value)) return undefined;
  const { event, repeat } = value;
  if (Array.isArray(event) && event.length > 0) return spanOf(event as readonly JsonValue[]);
  if (isJsonObject(repeat)) {
    const bounds = repeat['boundsPeriod'];
    return bounds === undefined ? undefined : rangeOfElement(bounds);
  }
  const { start, end } = value;
  if (start === undefined && end === undefined) return undefined;
  const from = typeof start === 'string' ? rangeOfText(start)?.startMs : -Infinity;
  const to = typeof end === 'string' ? rangeOfText(end)?.endMs : Infinity;
  return from === undefined || to === undefined ? undefined : { startMs: from, endMs: to };
}

function spanOf(texts: readonly JsonValue[]): Interval | undefined {
  let startMs = Infinity;
  let endMs = -Infinity;
  for (const text of texts) {
    const range = typeof text === 'string' ? rangeOfText(text) : undefined;
    if (range === undefined) continue;
    startMs = Math.min(startMs, range.startMs);
    endMs = Math.max(endMs, range.endMs);
  }
  return startMs > endMs ? undefined : { startMs, endMs };
}

/**
 * Whether an element's time passes.
 *
 * @see HL7 FHIR R4, Search, prefixes
 */
export function passesTime({ prefix, range }: TimeTest, element: Interval): boolean {
  return PASSES[prefix](range, element);
}

function isWithin(range: Interval, element: Interval): boolean {
  return element.startMs >= range.startMs && element.endMs <= range.endMs;
}

const PASSES: Readonly<Record<TimePrefix, (range: Interval, element: Interval) => boolean>> = {
  eq: isWithin,
  ne: (range, element) => !isWithin(range, element),
  gt: (range, element) => element.endMs > range.endMs,
  lt: (range, element) => element.startMs < range.startMs,
  ge: (range, element) => isWithin(range, element) || element.endMs > range.endMs,
  le: (range, element) => isWithin(range, element) || element.startMs < range.startMs,
  sa: (range, element) => element.startMs > range.endMs,
  eb: (range, element) => element.endMs < range.startMs,
};
