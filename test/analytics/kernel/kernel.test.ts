/** The kernels of the logistic regression: with vectors, without, on any number of threads the same bits. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import {
  LOT_ROWS,
  lotLength,
  scalarKernel,
  sumOnThreads,
  vectorKernel,
  type PassRows,
} from '../../../analytics/kernel/index.js';
import { designFromColumns, fitLogistic, logLoss, selectRows } from '../../../analytics/models/index.js';
import { drawData, normal, uniform } from '../support/draws.js';

function drawRows(rows: number, columns: number, seed: number, withTerms: boolean): PassRows {
  const next = uniform(seed);
  const z = normal(next);
  const draw = (length: number): Float64Array => Float64Array.from({ length }, z);
  return {
    rows,
    columns,
    data: draw(rows * columns),
    y: Uint8Array.from({ length: rows }, () => (next() < 0.4 ? 1 : 0)),
    weights: withTerms
      ? Float64Array.from({ length: rows }, (_, i) => (i % 5 === 0 ? 0 : next()))
      : undefined,
    offset: withTerms ? draw(rows) : undefined,
  };
}

/** Bytes: −0 and 0 differ. */
function bits(values: Float64Array): string {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('hex');
}

test('vectors and plain JavaScript give the same bits, whatever the shape', (t) => {
  const vector = vectorKernel();
  if (vector === undefined) {
    t.skip('this engine has no vectors');
    return;
  }
  // One kernel for all shapes in turn: what an earlier shape left in its memory must not show.
  for (const [rows, columns] of [
    [4096, 30],
    [1, 0],
    [3, 1],
    [1025, 5],
    [64, 2],
    [2048, 3],
    [777, 31],
    [4000, 8],
    [63, 90],
  ] as const) {
    for (const withTerms of [false, true]) {
      const input = drawRows(rows, columns, rows + columns, withTerms);
      const z = normal(uniform(columns));
      // Large coefficients, so that probabilities reach 0 and 1.
      for (const scale of [0.3, 40, 1e6]) {
        const beta = Float64Array.from({ length: columns + 1 }, () => z() * scale);
        for (const withHessian of [true, false]) {
          const ours = new Float64Array(lotLength(columns, withHessian)).fill(7);
          const plain = ours.slice();
          vector.sum(input, 0, rows, beta, withHessian, ours);
          scalarKernel.sum(input, 0, rows, beta, withHessian, plain);
          assert.equal(bits(ours), bits(plain), `${rows} × ${columns}, scale ${scale}`);
        }
      }
    }
  }
});

test('sums are what the definitions say', () => {
  const { rows, columns, data, y, weights, offset } = drawRows(500, 4, 3, true);
  const input = { rows, columns, data, y, weights, offset };
  const beta = Float64Array.of(0.2, -1, 0.5, 0.3, 2);
  const sums = new Float64Array(lotLength(columns, true));
  scalarKernel.sum(input, 0, rows, beta, true, sums);
  const x = (i: number, j: number): number => (j === 0 ? 1 : (data[(j - 1) * rows + i] ?? NaN));
  const p = Array.from({ length: rows }, (_, i) => {
    const eta = beta.reduce((total, b, j) => total + b * x(i, j), offset?.[i] ?? NaN);
    return 1 / (1 + Math.exp(-eta));
  });
  const total = (term: (i: number) => number): number =>
    Array.from({ length: rows }, (_, i) => (weights?.[i] ?? NaN) * term(i)).reduce((a, b) => a + b, 0);
  let at = columns + 3;
  for (let j = 0; j <= columns; j++) {
    assert.ok(Math.abs((sums[j] ?? NaN) - total((i) => x(i, j) * ((y[i] ?? NaN) - (p[i] ?? NaN)))) < 1e-11);
    for (let k = 0; k <= j; k++, at++) {
      const want = total((i) => x(i, j) * x(i, k) * (p[i] ?? NaN) * (1 - (p[i] ?? NaN)));
      assert.ok(Math.abs((sums[at] ?? NaN) - want) < 1e-11);
    }
  }
});

test('a pass and a fit on 1, 2, 3 and 5 threads have the same hash', () => {
  const { design, y } = drawData(3 * LOT_ROWS + 777, 6, 19);
  const shared = designFromColumns(
    Array.from({ length: design.columns }, (_, j) =>
      design.data.subarray(j * design.rows, (j + 1) * design.rows),
    ),
    design.names,
  );
  const beta = Float64Array.from({ length: 7 }, (_, j) => j / 10 - 0.3);
  const hashes = new Set<string>();
  const passes = new Set<string>();
  for (const threads of [1, 2, 3, 5, 2, 1]) {
    passes.add(bits(sumOnThreads({ ...shared, y }, beta, true, threads).slice()));
    const fit = fitLogistic(design, y, { penalty: 0.5, standardErrors: true, threads });
    assert.ok(fit.gradientMax < 1e-9);
    hashes.add(
      createHash('sha256')
        .update(
          bits(Float64Array.of(fit.intercept, ...fit.coefficients, ...fit.covariance, fit.logLikelihood)),
        )
        .digest('hex'),
    );
  }
  assert.equal(passes.size, 1);
  assert.equal(hashes.size, 1);
});

test('the log-loss that a fit keeps is that of its coefficients', () => {
  for (const rows of [60, 5000]) {
    const { design, y } = drawData(rows, 3, rows);
    const fit = fitLogistic(design, y, { penalty: 1 });
    const beta = Float64Array.of(fit.intercept, ...fit.coefficients);
    assert.ok(Math.abs(fit.logLikelihood + logLoss(design, y, beta)) < 1e-10 * rows);
    const twice = Array.from({ length: 2 * rows }, (_, i) => i % rows);
    const weighted = fitLogistic(design, y, { penalty: 2, weights: new Float64Array(rows).fill(2) });
    const repeated = fitLogistic(
      selectRows(design, twice),
      Uint8Array.from(twice, (i) => y[i] ?? 0),
      { penalty: 2 },
    );
    assert.ok(Math.abs(weighted.logLikelihood - repeated.logLikelihood) < 1e-10 * rows);
    assert.ok(Math.abs((weighted.coefficients[0] ?? NaN) - (repeated.coefficients[0] ?? NaN)) < 1e-10);
  }
});
