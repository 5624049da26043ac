import { AnalyticsError } from '../errors.js';
import { mean, normalTwoSided } from '../math/index.js';
import { Z_95 } from './roc.js';

/** Two AUROCs on the same patients. Plain JSON. */
export interface AurocComparison {
  readonly first: number;
  readonly second: number;
  readonly difference: number;
  readonly standardError: number;
  /** 95 %, of the difference. */
  readonly interval: readonly [low: number, high: number];
  readonly z: number;
  readonly p: number;
}

/**
 * DeLong's test that two scores of the same patients discriminate equally.
 *
 * @param a - Scores, higher for the outcome.
 * @param b - Others.
 * @param y - 0 or 1.
 * @returns Null where the difference has no variance: the scores rank the patients alike.
 * @throws AnalyticsError ANALYTICS_SHAPE, ANALYTICS_NOT_FINITE, ANALYTICS_ONE_CLASS for fewer than two of a class.
 * @see DeLong ER et al., Biometrics 1988; 44: 837-845
 */
export function compareAurocs(a: Float64Array, b: Float64Array, y: Uint8Array): AurocComparison | null {
  if (a.length !== y.length || b.length !== y.length)
    throw new AnalyticsError('ANALYTICS_SHAPE', 'scores and outcomes differ in number');
  if (!a.every(Number.isFinite) || !b.every(Number.isFinite))
    throw new AnalyticsError('ANALYTICS_NOT_FINITE', 'a score is not finite');
  const first = components(a, y);
  const second = components(b, y);
  const m = first.events.length;
  const n = first.others.length;
  if (m < 2 || n < 2)
    throw new AnalyticsError('ANALYTICS_ONE_CLASS', 'a comparison wants two of each outcome');
  const areas = [mean(first.events), mean(second.events)] as const;
  const difference = areas[0] - areas[1];
  const variance = spread(first.events, second.events) / m + spread(first.others, second.others) / n;
  if (!(variance > 1e-20)) return null;
  const standardError = Math.sqrt(variance);
  const z = difference / standardError;
  return {
    first: areas[0],
    second: areas[1],
    difference,
    standardError,
    interval: [difference - Z_95 * standardError, difference + Z_95 * standardError],
    z,
    p: normalTwoSided(z),
  };
}

/** Variance of the differences: both variances less twice the covariance. */
function spread(a: Float64Array, b: Float64Array): number {
  const difference = a.map((value, i) => value - (b[i] ?? NaN));
  const centre = mean(difference);
  return difference.reduce((total, value) => total + (value - centre) ** 2, 0) / (a.length - 1);
}

/** For each event the share of others below it, for each other the share of events above it; in order of rows. */
function components(scores: Float64Array, y: Uint8Array): { events: Float64Array; others: Float64Array } {
  const events = scores.filter((_, i) => y[i] === 1);
  const others = scores.filter((_, i) => y[i] !== 1);
  const sortedEvents = events.toSorted();
  const sortedOthers = others.toSorted();
  return {
    events: events.map((v) => below(sortedOthers, v) / others.length),
    others: others.map((v) => 1 - below(sortedEvents, v) / events.length),
  };
}

/** How many of the sorted values lie below `v`, equal ones counting half. */
function below(sorted: Float64Array, v: number): number {
  return (bound(sorted, (x) => x < v) + bound(sorted, (x) => x <= v)) / 2;
}

function bound(sorted: Float64Array, before: (x: number) => boolean): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (before(sorted[middle] ?? NaN)) low = middle + 1;
    else high = middle;
  }
  return low;
}
