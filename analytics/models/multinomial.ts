/*
 * Logistic regression for outcomes of several unordered classes: probabilities are the softmax of one linear predictor a
 * class. All classes are kept, so that a penalty prefers none of them.
 */
import { AnalyticsError } from '../errors.js';
import { BLOCK_ROWS, exp, log } from '../math/index.js';
import { denseNewton, type DensePoint } from './dense-newton.js';
import { checkColumns, checkTerms, type Design } from './design.js';
import type { RowTerms } from './logistic-pass.js';

/** How to fit. */
export interface MultinomialOptions extends Pick<RowTerms, 'weights'> {
  /** λ of Σ log-loss + λ/2 · ‖coefficients of all classes‖²; 0 for none. Intercepts are never penalised. */
  readonly penalty: number;
}

/** A fit. Intercepts, and without a penalty coefficients too, sum to 0 over the classes. */
export interface MultinomialFit {
  readonly classes: number;
  readonly names: readonly string[];
  readonly intercepts: Float64Array;
  /** One array a class, one value a column. */
  readonly coefficients: readonly Float64Array[];
  readonly penalty: number;
  readonly logLikelihood: number;
  readonly gradientMax: number;
  readonly passes: number;
  /** Of (intercept, coefficients) class after class, row-major. */
  readonly covariance: Float64Array;
}

/**
 * Fits a multinomial logistic regression to a gradient of at most 1e-9.
 *
 * @param y - The class of each row, 0 to `classes` − 1, each present.
 * @throws AnalyticsError ANALYTICS_SHAPE, ANALYTICS_ONE_CLASS for fewer than two classes or one without rows,
 * ANALYTICS_TOO_FEW_ROWS, ANALYTICS_NOT_FINITE, ANALYTICS_CONSTANT_COLUMN, ANALYTICS_COLLINEAR, ANALYTICS_SEPARATION,
 * ANALYTICS_NOT_CONVERGED.
 */
export function fitMultinomial(
  design: Design,
  y: Uint8Array,
  classes: number,
  { penalty, weights }: MultinomialOptions,
): MultinomialFit {
  if (!(penalty >= 0) || penalty === Infinity)
    throw new AnalyticsError('ANALYTICS_SHAPE', 'a penalty is a finite number of at least 0');
  checkColumns(design, y);
  checkTerms(design, { weights });
  checkClasses(y, classes, design.columns + 1, weights);
  const p = design.columns + 1;
  const found = denseNewton(
    new Float64Array(classes * p),
    (beta) => pointAt(design, y, classes, beta, penalty, weights),
    penalty > 0,
  );
  return {
    classes,
    names: design.names,
    intercepts: Float64Array.from({ length: classes }, (_, k) => found.beta[k * p] ?? NaN),
    coefficients: Array.from({ length: classes }, (_, k) => found.beta.slice(k * p + 1, (k + 1) * p)),
    penalty,
    logLikelihood: -lossAt(design, y, classes, found.beta, weights),
    gradientMax: found.gradientMax,
    passes: found.passes,
    covariance: found.covariance,
  };
}

/** Estimates against one class, as statistics packages report them. */
export interface Contrast {
  readonly class: number;
  /** Intercept first. */
  readonly estimates: Float64Array;
  readonly standardErrors: Float64Array;
}

/**
 * Log-odds of each class against a reference class, with standard errors.
 *
 * @param reference - A class; it is left out of the answer.
 * @throws AnalyticsError ANALYTICS_SHAPE for a class that the fit has not.
 */
export function contrasts(fit: MultinomialFit, reference: number): Contrast[] {
  const { classes, covariance } = fit;
  const p = fit.names.length + 1;
  if (!Number.isInteger(reference) || reference < 0 || reference >= classes)
    throw new AnalyticsError('ANALYTICS_SHAPE', 'the reference is one of the classes');
  const width = classes * p;
  const value = (k: number, j: number): number =>
    (j === 0 ? fit.intercepts[k] : fit.coefficients[k]?.[j - 1]) ?? NaN;
  const at = (a: number, b: number): number => covariance[a * width + b] ?? NaN;
  return Array.from({ length: classes }, (_, k) => k)
    .filter((k) => k !== reference)
    .map((k) => ({
      class: k,
      estimates: Float64Array.from({ length: p }, (_, j) => value(k, j) - value(reference, j)),
      standardErrors: Float64Array.from({ length: p }, (_, j) => {
        const a = k * p + j;
        const b = reference * p + j;
        return Math.sqrt(at(a, a) + at(b, b) - 2 * at(a, b));
      }),
    }));
}

