/*
 * What the models of all families have in common: probabilities of the outcome and of the stages of the scale, and what each
 * column adds to the log-odds of the outcome.
 */
import { AnalyticsError } from '../errors.js';
import { STAGE_SCORES, type Study } from '../features/index.js';
import { logit } from '../math/index.js';
import {
  predict,
  predictClasses,
  type ClassKind,
  type ClassParameters,
  type Design,
} from '../models/index.js';
import { outcomeGradient } from './gradient.js';
import type { SeverityModel } from './model.js';

/** Classes of the scale: below all stages, or in one of them. */
export const CLASS_COUNT = STAGE_SCORES.length + 1;

/** The regression of a model, in one layout for all families. */
export function regressionOf(model: SeverityModel): { readonly kind: ClassKind } & ClassParameters {
  if (model.formatVersion === 1)
    return { kind: 'binary', intercepts: [model.intercept], coefficients: [model.coefficients] };
  return { kind: model.kind, ...model.parameters };
}

/** Penalties of a model, one a row of coefficients. */
export function penaltiesOf(model: SeverityModel): readonly number[] {
  return model.formatVersion === 1 ? [model.penalty] : model.penalties;
}

/** The stage at which a study's outcome begins, counted from 1. */
export function outcomeStage({ outcome }: Study): number {
  return STAGE_SCORES.findIndex((score) => score === outcome.threshold) + 1;
}

/** Probability of the outcome, one a row. */
export function outcomeProbabilities(model: SeverityModel, design: Design): Float64Array {
  if (model.formatVersion === 1)
    return predict(design, {
      intercept: model.intercept,
      coefficients: Float64Array.from(model.coefficients),
    });
  const stages = stageProbabilities(model, design) ?? new Float64Array(0);
  const at = outcomeStage(model.study) - 1;
  return Float64Array.from({ length: design.rows }, (_, i) => stages[i * STAGE_SCORES.length + at] ?? NaN);
}

/**
 * Probability of reaching each stage, descending; `undefined` for a model that tells none.
 *
 * @returns Row-major: rows × 4.
 */
export function stageProbabilities(model: SeverityModel, design: Design): Float64Array | undefined {
  if (model.formatVersion === 1) return undefined;
  const p = predictClasses(model.kind, model.parameters, design);
  const stages = STAGE_SCORES.length;
  const out = new Float64Array(design.rows * stages);
  for (let i = 0; i < design.rows; i++) {
    let reached = 0;
    // From the top down, so that they descend whatever is lost to rounding.
    for (let k = stages; k > 0; k--) {
      reached += p[i * CLASS_COUNT + k] ?? NaN;
      out[i * stages + k - 1] = Math.min(reached, 1);
    }
  }
  return out;
}

/** What each column adds to the log-odds of the outcome against a patient at the training part's mean. */
export interface Explanation {
  /** Log-odds where every column is 0. */
  readonly intercept: number;
  /** One a column; with the intercept they add up to the log-odds. */
  readonly terms: Float64Array;
}

/** Nodes of Gauss and Legendre on [-1, 1] above 0, with their weights. */
const NODES: readonly (readonly [node: number, weight: number])[] = [
  [0.1834346424956498, 0.362683783378362],
  [0.525532409916329, 0.31370664587788727],
  [0.7966664774136267, 0.22238103445337448],
  [0.9602898564975363, 0.10122853629037626],
];
/** The way from the mean to the patient is taken in so many pieces, eight nodes each. */
const PIECES = 4;

/**
 * Explains one patient. In a binary model, or one of proportional odds, a term is coefficient × value. In the others the
 * log-odds are no sum of columns: a term is then the column's share by Aumann and Shapley, the integral of its partial
 * derivative on the straight way from the mean to the patient, which is the same where the log-odds are a sum.
 *
 * @param design - One row.
 * @throws AnalyticsError ANALYTICS_SHAPE for another number of rows.
 * @see Aumann RJ & Shapley LS, Values of Non-Atomic Games, 1974; Sundararajan M et al., ICML 2017
 */
export function explain(model: SeverityModel, design: Design): Explanation {
  if (design.rows !== 1) throw new AnalyticsError('ANALYTICS_SHAPE', 'one patient at a time is explained');
  if (model.formatVersion === 1) {
    const terms = Float64Array.from(design.data, (value, j) => (model.coefficients[j] ?? NaN) * value);
    return { intercept: model.intercept, terms };
  }
  const stage = outcomeStage(model.study);
  const at = (share: number): Design => ({ ...design, data: scaled(design.data, share) });
  const logOdds = (share: number): number => logit(outcomeProbabilities(model, at(share))[0] ?? NaN);
  const sums = new Float64Array(design.columns);
  for (let piece = 0; piece < PIECES; piece++) {
    for (const [node, weight] of NODES) {
      for (const sign of [-1, 1]) {
        const share = (piece + (1 + sign * node) / 2) / PIECES;
        const slope = outcomeGradient(regressionOf(model), stage, at(share));
        for (let j = 0; j < sums.length; j++)
          sums[j] = (sums[j] ?? NaN) + (weight / (2 * PIECES)) * (slope[j] ?? NaN);
      }
    }
  }
  const terms = sums.map((slope, j) => slope * (design.data[j] ?? NaN));
  const intercept = logOdds(0);
  return { intercept, terms: settled(terms, logOdds(1) - intercept) };
}

function scaled(data: Float64Array, share: number): Design['data'] {
  return Float64Array.from(data, (value) => value * share);
}

/** What the quadrature missed is laid on the terms by their size, so that they add up. */
function settled(terms: Float64Array, total: number): Float64Array {
  let sum = 0;
  let size = 0;
  for (const term of terms) {
    sum += term;
    size += Math.abs(term);
  }
  return size === 0 ? terms : terms.map((term) => term + ((total - sum) * Math.abs(term)) / size);
}
