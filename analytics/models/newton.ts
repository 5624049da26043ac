/*
 * Newton's method for logistic regression with a ridge penalty. Second derivatives cost about five times what a
 * gradient costs, so they are computed where they pay: on a sixteenth of the rows to come near the optimum, then once
 * on all of them, and again only when steps with the old ones stop making fast progress.
 */
import { AnalyticsError } from '../errors.js';
import { choleskyInPlace, choleskySolve } from '../math/index.js';
import { selectRows, type Design } from './design.js';
import { rowPasses, type Pass, type RowPasses, type RowTerms } from './logistic-pass.js';

/** Where the optimiser ended. */
export interface NewtonResult {
  /** Intercept, then one coefficient a column. */
  readonly beta: Float64Array;
  /** Passes over all rows. */
  readonly passes: number;
  /** Largest absolute component of the penalised gradient, a sum over rows. */
  readonly gradientMax: number;
  /** Whether some combination of columns puts every row on the side of its outcome. */
  readonly separated: boolean;
  /** Σ log-loss of the rows, without the penalty; undefined where they have weights. */
  readonly loss: number | undefined;
}

/** A fit is done when no component of the gradient, summed over the rows, exceeds this. */
export const GRADIENT_TOLERANCE = 1e-9;
/** Rounding of a sum over n rows is some n·1e-16: for very many rows the tolerance follows it. */
export const GRADIENT_TOLERANCE_PER_ROW = 1e-15;
/** Newton's method on a well-posed problem needs 5 to 10; a direction without a maximum shows within 30. */
const PASSES_MAX = 60;
/** From a good start it takes no more; a start that proves bad is given up. */
const WARM_PASSES_MAX = 15;
/** Keeps the start finite in directions in which the sample is separated though the whole is not. */
const WARM_PENALTY_MIN = 1;
/** Below this a sixteenth of the rows is too few to be worth fitting. */
const WARM_ROWS_MIN = 8192;
const WARM_STRIDE = 16;
/** Factor by which the gradient must shrink for second derivatives of an earlier point to be kept. */
const KEEP_HESSIAN_SHRINK = 0.05;
/** Mean gradient above which a step changes second derivatives enough to want new ones. */
const FAR_GRADIENT_PER_ROW = 1e-3;
/** A pivot this small against its own diagonal means a combination of other columns. */
const PIVOT_TOLERANCE = 1e-12;
/** With the gradient gone, a Newton step this long shows a direction along which the likelihood has no maximum. */
const ESCAPE_STEP = 1e-3;

/**
 * Minimises Σ log-loss + penalty/2 · ‖coefficients‖², the intercept not penalised.
 *
 * @param y - 0 or 1, both present.
 * @param penalty - Zero or more.
 * @param terms - Weights and offsets of the rows.
 * @param threads - As {@link rowPasses} takes it.
 * @throws AnalyticsError ANALYTICS_SEPARATION or ANALYTICS_COLLINEAR when there is no penalty and no unique finite
 * optimum; ANALYTICS_NOT_CONVERGED.
 */
export function newton(
  design: Design,
  y: Uint8Array,
  penalty: number,
  terms: RowTerms = {},
  threads?: number,
): NewtonResult {
  const passOf = rowPasses(design, y, terms, threads);
  const warm = warmStart(design, y, penalty, terms, threads);
  if (warm !== undefined) {
    try {
      return minimise(passOf, design, penalty, { start: warm, terms, passesMax: WARM_PASSES_MAX });
    } catch (error) {
      if (!(error instanceof AnalyticsError)) throw error;
      // Whether there is an optimum is for the plain start to say.
    }
  }
  return minimise(passOf, design, penalty, { start: new Float64Array(design.columns + 1), terms });
}

function warmStart(
  design: Design,
  y: Uint8Array,
  penalty: number,
  terms: RowTerms,
  threads?: number,
): Float64Array | undefined {
  if (design.rows < WARM_ROWS_MIN || design.rows < WARM_STRIDE * 20 * (design.columns + 1)) return undefined;
  const rows = Int32Array.from({ length: Math.ceil(design.rows / WARM_STRIDE) }, (_, i) => i * WARM_STRIDE);
  const part = Uint8Array.from(rows, (i) => y[i] ?? 0);
  if (!part.includes(0) || !part.includes(1)) return undefined;
  const ridge = Math.max(penalty / WARM_STRIDE, WARM_PENALTY_MIN);
  try {
    const sample = selectRows(design, rows);
    const own = takeTerms(terms, rows);
    return minimise(rowPasses(sample, part, own, threads), sample, ridge, {
      start: new Float64Array(design.columns + 1),
      terms: own,
      // A rough start is enough: the sample's own error is far larger.
      tolerance: part.length * 1e-4,
    }).beta;
  } catch {
    // The sample may be separated or constant where the whole is not.
    return undefined;
  }
}

