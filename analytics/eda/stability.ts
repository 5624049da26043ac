import type { FeatureColumn, FeatureTable } from '../features/index.js';
import { quantile } from '../math/index.js';
import { orderedColumn } from './ordered.js';

/** How far a predictor's distribution has moved from the one that a model was fitted on. */
export interface Stability {
  readonly name: string;
  readonly label: string;
  /** Population stability index, over tenths of the reference and a bin of missing values. */
  readonly psi: number;
  /** What chance alone exceeds in one of twenty, by the numbers of patients. */
  readonly chance: number;
  readonly verdict: 'stable' | 'shifted' | 'changed';
}

/** By custom: from here a shift is worth a look. */
const SHIFTED = 0.1;
/** By custom: from here a model should not be trusted unseen. */
const CHANGED = 0.25;
const TENTHS = 10;
/** Added to each bin, so that an empty one weighs little rather than infinitely. */
const PRIOR = 0.5;

/**
 * The population stability index of each predictor.
 *
 * @param reference - Patients that a model was fitted on.
 * @param present - Patients since, with the same columns.
 * @throws AnalyticsError ANALYTICS_NOT_FINITE.
 */
export function stabilityOf(reference: FeatureTable, present: FeatureTable): Stability[] {
  return reference.columns.map((column, i) => {
    const other = present.columns[i];
    const edges = edgesOf(column, reference.outcome);
    const [before, now] = [
      countsIn(column.values, edges),
      countsIn(other?.values ?? new Float64Array(0), edges),
    ];
    const psi = indexOf(before, now);
    const used = before.filter((count, bin) => count + (now[bin] ?? 0) > 0).length;
    const chance =
      chiSquare95(used - 1) * (1 / reference.outcome.length + 1 / Math.max(1, present.outcome.length));
    const verdict = psi <= Math.max(SHIFTED, chance) ? 'stable' : psi <= CHANGED ? 'shifted' : 'changed';
    return { name: column.name, label: column.label, psi, chance, verdict };
  });
}

/** Inner edges, ascending and each once; of what has few values they lie at the values themselves. */
function edgesOf(column: FeatureColumn, outcome: Uint8Array): number[] {
  if (column.kind !== 'numeric')
    return column.kind === 'binary' ? [1] : column.levels.map((_, code) => code).slice(1);
  const { all } = orderedColumn(column, outcome);
  if (all.length === 0) return [];
  const edges = Array.from({ length: TENTHS - 1 }, (_, i) => quantile(all, (i + 1) / TENTHS));
  return [...new Set(edges)];
}

/** Counts from edge to edge, the missing last. */
function countsIn(values: Float64Array, edges: readonly number[]): number[] {
  const counts = Array.from({ length: edges.length + 2 }, () => 0);
  for (const value of values) {
    const above = edges.findIndex((edge) => value < edge);
    const bin = Number.isNaN(value) ? edges.length + 1 : above < 0 ? edges.length : above;
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  return counts;
}

function indexOf(before: readonly number[], now: readonly number[]): number {
  const used = [...before.keys()].filter((bin) => (before[bin] ?? 0) + (now[bin] ?? 0) > 0);
  const share = (counts: readonly number[], bin: number): number =>
    ((counts[bin] ?? 0) + PRIOR) / (counts.reduce((a, b) => a + b, 0) + PRIOR * used.length);
  return used.reduce((sum, bin) => {
    const [p, q] = [share(before, bin), share(now, bin)];
    return sum + (q - p) * Math.log(q / p);
  }, 0);
}

/** Quantile of 95 % by Wilson and Hilferty, good to a hundredth. */
function chiSquare95(freedom: number): number {
  if (freedom < 1) return 0;
  const spread = 2 / (9 * freedom);
  return freedom * (1 - spread + 1.6448536 * Math.sqrt(spread)) ** 3;
}
