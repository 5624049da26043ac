import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AnalyticsError, type AnalyticsErrorCode } from '../../../analytics/errors.js';
import { auroc } from '../../../analytics/validation/index.js';
import {
  designFromColumns,
  fitFirth,
  fitLogistic,
  likelihoodRatioTest,
  predict,
  profileFirth,
  profileLogistic,
  selectRows,
  waldTable,
  type Design,
} from '../../../analytics/models/index.js';
import { drawData, uniform } from '../support/draws.js';
import { golden, goldenCsv, maxDifference, skipWithoutGolden } from '../support/golden.js';

function throwsCode(code: AnalyticsErrorCode, act: () => unknown): void {
  assert.throws(act, (error) => error instanceof AnalyticsError && error.code === code);
}

function halfMore(events: number, others: number): number {
  return Math.log((events + 0.5) / (others + 0.5));
}

function same(ours: ArrayLike<number>, theirs: ArrayLike<number>): void {
  assert.ok(maxDifference(ours, theirs) < 1e-6);
}

function table(a: number, b: number, c: number, d: number): { design: Design; y: Uint8Array } {
  const x = [a, b, c, d].flatMap((count, cell) => Array.from({ length: count }, () => (cell < 2 ? 1 : 0)));
  const y = [a, b, c, d].flatMap((count, cell) => Array.from({ length: count }, () => 1 - (cell % 2)));
  return { design: designFromColumns([x], ['x']), y: Uint8Array.from(y) };
}

function columnsNamed(design: Design, names: readonly string[]): Design {
  return designFromColumns(
    names.map((name) => {
      const j = design.names.indexOf(name);
      return design.data.subarray(j * design.rows, (j + 1) * design.rows);
    }),
    names,
  );
}

interface Glm {
  readonly terms: string[];
  readonly z: number[];
  readonly p: number[];
  readonly wald_ci_low: number[];
  readonly wald_ci_high: number[];
  readonly odds_ratio: number[];
  readonly cov: number[][];
  readonly deviance: number;
  readonly null_deviance: number;
  readonly aic: number;
  readonly profile_ci_low: number[];
  readonly profile_ci_high: number[];
  readonly auroc: number;
  readonly lrt_vs_age_lwt_smoke: { readonly chisq: number; readonly df: number; readonly p: number };
}

test(
  'Wald table, covariance, deviances, profile intervals and likelihood-ratio test as R glm',
  { skip: skipWithoutGolden },
  () => {
    const { design, y } = goldenCsv('birthwt.csv', 'low');
    const want = golden('birthwt_glm.json') as Glm;
    const fit = fitLogistic(design, y, { penalty: 0, standardErrors: true });
    const rows = waldTable(
      ['(Intercept)', ...fit.names],
      [fit.intercept, ...fit.coefficients],
      fit.standardErrors,
    );
    assert.deepEqual(
      rows.map((row) => row.name),
      want.terms,
    );
    same(
      rows.map((row) => row.z),
      want.z,
    );
    same(
      rows.map((row) => row.p),
      want.p,
    );
    same(
      rows.map((row) => row.interval[0]),
      want.wald_ci_low,
    );
    same(
      rows.map((row) => row.interval[1]),
      want.wald_ci_high,
    );
    same(
      rows.map((row) => row.oddsRatio),
      want.odds_ratio,
    );
    same([...fit.covariance], want.cov.flat());
    const none = fitLogistic({ ...design, columns: 0, data: new Float64Array(0), names: [] }, y, {
      penalty: 0,
    });
    same(
      [-2 * fit.logLikelihood, -2 * none.logLikelihood, 20 - 2 * fit.logLikelihood],
      [want.deviance, want.null_deviance, want.aic],
    );
    const profiles = profileLogistic(design, y, fit);
    // R's ends come from a spline through the profile and are good to some 1e-4; the law of the ends is checked exactly.
    const close = maxDifference(
      profiles.flat(),
      want.profile_ci_low.flatMap((low, j) => [low, want.profile_ci_high[j] ?? NaN]),
    );
    assert.ok(close < 2e-4);
    const heldAge = columnsNamed(design, design.names.slice(1));
    for (const end of profiles[1] ?? []) {
      const offset = design.data.subarray(0, design.rows).map((age) => age * end);
      const held = fitLogistic(heldAge, y, { penalty: 0, offset });
      assert.ok(Math.abs(2 * (fit.logLikelihood - held.logLikelihood) - 3.841458820694124) < 1e-8);
    }
    const small = columnsNamed(design, ['age', 'lwt', 'smoke']);
    const smallFit = fitLogistic(small, y, { penalty: 0 });
    const lrt = likelihoodRatioTest(
      { logLikelihood: fit.logLikelihood, parameters: 10 },
      { logLikelihood: smallFit.logLikelihood, parameters: 4 },
    );
    const theirs = want.lrt_vs_age_lwt_smoke;
    same([lrt.statistic, lrt.df, lrt.p], [theirs.chisq, theirs.df, theirs.p]);
    same([auroc(predict(design, fit), y).auroc], [want.auroc]);
  },
);

test('Firth: estimates, errors and fitted values as R brglm2', { skip: skipWithoutGolden }, () => {
  const { design, y } = goldenCsv('birthwt.csv', 'low');
  const want = golden('birthwt_firth.json') as { coef: number[]; se: number[]; fitted: number[] };
  const fit = fitFirth(design, y);
  assert.ok(maxDifference([fit.intercept, ...fit.coefficients], want.coef) < 1e-6);
  assert.ok(maxDifference(fit.standardErrors, want.se) < 1e-6);
  assert.ok(maxDifference(predict(design, fit), want.fitted) < 1e-6);
  assert.ok(fit.gradientMax < 1e-9);
  assert.deepEqual(fit.separation, { kind: 'none', columns: [] });
});

