import { createHash } from 'node:crypto';
import { AnalyticsError } from '../errors.js';

/**
 * A number that a key and a seed decide, evenly spread and without a visible relation to the key.
 *
 * @returns 48 bits of SHA-256, as an integer.
 */
export function keyedRank(key: string, seed: string): number {
  return createHash('sha256')
    .update(JSON.stringify([seed, key]))
    .digest()
    .readUIntBE(0, 6);
}

/** Rows in the order of their keyed ranks, ties by key, so that no order of arrival matters. */
function shuffled(rows: readonly number[], keys: readonly string[], seed: string): number[] {
  return rows
    .map((row) => ({ row, key: keys[row] ?? '', rank: keyedRank(keys[row] ?? '', seed) }))
    .toSorted((a, b) => a.rank - b.rank || (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    .map((entry) => entry.row);
}

function byOutcome(y: Uint8Array): [number[], number[]] {
  const strata: [number[], number[]] = [[], []];
  y.forEach((value, row) => strata[value === 1 ? 1 : 0].push(row));
  return strata;
}

/** Rows for fitting and rows held out, each ascending. */
export interface Split {
  readonly train: Int32Array;
  readonly test: Int32Array;
}

/**
 * Divides patients into a training and a held-out part, with the same share of outcomes in both.
 *
 * The division depends on the set of keys, their outcomes and the seed alone.
 *
 * @param keys - One a row, one patient each.
 * @param y - 0 or 1.
 * @param testShare - Between 0 and 1.
 * @throws AnalyticsError ANALYTICS_SHAPE when keys and outcomes differ in number or the share is out of range.
 */
export function splitByKey(keys: readonly string[], y: Uint8Array, testShare: number, seed: string): Split {
  if (keys.length !== y.length || !(testShare > 0 && testShare < 1)) {
    throw new AnalyticsError(
      'ANALYTICS_SHAPE',
      'a split wants one key an outcome and a share between 0 and 1',
    );
  }
  const test = byOutcome(y).flatMap((rows) =>
    shuffled(rows, keys, seed).slice(0, Math.round(rows.length * testShare)),
  );
  const held = new Set(test);
  const train = keys.map((_, row) => row).filter((row) => !held.has(row));
  return { train: Int32Array.from(train), test: Int32Array.from(test).toSorted() };
}

/**
 * Deals rows to folds with the same share of outcomes in each.
 *
 * @returns The fold of each row, 0 to `folds` − 1; by set of keys, outcomes and seed alone.
 */
export function foldsByKey(keys: readonly string[], y: Uint8Array, folds: number, seed: string): Uint8Array {
  const fold = new Uint8Array(keys.length);
  let next = 0;
  for (const rows of byOutcome(y)) {
    for (const row of shuffled(rows, keys, seed)) fold[row] = next++ % folds;
  }
  return fold;
}
