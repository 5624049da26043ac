import { AnalyticsError } from '../errors.js';
import { measure, type Performance } from './performance.js';

/** Performance in one subgroup. Plain JSON. */
export interface Subgroup {
  /** What divides the patients, such as sex. */
  readonly by: string;
  readonly level: string;
  /** Null where the group is small, or would tell the numbers of a small one. */
  readonly patients: number | null;
  readonly events: number | null;
  /** Null as well where it has one outcome only. */
  readonly performance: Performance | null;
}

/** Smaller numbers might tell of one person. */
const SHOWN_MIN = 11;

/**
 * Performance by subgroup.
 *
 * @param p - Probabilities.
 * @param y - 0 or 1.
 * @param level - The group of each row; rows without one are left out.
 * @throws AnalyticsError ANALYTICS_SHAPE.
 */
export function subgroups(
  p: Float64Array,
  y: Uint8Array,
  by: string,
  level: readonly (string | undefined)[],
): Subgroup[] {
  if (p.length !== y.length || level.length !== y.length)
    throw new AnalyticsError('ANALYTICS_SHAPE', 'a subgroup wants a level a row');
  const names = [...new Set(level)].filter((name) => name !== undefined).toSorted();
  const groups = names.map((name) => {
    const rows = [...level.keys()].filter((i) => level[i] === name);
    const own = Uint8Array.from(rows, (i) => y[i] ?? 0);
    const events = own.reduce((total, value) => total + value, 0);
    return { name, rows, own, events, smaller: Math.min(events, own.length - events) };
  });
  const hidden = new Set(
    groups
      .filter(({ own, smaller }) => own.length < SHOWN_MIN || (smaller > 0 && smaller < SHOWN_MIN))
      .map(({ name }) => name),
  );
  if (hidden.size === 1) {
    // The others and the total would tell the one that is hidden.
    const next = groups
      .filter(({ name }) => !hidden.has(name))
      .toSorted((a, b) => a.own.length - b.own.length)[0];
    if (next !== undefined) hidden.add(next.name);
  }
  return groups.map(({ name, rows, own, events, smaller }) => ({
    by,
    level: name,
    patients: hidden.has(name) ? null : own.length,
    events: hidden.has(name) ? null : events,
    performance:
      hidden.has(name) || smaller === 0
        ? null
        : measure(
            Float64Array.from(rows, (i) => p[i] ?? NaN),
            own,
          ),
  }));
}

/** Age bands for reports. */
export function ageBand(years: number): string | undefined {
  if (!(years >= 0)) return undefined;
  return years < 18 ? '0-17' : years < 50 ? '18-49' : years < 65 ? '50-64' : years < 80 ? '65-79' : '80+';
}
