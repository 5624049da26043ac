import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AnalyticsError, type AnalyticsErrorCode } from '../../../analytics/errors.js';
import {
  contrasts,
  designFromColumns,
  fitLogistic,
  fitMultinomial,
  fitOrdinal,
  predict,
  predictMultinomial,
  predictOrdinal,
  selectRows,
  testProportionality,
  type Design,
} from '../../../analytics/models/index.js';
import { drawData, normal, uniform } from '../support/draws.js';
import { golden, goldenCsv, maxDifference, skipWithoutGolden } from '../support/golden.js';

function throwsCode(code: AnalyticsErrorCode, act: () => unknown): void {
  assert.throws(act, (error) => error instanceof AnalyticsError && error.code === code);
}

/** Rows by a proportional-odds model with four classes; a tilt makes the second column break proportionality. */
function drawOrdinal(rows: number, seed: number, tilt = 0): { design: Design; y: Uint8Array } {
  const next = uniform(seed);
  const z = normal(next);
  const a = Float64Array.from({ length: rows }, z);
  const b = Float64Array.from({ length: rows }, z);
  const y = Uint8Array.from({ length: rows }, (_, i) => {
    const u = next();
    const above = [1.2, 0, -1.3].map(
      (cut, k) => 1 / (1 + Math.exp(-(cut + 0.8 * (a[i] ?? 0) + (tilt * k - 0.5) * (b[i] ?? 0)))),
    );
    return above.filter((p) => u < p).length;
  });
  return { design: designFromColumns([a, b], ['a', 'b']), y };
}

test('multinomial L2 as scikit-learn', { skip: skipWithoutGolden }, () => {
  const { design, y } = goldenCsv('iris.csv', 'species');
  const { fits } = golden('iris_multinomial.json') as {
    fits: { C: number; coef: number[][]; intercept: number[]; p_first3: number[][]; log_loss: number }[];
  };
  assert.equal(fits.length, 3);
  for (const want of fits) {
    const fit = fitMultinomial(design, y, 3, { penalty: 1 / want.C });
    assert.ok(maxDifference(fit.intercepts, want.intercept) < 1e-6, `intercepts, C=${want.C}`);
    assert.ok(
      maxDifference(
        fit.coefficients.flatMap((c) => [...c]),
        want.coef.flat(),
      ) < 1e-6,
    );
    assert.ok(Math.abs(-fit.logLikelihood / design.rows - want.log_loss) < 1e-6);
    const p = predictMultinomial(selectRows(design, [0, 50, 100]), fit);
    assert.ok(maxDifference(p, want.p_first3.flat()) < 1e-6);
    assert.ok(fit.gradientMax < 1e-9);
  }
});

test('two classes: multinomial and proportional odds are the binary model, errors included', () => {
  const { design, y } = drawData(400, 3, 41);
  const binary = fitLogistic(design, y, { penalty: 0, standardErrors: true });
  const beta = [binary.intercept, ...binary.coefficients];
  const [against] = contrasts(fitMultinomial(design, y, 2, { penalty: 0 }), 0);
  assert.ok(maxDifference(against?.estimates ?? [], beta) < 1e-8);
  assert.ok(maxDifference(against?.standardErrors ?? [], binary.standardErrors) < 1e-8);
  const ordinal = fitOrdinal(design, y, 2, { penalty: 0 });
  assert.ok(maxDifference([-(ordinal.thresholds[0] ?? NaN), ...ordinal.coefficients], beta) < 1e-8);
  assert.ok(maxDifference(ordinal.standardErrors, binary.standardErrors) < 1e-8);
  assert.ok(Math.abs(ordinal.logLikelihood - binary.logLikelihood) < 1e-9);
  // Half the penalty, since both classes carry half of each coefficient.
  const shrunk = fitMultinomial(design, y, 2, { penalty: 4 });
  const half = fitLogistic(design, y, { penalty: 2 });
  assert.ok(
    maxDifference(contrasts(shrunk, 0)[0]?.estimates ?? [], [half.intercept, ...half.coefficients]) < 1e-8,
  );
  const p = predict(design, half);
  assert.ok(
    maxDifference(
      predictMultinomial(design, shrunk).filter((_, at) => at % 2 === 1),
      p,
    ) < 1e-9,
  );
});

test('one binary column: multinomial estimates and errors in closed form', () => {
  // Counts by class (rows) and column value: log-odds ratios and the sum of reciprocals.
  const counts = [
    [12, 7],
    [5, 20],
    [9, 11],
  ];
  const x = counts.flatMap(([no = 0, yes = 0]) => [
    ...Array<number>(no).fill(0),
    ...Array<number>(yes).fill(1),
  ]);
  const y = counts.flatMap(([no = 0, yes = 0], k) => Array<number>(no + yes).fill(k));
  const fit = fitMultinomial(designFromColumns([x], ['x']), Uint8Array.from(y), 3, { penalty: 0 });
  for (const { class: k, estimates, standardErrors } of contrasts(fit, 0)) {
    const [a = 0, b = 0] = counts[k] ?? [];
    const [c = 0, d = 0] = counts[0] ?? [];
    assert.ok(maxDifference(estimates, [Math.log(a / c), Math.log((b * c) / (a * d))]) < 1e-9);
    const errors = [Math.sqrt(1 / a + 1 / c), Math.sqrt(1 / a + 1 / b + 1 / c + 1 / d)];
    assert.ok(maxDifference(standardErrors, errors) < 1e-9);
  }
});

