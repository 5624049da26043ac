import { AnalyticsError } from '../errors.js';
import { BLOCK_ROWS, choleskyInPlace, choleskySolve, logistic } from '../math/index.js';
import type { Design } from './design.js';
import { waldTest, type ChiSquaredTest } from './inference.js';
import { fitLogistic, linearPredictor } from './logistic.js';
import { addOuter } from './multinomial.js';

/** Test that each column has the same coefficient at every threshold. */
export interface Proportionality {
  /** All columns together. */
  readonly overall: ChiSquaredTest;
  /** Each column by itself. */
  readonly columns: readonly ({ readonly name: string } & ChiSquaredTest)[];
  /** Coefficients of the binary model of each threshold, P(Y > j), without intercepts. */
  readonly coefficients: readonly Float64Array[];
}

/**
 * Brant's Wald test of proportional odds.
 *
 * @param y - Classes 0 to `classes` − 1.
 * @param classes - At least 3.
 * @throws AnalyticsError ANALYTICS_SHAPE for fewer than three classes; as {@link fitLogistic} where a threshold's own model
 * cannot be fitted.
 * @see Brant R, Biometrics 1990; 46: 1171-1178
 */
export function testProportionality(design: Design, y: Uint8Array, classes: number): Proportionality {
  if (!Number.isInteger(classes) || classes < 3 || design.columns === 0)
    throw new AnalyticsError('ANALYTICS_SHAPE', 'proportionality wants three classes and a column at least');
  const cuts = classes - 1;
  const p = design.columns + 1;
  const fits = Array.from({ length: cuts }, (_, cut) => {
    const above = y.map((value) => (value > cut ? 1 : 0));
    const fit = fitLogistic(design, above, { penalty: 0, standardErrors: true });
    const eta = linearPredictor(design, Float64Array.of(fit.intercept, ...fit.coefficients));
    return { fit, probability: eta.map(logistic) };
  });
  const m = design.columns;
  const width = cuts * m;
  const joint = new Float64Array(width * width);
  for (let a = 0; a < cuts; a++) {
    for (let b = 0; b <= a; b++) {
      const first = fits[a];
      const second = fits[b];
      if (first === undefined || second === undefined) continue;
      // b ≤ a: who lies above the higher threshold lies above the lower too, so P(both) is the smaller one.
      const v = first.probability.map((pa, i) => pa * (1 - (second.probability[i] ?? NaN)));
      const middle = weightedProducts(design, v);
      const product = multiply(multiply(first.fit.covariance, middle, p), second.fit.covariance, p);
      for (let j = 0; j < m; j++) {
        for (let l = 0; l < m; l++) {
          const value = product[(j + 1) * p + l + 1] ?? NaN;
          joint[(a * m + j) * width + b * m + l] = value;
          joint[(b * m + l) * width + a * m + j] = value;
        }
      }
    }
  }
  const coefficients = fits.map(({ fit }) => fit.coefficients);
  const all = Array.from({ length: m }, (_, j) => j);
  return {
    overall: differences(joint, coefficients, m, all),
    columns: all.map((j) => ({
      name: design.names[j] ?? '',
      ...differences(joint, coefficients, m, [j]),
    })),
    coefficients,
  };
}

/** Wald's test that the named columns' coefficients at thresholds 2, 3 … equal those at threshold 1. */
function differences(
  joint: Float64Array,
  coefficients: readonly Float64Array[],
  m: number,
  columns: readonly number[],
): ChiSquaredTest {
  const cuts = coefficients.length;
  const width = cuts * m;
  const rows = Array.from({ length: cuts - 1 }, (_, c) => c + 1).flatMap((cut) =>
    columns.map((column) => ({ cut, column })),
  );
  const at = (a: number, b: number): number => joint[a * width + b] ?? NaN;
  const theta = Float64Array.from(
    rows,
    ({ cut, column }) => (coefficients[cut]?.[column] ?? NaN) - (coefficients[0]?.[column] ?? NaN),
  );
  const n = rows.length;
  const v = new Float64Array(n * n);
  rows.forEach((r, i) => {
    rows.forEach((s, k) => {
      const a = r.cut * m + r.column;
      const b = s.cut * m + s.column;
      v[i * n + k] = at(a, b) - at(r.column, b) - at(a, s.column) + at(r.column, s.column);
    });
  });
  if (choleskyInPlace(v, n, 1e-12) >= 0)
    throw new AnalyticsError(
      'ANALYTICS_COLLINEAR',
      'the thresholds\u2019 models do not differ enough to be compared',
    );
  return waldTest(theta, choleskySolve(v, n, theta));
}

/** Σ v x xᵀ with the intercept's column first. */
function weightedProducts(design: Design, v: Float64Array): Float64Array {
  const { rows, columns, data } = design;
  const p = columns + 1;
  const out = new Float64Array(p * p);
  const x = new Float64Array(p * BLOCK_ROWS).fill(1);
  for (let start = 0; start < rows; start += BLOCK_ROWS) {
    const size = Math.min(BLOCK_ROWS, rows - start);
    for (let j = 1; j < p; j++) {
      const from = (j - 1) * rows + start;
      x.set(data.subarray(from, from + size), j * BLOCK_ROWS);
    }
    addOuter(out, p, 0, 0, p, x, v.subarray(start, start + size), size);
  }
  return out;
}

function multiply(a: Float64Array, b: Float64Array, p: number): Float64Array {
  const out = new Float64Array(p * p);
  for (let i = 0; i < p; i++) {
    for (let j = 0; j < p; j++) {
      let s = 0;
      for (let k = 0; k < p; k++) s += (a[i * p + k] ?? NaN) * (b[k * p + j] ?? NaN);
      out[i * p + j] = s;
    }
  }
  return out;
}
