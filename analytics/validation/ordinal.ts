import { AnalyticsError } from '../errors.js';
import { sum } from '../math/index.js';
import { auroc } from './roc.js';

/**
 * Concordance of a score with ordered classes: of all pairs of patients in different classes, the share in which the one in
 * the higher class has the higher score, equal scores counting half.
 *
 * @param scores - Finite.
 * @param y - Classes 0, 1, 2 …
 * @throws AnalyticsError ANALYTICS_SHAPE, ANALYTICS_NOT_FINITE, ANALYTICS_ONE_CLASS.
 */
export function concordance(scores: Float64Array, y: Uint8Array): number {
  if (scores.length !== y.length)
    throw new AnalyticsError('ANALYTICS_SHAPE', 'scores and outcomes differ in number');
  const classes = [...new Set(y)].toSorted((a, b) => a - b);
  if (classes.length < 2) throw new AnalyticsError('ANALYTICS_ONE_CLASS', 'concordance wants two classes');
  let pairs = 0;
  let concordant = 0;
  classes.forEach((low, at) => {
    for (const high of classes.slice(at + 1)) {
      const rows = [...y.keys()].filter((i) => y[i] === low || y[i] === high);
      const above = Uint8Array.from(rows, (i) => (y[i] === high ? 1 : 0));
      const events = above.reduce((total, value) => total + value, 0);
      const count = events * (above.length - events);
      const own = Float64Array.from(rows, (i) => scores[i] ?? NaN);
      pairs += count;
      concordant += count * auroc(own, above).auroc;
    }
  });
  return concordant / pairs;
}

/** How well a model of stages orders held-out patients. Plain JSON. */
export interface OrdinalPerformance {
  /** Concordance of the expected stage. */
  readonly cIndex: number | null;
  readonly rankedProbability: number;
  /** Quadratically weighted, of the median stage with the one that came; null where both are always the same one. */
  readonly kappa: number | null;
}

/**
 * Measures held-out probabilities of stages.
 *
 * @param stages - Probability of reaching each stage, row-major: rows × (classes − 1).
 * @param y - The highest stage reached, 0 to `classes` − 1.
 * @throws AnalyticsError ANALYTICS_SHAPE, ANALYTICS_NOT_FINITE.
 */
export function measureStages(stages: Float64Array, y: Uint8Array, classes: number): OrdinalPerformance {
  const steps = classes - 1;
  if (stages.length !== y.length * steps)
    throw new AnalyticsError('ANALYTICS_SHAPE', 'a probability a row and stage');
  const reached = (i: number, k: number): number =>
    k < 0 ? 1 : k >= steps ? 0 : (stages[i * steps + k] ?? NaN);
  const p = new Float64Array(y.length * classes);
  const expected = new Float64Array(y.length);
  const median = new Uint8Array(y.length);
  for (let i = 0; i < y.length; i++) {
    for (let k = 0; k < classes; k++) p[i * classes + k] = reached(i, k - 1) - reached(i, k);
    for (let k = 0; k < steps; k++) {
      expected[i] = (expected[i] ?? NaN) + reached(i, k);
      if (reached(i, k) >= 0.5) median[i] = k + 1;
    }
  }
  const { size } = new Set(y);
  return {
    cIndex: size < 2 ? null : concordance(expected, y),
    rankedProbability: rankedProbabilityScore(p, y, classes),
    kappa: size < 2 && new Set([...y, ...median]).size < 2 ? null : weightedKappa(median, y, classes),
  };
}

/**
 * Ranked probability score: mean over patients of Σ (P(Y ≤ k) − [y ≤ k])² over the classes but the last, divided by how many
 * these are; 0 is perfect, 1 the worst. With two classes it is the Brier score.
 *
 * @param p - Row-major: rows × classes.
 * @throws AnalyticsError ANALYTICS_SHAPE, ANALYTICS_NOT_FINITE.
 */
export function rankedProbabilityScore(p: Float64Array, y: Uint8Array, classes: number): number {
  if (classes < 2 || p.length !== y.length * classes || y.length === 0)
    throw new AnalyticsError('ANALYTICS_SHAPE', 'a probability a row and class');
  const scores = Float64Array.from(y, (own, i) => {
    let upTo = 0;
    let score = 0;
    for (let k = 0; k < classes - 1; k++) {
      upTo += p[i * classes + k] ?? NaN;
      score += (upTo - (own <= k ? 1 : 0)) ** 2;
    }
    return score / (classes - 1);
  });
  const total = sum(scores);
  if (Number.isNaN(total)) throw new AnalyticsError('ANALYTICS_NOT_FINITE', 'a probability is no number');
  return total / y.length;
}

/**
 * Cohen's weighted kappa of two gradings.
 *
 * @param a - Classes 0 to `classes` − 1.
 * @param weights - How disagreement grows with distance.
 * @throws AnalyticsError ANALYTICS_SHAPE; ANALYTICS_ONE_CLASS when chance alone would agree always.
 * @see Cohen J, Psychol Bull 1968; 70: 213-220
 */
export function weightedKappa(
  a: Uint8Array,
  b: Uint8Array,
  classes: number,
  weights: 'linear' | 'quadratic' = 'quadratic',
): number {
  const n = a.length;
  if (n !== b.length || n === 0 || a.some((v) => v >= classes) || b.some((v) => v >= classes))
    throw new AnalyticsError('ANALYTICS_SHAPE', 'two gradings of the same patients');
  const rows = new Float64Array(classes);
  const columns = new Float64Array(classes);
  const cost = (i: number, k: number): number => (weights === 'linear' ? Math.abs(i - k) : (i - k) ** 2);
  let observed = 0;
  for (let i = 0; i < n; i++) {
    const u = a[i] ?? 0;
    const v = b[i] ?? 0;
    rows[u] = (rows[u] ?? NaN) + 1;
    columns[v] = (columns[v] ?? NaN) + 1;
    observed += cost(u, v);
  }
  let expected = 0;
  for (let i = 0; i < classes; i++)
    for (let k = 0; k < classes; k++) expected += (cost(i, k) * (rows[i] ?? NaN) * (columns[k] ?? NaN)) / n;
  if (expected === 0) throw new AnalyticsError('ANALYTICS_ONE_CLASS', 'both gradings have one class only');
  return 1 - observed / expected;
}
