import type { FeatureColumn, FeatureTable } from '../features/index.js';
import { SMALL_CELL } from './suppress.js';

/** How groups of patients, such as hospitals, differ from all others. */
export interface Drift {
  readonly groups: readonly DriftGroup[];
  readonly names: readonly string[];
  /**
   * Standardised difference of a predictor's mean in a group from that of the others, a row a group; of a category the
   * largest over its levels. Null where there are too few values.
   */
  readonly differences: readonly (readonly (number | null)[])[];
  /** The same of the share of missing values. */
  readonly missing: readonly (readonly (number | null)[])[];
}

/** Patients told apart from the others. */
export interface DriftGroup {
  readonly name: string;
  readonly patients: number;
  /** Null where it, or its complement, is few. */
  readonly events: number | null;
}

/** A difference of more than this is worth a look; by custom of Table 1. */
export const DRIFT_NOTABLE = 0.25;
/** Groups too small to be told apart. */
const OTHERS = 'others';
/** Rows of the picture; the smallest groups beyond are told together. */
const GROUPS_MAX = 24;

/**
 * Differences between groups, each against all the others. Groups of fewer than 11 patients are told together.
 *
 * @param groupOf - Index of each patient's group.
 * @param names - Of the groups; an empty one stands for patients of whom none is known.
 * @returns Undefined where there is but one.
 */
export function driftBetween(
  table: FeatureTable,
  groupOf: ArrayLike<number>,
  names: readonly string[],
): Drift | undefined {
  const { outcome } = table;
  const sizes = new Float64Array(names.length);
  for (let i = 0; i < groupOf.length; i++) sizes[groupOf[i] ?? 0] = (sizes[groupOf[i] ?? 0] ?? 0) + 1;
  const large = [...names.keys()]
    .filter((g) => (sizes[g] ?? 0) >= SMALL_CELL)
    .toSorted((a, b) => (sizes[b] ?? 0) - (sizes[a] ?? 0) || a - b)
    .slice(0, GROUPS_MAX);
  let others = outcome.length - large.reduce((sum, g) => sum + (sizes[g] ?? 0), 0);
  // A small rest could be computed from the total, so the smallest group joins it.
  while (others > 0 && others < SMALL_CELL && large.length > 0) others += sizes[large.pop() ?? 0] ?? 0;
  const shown = [...large.map((g) => nameOf(names[g] ?? '')), ...(others > 0 ? [OTHERS] : [])];
  if (shown.length < 2) return undefined;
  const place = new Int32Array(names.length).fill(large.length);
  large.forEach((g, i) => (place[g] = i));
  const at = Int32Array.from(groupOf, (g) => place[g] ?? large.length);
  const patients = new Float64Array(shown.length);
  const events = new Float64Array(shown.length);
  at.forEach((g, i) => {
    patients[g] = (patients[g] ?? 0) + 1;
    events[g] = (events[g] ?? 0) + (outcome[i] ?? 0);
  });
  const hidden = hiddenEvents(patients, events);
  const byColumn = table.columns.map((column) => columnDrift(column, at, shown.length));
  return {
    groups: shown.map((name, g) => ({
      name,
      patients: patients[g] ?? 0,
      events: hidden.has(g) ? null : (events[g] ?? 0),
    })),
    names: table.columns.map(({ name }) => name),
    differences: shown.map((_, g) => byColumn.map(({ difference }) => difference[g] ?? null)),
    missing: shown.map((_, g) => byColumn.map(({ missing }) => missing[g] ?? null)),
  };
}

function nameOf(name: string): string {
  return name === '' ? 'not named' : name;
}

/** Groups whose small count of outcomes is not shown; one alone could be computed from the total, so a second goes too. */
function hiddenEvents(patients: Float64Array, events: Float64Array): Set<number> {
  const order = [...patients.keys()].toSorted((a, b) => (patients[a] ?? 0) - (patients[b] ?? 0));
  const hidden = new Set(
    order.filter((g) => isSmall(events[g] ?? 0) || isSmall((patients[g] ?? 0) - (events[g] ?? 0))),
  );
  if (hidden.size === 1) {
    const next = order.find((g) => !hidden.has(g));
    if (next !== undefined) hidden.add(next);
  }
  return hidden;
}

function isSmall(count: number): boolean {
  return count > 0 && count < SMALL_CELL;
}

interface ColumnDrift {
  readonly difference: readonly (number | null)[];
  readonly missing: readonly (number | null)[];
}

function columnDrift({ kind, levels, values }: FeatureColumn, at: Int32Array, groups: number): ColumnDrift {
  const missing = contrasts(groups, at, values, (v) => (Number.isNaN(v) ? 1 : 0), true);
  if (kind !== 'category')
    return { missing, difference: contrasts(groups, at, values, (v) => v, kind === 'binary') };
  const byLevel = levels.map((_, code) =>
    contrasts(groups, at, values, (v) => (Number.isNaN(v) ? NaN : v === code ? 1 : 0), true),
  );
  return {
    missing,
    difference: Array.from({ length: groups }, (_, g) => {
      const found = byLevel.map((one) => one[g] ?? null);
      // A level that may not be shown could be computed from the others.
      return found.includes(null)
        ? null
        : found.reduce<number>((best, v) => (Math.abs(v ?? 0) > Math.abs(best) ? (v ?? 0) : best), 0);
    }),
  };
}

/** Each group against the others, in one pass: means and variances come of sums about a centre near the values. */
function contrasts(
  groups: number,
  at: Int32Array,
  values: Float64Array,
  of: (value: number) => number,
  isYesNo: boolean,
): (number | null)[] {
  const count = new Float64Array(groups);
  const sum = new Float64Array(groups);
  const squares = new Float64Array(groups);
  const centre = isYesNo ? 0 : (values.find((v) => !Number.isNaN(v)) ?? 0);
  for (let i = 0; i < values.length; i++) {
    const v = of(values[i] ?? NaN) - centre;
    if (Number.isNaN(v)) continue;
    const g = at[i] ?? 0;
    count[g] = (count[g] ?? 0) + 1;
    sum[g] = (sum[g] ?? 0) + v;
    squares[g] = (squares[g] ?? 0) + v * v;
  }
  const [n, s, q] = [total(count), total(sum), total(squares)];
  return Array.from({ length: groups }, (_, g) => {
    const [a, sa, qa] = [count[g] ?? 0, sum[g] ?? 0, squares[g] ?? 0];
    const [b, sb, qb] = [n - a, s - sa, q - qa];
    if (a < SMALL_CELL || b < SMALL_CELL) return null;
    // The mean of a yes-or-no tells how many; so does its complement.
    if (isYesNo && [sa, a - sa, sb, b - sb].some(isSmall)) return null;
    const difference = sa / a - sb / b;
    const variance =
      (Math.max(0, qa - (sa * sa) / a) / (a - 1) + Math.max(0, qb - (sb * sb) / b) / (b - 1)) / 2;
    if (difference === 0) return 0;
    return variance > 0 ? difference / Math.sqrt(variance) : null;
  });
}

function total(values: Float64Array): number {
  return values.reduce((a, b) => a + b, 0);
}
