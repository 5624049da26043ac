import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AnalyticsError, type AnalyticsErrorCode } from '../../../analytics/errors.js';
import { fitLogistic, predict } from '../../../analytics/models/index.js';
import {
  auroc,
  brier,
  calibration,
  foldsByKey,
  measure,
  splitByKey,
} from '../../../analytics/validation/index.js';
import { drawData } from '../support/draws.js';
import { golden, goldenCsv, maxDifference, skipWithoutGolden } from '../support/golden.js';

interface Metrics {
  readonly n: number;
  readonly events: number;
  readonly delong: { readonly auroc: number; readonly var: number; readonly ci: number[] };
  readonly brier: number;
  readonly brier_scaled: number;
  readonly calibration: Record<
    'intercept' | 'slope' | 'slope_se' | 'calibration_in_the_large' | 'citl_se',
    number
  >;
}

function throwsCode(code: AnalyticsErrorCode, act: () => unknown): void {
  assert.throws(act, (error) => error instanceof AnalyticsError && error.code === code);
}

test('AUROC, DeLong, Brier and calibration as the reference values', { skip: skipWithoutGolden }, () => {
  const { design, y } = goldenCsv('birthwt.csv', 'low');
  const p = predict(design, fitLogistic(design, y, { penalty: 0 }));
  const { metrics: want, R_delong: r } = golden('birthwt_metrics.json') as {
    metrics: Metrics;
    R_delong: number[];
  };
  const got = measure(p, y);
  assert.deepEqual([got.patients, got.events], [want.n, want.events]);
  const [low = NaN, high = NaN] = got.discrimination.interval ?? [];
  const large = got.calibration.inTheLarge;
  const ours = [
    got.discrimination.auroc,
    got.discrimination.variance,
    low,
    high,
    got.accuracy.brier,
    got.accuracy.scaled,
    got.calibration.intercept ?? NaN,
    got.calibration.slope?.estimate ?? NaN,
    got.calibration.slope?.standardError ?? NaN,
    large.estimate,
    large.standardError,
    got.calibration.expectedOverObserved,
  ];
  const c = want.calibration;
  const theirs = [
    want.delong.auroc,
    want.delong.var,
    ...want.delong.ci,
    want.brier,
    want.brier_scaled,
    c.intercept,
    c.slope,
    c.slope_se,
    c.calibration_in_the_large,
    c.citl_se,
    1,
  ];
  assert.ok(maxDifference(ours, theirs) < 1e-6, `${ours.join()} against ${theirs.join()}`);
  assert.ok(maxDifference([low, got.discrimination.auroc, high], r) < 1e-6);
});

test(
  'held-out measures of a miscalibrated model as the reference values',
  { skip: skipWithoutGolden },
  () => {
    const { design, y } = goldenCsv('wdbc.csv', 'malignant');
    const want = golden('wdbc_l2.json') as {
      train_mean: number[];
      train_std: number[];
      fits: { coef: number[]; intercept: number; test: Metrics }[];
    };
    for (const { coef, intercept, test: metrics } of want.fits) {
      const rows = Array.from({ length: design.rows }, (_, i) => i).filter((i) => i % 3 === 2);
      const p = Float64Array.from(rows, (i) => {
        const eta = coef.reduce(
          (total, b, j) =>
            total +
            (b * ((design.data[j * design.rows + i] ?? NaN) - (want.train_mean[j] ?? NaN))) /
              (want.train_std[j] ?? NaN),
          intercept,
        );
        return 1 / (1 + Math.exp(-eta));
      });
      const outcome = Uint8Array.from(rows, (i) => y[i] ?? 0);
      const area = auroc(p, outcome);
      const c = calibration(p, outcome);
      const b = brier(p, outcome);
      const [low = NaN, high = NaN] = metrics.delong.ci;
      assert.ok(
        maxDifference([area.auroc, area.variance], [metrics.delong.auroc, metrics.delong.var]) < 1e-6,
      );
      assert.ok(maxDifference(area.interval ?? [], [low, Math.min(1, high)]) < 1e-6);
      assert.ok(maxDifference([b.brier, b.scaled], [metrics.brier, metrics.brier_scaled]) < 1e-6);
      const wanted = metrics.calibration;
      assert.ok(
        maxDifference(
          [
            c.intercept ?? NaN,
            c.slope?.estimate ?? NaN,
            c.slope?.standardError ?? NaN,
            c.inTheLarge.estimate,
          ],
          [wanted.intercept, wanted.slope, wanted.slope_se, wanted.calibration_in_the_large],
        ) < 1e-6,
      );
    }
  },
);

