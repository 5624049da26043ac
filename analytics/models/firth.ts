/*
 * Firth's logistic regression: the likelihood times Jeffreys' prior, the root of the determinant of the information. Its
 * estimates are finite whatever separates the outcomes, and nearly unbiased on few rows.
 */
import { AnalyticsError } from '../errors.js';
import { BLOCK_ROWS, choleskyInPlace, choleskyInverse, choleskySolve, log, logistic } from '../math/index.js';
import { largest } from './dense-newton.js';
import { checkDesign, type Design } from './design.js';
import { rowPasses, type RowTerms } from './logistic-pass.js';
import { errorsOf, linearPredictor, logLoss, type LogisticFit } from './logistic.js';
import { GRADIENT_TOLERANCE, GRADIENT_TOLERANCE_PER_ROW } from './newton.js';
import { profileInterval } from './profile.js';
import { findSeparation, type Separation } from './separation.js';

/** A fit by Firth's method; the log-likelihood is the plain one at these estimates. */
export interface FirthFit extends LogisticFit {
  /** Log-likelihood plus half the logarithm of the information's determinant: what is made largest. */
  readonly penalisedLogLikelihood: number;
  /** Whether, and by which columns, the outcomes are separated: then the plain estimates do not exist. */
  readonly separation: Separation;
}

/** How to fit. */
export interface FirthOptions extends RowTerms {
  /** Parameters held at their value, the intercept's number being 0; for profiles. */
  readonly held?: { readonly parameter: number; readonly value: number };
}

/** Fisher scoring converges linearly here; 25 steps are usual. */
const STEPS_MAX = 500;
/** No coefficient moves further in one step: far from the optimum the quadratic picture misleads. */
const STEP_LARGEST = 5;
const PIVOT_TOLERANCE = 1e-12;

interface State {
  readonly score: Float64Array;
  readonly factor: Float64Array;
  readonly objective: number;
}

/**
 * Fits by Firth's method, to a modified score of at most 1e-9 in every component.
 *
 * @param y - 0 or 1, one a row.
 * @throws AnalyticsError as {@link checkDesign} does; ANALYTICS_COLLINEAR; ANALYTICS_NOT_CONVERGED.
 * @see Firth D, Biometrika 1993; 80: 27-38; Heinze G & Schemper M, Stat Med 2002; 21: 2409-2419
 */
export function fitFirth(design: Design, y: Uint8Array, options: FirthOptions = {}): FirthFit {
  checkDesign(design, y, options);
  const p = design.columns + 1;
  const { held } = options;
  let beta = new Float64Array(p);
  if (held !== undefined) beta[held.parameter] = held.value;
  let state = stateAt(design, y, beta, options);
  let passes = 1;
  const tolerance = Math.max(GRADIENT_TOLERANCE, design.rows * GRADIENT_TOLERANCE_PER_ROW);
  for (let steps = 0; !(largest(state.score) <= tolerance); steps++) {
    if (steps === STEPS_MAX)
      throw new AnalyticsError(
        'ANALYTICS_NOT_CONVERGED',
        `score ${largest(state.score)} after ${steps} steps`,
      );
    const step = scoringStep(state, p, held?.parameter);
    const length = largest(step);
    let share = length > STEP_LARGEST ? STEP_LARGEST / length : 1;
    let next = beta;
    let nextState = state;
    const allowed = state.objective - 1e-12 * Math.abs(state.objective);
    for (let halvings = 0; halvings < 30; halvings++, share /= 2) {
      next = beta.map((b, j) => b + share * (step[j] ?? NaN));
      nextState = stateAt(design, y, next, options);
      passes++;
      if (nextState.objective >= allowed) break;
    }
    beta = next;
    state = nextState;
  }
  const covariance = choleskyInverse(state.factor, p);
  return {
    intercept: beta[0] ?? NaN,
    coefficients: beta.slice(1),
    names: design.names,
    penalty: 0,
    logLikelihood: -logLoss(design, y, beta, options),
    penalisedLogLikelihood: state.objective,
    gradientMax: largest(state.score),
    passes,
    separated: false,
    separation: held === undefined ? findSeparation(design, y, options) : { kind: 'none', columns: [] },
    standardErrors: errorsOf(covariance, p),
    covariance,
  };
}

