/*
 * Newton's method for models of a few dozen parameters whose rows are summed by a function: every step has a gradient and
 * second derivatives. The binary model, which must be fast on a million rows, has an own method in newton.ts.
 */
import { AnalyticsError } from '../errors.js';
import { choleskyInPlace, choleskyInverse, choleskySolve } from '../math/index.js';
import { GRADIENT_TOLERANCE } from './newton.js';

/** The loss at a point. */
export interface DensePoint {
  /** To be made least; Infinity where the point is not allowed. */
  readonly loss: number;
  /** Of the loss. */
  readonly gradient: Float64Array;
  /** Of the loss, row-major, lower triangle at least. */
  readonly hessian: Float64Array;
}

/** Where the optimiser ended. */
export interface DenseResult {
  readonly beta: Float64Array;
  readonly loss: number;
  readonly gradientMax: number;
  readonly passes: number;
  /** Inverse of the second derivatives, row-major, both triangles. */
  readonly covariance: Float64Array;
}

const PASSES_MAX = 100;
/** A pivot this small against its own diagonal means a combination of other columns. */
const PIVOT_TOLERANCE = 1e-12;
/** With the gradient gone, a step this long shows a direction along which there is no optimum. */
const ESCAPE_STEP = 1e-3;
/** Rounding of the loss itself: a change below this share says nothing about the step. */
const LOSS_ROUNDING = 1e-13;
const HALVINGS_MAX = 40;
/** Once the gradient is this small, further steps only move rounding about. */
const POLISH_MAX = 3;

/**
 * Minimises a convex function.
 *
 * @param bounded - Whether a penalty keeps the optimum finite; without one, an escape is separation.
 * @throws AnalyticsError ANALYTICS_COLLINEAR, ANALYTICS_SEPARATION, ANALYTICS_NOT_CONVERGED.
 */
export function denseNewton(
  start: Float64Array,
  evaluate: (beta: Float64Array) => DensePoint,
  bounded: boolean,
): DenseResult {
  const p = start.length;
  let beta = start;
  let point = evaluate(beta);
  let passes = 1;
  let polish = 0;
  for (;;) {
    const size = largest(point.gradient);
    const factor = point.hessian.slice();
    if (choleskyInPlace(factor, p, PIVOT_TOLERANCE) >= 0) {
      if (passes === 1)
        throw new AnalyticsError('ANALYTICS_COLLINEAR', 'a parameter depends on those before it');
      throw escaped();
    }
    const step = choleskySolve(factor, p, point.gradient);
    if (!bounded && size < ESCAPE_STEP && largest(step) > 1) throw escaped();
    // Rounding in a sum of n terms grows with the terms: a gradient that no longer falls is as small as it gets.
    if (size <= GRADIENT_TOLERANCE || polish > POLISH_MAX) {
      if (!bounded && largest(step) > ESCAPE_STEP) throw escaped();
      return {
        beta,
        loss: point.loss,
        gradientMax: size,
        passes,
        covariance: choleskyInverse(factor, p),
      };
    }
    if (passes >= PASSES_MAX)
      throw new AnalyticsError('ANALYTICS_NOT_CONVERGED', `gradient ${size} after ${passes} passes`);
    let share = 1;
    let next = moved(beta, step, share);
    let nextPoint = evaluate(next);
    passes++;
    const allowed = point.loss + LOSS_ROUNDING * Math.abs(point.loss);
    for (let i = 0; !(nextPoint.loss <= allowed) && i < HALVINGS_MAX; i++) {
      share /= 2;
      next = moved(beta, step, share);
      nextPoint = evaluate(next);
      passes++;
    }
    if (!(nextPoint.loss <= allowed))
      throw new AnalyticsError('ANALYTICS_NOT_CONVERGED', `no step lowers the loss at gradient ${size}`);
    if (size < 1e-7 && largest(nextPoint.gradient) >= size) polish++;
    beta = next;
    point = nextPoint;
  }
}

function moved(beta: Float64Array, step: Float64Array, share: number): Float64Array {
  return beta.map((b, j) => b - share * (step[j] ?? NaN));
}

function escaped(): AnalyticsError {
  return new AnalyticsError(
    'ANALYTICS_SEPARATION',
    'the columns separate the outcomes: no finite estimate exists',
  );
}

/** Largest absolute value; NaN where one is NaN. */
export function largest(values: ArrayLike<number>): number {
  let max = 0;
  for (let j = 0; j < values.length; j++) {
    const a = Math.abs(values[j] ?? NaN);
    if (Number.isNaN(a)) return NaN;
    if (a > max) max = a;
  }
  return max;
}
