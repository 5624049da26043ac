import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AnalyticsError, type AnalyticsErrorCode } from '../../../analytics/errors.js';
import {
  choosePenalty,
  designFromColumns,
  fitLogistic,
  PENALTY_GRID,
  predict,
  selectRows,
  type Design,
} from '../../../analytics/models/index.js';
import { drawData, normal, uniform } from '../support/draws.js';
import { golden, goldenCsv, maxDifference, skipWithoutGolden } from '../support/golden.js';

function throwsCode(code: AnalyticsErrorCode, act: () => unknown): void {
  assert.throws(act, (error) => error instanceof AnalyticsError && error.code === code);
}

function isThird(index: number): boolean {
  return index % 3 === 2;
}

test(
  'unpenalised: coefficients, standard errors, log-likelihood as R glm',
  { skip: skipWithoutGolden },
  () => {
    const { design, y } = goldenCsv('birthwt.csv', 'low');
    const want = golden('birthwt_glm.json') as {
      coef: number[];
      se: number[];
      loglik: number;
      fitted: number[];
    };
    const fit = fitLogistic(design, y, { penalty: 0, standardErrors: true });
    assert.ok(maxDifference([fit.intercept, ...fit.coefficients], want.coef) < 1e-6);
    assert.ok(maxDifference(fit.standardErrors, want.se) < 1e-6);
    assert.ok(Math.abs(fit.logLikelihood - want.loglik) < 1e-6);
    assert.ok(maxDifference(predict(design, fit), want.fitted) < 1e-6);
    assert.ok(fit.gradientMax < 1e-9);
  },
);

test(
  'L2: coefficients, posterior errors and predictions as scikit-learn',
  { skip: skipWithoutGolden },
  () => {
    const { design, y } = goldenCsv('wdbc.csv', 'malignant');
    const want = golden('wdbc_l2.json') as {
      train_mean: number[];
      train_std: number[];
      fits: {
        C: number;
        coef: number[];
        intercept: number;
        posterior_se_from_penalised_hessian: number[];
        test_p_first10: number[];
      }[];
    };
    const rows = Array.from({ length: design.rows }, (_, i) => i);
    const standardise = (part: Design): Design => ({
      ...part,
      data: part.data.map((v, at) => {
        const j = Math.floor(at / part.rows);
        return (v - (want.train_mean[j] ?? NaN)) / (want.train_std[j] ?? NaN);
      }),
    });
    const trainRows = rows.filter((i) => !isThird(i));
    const train = standardise(selectRows(design, trainRows));
    const test10 = standardise(selectRows(design, rows.filter(isThird).slice(0, 10)));
    const trainY = Uint8Array.from(trainRows, (i) => y[i] ?? 0);
    assert.equal(want.fits.length, 4);
    for (const {
      C,
      coef,
      intercept,
      posterior_se_from_penalised_hessian: errors,
      test_p_first10: p,
    } of want.fits) {
      const fit = fitLogistic(train, trainY, { penalty: 1 / C, standardErrors: true });
      assert.ok(maxDifference([...fit.coefficients, fit.intercept], [...coef, intercept]) < 1e-6, `C=${C}`);
      const ours = [...fit.standardErrors.slice(1), fit.standardErrors[0] ?? NaN];
      assert.ok(maxDifference(ours, errors) < 1e-6, `errors, C=${C}`);
      assert.ok(maxDifference(predict(test10, fit), p) < 1e-6);
      assert.ok(fit.gradientMax < 1e-9);
    }
  },
);

test('the same input gives the same bits; permuted rows the same fit to 1e-9', () => {
  for (const [n, p] of [
    [500, 7],
    [20_000, 4],
  ] as const) {
    const { design, y } = drawData(n, p, 11);
    const a = fitLogistic(design, y, { penalty: 2 });
    const b = fitLogistic(design, y, { penalty: 2 });
    assert.deepEqual(a, b);
    const order = Array.from({ length: n }, (_, i) => (i * 7919) % n);
    const permuted = fitLogistic(
      selectRows(design, order),
      Uint8Array.from(order, (i) => y[i] ?? 0),
      { penalty: 2 },
    );
    assert.ok(maxDifference(a.coefficients, permuted.coefficients) < 1e-9);
    assert.ok(a.gradientMax < 1e-9 && permuted.gradientMax < 1e-9);
  }
});

