/** Dates of a patient, made coarser or moved. */

const DAY_MS = 86_400_000;
const DATE =
  /^(\d{4})(?:-(0[1-9]|1[0-2])(?:-(0[1-9]|[12]\d|3[01])(T(?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d{1,9})?(?:Z|[+-](?:0\d|1[0-4]):[0-5]\d))?)?)?$/;

/** How dates are treated: the year alone, moved by the patient's days, or as they are. */
export type DateMethod = 'year' | 'shift' | 'real';

/**
 * A date, dateTime or instant as a profile lets it out.
 *
 * @param shiftDays - The patient's offset; needed by `shift`, without which nothing is let out.
 * @param oldestYear - Years before this one would tell an age over 89; undefined where they may.
 * @returns undefined where nothing may be let out. A partial date has its year alone under `shift`, for a month cannot
 * be moved by days.
 */
export function dateOut(
  text: string,
  method: DateMethod,
  shiftDays: number | undefined,
  oldestYear: number | undefined,
): string | undefined {
  const parts = DATE.exec(text);
  if (parts === null) return undefined;
  const [, year = '', month, day, time] = parts;
  const early = oldestYear !== undefined && Number(year) < oldestYear;
  if (early) return undefined;
  if (method === 'year') return year;
  if (method === 'real') return text;
  if (shiftDays === undefined) return undefined;
  if (month === undefined || day === undefined) return year;
  const at = new Date(0);
  at.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  // 31 February and the like name no day.
  if (at.getUTCDate() !== Number(day)) return undefined;
  const moved = new Date(at.getTime() + shiftDays * DAY_MS).toISOString().slice(0, 10);
  if (oldestYear !== undefined && Number(moved.slice(0, 4)) < oldestYear) return undefined;
  return moved + (time ?? '');
}
