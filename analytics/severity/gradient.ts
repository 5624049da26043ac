/** How the log-odds of reaching a stage change with each column. */
import { exp, logistic } from '../math/index.js';
import type { ClassKind, ClassParameters, Design } from '../models/index.js';

/**
 * Partial derivatives of the log-odds of reaching a stage, at one row.
 *
 * @param stage - Counted from 1: the classes from it on.
 * @param design - One row.
 * @returns One a column.
 */
export function outcomeGradient(
  regression: { readonly kind: ClassKind } & ClassParameters,
  stage: number,
  design: Design,
): Float64Array {
  const { kind, coefficients } = regression;
  if (kind === 'multinomial') return multinomialGradient(regression, stage, design);
  // Proportional odds: every stage has the same coefficients.
  if (kind === 'proportional-odds') return Float64Array.from(coefficients[0] ?? []);
  return chainGradient(regression, stage, design);
}

/** P = Π σ(η): ∂ log P = Σ (1 − σ) β, and ∂ logit P = ∂ log P / (1 − P). */
function chainGradient(
  { intercepts, coefficients }: ClassParameters,
  stage: number,
  { columns, data }: Design,
): Float64Array {
  const out = new Float64Array(columns);
  let reached = 1;
  for (let k = 0; k < stage; k++) {
    const row = coefficients[k] ?? [];
    let eta = intercepts[k] ?? NaN;
    for (let j = 0; j < columns; j++) eta += (row[j] ?? NaN) * (data[j] ?? NaN);
    reached *= logistic(eta);
    const rest = logistic(-eta);
    for (let j = 0; j < columns; j++) out[j] = (out[j] ?? NaN) + rest * (row[j] ?? NaN);
  }
  const short = Math.max(1 - reached, Number.EPSILON);
  return out.map((slope) => slope / short);
}

/** P = Σ p over the classes from the stage on: ∂ logit P is the mean coefficient of those classes less that of the others. */
function multinomialGradient(
  regression: { readonly kind: ClassKind } & ClassParameters,
  stage: number,
  design: Design,
): Float64Array {
  const { coefficients, intercepts } = regression;
  const { columns, data } = design;
  const eta = intercepts.map((intercept, k) => {
    let e = intercept;
    for (let j = 0; j < columns; j++) e += (coefficients[k]?.[j] ?? NaN) * (data[j] ?? NaN);
    return e;
  });
  const shares = (from: number, to: number): number[] => {
    const most = Math.max(...eta.slice(from, to));
    const weights = eta.map((e, k) => (k >= from && k < to ? exp(e - most) : 0));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return weights.map((weight) => weight / total);
  };
  const [above, below] = [shares(stage, eta.length), shares(0, stage)];
  return Float64Array.from({ length: columns }, (_, j) =>
    coefficients.reduce((sum, row, k) => sum + ((above[k] ?? 0) - (below[k] ?? 0)) * (row[j] ?? NaN), 0),
  );
}
