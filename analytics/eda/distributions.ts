import type { FeatureColumn, FeatureTable, Stays } from '../features/index.js';
import { quantile } from '../math/index.js';
import { roundEdges, safeBins, type Bin } from './bins.js';
import { SMALL_CELL, toSmallCells } from './suppress.js';

/** A numeric predictor's distribution by outcome, fit to be shown. */
export interface Distribution {
  readonly name: string;
  readonly label: string;
  readonly unit: string;
  /** From about the 1st to the 99th percentile, at round numbers; what lies outside counts in the outermost. */
  readonly bins: readonly Bin[];
  /** Whether counts are rounded to multiples of 11, since exact ones would tell how few values are missing. */
  readonly isRounded: boolean;
}

/** Enough to see a shape, few enough to be filled. */
const BINS_WANTED = 24;
/** Quantiles are looked up in so many values, evenly spread: edges need not be exact. */
const EDGE_SAMPLE_MAX = 50_000;

/**
 * Distributions of the numeric predictors by outcome; no count in them is small.
 *
 * @param table - One row a patient.
 */
export function distributionsOf(table: FeatureTable): Distribution[] {
  return table.columns
    .filter((column) => column.kind === 'numeric')
    .map((column) => {
      const bins = binsOf(column, table.outcome);
      const isRounded = hasFewMissing(column.values, table.outcome);
      return {
        name: column.name,
        label: column.label,
        unit: column.unit,
        bins: isRounded ? bins.map(rounded) : bins,
        isRounded,
      };
    });
}

function hasFewMissing(values: Float64Array, outcome: Uint8Array): boolean {
  const missing = [0, 0];
  values.forEach((v, i) => {
    if (Number.isNaN(v)) missing[outcome[i] ?? 0] = (missing[outcome[i] ?? 0] ?? 0) + 1;
  });
  return [...missing, missing.reduce((a, b) => a + b, 0)].some((count) => count > 0 && count < SMALL_CELL);
}

function rounded(bin: Bin): Bin {
  return { ...bin, events: toSmallCells(bin.events), others: toSmallCells(bin.others) };
}

function binsOf({ values }: FeatureColumn, outcome: Uint8Array): Bin[] {
  const stride = Math.max(1, Math.ceil(values.length / EDGE_SAMPLE_MAX));
  const sample = values.filter((v, i) => i % stride === 0 && !Number.isNaN(v)).toSorted();
  if (sample.length < 2) return [];
  const [low, high] = [quantile(sample, 0.01), quantile(sample, 0.99)];
  return low < high ? safeBins(values, outcome, roundEdges(low, high, BINS_WANTED)) : [];
}

/** Admissions over time, by calendar months of UTC joined until no count is small. */
export function coverageOf({ t0Ms }: Stays, outcome: Uint8Array): Bin[] {
  let [low, high] = [Infinity, -Infinity];
  for (const t of t0Ms) {
    if (t < low) low = t;
    if (t > high) high = t;
  }
  if (!(low <= high)) return [];
  const edges: number[] = [];
  const from = new Date(low);
  for (let month = 0; month <= MONTHS_MAX; month++) {
    const edge = Date.UTC(from.getUTCFullYear(), from.getUTCMonth() + month, 1);
    edges.push(edge);
    if (edge > high) break;
  }
  return safeBins(t0Ms, outcome, edges);
}

/** A century; dates beyond are somebody's mistake and count in the last month. */
const MONTHS_MAX = 1200;