test('AUROC counts ties half, ignores order, and mirrors when scores are negated', () => {
  const y = Uint8Array.of(0, 0, 1, 1, 0, 1);
  const s = Float64Array.of(0.1, 0.4, 0.4, 0.8, 0.3, 0.2);
  // Pairs won: 0.4 beats 0.1 and 0.3, ties 0.4; 0.8 beats all; 0.2 beats 0.1.
  assert.ok(Math.abs(auroc(s, y).auroc - (2.5 + 3 + 1) / 9) < 1e-15);
  assert.ok(
    Math.abs(
      auroc(
        s.map((v) => -v),
        y,
      ).auroc -
        (1 - 6.5 / 9),
    ) < 1e-15,
  );
  assert.deepEqual(auroc(s.toReversed(), y.toReversed()), auroc(s, y));
});

test('perfect separation gives no interval and says so', () => {
  const p = Float64Array.of(0.1, 0.2, 0.8, 0.9);
  const y = Uint8Array.of(0, 0, 1, 1);
  const got = measure(p, y);
  assert.equal(got.discrimination.auroc, 1);
  assert.equal(got.discrimination.interval, null);
  assert.equal(got.precision, 'unknown');
  assert.equal(got.calibration.slope, null);
  assert.match(got.verdict, /no interval/);
  assert.match(got.verdict, /leak/);
});

test('a small sample is called wide in words', () => {
  const { design, y } = drawData(80, 2, 31);
  const got = measure(predict(design, fitLogistic(design, y, { penalty: 1 })), y);
  assert.equal(got.precision, 'wide');
  assert.match(got.verdict, /interval is wide/);
});

test('what cannot be measured is refused by code', () => {
  throwsCode('ANALYTICS_ONE_CLASS', () => auroc(Float64Array.of(1, 2), Uint8Array.of(1, 1)));
  throwsCode('ANALYTICS_ONE_CLASS', () => calibration(Float64Array.of(0.1, 0.2), Uint8Array.of(0, 0)));
  throwsCode('ANALYTICS_NOT_FINITE', () => auroc(Float64Array.of(1, NaN), Uint8Array.of(1, 0)));
  throwsCode('ANALYTICS_NOT_FINITE', () => brier(Float64Array.of(0.5, 1.2), Uint8Array.of(1, 0)));
  throwsCode('ANALYTICS_SHAPE', () => brier(Float64Array.of(0.5), Uint8Array.of(1, 0)));
  throwsCode('ANALYTICS_SHAPE', () => splitByKey(['a'], Uint8Array.of(0), 1, 's'));
});

test('the split is by key and seed alone, stratified, and covers every row once', () => {
  const keys = Array.from({ length: 100 }, (_, i) => `patient-${i}`);
  const y = Uint8Array.from(keys, (_, i) => (i % 4 === 0 ? 1 : 0));
  const split = splitByKey(keys, y, 0.2, 'seed');
  assert.deepEqual(
    [...split.train, ...split.test].toSorted((a, b) => a - b),
    keys.map((_, i) => i),
  );
  assert.equal(split.test.length, 20);
  assert.equal(split.test.filter((i) => y[i] === 1).length, 5);
  const held = new Set(Array.from(split.test, (i) => keys[i]));
  const reversed = splitByKey(keys.toReversed(), y.toReversed(), 0.2, 'seed');
  assert.deepEqual(new Set(Array.from(reversed.test, (i) => keys.toReversed()[i])), held);
  assert.notDeepEqual(splitByKey(keys, y, 0.2, 'other').test, split.test);
  const folds = foldsByKey(keys, y, 5, 'seed');
  for (let k = 0; k < 5; k++) assert.equal(folds.filter((f) => f === k).length, 20);
});