/**
 * Probabilities of the classes.
 *
 * @returns Row-major: rows × classes.
 */
export function predictMultinomial(
  design: Design,
  fit: Pick<MultinomialFit, 'classes' | 'intercepts' | 'coefficients'>,
): Float64Array {
  const { classes } = fit;
  const { rows, columns, data } = design;
  const out = new Float64Array(rows * classes);
  const eta = new Float64Array(classes);
  for (let i = 0; i < rows; i++) {
    for (let k = 0; k < classes; k++) {
      const b = fit.coefficients[k];
      let e = fit.intercepts[k] ?? NaN;
      for (let j = 0; j < columns; j++) e += (b?.[j] ?? NaN) * (data[j * rows + i] ?? NaN);
      eta[k] = e;
    }
    softmax(eta);
    out.set(eta, i * classes);
  }
  return out;
}

/** Linear predictors to probabilities, in place. Returns the logarithm of the sum of exponentials. */
function softmax(eta: Float64Array): number {
  let max = -Infinity;
  for (const e of eta) if (e > max) max = e;
  let total = 0;
  for (let k = 0; k < eta.length; k++) {
    const e = exp((eta[k] ?? NaN) - max);
    eta[k] = e;
    total += e;
  }
  for (let k = 0; k < eta.length; k++) eta[k] = (eta[k] ?? NaN) / total;
  return max + log(total);
}

function checkClasses(
  y: Uint8Array,
  classes: number,
  parameters: number,
  weights: Float64Array | undefined,
): void {
  const counts = new Float64Array(Math.max(classes, 1));
  y.forEach((value, i) => {
    if (value >= classes) throw new AnalyticsError('ANALYTICS_SHAPE', 'an outcome is no class');
    if (weights?.[i] !== 0) counts[value] = (counts[value] ?? NaN) + 1;
  });
  const empty = counts.indexOf(0);
  if (!Number.isInteger(classes) || classes < 2 || empty >= 0)
    throw new AnalyticsError('ANALYTICS_ONE_CLASS', `class ${Math.max(0, empty)} of ${classes} has no rows`);
  if (y.length < parameters)
    throw new AnalyticsError(
      'ANALYTICS_TOO_FEW_ROWS',
      `${y.length} rows for ${parameters} parameters a class: too few, or too many columns`,
    );
}

/** Σ log-loss, in fixed order; probabilities of a block are left in `block`, when given, by `visit`. */
function sumRows(
  design: Design,
  y: Uint8Array,
  classes: number,
  beta: Float64Array,
  weights: Float64Array | undefined,
  visit: ((start: number, size: number, probabilities: Float64Array) => void) | undefined,
): number {
  const { rows, columns, data } = design;
  const p = columns + 1;
  const block = new Float64Array(BLOCK_ROWS * classes);
  const eta = new Float64Array(classes);
  let loss = 0;
  for (let start = 0; start < rows; start += BLOCK_ROWS) {
    const size = Math.min(BLOCK_ROWS, rows - start);
    let part = 0;
    for (let i = 0; i < size; i++) {
      for (let k = 0; k < classes; k++) {
        let e = beta[k * p] ?? NaN;
        for (let j = 1; j < p; j++) e += (beta[k * p + j] ?? NaN) * (data[(j - 1) * rows + start + i] ?? NaN);
        eta[k] = e;
      }
      const own = eta[y[start + i] ?? 0] ?? NaN;
      part += (softmax(eta) - own) * (weights === undefined ? 1 : (weights[start + i] ?? NaN));
      block.set(eta, i * classes);
    }
    loss += part;
    visit?.(start, size, block);
  }
  return loss;
}

function lossAt(
  design: Design,
  y: Uint8Array,
  classes: number,
  beta: Float64Array,
  weights: Float64Array | undefined,
): number {
  return sumRows(design, y, classes, beta, weights, undefined);
}

