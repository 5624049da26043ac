/*
 * Proportional odds: logit P(Y ≤ j) = θ_j − xβ for ordered classes. With a = θ_y − xβ and b = θ_(y−1) − xβ, a row's
 * log-probability is log F(a) + log(1 − F(b)) + log(1 − e^(b − a)), and b − a depends on the thresholds alone: every term is
 * concave and none cancels.
 */
import { AnalyticsError } from '../errors.js';
import { BLOCK_ROWS, exp, log, log1p, logistic } from '../math/index.js';
import { denseNewton, type DensePoint } from './dense-newton.js';
import { checkColumns, checkTerms, type Design } from './design.js';
import type { RowTerms } from './logistic-pass.js';

/** How to fit. */
export interface OrdinalOptions extends RowTerms {
  /** λ of Σ log-loss + λ/2 · ‖coefficients‖²; 0 for none. Thresholds are never penalised. */
  readonly penalty: number;
}

/** A fit. */
export interface OrdinalFit {
  readonly classes: number;
  readonly names: readonly string[];
  /** Ascending: the log-odds of class j or lower where all columns are 0. */
  readonly thresholds: Float64Array;
  /** Positive ones make higher classes more likely. */
  readonly coefficients: Float64Array;
  readonly penalty: number;
  readonly logLikelihood: number;
  readonly gradientMax: number;
  readonly passes: number;
  /** Thresholds first. */
  readonly standardErrors: Float64Array;
  /** Thresholds first, row-major. */
  readonly covariance: Float64Array;
}

/**
 * Fits a proportional-odds model to a gradient of at most 1e-9; errors come from the observed information.
 *
 * @param y - The class of each row, 0 to `classes` − 1, each present.
 * @throws AnalyticsError ANALYTICS_SHAPE, ANALYTICS_ONE_CLASS, ANALYTICS_TOO_FEW_ROWS, ANALYTICS_NOT_FINITE,
 * ANALYTICS_CONSTANT_COLUMN, ANALYTICS_COLLINEAR, ANALYTICS_SEPARATION, ANALYTICS_NOT_CONVERGED.
 * @see McCullagh P, J R Stat Soc B 1980; 42: 109-142
 */
export function fitOrdinal(
  design: Design,
  y: Uint8Array,
  classes: number,
  options: OrdinalOptions,
): OrdinalFit {
  const { penalty, weights } = options;
  if (!(penalty >= 0) || penalty === Infinity)
    throw new AnalyticsError('ANALYTICS_SHAPE', 'a penalty is a finite number of at least 0');
  checkColumns(design, y);
  checkTerms(design, options);
  const cuts = classes - 1;
  const width = cuts + design.columns;
  const start = startAt(y, classes, width, weights);
  if (y.length < width)
    throw new AnalyticsError(
      'ANALYTICS_TOO_FEW_ROWS',
      `${y.length} rows for ${width} parameters: too few, or too many columns`,
    );
  const found = denseNewton(start, (beta) => pointAt(design, y, cuts, beta, options), penalty > 0);
  const coefficients = found.beta.slice(cuts);
  let penaltyPart = 0;
  for (const b of coefficients) penaltyPart += (penalty / 2) * b * b;
  return {
    classes,
    names: design.names,
    thresholds: found.beta.slice(0, cuts),
    coefficients,
    penalty,
    logLikelihood: penaltyPart - found.loss,
    gradientMax: found.gradientMax,
    passes: found.passes,
    standardErrors: Float64Array.from({ length: width }, (_, j) =>
      Math.sqrt(found.covariance[j * width + j] ?? NaN),
    ),
    covariance: found.covariance,
  };
}

/**
 * Probabilities of the classes, which sum to 1.
 *
 * @returns Row-major: rows × classes.
 */
export function predictOrdinal(
  design: Design,
  { thresholds, coefficients }: Pick<OrdinalFit, 'thresholds' | 'coefficients'>,
  offset?: Float64Array,
): Float64Array {
  const { rows, columns, data } = design;
  const classes = thresholds.length + 1;
  const out = new Float64Array(rows * classes);
  for (let i = 0; i < rows; i++) {
    let eta = offset?.[i] ?? 0;
    for (let j = 0; j < columns; j++) eta += (coefficients[j] ?? NaN) * (data[j * rows + i] ?? NaN);
    let below = 0;
    for (let k = 0; k < classes; k++) {
      const upTo = k === classes - 1 ? 1 : logistic((thresholds[k] ?? NaN) - eta);
      out[i * classes + k] = upTo - below;
      below = upTo;
    }
  }
  return out;
}

