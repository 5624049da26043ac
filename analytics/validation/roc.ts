import { AnalyticsError } from '../errors.js';
import { mean, sumSquares } from '../math/index.js';

/** The normal distribution's 97.5 % quantile. */
export const Z_95 = 1.959963984540054;

/** Area under the ROC curve and how sure it is. */
export interface Auroc {
  readonly auroc: number;
  /** DeLong's variance. */
  readonly variance: number;
  /**
   * 95 % interval by the normal distribution, cut at 0 and 1. Null where the variance is 0 or has no estimate (complete
   * separation, one row in a class): an interval without width would claim a certainty that is not there.
   */
  readonly interval: readonly [low: number, high: number] | null;
}

/**
 * Area under the ROC curve with DeLong's interval.
 *
 * @param scores - Higher means the outcome is more likely. Finite.
 * @param y - 0 or 1, one a score.
 * @throws AnalyticsError ANALYTICS_SHAPE, ANALYTICS_NOT_FINITE, ANALYTICS_ONE_CLASS.
 * @see DeLong ER et al., Biometrics 1988; 44: 837-845
 */
export function auroc(scores: Float64Array, y: Uint8Array): Auroc {
  if (scores.length !== y.length)
    throw new AnalyticsError('ANALYTICS_SHAPE', 'scores and outcomes differ in number');
  let m = 0;
  for (const value of y) m += value;
  const n = y.length - m;
  if (m === 0 || n === 0) throw new AnalyticsError('ANALYTICS_ONE_CLASS', 'an AUROC wants both outcomes');
  const positive = new Float64Array(m);
  const negative = new Float64Array(n);
  let a = 0;
  let b = 0;
  for (let i = 0; i < y.length; i++) {
    const s = scores[i] ?? NaN;
    if (!Number.isFinite(s)) throw new AnalyticsError('ANALYTICS_NOT_FINITE', 'a score is not finite');
    if (y[i] === 1) positive[a++] = s;
    else negative[b++] = s;
  }
  positive.sort();
  negative.sort();
  const above = placements(positive, negative);
  const below = placements(negative, positive).map((v) => 1 - v);
  const area = mean(above);
  const variance =
    m > 1 && n > 1
      ? sumSquares(above, area) / (m - 1) / m + sumSquares(below, mean(below)) / (n - 1) / n
      : NaN;
  if (!(variance > 0)) return { auroc: area, variance: 0, interval: null };
  const half = Z_95 * Math.sqrt(variance);
  return { auroc: area, variance, interval: [Math.max(0, area - half), Math.min(1, area + half)] };
}

/** For each value, the share of `others` below it, equal ones counting half. Both ascending. */
function placements(values: Float64Array, others: Float64Array): Float64Array {
  const out = new Float64Array(values.length);
  let less = 0;
  let lessOrEqual = 0;
  for (let i = 0; i < values.length; i++) {
    const v = values[i] as number;
    while (less < others.length && (others[less] as number) < v) less++;
    if (lessOrEqual < less) lessOrEqual = less;
    while (lessOrEqual < others.length && (others[lessOrEqual] as number) <= v) lessOrEqual++;
    out[i] = (less + lessOrEqual) / 2 / others.length;
  }
  return out;
}
