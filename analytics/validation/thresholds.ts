import { AnalyticsError } from '../errors.js';
import { Z_95 } from './roc.js';

/** A share with Wilson's 95 % interval; null where there is nobody to take a share of. */
export interface Proportion {
  readonly count: number;
  readonly of: number;
  readonly share: number | null;
  readonly interval: readonly [low: number, high: number] | null;
}

/**
 * A share with Wilson's interval, which keeps its level for small counts and never leaves 0 to 1.
 *
 * @see Wilson EB, J Am Stat Assoc 1927; 22: 209-212
 */
export function proportion(count: number, of: number): Proportion {
  if (of === 0) return { count, of, share: null, interval: null };
  const share = count / of;
  const z2 = Z_95 * Z_95;
  const centre = (share + z2 / (2 * of)) / (1 + z2 / of);
  const half = (Z_95 / (1 + z2 / of)) * Math.sqrt((share * (1 - share)) / of + z2 / (4 * of * of));
  return { count, of, share, interval: [Math.max(0, centre - half), Math.min(1, centre + half)] };
}

/** What a rule "probability at or above the threshold" does. Plain JSON. */
export interface ThresholdResult {
  readonly threshold: number;
  readonly truePositive: number;
  readonly falsePositive: number;
  readonly trueNegative: number;
  readonly falseNegative: number;
  readonly sensitivity: Proportion;
  readonly specificity: Proportion;
  readonly ppv: Proportion;
  readonly npv: Proportion;
}

/**
 * Sensitivity, specificity and predictive values at thresholds.
 *
 * @param p - Probabilities.
 * @param y - 0 or 1.
 * @throws AnalyticsError ANALYTICS_SHAPE.
 */
export function atThresholds(
  p: Float64Array,
  y: Uint8Array,
  thresholds: readonly number[],
): ThresholdResult[] {
  if (p.length !== y.length)
    throw new AnalyticsError('ANALYTICS_SHAPE', 'probabilities and outcomes differ in number');
  const events = y.reduce((total, value) => total + value, 0);
  return thresholds.map((threshold) => {
    let tp = 0;
    let fp = 0;
    for (let i = 0; i < p.length; i++) {
      if (!((p[i] ?? NaN) >= threshold)) continue;
      if (y[i] === 1) tp++;
      else fp++;
    }
    const fn = events - tp;
    const tn = y.length - events - fp;
    return {
      threshold,
      truePositive: tp,
      falsePositive: fp,
      trueNegative: tn,
      falseNegative: fn,
      sensitivity: proportion(tp, events),
      specificity: proportion(tn, tn + fp),
      ppv: proportion(tp, tp + fp),
      npv: proportion(tn, tn + fn),
    };
  });
}

/**
 * The probability at which sensitivity + specificity − 1 is largest; of equal ones the highest.
 *
 * A description of the ROC curve, not advice: where to act depends on what a miss and a false alarm cost.
 *
 * @throws AnalyticsError ANALYTICS_SHAPE, ANALYTICS_ONE_CLASS.
 */
export function youden(p: Float64Array, y: Uint8Array): { threshold: number; youden: number } {
  if (p.length !== y.length)
    throw new AnalyticsError('ANALYTICS_SHAPE', 'probabilities and outcomes differ in number');
  const events = y.reduce((total, value) => total + value, 0);
  const others = y.length - events;
  if (events === 0 || others === 0)
    throw new AnalyticsError('ANALYTICS_ONE_CLASS', 'a threshold wants both outcomes');
  const order = Uint32Array.from(p, (_, i) => i).toSorted((i, k) => (p[k] ?? NaN) - (p[i] ?? NaN));
  let best = { threshold: Infinity, youden: 0 };
  let tp = 0;
  let fp = 0;
  for (let i = 0; i < order.length;) {
    const threshold = p[order[i] ?? 0] ?? NaN;
    for (; i < order.length && p[order[i] ?? 0] === threshold; i++) {
      if (y[order[i] ?? 0] === 1) tp++;
      else fp++;
    }
    const value = tp / events - fp / others;
    if (value > best.youden) best = { threshold, youden: value };
  }
  return best;
}
