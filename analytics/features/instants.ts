import { interval } from '../../mappings/index.js';

/**
 * Completed years from a FHIR date of birth, which may be partial, to an instant; a missing month or day is taken as the
 * middle of the year or month.
 *
 * @param birthDate - `YYYY`, `YYYY-MM` or `YYYY-MM-DD`.
 * @param atMs - Milliseconds since the epoch; its UTC day counts.
 * @returns Undefined where the date is none or lies after the instant.
 */
export function ageYears(birthDate: string, atMs: number): number | undefined {
  if (birthDate.length > 10 || interval(birthDate) === undefined) return undefined;
  const year = Number(birthDate.slice(0, 4));
  const month = birthDate.length > 4 ? Number(birthDate.slice(5, 7)) : 7;
  const day = birthDate.length > 7 ? Number(birthDate.slice(8)) : birthDate.length > 4 ? 15 : 1;
  const at = new Date(atMs);
  const thisMonth = at.getUTCMonth() + 1;
  const before = thisMonth < month || (thisMonth === month && at.getUTCDate() < day);
  const age = at.getUTCFullYear() - year - (before ? 1 : 0);
  return age >= 0 ? age : undefined;
}