/** Step by the information; a held parameter's row and column are those of the unit matrix. */
function scoringStep(state: State, p: number, held: number | undefined): Float64Array {
  if (held === undefined) return choleskySolve(state.factor, p, state.score);
  const free = Array.from({ length: p }, (_, j) => j).filter((j) => j !== held);
  const m = free.length;
  const step = new Float64Array(p);
  if (m === 0) return step;
  // L·Lᵀ without the held parameter.
  const part = new Float64Array(m * m);
  free.forEach((j, a) => {
    free.forEach((k, b) => {
      let s = 0;
      for (let i = 0; i <= Math.min(j, k); i++)
        s += (state.factor[j * p + i] ?? NaN) * (state.factor[k * p + i] ?? NaN);
      part[a * m + b] = s;
    });
  });
  choleskyInPlace(part, m, 0);
  const solved = choleskySolve(
    part,
    m,
    Float64Array.from(free, (j) => state.score[j] ?? NaN),
  );
  free.forEach((j, a) => {
    step[j] = solved[a] ?? NaN;
  });
  return step;
}

function stateAt(design: Design, y: Uint8Array, beta: Float64Array, options: FirthOptions): State {
  const p = beta.length;
  const { rows, data } = design;
  const { weights, offset, held } = options;
  const terms = { weights, offset };
  const factor = rowPasses(design, y, terms)(beta, true).hessian ?? new Float64Array(p * p);
  if (choleskyInPlace(factor, p, PIVOT_TOLERANCE) >= 0)
    throw new AnalyticsError('ANALYTICS_COLLINEAR', 'a parameter depends on those before it');
  let halfLogDet = 0;
  for (let j = 0; j < p; j++) {
    halfLogDet += log(factor[j * p + j] ?? NaN);
    // Only the lower triangle is the factor.
    for (let k = j + 1; k < p; k++) factor[j * p + k] = 0;
  }
  const eta = linearPredictor(design, beta, offset);
  const score = new Float64Array(p);
  const part = new Float64Array(p);
  const z = new Float64Array(p);
  for (let start = 0; start < rows; start += BLOCK_ROWS) {
    part.fill(0);
    for (let i = start; i < rows && i < start + BLOCK_ROWS; i++) {
      const w = weights === undefined ? 1 : (weights[i] ?? NaN);
      const probability = logistic(eta[i] ?? NaN);
      // Leverage: w v xᵀ I⁻¹ x = w v ‖L⁻¹ x‖².
      let norm = 0;
      for (let j = 0; j < p; j++) {
        let s = j === 0 ? 1 : (data[(j - 1) * rows + i] ?? NaN);
        for (let k = 0; k < j; k++) s -= (factor[j * p + k] ?? NaN) * (z[k] ?? NaN);
        s /= factor[j * p + j] ?? NaN;
        z[j] = s;
        norm += s * s;
      }
      const leverage = w * probability * (1 - probability) * norm;
      const r = w * ((y[i] ?? NaN) - probability) + leverage * (0.5 - probability);
      part[0] = (part[0] ?? NaN) + r;
      for (let j = 1; j < p; j++) part[j] = (part[j] ?? NaN) + r * (data[(j - 1) * rows + i] ?? NaN);
    }
    for (let j = 0; j < p; j++) score[j] = (score[j] ?? NaN) + (part[j] ?? NaN);
  }
  if (held !== undefined) score[held.parameter] = 0;
  return { score, factor, objective: -logLoss(design, y, beta, terms) + halfLogDet };
}

/**
 * Intervals by the profile of the penalised likelihood, which stay right where Wald's are far too wide or narrow.
 *
 * @param fit - What {@link fitFirth} gave on the same rows.
 * @see Heinze G & Schemper M, Stat Med 2002; 21: 2409-2419
 */
export function profileFirth(
  design: Design,
  y: Uint8Array,
  fit: FirthFit,
  terms: RowTerms = {},
): [low: number, high: number][] {
  return [fit.intercept, ...fit.coefficients].map((estimate, parameter) =>
    profileInterval(
      estimate,
      fit.standardErrors[parameter] ?? NaN,
      fit.penalisedLogLikelihood,
      (value) => fitFirth(design, y, { ...terms, held: { parameter, value } }).penalisedLogLikelihood,
    ),
  );
}
