import { AnalyticsError } from '../errors.js';
import { logistic, logit, mean, sum, sumSquares } from '../math/index.js';
import { designFromColumns, fitLogistic, newton } from '../models/index.js';
import { Z_95 } from './roc.js';

/** An estimate with its standard error. */
export interface Estimate {
  readonly estimate: number;
  readonly standardError: number;
  /** Estimate ± 1.96 standard errors. */
  readonly interval: readonly [low: number, high: number];
}

/** How well probabilities agree with what happened. */
export interface Calibration {
  /** Intercept of outcome ~ logit(p); 0 is perfect. Null when outcomes are separated, so that none exists. */
  readonly intercept: number | null;
  /** Slope of the same; 1 is perfect, below 1 is too extreme. Null as above. */
  readonly slope: Estimate | null;
  /** Calibration in the large: intercept with the slope held at 1; 0 is perfect. */
  readonly inTheLarge: Estimate;
  /** Expected by the model over observed events; 1 is perfect. */
  readonly expectedOverObserved: number;
}

/**
 * Calibration of probabilities.
 *
 * @param p - Probabilities; certain ones are drawn in to 1e-12 before the log-odds are taken.
 * @param y - 0 or 1, one a probability.
 * @throws AnalyticsError ANALYTICS_SHAPE, ANALYTICS_NOT_FINITE, ANALYTICS_ONE_CLASS.
 */
export function calibration(p: Float64Array, y: Uint8Array): Calibration {
  const events = checkProbabilities(p, y);
  if (events === 0 || events === y.length) {
    throw new AnalyticsError('ANALYTICS_ONE_CLASS', 'calibration wants both outcomes');
  }
  const logits = p.map(logit);
  const line = calibrationLine(logits, y);
  const large = newton({ rows: y.length, columns: 0, data: new Float64Array(0), names: [] }, y, 0, {
    offset: logits,
  });
  const at = large.beta[0] ?? NaN;
  const information = sum(logits.map((l) => variance(l + at)));
  return {
    intercept: line?.intercept ?? null,
    slope: line === undefined ? null : estimate(line.slope, line.standardError),
    inTheLarge: estimate(at, 1 / Math.sqrt(information)),
    expectedOverObserved: sum(p) / events,
  };
}

function calibrationLine(
  logits: Float64Array,
  y: Uint8Array,
): { intercept: number; slope: number; standardError: number } | undefined {
  try {
    const fit = fitLogistic(designFromColumns([logits], ['logit']), y, { penalty: 0, standardErrors: true });
    return {
      intercept: fit.intercept,
      slope: fit.coefficients[0] ?? NaN,
      standardError: fit.standardErrors[1] ?? NaN,
    };
  } catch (error) {
    // Separated outcomes, or one probability for all: no line exists, and that is an answer.
    if (error instanceof AnalyticsError && NO_LINE.has(error.code)) return undefined;
    throw error;
  }
}

const NO_LINE: ReadonlySet<string> = new Set([
  'ANALYTICS_SEPARATION',
  'ANALYTICS_COLLINEAR',
  'ANALYTICS_CONSTANT_COLUMN',
  'ANALYTICS_TOO_FEW_ROWS',
]);

function variance(eta: number): number {
  const q = logistic(eta);
  return q * (1 - q);
}

function estimate(value: number, standardError: number): Estimate {
  return {
    estimate: value,
    standardError,
    interval: [value - Z_95 * standardError, value + Z_95 * standardError],
  };
}

/** Mean squared error of probabilities, plain and against always predicting the mean. */
export interface Brier {
  readonly brier: number;
  /** 1 − Brier / (mean · (1 − mean)); 0 is no better than the mean, 1 perfect. */
  readonly scaled: number;
}

/**
 * Brier score.
 *
 * @throws AnalyticsError ANALYTICS_SHAPE, ANALYTICS_NOT_FINITE.
 */
export function brier(p: Float64Array, y: Uint8Array): Brier {
  const events = checkProbabilities(p, y);
  const score =
    sumSquares(
      p.map((value, i) => value - (y[i] ?? NaN)),
      0,
    ) / p.length;
  const rate = events / p.length;
  return { brier: score, scaled: 1 - score / (rate * (1 - rate)) };
}

function checkProbabilities(p: Float64Array, y: Uint8Array): number {
  if (p.length !== y.length || p.length === 0) {
    throw new AnalyticsError(
      'ANALYTICS_SHAPE',
      'probabilities and outcomes differ in number, or there are none',
    );
  }
  if (!p.every((value) => value >= 0 && value <= 1)) {
    throw new AnalyticsError('ANALYTICS_NOT_FINITE', 'a probability is not between 0 and 1');
  }
  return Math.round(mean(y) * y.length);
}
