import { AnalyticsError } from '../errors.js';
import { BLOCK_ROWS, choleskyInPlace, choleskyInverse, exp, log1p, logistic } from '../math/index.js';
import { checkDesign, type Design } from './design.js';
import { rowPasses, type RowTerms } from './logistic-pass.js';
import { newton } from './newton.js';

/** How to fit. */
export interface LogisticOptions extends RowTerms {
  /** λ of Σ log-loss + λ/2 · ‖coefficients‖² (scikit-learn's 1/C); 0 for none. The intercept is never penalised. */
  readonly penalty: number;
  /** Whether to compute standard errors too, at the cost of another pass. */
  readonly standardErrors?: boolean;
  /** Threads to use; what the machine has, for long designs, unless given. The bits do not depend on it. */
  readonly threads?: number;
}

/** A fitted logistic regression. */
export interface LogisticFit {
  /** Log-odds where every column is 0. */
  readonly intercept: number;
  /** Log-odds a unit, one a column. */
  readonly coefficients: Float64Array;
  readonly names: readonly string[];
  readonly penalty: number;
  /** Sum over the rows, without the penalty. */
  readonly logLikelihood: number;
  /** Largest absolute component of the penalised gradient, a sum over the rows. */
  readonly gradientMax: number;
  /** Passes over the rows. */
  readonly passes: number;
  /** Whether a combination of columns separates the outcomes, so that only the penalty keeps the estimates finite. */
  readonly separated: boolean;
  /** Intercept first, from the inverse of the penalised second derivatives; empty unless asked for. */
  readonly standardErrors: Float64Array;
  /** The same inverse, row-major; empty unless asked for. */
  readonly covariance: Float64Array;
}

/**
 * L2-penalised logistic regression by Newton's method, to a gradient of at most 1e-9 in every component.
 *
 * The bits of the result depend on the values and their order alone.
 *
 * @param design - Columns on a comparable scale when a penalty is given.
 * @param y - 0 or 1, one a row.
 * @throws AnalyticsError as {@link checkDesign} does; ANALYTICS_SEPARATION and ANALYTICS_COLLINEAR without a
 * penalty; ANALYTICS_NOT_CONVERGED; ANALYTICS_SHAPE for a negative penalty.
 */
export function fitLogistic(design: Design, y: Uint8Array, options: LogisticOptions): LogisticFit {
  if (!(options.penalty >= 0) || options.penalty === Infinity) {
    throw new AnalyticsError('ANALYTICS_SHAPE', 'a penalty is a finite number of at least 0');
  }
  checkDesign(design, y, options);
  const { beta, gradientMax, passes, separated, loss } = newton(
    design,
    y,
    options.penalty,
    options,
    options.threads,
  );
  const inverse =
    options.standardErrors === true ? covariance(design, y, beta, options) : new Float64Array(0);
  return {
    intercept: beta[0] ?? NaN,
    coefficients: beta.slice(1),
    names: design.names,
    penalty: options.penalty,
    logLikelihood: -(loss ?? logLoss(design, y, beta, options)),
    gradientMax,
    passes,
    separated,
    standardErrors: inverse.length === 0 ? inverse : errorsOf(inverse, beta.length),
    covariance: inverse,
  };
}

/**
 * Log-odds of each row.
 *
 * @param beta - Intercept, then one coefficient a column.
 */
export function linearPredictor(design: Design, beta: Float64Array, offset?: Float64Array): Float64Array {
  const eta = new Float64Array(design.rows).fill(beta[0] ?? NaN);
  if (offset !== undefined)
    for (let i = 0; i < eta.length; i++) eta[i] = (eta[i] as number) + (offset[i] ?? NaN);
  for (let j = 0; j < design.columns; j++) {
    const b = beta[j + 1] ?? NaN;
    const from = j * design.rows;
    for (let i = 0; i < eta.length; i++) eta[i] = (eta[i] as number) + b * (design.data[from + i] as number);
  }
  return eta;
}

/** Probability of each row under a fit. */
export function predict(
  design: Design,
  fit: Pick<LogisticFit, 'intercept' | 'coefficients'>,
  offset?: Float64Array,
): Float64Array {
  return linearPredictor(design, Float64Array.of(fit.intercept, ...fit.coefficients), offset).map(logistic);
}

/**
 * Negative log-likelihood, summed over the rows.
 *
 * @param beta - Intercept, then one coefficient a column.
 */
export function logLoss(
  design: Design,
  y: Uint8Array,
  beta: Float64Array,
  { weights, offset }: RowTerms = {},
): number {
  const eta = linearPredictor(design, beta, offset);
  let total = 0;
  for (let start = 0; start < eta.length; start += BLOCK_ROWS) {
    let part = 0;
    for (let i = start; i < eta.length && i < start + BLOCK_ROWS; i++) {
      const e = eta[i] as number;
      // −log of the outcome's probability is log(1 + e^m), m being the log-odds against it.
      const m = y[i] === 1 ? -e : e;
      const loss = m > 0 ? m + log1p(exp(-m)) : log1p(exp(m));
      part += weights === undefined ? loss : loss * (weights[i] as number);
    }
    total += part;
  }
  return total;
}

function covariance(
  design: Design,
  y: Uint8Array,
  beta: Float64Array,
  { penalty, threads, ...terms }: LogisticOptions,
): Float64Array {
  const p = beta.length;
  const hessian = rowPasses(design, y, terms, threads)(beta, true).hessian ?? new Float64Array(p * p);
  for (let j = 1; j < p; j++) hessian[j * p + j] = (hessian[j * p + j] ?? NaN) + penalty;
  if (choleskyInPlace(hessian, p, 0) >= 0) {
    throw new AnalyticsError('ANALYTICS_COLLINEAR', 'second derivatives at the optimum have no inverse');
  }
  return choleskyInverse(hessian, p);
}

/** Square roots of a covariance's diagonal. */
export function errorsOf(covarianceMatrix: Float64Array, p: number): Float64Array {
  return Float64Array.from({ length: p }, (_, j) => Math.sqrt(covarianceMatrix[j * p + j] ?? NaN));
}
