import { instant } from '../dates.js';

const DAY_LENGTH = 10;
const DATE = /^[0-9]{4}(?:-[0-9]{2}(?:-[0-9]{2}(?:T[0-9:.]+(?:Z|[+-][0-9:]{5}))?)?)?$/;
const TIME = /^[0-9]{2}(?::[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?)?$/;

/** Whether a text has the form of a FHIR date, dateTime or instant. */
export function looksLikeDate(text: string): boolean {
  const c = text.charCodeAt(0);
  return c >= 0x30 && c <= 0x39 && text.length <= 40 && DATE.test(text);
}

/** Whether a text has the form of a FHIR time of day, to the minute at least. */
export function looksLikeTime(text: string): boolean {
  return text.length >= 5 && TIME.test(text);
}

/** Whether a text has a date with a time of day and a zone. */
export function looksLikeInstant(text: string): boolean {
  return text.length > DAY_LENGTH && text.charCodeAt(DAY_LENGTH) === 0x54 && looksLikeDate(text);
}

/**
 * Compares two FHIR dates, dateTimes or instants.
 *
 * Two that have a time of day are compared as instants. Where one of them has none, what both are written with is
 * compared, each in its own zone: a date has no zone to move it by.
 *
 * @returns negative, 0 or positive; `undefined` where the less exact of them leaves it open, or one is no date.
 * @see FHIRPath N1, Comparison, "if one value has a precision that the other lacks, the result is empty"
 */
export function compareDates(a: string, b: string): number | undefined {
  if (!looksLikeDate(a) || !looksLikeDate(b)) return undefined;
  if (a.length > DAY_LENGTH && b.length > DAY_LENGTH) {
    const [aMs, bMs] = [instant(a), instant(b)];
    return aMs === undefined || bMs === undefined ? undefined : aMs - bMs;
  }
  return compareWritten(a, b);
}

/**
 * Compares two FHIR times of day.
 *
 * @returns as {@link compareDates}.
 */
export function compareTimes(a: string, b: string): number | undefined {
  if (!TIME.test(a) || !TIME.test(b)) return undefined;
  // Seconds and their fraction are one precision.
  const [x, y] = a.length >= 8 && b.length >= 8 ? [withFraction(a, b), withFraction(b, a)] : [a, b];
  return compareWritten(x, y);
}

function compareWritten(a: string, b: string): number | undefined {
  const length = Math.min(a.length, b.length);
  const [x, y] = [a.slice(0, length), b.slice(0, length)];
  if (x !== y) return x < y ? -1 : 1;
  return a.length === b.length ? 0 : undefined;
}

/** The time, its fraction filled up with zeros to the length of the other. */
function withFraction(time: string, other: string): string {
  const full = time.length === 8 && other.length > 8 ? `${time}.` : time;
  return full.padEnd(other.length, '0');
}