test('Firth on a fourfold table adds half to each cell, and separation is said', () => {
  // Closed form: in a saturated model, Jeffreys' prior is half an observation in each cell.
  for (const [a, b, c, d] of [
    [7, 3, 4, 9],
    [10, 0, 5, 8],
    [10, 0, 0, 12],
  ] as const) {
    const { design, y } = table(a, b, c, d);
    const fit = fitFirth(design, y);
    assert.ok(Math.abs(fit.intercept - halfMore(c, d)) < 1e-8);
    assert.ok(Math.abs((fit.coefficients[0] ?? NaN) - (halfMore(a, b) - halfMore(c, d))) < 1e-8);
    assert.equal(fit.separation.kind, b > 0 ? 'none' : c > 0 ? 'quasi-complete' : 'complete');
    assert.deepEqual(fit.separation.columns, b > 0 ? [] : ['x']);
    const [, [low, high] = [NaN, NaN]] = profileFirth(design, y, fit);
    assert.ok(low < (fit.coefficients[0] ?? NaN) && (fit.coefficients[0] ?? NaN) < high && high < 20);
  }
  const { design, y } = table(10, 0, 5, 8);
  throwsCode('ANALYTICS_SEPARATION', () => fitLogistic(design, y, { penalty: 0 }));
});

test('a weight is a repetition, a weight of 0 a row left out, an offset a fixed part', () => {
  const { design, y } = drawData(300, 4, 31);
  const next = uniform(32);
  const counts = Array.from({ length: 300 }, () => Math.floor(next() * 4));
  const repeated = counts.flatMap((count, i) => Array.from({ length: count }, () => i));
  const weights = Float64Array.from(counts);
  const long = selectRows(design, repeated);
  const longY = Uint8Array.from(repeated, (i) => y[i] ?? 0);
  for (const [ours, theirs] of [
    [
      fitLogistic(design, y, { penalty: 0, weights, standardErrors: true }),
      fitLogistic(long, longY, { penalty: 0, standardErrors: true }),
    ],
    [fitFirth(design, y, { weights }), fitFirth(long, longY)],
  ] as const) {
    assert.ok(maxDifference(ours.coefficients, theirs.coefficients) < 1e-9);
    assert.ok(maxDifference(ours.standardErrors, theirs.standardErrors) < 1e-9);
    assert.ok(Math.abs(ours.logLikelihood - theirs.logLikelihood) < 1e-9);
  }
  // A column's share of the log-odds given as an offset leaves the others as they were.
  const fit = fitLogistic(design, y, { penalty: 0 });
  const column = design.data.subarray(0, 300);
  const offset = column.map((v) => v * (fit.coefficients[0] ?? NaN));
  const rest = fitLogistic(columnsNamed(design, design.names.slice(1)), y, { penalty: 0, offset });
  assert.ok(maxDifference(rest.coefficients, fit.coefficients.slice(1)) < 1e-8);
  throwsCode('ANALYTICS_SHAPE', () => fitLogistic(design, y, { penalty: 0, weights: weights.slice(1) }));
  throwsCode('ANALYTICS_SHAPE', () =>
    fitLogistic(design, y, { penalty: 0, weights: weights.map((w) => -w) }),
  );
  throwsCode('ANALYTICS_NOT_FINITE', () =>
    fitLogistic(design, y, { penalty: 0, offset: offset.with(3, NaN) }),
  );
});

test('Firth: scaling a column scales its coefficient, the order of rows changes nothing', () => {
  const { design, y } = drawData(250, 3, 33);
  const fit = fitFirth(design, y);
  assert.ok(fit.gradientMax < 1e-9);
  const scaled = fitFirth({ ...design, data: design.data.map((v, at) => (at < 250 ? v * 200 : v)) }, y);
  assert.ok(Math.abs((scaled.coefficients[0] ?? NaN) * 200 - (fit.coefficients[0] ?? NaN)) < 1e-8);
  assert.ok(maxDifference(scaled.coefficients.slice(1), fit.coefficients.slice(1)) < 1e-8);
  const order = Array.from({ length: 250 }, (_, i) => (i * 77) % 250);
  const mixed = fitFirth(
    selectRows(design, order),
    Uint8Array.from(order, (i) => y[i] ?? 0),
  );
  assert.ok(maxDifference(mixed.coefficients, fit.coefficients) < 1e-9);
  assert.ok(maxDifference(mixed.standardErrors, fit.standardErrors) < 1e-9);
});

test('tests that make no sense are refused', () => {
  throwsCode('ANALYTICS_SHAPE', () =>
    likelihoodRatioTest({ logLikelihood: -5, parameters: 2 }, { logLikelihood: -6, parameters: 2 }),
  );
  throwsCode('ANALYTICS_SHAPE', () =>
    likelihoodRatioTest({ logLikelihood: -7, parameters: 3 }, { logLikelihood: -6, parameters: 2 }),
  );
  throwsCode('ANALYTICS_SHAPE', () => waldTable(['a'], [1], []));
  const { design, y } = drawData(60, 1, 3);
  throwsCode('ANALYTICS_SHAPE', () => profileLogistic(design, y, fitLogistic(design, y, { penalty: 1 })));
});
