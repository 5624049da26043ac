/** Probabilities of ordered or unordered classes under any of the regressions, from their parameters alone. */
import { predictContinuation } from './continuation.js';
import type { Design } from './design.js';
import { predictMultinomial } from './multinomial.js';
import { predictOrdinal } from './ordinal.js';

/** Kinds of regression. */
export type ClassKind = 'binary' | 'multinomial' | 'proportional-odds' | 'continuation-ratio';

/** What a fit came to, one layout for all kinds. Plain JSON. */
export interface ClassParameters {
  /** Multinomial: one a class; proportional odds: the thresholds; else one a step to the next class. */
  readonly intercepts: readonly number[];
  /** Multinomial: one row a class; proportional odds: one; else one a step. A value a column. */
  readonly coefficients: readonly (readonly number[])[];
}

/**
 * Probabilities of the classes for prepared rows; they sum to 1.
 *
 * @returns Row-major: rows × classes.
 */
export function predictClasses(
  kind: ClassKind,
  { intercepts, coefficients }: ClassParameters,
  design: Design,
): Float64Array {
  const rows = coefficients.map((row) => Float64Array.from(row));
  if (kind === 'multinomial')
    return predictMultinomial(design, {
      classes: intercepts.length,
      intercepts: Float64Array.from(intercepts),
      coefficients: rows,
    });
  if (kind === 'proportional-odds')
    return predictOrdinal(design, {
      thresholds: Float64Array.from(intercepts),
      coefficients: rows[0] ?? new Float64Array(0),
    });
  // A binary model is a chain of one step.
  const steps = intercepts.map((intercept, k) => ({ intercept, coefficients: coefficients[k] ?? [] }));
  return differencesOf(predictContinuation(design, steps), intercepts.length + 1);
}

/** Probabilities of reaching stages to those of ending in each class. */
function differencesOf(reached: Float64Array, classes: number): Float64Array {
  const stages = classes - 1;
  const rows = reached.length / stages;
  const out = new Float64Array(rows * classes);
  for (let i = 0; i < rows; i++) {
    for (let k = 0; k < classes; k++) {
      const from = k === 0 ? 1 : (reached[i * stages + k - 1] ?? NaN);
      const next = k === stages ? 0 : (reached[i * stages + k] ?? NaN);
      out[i * classes + k] = from - next;
    }
  }
  return out;
}
