import type { FeatureTable } from '../features/index.js';
import { SMALL_CELL, toSmallCells } from './suppress.js';

/** Which predictors are missing together. */
export interface MissingMap {
  /** Predictors that are missing anywhere, in the study's order. */
  readonly names: readonly string[];
  /** The most frequent first. */
  readonly patterns: readonly MissingPattern[];
  /** About how many patients have other patterns. */
  readonly rest: number;
  /**
   * Of the patients who lack the row's predictor, the share that lack the column's too, in tenths; row-major over the names,
   * null where few do or few do not.
   */
  readonly together: readonly (number | null)[];
}

/** Predictors that the same patients lack. */
export interface MissingPattern {
  /** Indexes into the map's names; empty where nothing is missing. */
  readonly missing: readonly number[];
  /** Rounded to a multiple of 11, since exact counts would let small ones be computed from Table 1. */
  readonly about: number;
}

/** Rows of the map. */
const PATTERNS_MAX = 16;
/** Patterns are bits of an exact integer; predictors beyond are left out. */
const NAMES_MAX = 52;

/**
 * The patterns of missing values.
 *
 * @param table - One row a patient.
 */
export function missingMap({ columns, keys }: FeatureTable): MissingMap {
  const lacking = columns.filter(({ values }) => values.some((v) => Number.isNaN(v))).slice(0, NAMES_MAX);
  const codes = new Float64Array(keys.length);
  lacking.forEach(({ values }, bit) => {
    const weight = 2 ** bit;
    for (let i = 0; i < values.length; i++) if (Number.isNaN(values[i])) codes[i] = (codes[i] ?? 0) + weight;
  });
  const counts = new Map<number, number>();
  for (const code of codes) counts.set(code, (counts.get(code) ?? 0) + 1);
  const frequent = [...counts]
    .filter(([, count]) => count >= SMALL_CELL)
    .toSorted(([a, m], [b, n]) => n - m || a - b)
    .slice(0, PATTERNS_MAX);
  const shown = frequent.reduce((total, [, count]) => total + count, 0);
  return {
    names: lacking.map(({ name }) => name),
    patterns: frequent.map(([code, count]) => ({
      missing: lacking.flatMap((_, bit) => (Math.floor(code / 2 ** bit) % 2 === 1 ? [bit] : [])),
      about: toSmallCells(count),
    })),
    rest: toSmallCells(keys.length - shown),
    together: lacking.flatMap((row) => lacking.map((column) => sharedGaps(row.values, column.values))),
  };
}

function sharedGaps(row: Float64Array, column: Float64Array): number | null {
  let [lack, both] = [0, 0];
  for (let i = 0; i < row.length; i++) {
    if (!Number.isNaN(row[i] ?? NaN)) continue;
    lack++;
    if (Number.isNaN(column[i] ?? NaN)) both++;
  }
  const isFew = [lack, both, lack - both].some((count) => count > 0 && count < SMALL_CELL);
  return isFew ? null : Math.round((both / lack) * 10) / 10;
}