function pointAt(
  design: Design,
  y: Uint8Array,
  classes: number,
  beta: Float64Array,
  penalty: number,
  weights: Float64Array | undefined,
): DensePoint {
  const { rows, columns, data } = design;
  const p = columns + 1;
  const width = classes * p;
  const gradient = new Float64Array(width);
  const hessian = new Float64Array(width * width);
  const x = new Float64Array(p * BLOCK_ROWS).fill(1);
  const v = new Float64Array(BLOCK_ROWS);
  let loss = sumRows(design, y, classes, beta, weights, (start, size, probabilities) => {
    for (let j = 1; j < p; j++) {
      const from = (j - 1) * rows + start;
      x.set(data.subarray(from, from + size), j * BLOCK_ROWS);
    }
    const weightOf = (i: number): number => (weights === undefined ? 1 : (weights[start + i] ?? NaN));
    for (let k = 0; k < classes; k++) {
      for (let i = 0; i < size; i++) {
        const hit = y[start + i] === k ? 1 : 0;
        v[i] = weightOf(i) * ((probabilities[i * classes + k] ?? NaN) - hit);
      }
      for (let j = 0; j < p; j++) addDot(gradient, k * p + j, x, j, v, size);
      for (let l = 0; l <= k; l++) {
        for (let i = 0; i < size; i++) {
          const a = probabilities[i * classes + k] ?? NaN;
          const b = probabilities[i * classes + l] ?? NaN;
          v[i] = weightOf(i) * (k === l ? a * (1 - a) : -a * b);
        }
        addOuter(hessian, width, k * p, l * p, p, x, v, size);
      }
    }
  });
  for (let at = 0; at < width; at++) {
    if (at % p === 0) continue;
    const b = beta[at] ?? NaN;
    loss += (penalty / 2) * b * b;
    gradient[at] = (gradient[at] ?? NaN) + penalty * b;
    hessian[at * width + at] = (hessian[at * width + at] ?? NaN) + penalty;
  }
  holdSums(beta, gradient, hessian, classes, p, penalty);
  return { loss, gradient, hessian };
}

/**
 * Adding one constant to a parameter in all classes changes no probability. This part of the loss holds the sums at 0, which
 * moves no probability and no contrast. Where a penalty acts, it holds them itself.
 */
function holdSums(
  beta: Float64Array,
  gradient: Float64Array,
  hessian: Float64Array,
  classes: number,
  p: number,
  penalty: number,
): void {
  const width = classes * p;
  for (let j = 0; j < (penalty > 0 ? 1 : p); j++) {
    let total = 0;
    for (let k = 0; k < classes; k++) total += beta[k * p + j] ?? NaN;
    for (let k = 0; k < classes; k++) {
      const a = k * p + j;
      gradient[a] = (gradient[a] ?? NaN) + total;
      for (let l = 0; l <= k; l++) {
        const at = a * width + l * p + j;
        hessian[at] = (hessian[at] ?? NaN) + 1;
      }
    }
  }
}

/** Adds Σ v x of one column of a block. */
export function addDot(
  to: Float64Array,
  at: number,
  x: Float64Array,
  column: number,
  v: Float64Array,
  size: number,
): void {
  const from = column * BLOCK_ROWS;
  let s = 0;
  for (let i = 0; i < size; i++) s += (x[from + i] ?? NaN) * (v[i] ?? NaN);
  to[at] = (to[at] ?? NaN) + s;
}

/** Adds Σ v x xᵀ of a block at (row, column) of a matrix, all `p` × `p` of it. */
export function addOuter(
  to: Float64Array,
  width: number,
  row: number,
  column: number,
  p: number,
  x: Float64Array,
  v: Float64Array,
  size: number,
): void {
  const vx = new Float64Array(size);
  for (let a = 0; a < p; a++) {
    for (let i = 0; i < size; i++) vx[i] = (v[i] as number) * (x[a * BLOCK_ROWS + i] as number);
    for (let b = 0; b < p; b++) addDot(to, (row + a) * width + column + b, x, b, vx, size);
  }
}
