/** A stretch of time, ms since the epoch, both ends included. */
export interface Interval {
  readonly startMs: number;
  readonly endMs: number;
}

/** Start of year 0001 everywhere: stands for "no start given", so that an interval stays plain numbers. */
export const EARLIEST_MS = -62_135_647_200_000;

/** End of year 9999 everywhere: stands for "no end given". */
export const LATEST_MS = 253_402_343_999_999;

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;

/**
 * A day begins first where clocks are furthest ahead, at UTC+14, and ends last at UTC-12. A date without a zone
 * therefore means every instant that had that date anywhere: what compares it with another time must not take
 * a day for over, or for not yet begun, that was otherwise where it was written.
 */
const AHEAD_MS = 14 * 60 * MINUTE_MS;
const BEHIND_MS = 12 * 60 * MINUTE_MS;

/**
 * The time that a FHIR `date`, `dateTime` or `instant` means.
 *
 * A year, month or day has no zone and means the widest interval over all zones. A time of day must have seconds
 * and a zone, and means one instant, to the millisecond (finer digits are cut off). `24:00`, days that the month
 * does not have and zones beyond ±14:00 are refused. A leap second is taken only where one can be, in the last
 * minute of a UTC month, and means the instant that follows it, as POSIX time has it.
 *
 * @returns `undefined` when the text is none of the three.
 * @see HL7 FHIR R4, Data Types, date, dateTime, instant
 */
export function interval(text: string): Interval | undefined {
  const length = text.length;
  const year = digits(text, 0, 4);
  if (year < 1) return undefined;
  if (length === 4) return wide(daysSinceEpoch(year, 1, 1), daysSinceEpoch(year + 1, 1, 1));
  const month = digits(text, 5, 2);
  if (text.charCodeAt(4) !== MINUS || month < 1 || month > 12) return undefined;
  const first = daysSinceEpoch(year, month, 1);
  const days = monthDays(year, month);
  if (length === 7) return wide(first, first + days);
  const day = digits(text, 8, 2);
  if (text.charCodeAt(7) !== MINUS || day < 1 || day > days) return undefined;
  if (length === 10) return wide(first + day - 1, first + day);
  const instantMs = timeOfDay(text, first + day - 1);
  return instantMs === undefined ? undefined : { startMs: instantMs, endMs: instantMs };
}

/**
 * The time of an `instant`, or of a `dateTime` that is complete.
 *
 * @returns ms since the epoch; `undefined` for anything less exact.
 */
export function instant(text: string): number | undefined {
  return text.length > 10 ? interval(text)?.startMs : undefined;
}

/**
 * The time that a FHIR `Period` means: from the start of its start to the end of its end, both included. An end
 * that is absent is open.
 *
 * @returns `undefined` when an end is no date, or the end lies before the start.
 * @see HL7 FHIR R4, Data Types, Period
 */
export function periodInterval(period: {
  readonly start?: string | undefined;
  readonly end?: string | undefined;
}): Interval | undefined {
  const from = period.start === undefined ? OPEN : interval(period.start);
  const to = period.end === undefined ? OPEN : interval(period.end);
  if (from === undefined || to === undefined || from.startMs > to.endMs) return undefined;
  return { startMs: from.startMs, endMs: to.endMs };
}

const OPEN: Interval = { startMs: EARLIEST_MS, endMs: LATEST_MS };
const PLUS = 0x2b;
const MINUS = 0x2d;
const DOT = 0x2e;
const COLON = 0x3a;

/** `hh:mm:ss[.f…](Z|±hh:mm)` behind the `T` at index 10. */
function timeOfDay(text: string, dayNumber: number): number | undefined {
  const hour = digits(text, 11, 2);
  const minute = digits(text, 14, 2);
  const second = digits(text, 17, 2);
  if (text.charCodeAt(10) !== 0x54 || text.charCodeAt(13) !== COLON || text.charCodeAt(16) !== COLON)
    return undefined;
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60) return undefined;
  let at = 19;
  let fractionMs = 0;
  if (text.charCodeAt(at) === DOT) {
    let scale = 100;
    for (at++; isDigit(text.charCodeAt(at)); at++) {
      fractionMs += Math.floor(scale) * (text.charCodeAt(at) - 0x30);
      scale /= 10;
    }
    if (at === 20) return undefined;
  }
  const zoneMs = zoneOffset(text, at);
  if (zoneMs === undefined) return undefined;
  const minuteMs = dayNumber * DAY_MS + (hour * 60 + minute) * MINUTE_MS - zoneMs;
  if (second === 60) return endsMonth(minuteMs) ? minuteMs + MINUTE_MS : undefined;
  return minuteMs + second * 1000 + fractionMs;
}

function zoneOffset(text: string, at: number): number | undefined {
  const mark = text.charCodeAt(at);
  if (mark === 0x5a) return text.length === at + 1 ? 0 : undefined;
  const hours = digits(text, at + 1, 2);
  const minutes = digits(text, at + 4, 2);
  if ((mark !== PLUS && mark !== MINUS) || text.length !== at + 6 || text.charCodeAt(at + 3) !== COLON)
    return undefined;
  if (hours < 0 || minutes < 0 || minutes > 59 || hours * 60 + minutes > 14 * 60) return undefined;
  const ms = (hours * 60 + minutes) * MINUTE_MS;
  return mark === PLUS ? ms : -ms;
}

/** Whether this minute is the last of a UTC month: the only place where a leap second may be inserted. */
function endsMonth(minuteMs: number): boolean {
  const next = new Date(minuteMs + MINUTE_MS);
  return next.getUTCDate() === 1 && next.getUTCHours() === 0 && next.getUTCMinutes() === 0;
}

function wide(firstDay: number, endDay: number): Interval {
  return { startMs: firstDay * DAY_MS - AHEAD_MS, endMs: endDay * DAY_MS + BEHIND_MS - 1 };
}

/** The number that `count` decimal digits write, or -1 where one is none. */
function digits(text: string, from: number, count: number): number {
  let value = 0;
  for (let i = from; i < from + count; i++) {
    const c = text.charCodeAt(i);
    if (!isDigit(c)) return -1;
    value = value * 10 + c - 0x30;
  }
  return value;
}

function isDigit(c: number): boolean {
  return c >= 0x30 && c <= 0x39;
}

function monthDays(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/**
 * Days from 1970-01-01 in the proleptic Gregorian calendar. (`Date.UTC` reads the years 0 to 99 as 1900 to
 * 1999.) The year is taken to begin in March, so that the leap day comes last and month lengths follow a line.
 */
function daysSinceEpoch(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}
