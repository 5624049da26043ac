/*
 * One pass over the rows of a logistic regression: log-odds, gradient and, where asked for, the matrix of second
 * derivatives. Rows are taken in blocks that fit the first-level cache; sums go row by row in a block and block by
 * block after, so the bits do not depend on how blocks are shared out.
 */
import { BLOCK_ROWS, logistic } from '../math/index.js';
import type { Design } from './design.js';

const B = BLOCK_ROWS;

/** What one pass leaves, the intercept at index 0, summed over all rows and without the penalty. */
export interface Pass {
  /** Σ x (y − p): length 1 + columns. */
  readonly gradient: Float64Array;
  /** Σ p(1 − p) x xᵀ, row-major, lower triangle; undefined when not asked for. */
  readonly hessian: Float64Array | undefined;
  /** Whether every row lies on its own side of log-odds 0: then these coefficients separate the outcomes. */
  readonly separated: boolean;
}

/** What rows carry beside columns and outcome. */
export interface RowTerms {
  /** How often each row counts; finite, at least 0, not all 0. */
  readonly weights?: Float64Array | undefined;
  /** Fixed part of each row's log-odds; finite. */
  readonly offset?: Float64Array | undefined;
}

/** Arrays that passes over one design use again and again. */
export interface PassScratch {
  /** (1 + columns, rounded up to whole tiles) × B: a block's columns, the intercept's first. */
  readonly x: Float64Array;
  /** The same, times the weights. */
  readonly wx: Float64Array;
  readonly eta: Float64Array;
  readonly weight: Float64Array;
  readonly residual: Float64Array;
}

/** Scratch for designs of so many columns. */
export function passScratch(columns: number): PassScratch {
  // Rounded up, so that the tiles below need no special case at the edge; what is added stays zero.
  const width = Math.ceil((columns + 1) / TILE) * TILE;
  return {
    x: new Float64Array(width * B),
    wx: new Float64Array(width * B),
    eta: new Float64Array(B),
    weight: new Float64Array(B),
    residual: new Float64Array(B),
  };
}

/**
 * Columns a side of a tile of second derivatives: nine sums at a time need two loads for three multiplications, and
 * they and their operands just fit 16 registers.
 */
const TILE = 3;

/**
 * One pass.
 *
 * @param design - Finite values.
 * @param y - 0 or 1, one a row.
 * @param beta - Intercept, then one coefficient a column.
 * @param withHessian - Whether second derivatives are wanted; they cost most of a pass.
 * @param terms - Weights and offsets, when there are any.
 */
export function logisticPass(
  design: Design,
  y: Uint8Array,
  beta: Float64Array,
  withHessian: boolean,
  scratch: PassScratch,
  { weights, offset }: RowTerms = {},
): Pass {
  const { rows, columns, data } = design;
  const p = columns + 1;
  const { x, wx, eta, weight, residual } = scratch;
  const gradient = new Float64Array(p);
  const hessian = withHessian ? new Float64Array(p * p) : undefined;
  const intercept = beta[0] ?? NaN;
  let wrongSide = 0;

  for (let start = 0; start < rows; start += B) {
    const size = start + B <= rows ? B : rows - start;
    for (let i = 0; i < size; i++)
      eta[i] = intercept + (offset === undefined ? 0 : (offset[start + i] ?? NaN));
    for (let j = 0; j < columns; j++) {
      const b = beta[j + 1] ?? NaN;
      const from = j * rows + start;
      const to = (j + 1) * B;
      for (let i = 0; i < size; i++) {
        const v = data[from + i] as number;
        x[to + i] = v;
        eta[i] = (eta[i] as number) + b * v;
      }
    }
    let part = 0;
    for (let i = 0; i < size; i++) {
      const e = eta[i] as number;
      const outcome = y[start + i] as number;
      const probability = logistic(e);
      const r = outcome - probability;
      residual[i] = r;
      weight[i] = probability * (1 - probability);
      // A row without weight is on no side.
      const counts = weights === undefined || (weights[start + i] as number) > 0;
      if (counts && (outcome === 1 ? !(e > 0) : !(e < 0))) wrongSide++;
    }
    if (weights !== undefined) weigh(residual, weight, weights, start, size);
    for (let i = 0; i < size; i++) part += residual[i] as number;
    gradient[0] = (gradient[0] as number) + part;
    for (let j = 1; j < p; j++) {
      const at = j * B;
      let s = 0;
      for (let i = 0; i < size; i++) s += (x[at + i] as number) * (residual[i] as number);
      gradient[j] = (gradient[j] as number) + s;
    }
    if (hessian !== undefined) addBlock(hessian, p, size, x, wx, weight);
  }
  return { gradient, hessian, separated: wrongSide === 0 };
}

function weigh(
  residual: Float64Array,
  weight: Float64Array,
  weights: Float64Array,
  start: number,
  size: number,
): void {
  for (let i = 0; i < size; i++) {
    const w = weights[start + i] as number;
    residual[i] = (residual[i] as number) * w;
    weight[i] = (weight[i] as number) * w;
  }
}

/** Adds one block's Σ w x xᵀ to the lower triangle. */
function addBlock(
  hessian: Float64Array,
  p: number,
  size: number,
  x: Float64Array,
  wx: Float64Array,
  weight: Float64Array,
): void {
  for (let i = 0; i < size; i++) {
    x[i] = 1;
    wx[i] = weight[i] as number;
  }
  for (let j = 1; j < p; j++) {
    const at = j * B;
    for (let i = 0; i < size; i++) wx[at + i] = (x[at + i] as number) * (weight[i] as number);
  }
  for (let j = 0; j < p; j += TILE) {
    const j0 = j * B;
    const j1 = j0 + B;
    const j2 = j1 + B;
    for (let k = 0; k <= j; k += TILE) {
      const k0 = k * B;
      const k1 = k0 + B;
      const k2 = k1 + B;
      let s00 = 0;
      let s01 = 0;
      let s02 = 0;
      let s10 = 0;
      let s11 = 0;
      let s12 = 0;
      let s20 = 0;
      let s21 = 0;
      let s22 = 0;
      for (let i = 0; i < size; i++) {
        const b0 = x[k0 + i] as number;
        const b1 = x[k1 + i] as number;
        const b2 = x[k2 + i] as number;
        const a0 = wx[j0 + i] as number;
        s00 += a0 * b0;
        s01 += a0 * b1;
        s02 += a0 * b2;
        const a1 = wx[j1 + i] as number;
        s10 += a1 * b0;
        s11 += a1 * b1;
        s12 += a1 * b2;
        const a2 = wx[j2 + i] as number;
        s20 += a2 * b0;
        s21 += a2 * b1;
        s22 += a2 * b2;
      }
      add(hessian, p, j, k, s00);
      add(hessian, p, j, k + 1, s01);
      add(hessian, p, j, k + 2, s02);
      add(hessian, p, j + 1, k, s10);
      add(hessian, p, j + 1, k + 1, s11);
      add(hessian, p, j + 1, k + 2, s12);
      add(hessian, p, j + 2, k, s20);
      add(hessian, p, j + 2, k + 1, s21);
      add(hessian, p, j + 2, k + 2, s22);
    }
  }
}

function add(hessian: Float64Array, p: number, j: number, k: number, s: number): void {
  if (j < p && k <= j) hessian[j * p + k] = (hessian[j * p + k] as number) + s;
}
