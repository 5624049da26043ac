import { AnalyticsError } from '../errors.js';
import { denseNewton } from './dense-newton.js';
import type { Design } from './design.js';
import { rowPasses, type RowTerms } from './logistic-pass.js';
import { logLoss, type LogisticFit } from './logistic.js';

/** Half the chi-squared distribution's 95 % quantile on one degree of freedom: how far the log-likelihood may fall. */
const FALL_95 = 1.920729410347062;
const STEPS_MAX = 80;
/** Standard errors walked before a side counts as open. */
const REACH = 64;

/**
 * Profile-likelihood interval of one parameter, 95 %.
 *
 * @param estimate - Where the log-likelihood is largest.
 * @param standardError - First guess at the interval's half width.
 * @param logLikelihoodMax - At the estimate.
 * @param profiled - The largest log-likelihood over the other parameters with this one held.
 * @returns Ends to nine digits; ±Infinity on a side where the likelihood never falls far enough.
 * @throws AnalyticsError ANALYTICS_SHAPE when the standard error is not above 0.
 */
export function profileInterval(
  estimate: number,
  standardError: number,
  logLikelihoodMax: number,
  profiled: (value: number) => number,
): [low: number, high: number] {
  if (!(standardError > 0)) throw new AnalyticsError('ANALYTICS_SHAPE', 'a standard error is above 0');
  const excess = (value: number): number => profiled(value) - (logLikelihoodMax - FALL_95);
  const end = (side: 1 | -1): number => {
    let inside = 0;
    let outside = 2 * standardError;
    while (excess(estimate + side * outside) > 0) {
      inside = outside;
      outside *= 1.5;
      if (outside > REACH * standardError) return side * Infinity;
    }
    // Regula falsi with the Illinois rule: never slower than halving, and sure to stay in the bracket.
    let a = inside;
    let b = outside;
    let fa = inside === 0 ? FALL_95 : excess(estimate + side * a);
    let fb = excess(estimate + side * b);
    for (let i = 0; i < STEPS_MAX && b - a > 1e-10 * standardError; i++) {
      const c = i % 3 === 2 ? (a + b) / 2 : (a * fb - b * fa) / (fb - fa);
      const fc = excess(estimate + side * c);
      if (Math.abs(fc) < 1e-11) return estimate + side * c;
      if (fc > 0) {
        a = c;
        fa = fc;
        fb /= 2;
      } else {
        b = c;
        fb = fc;
        fa /= 2;
      }
    }
    return estimate + side * ((a + b) / 2);
  };
  return [end(-1), end(1)];
}

/**
 * Profile-likelihood intervals of an unpenalised logistic fit, the intercept's first.
 *
 * @param y - 0 or 1, one a row.
 * @param fit - With standard errors, of the same rows.
 * @param terms - The weights and offsets of the fit.
 * @throws AnalyticsError ANALYTICS_SHAPE for a penalised fit or one without standard errors.
 */
export function profileLogistic(
  design: Design,
  y: Uint8Array,
  fit: LogisticFit,
  terms: RowTerms = {},
): [low: number, high: number][] {
  if (fit.penalty !== 0 || fit.standardErrors.length === 0)
    throw new AnalyticsError('ANALYTICS_SHAPE', 'profiles want an unpenalised fit with standard errors');
  const beta = Float64Array.of(fit.intercept, ...fit.coefficients);
  const p = beta.length;
  const pass = rowPasses(design, y, terms);
  return Array.from(beta, (estimate, held) => {
    const free = Array.from({ length: p }, (_, j) => j).filter((j) => j !== held);
    let start: Float64Array = Float64Array.from(free, (j) => beta[j] ?? NaN);
    const profiled = (value: number): number => {
      const at = (part: Float64Array): Float64Array => {
        const whole = new Float64Array(p);
        whole[held] = value;
        free.forEach((j, k) => {
          whole[j] = part[k] ?? NaN;
        });
        return whole;
      };
      if (free.length === 0) return -logLoss(design, y, at(start), terms);
      const found = denseNewton(
        start,
        (part) => {
          const whole = at(part);
          const { gradient, hessian } = pass(whole, true);
          return {
            loss: logLoss(design, y, whole, terms),
            gradient: Float64Array.from(free, (j) => -(gradient[j] ?? NaN)),
            hessian: lowerPart(hessian ?? new Float64Array(p * p), p, free),
          };
        },
        true,
      );
      start = found.beta;
      return -found.loss;
    };
    return profileInterval(estimate, fit.standardErrors[held] ?? NaN, fit.logLikelihood, profiled);
  });
}

/** Rows and columns named, ascending, of a lower triangle. */
function lowerPart(matrix: Float64Array, p: number, wanted: readonly number[]): Float64Array {
  const m = wanted.length;
  const part = new Float64Array(m * m);
  for (let a = 0; a < m; a++)
    for (let b = 0; b <= a; b++) part[a * m + b] = matrix[(wanted[a] ?? 0) * p + (wanted[b] ?? 0)] ?? NaN;
  return part;
}