test('scaling a column scales its coefficient inversely, unpenalised', () => {
  const { design, y } = drawData(400, 3, 5);
  const scaled: Design = { ...design, data: design.data.map((v, at) => (at < design.rows ? v * 1000 : v)) };
  const a = fitLogistic(design, y, { penalty: 0 });
  const b = fitLogistic(scaled, y, { penalty: 0 });
  assert.ok(Math.abs((a.coefficients[0] ?? NaN) - (b.coefficients[0] ?? NaN) * 1000) < 1e-8);
  assert.ok(maxDifference(a.coefficients.slice(1), b.coefficients.slice(1)) < 1e-8);
});

test('every row twice and twice the penalty give the same fit', () => {
  const { design, y } = drawData(300, 4, 6);
  const twice = Array.from({ length: 600 }, (_, i) => i % 300);
  const a = fitLogistic(design, y, { penalty: 1.5 });
  const b = fitLogistic(
    selectRows(design, twice),
    Uint8Array.from(twice, (i) => y[i] ?? 0),
    { penalty: 3 },
  );
  assert.ok(maxDifference(a.coefficients, b.coefficients) < 1e-9);
});

test('a warm start on part of the rows leads to the same optimum', () => {
  const { design, y } = drawData(40_000, 5, 9);
  const fit = fitLogistic(design, y, { penalty: 0, standardErrors: true });
  assert.ok(fit.gradientMax < 1e-9);
  const half = Array.from({ length: 4000 }, (_, i) => i * 10);
  const sample = fitLogistic(
    selectRows(design, half),
    Uint8Array.from(half, (i) => y[i] ?? 0),
    { penalty: 0 },
  );
  const far = fit.coefficients.findIndex((c, j) => Math.abs(c - (sample.coefficients[j] ?? NaN)) > 0.3);
  assert.equal(far, -1);
});

test('what cannot be fitted is refused by code', () => {
  const { design, y } = drawData(50, 3, 3);
  const options = { penalty: 1 };
  throwsCode('ANALYTICS_ONE_CLASS', () => fitLogistic(design, new Uint8Array(50), options));
  throwsCode('ANALYTICS_ONE_CLASS', () => fitLogistic(design, new Uint8Array(50).fill(1), options));
  throwsCode('ANALYTICS_SHAPE', () => fitLogistic(design, y.slice(1), options));
  throwsCode('ANALYTICS_SHAPE', () =>
    fitLogistic(
      design,
      y.map(() => 2),
      options,
    ),
  );
  throwsCode('ANALYTICS_SHAPE', () => fitLogistic(design, y, { penalty: -1 }));
  throwsCode('ANALYTICS_SHAPE', () => fitLogistic(design, y, { penalty: NaN }));
  throwsCode('ANALYTICS_TOO_FEW_ROWS', () =>
    fitLogistic(selectRows(design, [0, 1, 2]), Uint8Array.of(0, 1, 0), options),
  );
  for (const value of [NaN, Infinity, -Infinity]) {
    const broken = { ...design, data: design.data.with(60, value) };
    throwsCode('ANALYTICS_NOT_FINITE', () => fitLogistic(broken, y, options));
  }
  const constant = { ...design, data: design.data.slice().fill(4, 50, 100) };
  throwsCode('ANALYTICS_CONSTANT_COLUMN', () => fitLogistic(constant, y, options));
});

