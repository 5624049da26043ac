/*
 * Tail probabilities for tests and intervals, from basic operations alone; see exp.ts for why.
 */
import { AnalyticsError } from '../errors.js';
import { exp } from './exp.js';
import { log } from './log.js';

const SQRT_PI = 1.772453850905516;
/** Below this the series for erf loses no digits by cancellation; above it the continued fraction is short. */
const SERIES_BELOW = 2;
/** The series needs some 40 terms at 2, the fraction some 60 steps; more means an argument that is no number. */
const TERMS_MAX = 500;
const EPSILON = 1e-17;

/**
 * Complementary error function; relative error below 1e-13.
 *
 * @param x - Any double; NaN gives NaN.
 */
export function erfc(x: number): number {
  if (Number.isNaN(x)) return NaN;
  if (x < 0) return 2 - erfc(-x);
  if (x > 27.3) return 0;
  if (x < SERIES_BELOW) {
    // erf x = 2/√π · e^(−x²) Σ 2ⁿ x^(2n+1) / (1·3·…·(2n+1)): all terms positive.
    let term = x;
    let total = x;
    for (let n = 1; n < TERMS_MAX && term > EPSILON * total; n++) {
      term *= (2 * x * x) / (2 * n + 1);
      total += term;
    }
    return 1 - (2 / SQRT_PI) * exp(-x * x) * total;
  }
  // Lentz's method on e^(−x²)/√π · 1/(x + (1/2)/(x + 1/(x + (3/2)/(x + …)))).
  let f = x;
  let c = x;
  let d = 0;
  for (let n = 1; n < TERMS_MAX; n++) {
    const a = n / 2;
    d = 1 / (x + a * d);
    c = x + a / c;
    const ratio = c * d;
    f *= ratio;
    if (Math.abs(ratio - 1) < 1e-16) break;
  }
  return exp(-x * x) / (SQRT_PI * f);
}

/** Probability that a standard normal is at or below `z`. */
export function normalCdf(z: number): number {
  return erfc(-z * Math.SQRT1_2) / 2;
}

/** Probability that a standard normal is at least as far from 0 as `z`: a two-sided p value. */
export function normalTwoSided(z: number): number {
  return erfc(Math.abs(z) * Math.SQRT1_2);
}

/**
 * Probability that a chi-squared variable exceeds `x`.
 *
 * @param x - A test's statistic; rounding may leave it a little below 0, which counts as 0.
 * @param df - Degrees of freedom, a whole number above 0.
 * @throws AnalyticsError ANALYTICS_SHAPE for other degrees of freedom.
 */
export function chiSquaredTail(x: number, df: number): number {
  if (!Number.isInteger(df) || df < 1)
    throw new AnalyticsError('ANALYTICS_SHAPE', 'degrees of freedom are a whole number above 0');
  if (Number.isNaN(x)) return NaN;
  if (x <= 0) return 1;
  const half = x / 2;
  const logHalf = log(half);
  // Q(a + 1, h) = Q(a, h) + h^a e^(−h) / Γ(a + 1), from a = 1/2 or 1 upwards; terms by their logarithms.
  const odd = df % 2 === 1;
  let tail = odd ? erfc(Math.sqrt(half)) : exp(-half);
  let logTerm = odd ? -half + 0.5 * logHalf - log(SQRT_PI / 2) : -half + logHalf;
  for (let a = odd ? 1.5 : 2; a <= df / 2; a++) {
    tail += exp(logTerm);
    logTerm += logHalf - log(a);
  }
  return tail < 1 ? tail : 1;
}
