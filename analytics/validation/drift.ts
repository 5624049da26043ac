import { AnalyticsError } from '../errors.js';
import { log, quantile } from '../math/index.js';
import { calibration, type Estimate } from './calibration.js';

/** Where the reference's tenths end, and how many of it lie in each; missing values have a bin of their own, the last. */
export interface DriftReference {
  /** Ascending. A value belongs to the first bin whose edge it does not exceed. */
  readonly edges: readonly number[];
  /** Share in each of the `edges.length + 1` bins, then the share missing. */
  readonly shares: readonly number[];
}

/** How far a distribution has moved. */
export type DriftVerdict = 'stable' | 'moved' | 'shifted';

/** Population stability index of new values. Plain JSON. */
export interface Drift {
  readonly psi: number;
  /** Below 0.1 stable, above 0.25 shifted. */
  readonly verdict: DriftVerdict;
  readonly patients: number;
}

const MOVED = 0.1;
const SHIFTED = 0.25;
/** An empty bin counts as this share, since the index has no value for none. */
const SHARE_MIN = 1e-4;
const BINS = 10;

/**
 * The reference for later comparison, from the training part.
 *
 * @param values - NaN where missing.
 * @throws AnalyticsError ANALYTICS_SHAPE for no values.
 */
export function driftReference(values: Float64Array): DriftReference {
  if (values.length === 0) throw new AnalyticsError('ANALYTICS_SHAPE', 'a reference wants values');
  const seen = values.filter((v) => !Number.isNaN(v)).toSorted();
  const edges =
    seen.length === 0
      ? []
      : [...new Set(Array.from({ length: BINS - 1 }, (_, k) => quantile(seen, (k + 1) / BINS)))];
  return { edges, shares: sharesOf(values, edges) };
}

/**
 * Population stability index, Σ (new − old) · ln(new / old) over the bins.
 *
 * @param values - NaN where missing.
 * @throws AnalyticsError ANALYTICS_SHAPE for no values, or a reference that contradicts itself.
 */
export function populationStability(reference: DriftReference, values: Float64Array): Drift {
  if (values.length === 0 || reference.shares.length !== reference.edges.length + 2)
    throw new AnalyticsError('ANALYTICS_SHAPE', 'an index wants values and a whole reference');
  const now = sharesOf(values, reference.edges);
  let psi = 0;
  now.forEach((share, k) => {
    const a = Math.max(SHARE_MIN, share);
    const b = Math.max(SHARE_MIN, reference.shares[k] ?? 0);
    psi += (a - b) * log(a / b);
  });
  const verdict = psi > SHIFTED ? 'shifted' : psi >= MOVED ? 'moved' : 'stable';
  return { psi, verdict, patients: values.length };
}

function sharesOf(values: Float64Array, edges: readonly number[]): number[] {
  const counts = new Float64Array(edges.length + 2);
  for (const value of values) {
    let bin = edges.length + 1;
    if (!Number.isNaN(value)) {
      bin = edges.findIndex((edge) => value <= edge);
      if (bin < 0) bin = edges.length;
    }
    counts[bin] = (counts[bin] ?? NaN) + 1;
  }
  return Array.from(counts, (count) => count / values.length);
}

/** Calibration in one stretch of time. Plain JSON. */
export interface CalibrationPeriod {
  /** Ms, the start of the stretch. */
  readonly fromMs: number;
  readonly patients: number;
  readonly events: number;
  /** Null with one outcome only. */
  readonly inTheLarge: Estimate | null;
  readonly slope: Estimate | null;
  readonly expectedOverObserved: number | null;
  /** Whether the interval of calibration in the large leaves out 0, or that of the slope 1. */
  readonly drifted: boolean;
}

function without(estimate: Estimate | null, value: number): boolean {
  return estimate !== null && (estimate.interval[0] > value || estimate.interval[1] < value);
}

/**
 * Calibration over time.
 *
 * @param p - Probabilities.
 * @param y - 0 or 1.
 * @param atMs - When each patient was scored.
 * @param stretchMs - Length of a stretch, above 0.
 * @throws AnalyticsError ANALYTICS_SHAPE.
 */
export function calibrationOverTime(
  p: Float64Array,
  y: Uint8Array,
  atMs: Float64Array,
  stretchMs: number,
): CalibrationPeriod[] {
  if (p.length !== y.length || atMs.length !== y.length || !(stretchMs > 0))
    throw new AnalyticsError('ANALYTICS_SHAPE', 'a time and an outcome a probability, and a stretch above 0');
  const stretch = atMs.map((at) => Math.floor(at / stretchMs));
  return [...new Set(stretch)]
    .toSorted((a, b) => a - b)
    .map((own) => {
      const rows = [...stretch.keys()].filter((i) => stretch[i] === own);
      const outcomes = Uint8Array.from(rows, (i) => y[i] ?? 0);
      const events = outcomes.reduce((total, value) => total + value, 0);
      const base = { fromMs: own * stretchMs, patients: rows.length, events };
      if (events === 0 || events === rows.length)
        return { ...base, inTheLarge: null, slope: null, expectedOverObserved: null, drifted: false };
      const found = calibration(
        Float64Array.from(rows, (i) => p[i] ?? NaN),
        outcomes,
      );
      return {
        ...base,
        inTheLarge: found.inTheLarge,
        slope: found.slope,
        expectedOverObserved: found.expectedOverObserved,
        drifted: without(found.inTheLarge, 0) || without(found.slope, 1),
      };
    });
}