/** The terms of the rows named. */
export function takeTerms({ weights, offset }: RowTerms, rows: ArrayLike<number>): RowTerms {
  const take = (values: Float64Array | undefined): Float64Array | undefined =>
    values === undefined ? undefined : Float64Array.from(rows, (i) => values[i] ?? NaN);
  return { weights: take(weights), offset: take(offset) };
}

interface Descent {
  /** Intercept, then one coefficient a column. */
  readonly start: Float64Array;
  readonly terms: RowTerms;
  /** Largest component of the gradient at which it is done. */
  readonly tolerance?: number;
  readonly passesMax?: number;
}

function minimise(
  passOf: RowPasses,
  design: Design,
  penalty: number,
  { start, terms, tolerance: given, passesMax = PASSES_MAX }: Descent,
): NewtonResult {
  const p = design.columns + 1;
  const tolerance = given ?? Math.max(GRADIENT_TOLERANCE, design.rows * GRADIENT_TOLERANCE_PER_ROW);
  const evaluate = (at: Float64Array, withHessian: boolean): Pass =>
    penalised(passOf(at, withHessian), at, penalty);

  let beta = start;
  let pass = evaluate(beta, true);
  let passes = 1;
  let factor = factorise(pass, p, 'ANALYTICS_COLLINEAR');
  let size = maxAbs(pass.gradient);
  let separated = pass.separated;

  for (;;) {
    let step = choleskySolve(factor, p, pass.gradient);
    // Log-odds on the right side prove separation only where no fixed part put them there.
    if (penalty === 0 && separated && terms.offset === undefined) throw separation();
    if (size <= tolerance) {
      if (penalty === 0 && maxAbs(step) > ESCAPE_STEP) throw separation();
      const loss = terms.weights === undefined ? pass.loss : undefined;
      return { beta, passes, gradientMax: size, separated, loss };
    }
    // Far from the optimum second derivatives will change, so they are computed along with the gradient.
    const far = size > design.rows * FAR_GRADIENT_PER_ROW;
    const slope = dot(pass.gradient, step);
    let next = advance(beta, step);
    let nextPass = evaluate(next, far);
    passes++;
    // The loss is convex: a step along which it still falls, or rises again only gently, is kept.
    while (!(dot(nextPass.gradient, step) >= -0.5 * slope) && passes < passesMax) {
      step = step.map((s) => s / 2);
      next = advance(beta, step);
      nextPass = evaluate(next, far);
      passes++;
    }
    if (passes >= passesMax) {
      throw new AnalyticsError('ANALYTICS_NOT_CONVERGED', `gradient ${size} after ${passes} passes`);
    }
    const nextSize = maxAbs(nextPass.gradient);
    if (nextPass.hessian === undefined && nextSize > tolerance && !(nextSize <= size * KEEP_HESSIAN_SHRINK)) {
      nextPass = evaluate(next, true);
      passes++;
    }
    beta = next;
    pass = nextPass;
    size = nextSize;
    separated ||= pass.separated;
    if (pass.hessian !== undefined) factor = factorise(pass, p, 'ANALYTICS_SEPARATION');
  }
}

function advance(beta: Float64Array, step: Float64Array): Float64Array {
  return beta.map((b, j) => b + (step[j] ?? NaN));
}

/** The gradient and second derivatives with the penalty's share. */
function penalised(pass: Pass, beta: Float64Array, penalty: number): Pass {
  const p = beta.length;
  for (let j = 1; j < p; j++) {
    pass.gradient[j] = (pass.gradient[j] ?? NaN) - penalty * (beta[j] ?? NaN);
    if (pass.hessian !== undefined) pass.hessian[j * p + j] = (pass.hessian[j * p + j] ?? NaN) + penalty;
  }
  return pass;
}

/**
 * Factors the second derivatives, in place.
 *
 * @param code - What a vanishing pivot means: columns that depend on others at the start, weights that went to zero
 * along a direction without a maximum later.
 */
function factorise(
  pass: Pass,
  p: number,
  code: 'ANALYTICS_COLLINEAR' | 'ANALYTICS_SEPARATION',
): Float64Array {
  const factor = pass.hessian ?? new Float64Array(p * p);
  const failed = choleskyInPlace(factor, p, PIVOT_TOLERANCE);
  if (failed < 0) return factor;
  if (code === 'ANALYTICS_SEPARATION') throw separation();
  throw new AnalyticsError(code, `parameter ${failed} of ${p} depends on those before it`);
}

function separation(): AnalyticsError {
  return new AnalyticsError(
    'ANALYTICS_SEPARATION',
    'the columns separate the outcomes: no finite estimate exists',
  );
}

function maxAbs(values: Float64Array): number {
  let max = 0;
  for (const v of values) {
    if (Number.isNaN(v)) return NaN;
    const a = Math.abs(v);
    if (a > max) max = a;
  }
  return max;
}

function dot(a: Float64Array, b: Float64Array): number {
  let s = 0;
  for (let i = 0; i < a.length; i++) s += (a[i] ?? NaN) * (b[i] ?? NaN);
  return s;
}