test('proportional odds as R ordinal::clm', { skip: skipWithoutGolden }, () => {
  const { design: all, y: stage } = goldenCsv('pbc.csv', 'stage');
  const want = golden('pbc_ordinal.json') as {
    estimate: number[];
    se: number[];
    loglik: number;
    fitted_level_probs_first5: number[][];
  };
  const column = (name: string): Float64Array => {
    const j = all.names.indexOf(name);
    return all.data.slice(j * all.rows, (j + 1) * all.rows);
  };
  const names = ['age', 'female', 'log_bili', 'albumin', 'protime'];
  const design = designFromColumns(
    [...names.map(column), column('platelet').map((v) => v / 100)],
    [...names, 'plt100'],
  );
  const y = stage.map((value) => value - 1);
  const fit = fitOrdinal(design, y, 4, { penalty: 0 });
  assert.ok(maxDifference([...fit.thresholds, ...fit.coefficients], want.estimate) < 1e-6);
  assert.ok(maxDifference(fit.standardErrors, want.se) < 1e-6);
  assert.ok(Math.abs(fit.logLikelihood - want.loglik) < 1e-6);
  const p = predictOrdinal(selectRows(design, [0, 1, 2, 3, 4]), fit);
  assert.ok(maxDifference(p, want.fitted_level_probs_first5.flat()) < 1e-6);
  assert.ok(fit.gradientMax < 1e-9);
});

test('classes: weights are repetitions, offsets fixed parts, scaling and order of rows change nothing', () => {
  const { design, y } = drawOrdinal(500, 51);
  const weights = Float64Array.from(y, (_, i) => i % 3);
  const repeated = [...weights].flatMap((w, i) => Array<number>(w).fill(i));
  const long = selectRows(design, repeated);
  const longY = Uint8Array.from(repeated, (i) => y[i] ?? 0);
  const ordinal = fitOrdinal(design, y, 4, { penalty: 0, weights });
  const ordinalLong = fitOrdinal(long, longY, 4, { penalty: 0 });
  assert.ok(maxDifference(ordinal.coefficients, ordinalLong.coefficients) < 1e-9);
  assert.ok(maxDifference(ordinal.standardErrors, ordinalLong.standardErrors) < 1e-9);
  const multi = fitMultinomial(design, y, 4, { penalty: 1, weights });
  const multiLong = fitMultinomial(long, longY, 4, { penalty: 1 });
  assert.ok(maxDifference(multi.coefficients[2] ?? [], multiLong.coefficients[2] ?? []) < 1e-9);

  const order = Array.from({ length: 500 }, (_, i) => (i * 77) % 500);
  const mixed = fitOrdinal(
    selectRows(design, order),
    Uint8Array.from(order, (i) => y[i] ?? 0),
    4,
    { penalty: 0 },
  );
  const plain = fitOrdinal(design, y, 4, { penalty: 0 });
  assert.ok(maxDifference(mixed.coefficients, plain.coefficients) < 1e-9);
  assert.deepEqual(plain, fitOrdinal(design, y, 4, { penalty: 0 }));
  const scaled = { ...design, data: design.data.map((v, at) => (at < 500 ? v * 50 : v)) };
  const other = fitOrdinal(scaled, y, 4, { penalty: 0 });
  assert.ok(Math.abs((other.coefficients[0] ?? NaN) * 50 - (plain.coefficients[0] ?? NaN)) < 1e-8);

  const a = design.data.subarray(0, 500);
  const b = designFromColumns([design.data.subarray(500)], ['b']);
  const offset = a.map((v) => v * (plain.coefficients[0] ?? NaN));
  const rest = fitOrdinal(b, y, 4, { penalty: 0, offset });
  assert.ok(Math.abs((rest.coefficients[0] ?? NaN) - (plain.coefficients[1] ?? NaN)) < 1e-8);
  const p = predictOrdinal(b, rest, offset);
  assert.ok(maxDifference(p, predictOrdinal(design, plain)) < 1e-8);
});

test('proportionality is kept where it holds and refused where it does not', () => {
  const holds = drawOrdinal(3000, 61);
  const kept = testProportionality(holds.design, holds.y, 4);
  assert.equal(kept.overall.df, 4);
  assert.ok(kept.overall.p > 0.01);
  const broken = drawOrdinal(3000, 62, 0.6);
  const found = testProportionality(broken.design, broken.y, 4);
  assert.ok(found.overall.p < 1e-6);
  assert.ok((found.columns[1]?.p ?? 1) < 1e-6 && (found.columns[0]?.p ?? 0) > 0.001);
  throwsCode('ANALYTICS_SHAPE', () => testProportionality(holds.design, holds.y, 2));
});

test('classes: what cannot be fitted is refused by code', () => {
  const { design, y } = drawOrdinal(200, 71);
  for (const fit of [fitOrdinal, fitMultinomial]) {
    throwsCode('ANALYTICS_ONE_CLASS', () => fit(design, y, 5, { penalty: 0 }));
    throwsCode('ANALYTICS_SHAPE', () => fit(design, y, 3, { penalty: 0 }));
    throwsCode('ANALYTICS_SHAPE', () => fit(design, y, 4, { penalty: -1 }));
    throwsCode('ANALYTICS_SHAPE', () => fit(design, y.slice(1), 4, { penalty: 0 }));
    const twice = designFromColumns([design.data.slice(0, 200), design.data.slice(0, 200)], ['a', 'b']);
    throwsCode('ANALYTICS_COLLINEAR', () => fit(twice, y, 4, { penalty: 0 }));
    // The class is a function of the column: no finite estimate.
    const x = Float64Array.from(y, (value, i) => value * 3 + (i % 7) / 7);
    const separating = designFromColumns([x], ['x']);
    throwsCode('ANALYTICS_SEPARATION', () => fit(separating, y, 4, { penalty: 0 }));
    assert.ok(fit(separating, y, 4, { penalty: 1 }).gradientMax < 1e-9);
  }
});