test('duplicated columns: refused without a penalty, shared equally with one', () => {
  const { design, y } = drawData(200, 2, 8);
  const a = design.data.slice(0, 200);
  const twice = designFromColumns([a, a], ['a', 'b']);
  throwsCode('ANALYTICS_COLLINEAR', () => fitLogistic(twice, y, { penalty: 0 }));
  const fit = fitLogistic(twice, y, { penalty: 1 });
  assert.ok(Math.abs((fit.coefficients[0] ?? NaN) - (fit.coefficients[1] ?? NaN)) < 1e-12);
});

test('separation is found: complete, quasi-complete, and said where a penalty hides it', () => {
  const x = Float64Array.from({ length: 40 }, (_, i) => i);
  const complete = Uint8Array.from(x, (v) => (v >= 20 ? 1 : 0));
  const design = designFromColumns([x], ['x']);
  throwsCode('ANALYTICS_SEPARATION', () => fitLogistic(design, complete, { penalty: 0 }));
  const fit = fitLogistic(design, complete, { penalty: 0.1 });
  assert.equal(fit.separated, true);
  assert.ok(fit.gradientMax < 1e-9);
  assert.equal(
    fitLogistic(drawData(100, 2, 4).design, drawData(100, 2, 4).y, { penalty: 1 }).separated,
    false,
  );

  // Quasi-complete: one level of a category has events only.
  const level = Float64Array.from({ length: 60 }, (_, i) => (i < 20 ? 1 : 0));
  const other = Float64Array.from({ length: 60 }, (_, i) => (i * 17) % 23);
  const y = Uint8Array.from({ length: 60 }, (_, i) => (i < 20 || i % 2 === 0 ? 1 : 0));
  throwsCode('ANALYTICS_SEPARATION', () =>
    fitLogistic(designFromColumns([level, other], ['l', 'o']), y, { penalty: 0 }),
  );
});

test('the penalty is chosen by least held-out log-loss, or fixed where folds have one class', () => {
  const { design, y } = drawData(600, 5, 21);
  const fold = Uint8Array.from({ length: 600 }, (_, i) => i % 5);
  const choice = choosePenalty(design, y, fold);
  assert.equal(choice.folds, 5);
  assert.deepEqual(
    choice.tried.map((t) => t.penalty),
    PENALTY_GRID,
  );
  const least = Math.min(...choice.tried.map((t) => t.logLoss));
  assert.equal(choice.tried.find((t) => t.penalty === choice.penalty)?.logLoss, least);
  const few = choosePenalty(design, y, y);
  assert.deepEqual([few.folds, few.tried], [0, []]);
  throwsCode('ANALYTICS_SHAPE', () => choosePenalty(design, y, fold, []));
});

test('a sample that leads astray does not: nearly separated in it, rare and nearly doubled columns', () => {
  const rows = 12_000;
  const next = uniform(5);
  const z = normal(next);
  const a = Float64Array.from({ length: rows }, z);
  const twin = a.map((v) => (v > 3 ? 3 : v));
  const standardised = (share: number): Float64Array => {
    const hits = Float64Array.from(a, () => (next() < share ? 1 : 0));
    const mean = hits.reduce((total, v) => total + v, 0) / rows;
    return hits.map((v) => (v - mean) / Math.sqrt(mean * (1 - mean)));
  };
  const columns = [a, twin, standardised(0.001), standardised(0.002), standardised(0.004)];
  const y = Uint8Array.from(a, (v, i) =>
    next() < 1 / (1 + Math.exp(2 - 2 * v - (columns[2]?.[i] ?? 0) / 5)) ? 1 : 0,
  );
  const design = designFromColumns(
    columns,
    columns.map((_, j) => `x${j}`),
  );
  for (const penalty of [0.001, 0.1, 10]) {
    const fit = fitLogistic(design, y, { penalty });
    assert.ok(fit.gradientMax < 1e-9);
    // Convex: however found, the optimum is one.
    const weighted = fitLogistic(design, y, { penalty, weights: new Float64Array(rows).fill(1) });
    assert.deepEqual(fit.coefficients, weighted.coefficients);
  }
});
