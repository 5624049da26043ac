import { AnalyticsError } from '../errors.js';
import { chiSquaredTail, exp, normalTwoSided } from '../math/index.js';

/** The normal distribution's 97.5 % quantile. */
const Z_95 = 1.959963984540054;

/** One parameter of a model with Wald's test and interval. */
export interface WaldRow {
  readonly name: string;
  readonly estimate: number;
  readonly standardError: number;
  readonly z: number;
  /** Two-sided. */
  readonly p: number;
  /** 95 %. */
  readonly interval: readonly [low: number, high: number];
  readonly oddsRatio: number;
  readonly oddsRatioInterval: readonly [low: number, high: number];
}

/**
 * Wald's tests and intervals.
 *
 * @param names - One a parameter, the intercept's first where there is one.
 * @throws AnalyticsError ANALYTICS_SHAPE when names, estimates and errors differ in number, as when a fit was made
 * without standard errors.
 */
export function waldTable(
  names: readonly string[],
  estimates: ArrayLike<number>,
  standardErrors: ArrayLike<number>,
): WaldRow[] {
  if (names.length !== estimates.length || names.length !== standardErrors.length)
    throw new AnalyticsError('ANALYTICS_SHAPE', 'one name and one standard error an estimate');
  return names.map((name, j) => {
    const estimate = estimates[j] ?? NaN;
    const standardError = standardErrors[j] ?? NaN;
    const low = estimate - Z_95 * standardError;
    const high = estimate + Z_95 * standardError;
    const z = estimate / standardError;
    return {
      name,
      estimate,
      standardError,
      z,
      p: normalTwoSided(z),
      interval: [low, high],
      oddsRatio: exp(estimate),
      oddsRatioInterval: [exp(low), exp(high)],
    };
  });
}

/** A test whose statistic is chi-squared under the hypothesis. */
export interface ChiSquaredTest {
  readonly statistic: number;
  readonly df: number;
  readonly p: number;
}

/**
 * Likelihood-ratio test of a model against one nested in it; both unpenalised, on the same rows.
 *
 * @param full - Log-likelihood and number of parameters of the larger model.
 * @param reduced - Of the smaller one.
 * @throws AnalyticsError ANALYTICS_SHAPE when the reduced model is not smaller, or fits better by more than rounding.
 */
export function likelihoodRatioTest(
  full: { readonly logLikelihood: number; readonly parameters: number },
  reduced: { readonly logLikelihood: number; readonly parameters: number },
): ChiSquaredTest {
  const df = full.parameters - reduced.parameters;
  const statistic = 2 * (full.logLikelihood - reduced.logLikelihood);
  if (!(df > 0) || !(statistic > -1e-6 * (1 + Math.abs(full.logLikelihood))))
    throw new AnalyticsError('ANALYTICS_SHAPE', 'the reduced model is not nested in the full one');
  return { statistic: Math.max(0, statistic), df, p: chiSquaredTail(statistic, df) };
}

/**
 * Wald's test that a linear combination of parameters is 0, for several at once: θᵀ V⁻¹ θ.
 *
 * @param solved - V⁻¹ θ.
 */
export function waldTest(theta: ArrayLike<number>, solved: ArrayLike<number>): ChiSquaredTest {
  let statistic = 0;
  for (let j = 0; j < theta.length; j++) statistic += (theta[j] ?? NaN) * (solved[j] ?? NaN);
  return { statistic, df: theta.length, p: chiSquaredTail(statistic, theta.length) };
}