/** Thresholds at the classes' shares, coefficients 0. */
function startAt(
  y: Uint8Array,
  classes: number,
  width: number,
  weights: Float64Array | undefined,
): Float64Array {
  const counts = new Float64Array(Math.max(1, classes));
  y.forEach((value, i) => {
    if (value >= classes) throw new AnalyticsError('ANALYTICS_SHAPE', 'an outcome is no class');
    counts[value] = (counts[value] ?? NaN) + (weights?.[i] ?? 1);
  });
  const empty = counts.indexOf(0);
  if (!Number.isInteger(classes) || classes < 2 || empty >= 0)
    throw new AnalyticsError('ANALYTICS_ONE_CLASS', `class ${Math.max(0, empty)} of ${classes} has no rows`);
  const start = new Float64Array(width);
  let total = 0;
  for (const count of counts) total += count;
  let below = 0;
  for (let k = 0; k < classes - 1; k++) {
    below += counts[k] ?? NaN;
    start[k] = log(below / (total - below));
  }
  return start;
}

function softplus(x: number): number {
  return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

function pointAt(
  design: Design,
  y: Uint8Array,
  cuts: number,
  beta: Float64Array,
  { penalty, weights, offset }: OrdinalOptions,
): DensePoint {
  const { rows, columns, data } = design;
  const width = cuts + columns;
  const gradient = new Float64Array(width);
  const hessian = new Float64Array(width * width);
  let loss = 0;
  const add = (row: number, column: number, value: number): void => {
    const at = row * width + column;
    hessian[at] = (hessian[at] as number) + value;
  };
  const part = new Float64Array(width + 1);
  const counts = new Float64Array(cuts + 1);
  const etas = new Float64Array(BLOCK_ROWS);
  const x = new Float64Array(columns);
  for (let k = 1; k < cuts; k++) {
    if (!((beta[k] ?? NaN) > (beta[k - 1] ?? NaN))) return { loss: Infinity, gradient, hessian };
  }
  for (let start = 0; start < rows; start += BLOCK_ROWS) {
    const size = Math.min(BLOCK_ROWS, rows - start);
    etas.fill(0);
    if (offset !== undefined) etas.set(offset.subarray(start, start + size));
    for (let j = 0; j < columns; j++) {
      const b = beta[cuts + j] as number;
      const from = j * rows + start;
      for (let i = 0; i < size; i++) etas[i] = (etas[i] as number) + b * (data[from + i] as number);
    }
    part.fill(0);
    for (let i = 0; i < size; i++) {
      const row = start + i;
      const k = y[row] as number;
      const w = weights === undefined ? 1 : (weights[row] as number);
      if (w === 0) continue;
      const eta = etas[i] as number;
      counts[k] = (counts[k] as number) + w;
      for (let j = 0; j < columns; j++) x[j] = data[j * rows + row] as number;
      // F(a) of the upper threshold and F(b) of the lower; at the ends 1 and 0.
      let onEta = 0;
      let curve = 0;
      for (let side = 0; side < 2; side++) {
        const cut = side === 0 ? k : k - 1;
        if (cut === cuts || cut < 0) continue;
        const z = (beta[cut] as number) - eta;
        const f = logistic(z);
        part[width] = (part[width] as number) + w * softplus(side === 0 ? -z : z);
        const slope = w * (side === 0 ? f - 1 : f);
        const bend = w * f * (1 - f);
        part[cut] = (part[cut] as number) + slope;
        onEta -= slope;
        curve += bend;
        add(cut, cut, bend);
        for (let j = 0; j < columns; j++) add(cuts + j, cut, -bend * (x[j] as number));
      }
      for (let j = 0; j < columns; j++) {
        const v = x[j] as number;
        part[cuts + j] = (part[cuts + j] as number) + onEta * v;
        const cv = curve * v;
        for (let l = 0; l <= j; l++) add(cuts + j, cuts + l, cv * (x[l] as number));
      }
    }
    for (let j = 0; j < width; j++) gradient[j] = (gradient[j] as number) + (part[j] as number);
    loss += part[width] as number;
  }
  // −log(1 − e^(−d)) of the distance of neighbouring thresholds, once for every row between them.
  for (let k = 1; k < cuts; k++) {
    const n = counts[k] as number;
    const e = exp((beta[k - 1] ?? NaN) - (beta[k] ?? NaN));
    const slope = (n * e) / (1 - e);
    const bend = slope / (1 - e);
    loss -= n * log1p(-e);
    gradient[k] = (gradient[k] as number) - slope;
    gradient[k - 1] = (gradient[k - 1] as number) + slope;
    add(k, k, bend);
    add(k - 1, k - 1, bend);
    add(k, k - 1, -bend);
  }
  for (let j = cuts; j < width; j++) {
    const b = beta[j] as number;
    loss += (penalty / 2) * b * b;
    gradient[j] = (gradient[j] as number) + penalty * b;
    add(j, j, penalty);
  }
  return { loss, gradient, hessian };
}
