import { AnalyticsError } from '../errors.js';
import { atThresholds } from './thresholds.js';

/** Net benefit at one threshold probability, in true positives a patient. Plain JSON. */
export interface DecisionPoint {
  readonly threshold: number;
  /** Of acting on the model. */
  readonly netBenefit: number;
  /** Of acting on everybody; acting on nobody has 0. */
  readonly treatAll: number;
  readonly truePositive: number;
  readonly falsePositive: number;
}

/** Thresholds from 1 % to 99 %. */
const GRID: readonly number[] = Array.from({ length: 99 }, (_, i) => (i + 1) / 100);

/**
 * Decision curve: a false alarm weighs t / (1 − t) of a hit for one who acts at probability t.
 *
 * @throws AnalyticsError ANALYTICS_SHAPE, also for a threshold not between 0 and 1.
 * @see Vickers AJ & Elkin EB, Med Decis Making 2006; 26: 565-574
 */
export function decisionCurve(
  p: Float64Array,
  y: Uint8Array,
  thresholds: readonly number[] = GRID,
): DecisionPoint[] {
  if (!thresholds.every((t) => t > 0 && t < 1))
    throw new AnalyticsError('ANALYTICS_SHAPE', 'a threshold lies between 0 and 1');
  const n = y.length;
  return atThresholds(p, y, thresholds).map((at) => {
    const odds = at.threshold / (1 - at.threshold);
    const events = at.truePositive + at.falseNegative;
    return {
      threshold: at.threshold,
      netBenefit: at.truePositive / n - (at.falsePositive / n) * odds,
      treatAll: events / n - ((n - events) / n) * odds,
      truePositive: at.truePositive,
      falsePositive: at.falsePositive,
    };
  });
}
