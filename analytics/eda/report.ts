import type { FeatureColumn, FeatureTable } from '../features/index.js';
import { mean, quantile, sumSquares } from '../math/index.js';
import { areaOf, orderedColumn } from './ordered.js';

/** A distribution in numbers; null where there are too few values for one. */
export interface Summary {
  /** Values present. */
  readonly count: number;
  readonly missing: number;
  readonly mean: number | null;
  /** With n − 1. */
  readonly sd: number | null;
  readonly min: number | null;
  readonly q25: number | null;
  readonly median: number | null;
  readonly q75: number | null;
  readonly max: number | null;
}

/** How often a category's level occurs. */
export interface LevelCount {
  readonly level: string;
  readonly all: number;
  readonly events: number;
  readonly nonEvents: number;
}

/** One predictor, over all patients and by outcome. */
export interface FeatureReport {
  readonly name: string;
  readonly label: string;
  readonly kind: FeatureColumn['kind'];
  readonly unit: string;
  readonly all: Summary;
  readonly events: Summary;
  readonly nonEvents: Summary;
  /** Of a category; empty for other kinds. */
  readonly levels: readonly LevelCount[];
  /**
   * Difference of means over the pooled standard deviation, events less the others; of a category the largest over its
   * levels. Null where it has no value.
   */
  readonly standardisedDifference: number | null;
  /** Difference of the shares of missing values, standardised in the same way. */
  readonly missingDifference: number | null;
  /** AUROC of the predictor alone, where present, turned so that it is at least 0.5; null for categories and one class. */
  readonly aloneAuroc: number | null;
}

/** Exploratory analysis of a table of predictors. Plain JSON; counts are of patients and are not suppressed. */
export interface EdaReport {
  readonly patients: number;
  readonly events: number;
  readonly features: readonly FeatureReport[];
  /** Predictors that separate the outcomes too well to be believed: look there for a leak. */
  readonly leakSuspects: readonly string[];
}

/** No single predictor at admission does so well on real patients. */
const LEAK_AUROC = 0.95;
/** With fewer values than this in a class, a high AUROC alone is chance. */
const LEAK_CLASS_MIN = 10;

/**
 * Counts, missingness, distributions and differences by outcome.
 *
 * @param table - One row a patient.
 * @throws AnalyticsError ANALYTICS_NOT_FINITE for an infinite value.
 */
export function edaReport(table: FeatureTable): EdaReport {
  const features = table.columns.map((column) => featureReport(column, table.outcome));
  return {
    patients: table.outcome.length,
    events: table.outcome.reduce((total, value) => total + value, 0),
    features,
    leakSuspects: features
      .filter(
        ({ aloneAuroc, events, nonEvents }) =>
          (aloneAuroc ?? 0) >= LEAK_AUROC && Math.min(events.count, nonEvents.count) >= LEAK_CLASS_MIN,
      )
      .map(({ name }) => name),
  };
}

function featureReport(column: FeatureColumn, outcome: Uint8Array): FeatureReport {
  const ordered = orderedColumn(column, outcome);
  const { all, events, others, missingEvents, missingOthers } = ordered;
  const numeric = column.kind !== 'category';
  const levels = column.levels.map((level, code): LevelCount => {
    const [withOutcome, without] = [countOf(events, code), countOf(others, code)];
    return { level, all: withOutcome + without, events: withOutcome, nonEvents: without };
  });
  const area = numeric ? areaOf(ordered) : undefined;
  return {
    name: column.name,
    label: column.label,
    kind: column.kind,
    unit: column.unit,
    all: summarise(all, missingEvents + missingOthers, numeric),
    events: summarise(events, missingEvents, numeric),
    nonEvents: summarise(others, missingOthers, numeric),
    levels,
    standardisedDifference: numeric
      ? difference(events, others)
      : largest(levels.map((l) => shareDifference(l.events, events.length, l.nonEvents, others.length))),
    missingDifference: shareDifference(
      missingEvents,
      missingEvents + events.length,
      missingOthers,
      missingOthers + others.length,
    ),
    aloneAuroc: area === undefined ? null : Math.max(area, 1 - area),
  };
}

function countOf(sorted: Float64Array, code: number): number {
  let count = 0;
  for (const v of sorted) if (v === code) count++;
  return count;
}

function summarise(sorted: Float64Array, missing: number, numeric: boolean): Summary {
  const count = sorted.length;
  if (count === 0 || !numeric) {
    return { count, missing, mean: null, sd: null, min: null, q25: null, median: null, q75: null, max: null };
  }
  const centre = mean(sorted);
  return {
    count,
    missing,
    mean: centre,
    sd: count > 1 ? Math.sqrt(sumSquares(sorted, centre) / (count - 1)) : null,
    min: quantile(sorted, 0),
    q25: quantile(sorted, 0.25),
    median: quantile(sorted, 0.5),
    q75: quantile(sorted, 0.75),
    max: quantile(sorted, 1),
  };
}

function difference(a: Float64Array, b: Float64Array): number | null {
  if (a.length < 2 || b.length < 2) return null;
  const meanA = mean(a);
  const meanB = mean(b);
  const variance = (sumSquares(a, meanA) / (a.length - 1) + sumSquares(b, meanB) / (b.length - 1)) / 2;
  if (meanA === meanB) return 0;
  return variance > 0 ? (meanA - meanB) / Math.sqrt(variance) : null;
}

/** The same of two shares, of `m` and `n`. */
function shareDifference(a: number, m: number, b: number, n: number): number | null {
  if (m < 2 || n < 2) return null;
  const [p, q] = [a / m, b / n];
  if (p === q) return 0;
  const variance = ((p * (m - a)) / (m - 1) + (q * (n - b)) / (n - 1)) / 2;
  return variance > 0 ? (p - q) / Math.sqrt(variance) : null;
}

function largest(values: readonly (number | null)[]): number | null {
  let best: number | null = null;
  for (const value of values) {
    if (value !== null && (best === null || Math.abs(value) > Math.abs(best))) best = value;
  }
  return best;
}
