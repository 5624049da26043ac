import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AnalyticsError, type AnalyticsErrorCode } from '../../../analytics/errors.js';
import {
  designFromColumns,
  fitLogistic,
  logLoss,
  predict,
  selectRows,
  type Design,
} from '../../../analytics/models/index.js';
import {
  atThresholds,
  averagePrecision,
  calibrationCurve,
  compareAurocs,
  concordance,
  decisionCurve,
  groupedCalibration,
  measure,
  proportion,
  rankedProbabilityScore,
  subgroups,
  weightedKappa,
  youden,
} from '../../../analytics/validation/index.js';
import { drawData, uniform } from '../support/draws.js';
import { golden, goldenCsv, maxDifference, skipWithoutGolden } from '../support/golden.js';

function throwsCode(code: AnalyticsErrorCode, act: () => unknown): void {
  assert.throws(act, (error) => error instanceof AnalyticsError && error.code === code);
}

interface Metrics {
  readonly n: number;
  readonly events: number;
  readonly delong: { readonly auroc: number; readonly var: number };
  readonly average_precision: number;
  readonly brier: number;
  readonly brier_scaled: number;
  readonly log_loss: number;
  readonly calibration: Record<
    'intercept' | 'slope' | 'slope_se' | 'calibration_in_the_large' | 'citl_se',
    number
  >;
  readonly ece10_equal_width: number;
  readonly mce10: number;
  readonly hosmer_lemeshow: { readonly chisq: number; readonly df: number; readonly p: number };
  readonly dca: readonly Record<'threshold' | 'net_benefit' | 'treat_all' | 'tp' | 'fp', number>[];
  readonly youden_threshold: number;
  readonly youden: number;
}

function rounded([low, high]: readonly [number, number]): string {
  return `${low.toFixed(4)} ${high.toFixed(4)}`;
}

function sameMetrics(p: Float64Array, y: Uint8Array, want: Metrics, loss: number, where: string): void {
  const got = measure(p, y);
  const grouped = groupedCalibration(p, y);
  const c = want.calibration;
  const best = youden(p, y);
  const pairs: [string, number | undefined, number][] = [
    ['n', got.patients, want.n],
    ['events', got.events, want.events],
    ['auroc', got.discrimination.auroc, want.delong.auroc],
    ['variance', got.discrimination.variance, want.delong.var],
    ['average precision', averagePrecision(p, y), want.average_precision],
    ['brier', got.accuracy.brier, want.brier],
    ['scaled', got.accuracy.scaled, want.brier_scaled],
    ['log-loss', loss / y.length, want.log_loss],
    ['intercept', got.calibration.intercept ?? NaN, c.intercept],
    ['slope', got.calibration.slope?.estimate, c.slope],
    ['slope error', got.calibration.slope?.standardError, c.slope_se],
    ['large', got.calibration.inTheLarge.estimate, c.calibration_in_the_large],
    ['large error', got.calibration.inTheLarge.standardError, c.citl_se],
    ['ece', grouped.expectedError, want.ece10_equal_width],
    ['mce', grouped.largestError, want.mce10],
    ['hl', grouped.hosmerLemeshow.statistic, want.hosmer_lemeshow.chisq],
    ['hl p', grouped.hosmerLemeshow.p, want.hosmer_lemeshow.p],
    ['hl df', grouped.hosmerLemeshow.df, want.hosmer_lemeshow.df],
    ['youden', best.youden, want.youden],
    ['youden threshold', best.threshold, want.youden_threshold],
  ];
  const curve = decisionCurve(
    p,
    y,
    want.dca.map(({ threshold }) => threshold),
  );
  want.dca.forEach((theirs, i) => {
    const ours = curve[i];
    pairs.push(
      ['net benefit', ours?.netBenefit, theirs.net_benefit],
      ['treat all', ours?.treatAll, theirs.treat_all],
      ['tp', ours?.truePositive, theirs.tp],
      ['fp', ours?.falsePositive, theirs.fp],
    );
  });
  for (const [name, ours = NaN, theirs] of pairs)
    assert.ok(Math.abs(ours - theirs) < 1e-6, `${where}: ${name} ${ours}, not ${theirs}`);
}

test(
  'every measure of the reference model as scikit-learn, statsmodels and R',
  { skip: skipWithoutGolden },
  () => {
    const { design, y } = goldenCsv('birthwt.csv', 'low');
    const fit = fitLogistic(design, y, { penalty: 0 });
    const { metrics } = golden('birthwt_metrics.json') as { metrics: Metrics };
    sameMetrics(predict(design, fit), y, metrics, -fit.logLikelihood, 'birthwt');

    const want = golden('birthwt_glm.json') as {
      delong_paired_vs_age_lwt_smoke: { auc2: number; z: number; p: number };
    };
    const columns = ['age', 'lwt', 'smoke'].map((name) => {
      const j = design.names.indexOf(name);
      return design.data.subarray(j * design.rows, (j + 1) * design.rows);
    });
    const small = designFromColumns(columns, ['age', 'lwt', 'smoke']);
    const second = predict(small, fitLogistic(small, y, { penalty: 0 }));
    const paired = compareAurocs(predict(design, fit), second, y);
    const theirs = want.delong_paired_vs_age_lwt_smoke;
    assert.ok(
      maxDifference(
        [paired?.second ?? NaN, paired?.z ?? NaN, paired?.p ?? NaN],
        [theirs.auc2, theirs.z, theirs.p],
      ) < 1e-6,
    );
  },
);

test(
  'every measure of four penalised models, on rows learned from and others',
  { skip: skipWithoutGolden },
  () => {
    const { design, y } = goldenCsv('wdbc.csv', 'malignant');
    const want = golden('wdbc_l2.json') as {
      train_mean: number[];
      train_std: number[];
      fits: { C: number; test: Metrics; train: Metrics }[];
    };
    const part = (third: boolean): { design: Design; y: Uint8Array } => {
      const rows = Array.from({ length: design.rows }, (_, i) => i).filter((i) => (i % 3 === 2) === third);
      const raw = selectRows(design, rows);
      const data = raw.data.map((v, at) => {
        const j = Math.floor(at / raw.rows);
        return (v - (want.train_mean[j] ?? NaN)) / (want.train_std[j] ?? NaN);
      });
      return { design: { ...raw, data }, y: Uint8Array.from(rows, (i) => y[i] ?? 0) };
    };
    const train = part(false);
    const held = part(true);
    for (const { C, test: onTest, train: onTrain } of want.fits) {
      const fit = fitLogistic(train.design, train.y, { penalty: 1 / C });
      const beta = Float64Array.of(fit.intercept, ...fit.coefficients);
      sameMetrics(
        predict(held.design, fit),
        held.y,
        onTest,
        logLoss(held.design, held.y, beta),
        `test, C=${C}`,
      );
      sameMetrics(predict(train.design, fit), train.y, onTrain, -fit.logLikelihood, `train, C=${C}`);
    }
  },
);

test('average precision: ties together, floor at the share of events', () => {
  const y = Uint8Array.of(1, 0, 1, 0);
  assert.equal(averagePrecision(Float64Array.of(4, 3, 2, 1), y), (1 + 2 / 3) / 2);
  assert.equal(averagePrecision(new Float64Array(4), y), 0.5);
  throwsCode('ANALYTICS_ONE_CLASS', () => averagePrecision(Float64Array.of(1), Uint8Array.of(0)));
});

test('intervals of shares as in Wilson, and no share of nobody', () => {
  // Newcombe, Stat Med 1998; 17: 857-872, table I: Wilson score without continuity correction.
  for (const [count, of, want] of [
    [81, 263, '0.2553 0.3662'],
    [15, 148, '0.0624 0.1605'],
    [0, 20, '0.0000 0.1611'],
    [1, 29, '0.0061 0.1718'],
  ] as const)
    assert.equal(rounded(proportion(count, of).interval ?? [NaN, NaN]), want);
  assert.deepEqual(proportion(0, 0), { count: 0, of: 0, share: null, interval: null });
  const [at] = atThresholds(Float64Array.of(0.9, 0.4, 0.6, 0.1), Uint8Array.of(1, 1, 0, 0), [0.5]);
  assert.deepEqual(
    [at?.sensitivity.share, at?.specificity.share, at?.ppv.share, at?.npv.share],
    [0.5, 0.5, 0.5, 0.5],
  );
  throwsCode('ANALYTICS_SHAPE', () => decisionCurve(Float64Array.of(1), Uint8Array.of(1), [1]));
});

test('the flexible curve lies on the diagonal for true probabilities and off it for others', () => {
  const next = uniform(5);
  const p = Float64Array.from({ length: 20_000 }, () => 0.02 + 0.9 * next());
  const y = Uint8Array.from(p, (v) => (next() < v ? 1 : 0));
  const good = calibrationCurve(p, y);
  assert.ok((good?.meanDistance ?? 1) < 0.01);
  const inside = good?.points.filter(({ predicted, band }) => band[0] <= predicted && predicted <= band[1]);
  assert.ok((inside?.length ?? 0) > 40);
  const squared = calibrationCurve(
    p.map((v) => v * v),
    y,
  );
  assert.ok((squared?.meanDistance ?? 0) > 0.1);
  const middle = squared?.points.find(({ predicted }) => predicted > 0.2 && predicted < 0.3);
  assert.ok(Math.abs((middle?.observed ?? 0) - Math.sqrt(middle?.predicted ?? 0)) < 0.05);
  assert.equal(calibrationCurve(new Float64Array(40).fill(0.3), y.subarray(0, 40)), null);
});

test('a score compared with itself gives no test; a better one is found better', () => {
  const { design, y } = drawData(1500, 6, 8);
  const a = predict(design, fitLogistic(design, y, { penalty: 0 }));
  assert.equal(compareAurocs(a, a, y), null);
  const next = uniform(9);
  const noise = a.map(() => next());
  const found = compareAurocs(a, noise, y);
  assert.ok((found?.p ?? 1) < 0.01 && (found?.interval[0] ?? 0) > 0);
  assert.equal(found?.z, -(compareAurocs(noise, a, y)?.z ?? NaN));
});

test('ordinal measures in worked examples', () => {
  const grid = [
    [88, 14, 18],
    [10, 40, 10],
    [2, 6, 12],
  ];
  const a: number[] = [];
  const b: number[] = [];
  grid.forEach((row, i) => {
    row.forEach((count, k) => {
      for (let n = 0; n < count; n++) {
        a.push(i);
        b.push(k);
      }
    });
  });
  const first = Uint8Array.from(a);
  const second = Uint8Array.from(b);
  // By hand: Σ|i−k| observed 14+36+10+10+4+6 = 80; expected Σ|i−k| rᵢcₖ/200 = 30400/200 = 152.
  assert.ok(Math.abs(weightedKappa(first, second, 3, 'linear') - (1 - 80 / 152)) < 1e-12);
  assert.equal(weightedKappa(first, first, 3), 1);
  throwsCode('ANALYTICS_ONE_CLASS', () => weightedKappa(Uint8Array.of(1, 1), Uint8Array.of(1, 1), 3));

  const scores = Float64Array.of(1, 2, 2, 5, 3);
  const classes = Uint8Array.of(0, 0, 1, 2, 1);
  // Eight pairs of different classes: seven concordant, one tied.
  assert.equal(concordance(scores, classes), 7.5 / 8);
  throwsCode('ANALYTICS_ONE_CLASS', () => concordance(scores, new Uint8Array(5)));

  assert.equal(rankedProbabilityScore(Float64Array.of(0, 1, 0, 1, 0, 0), Uint8Array.of(1, 0), 3), 0);
  assert.equal(rankedProbabilityScore(Float64Array.of(1, 0, 0), Uint8Array.of(2), 3), 1);
  const p = Float64Array.of(0.3, 0.7, 0.8, 0.2);
  assert.ok(Math.abs(rankedProbabilityScore(p, Uint8Array.of(1, 0), 2) - (0.09 + 0.04) / 2) < 1e-12);
});

test('subgroups: small ones are not shown, nor what would tell them', () => {
  const { design, y } = drawData(400, 2, 12);
  const p = predict(design, fitLogistic(design, y, { penalty: 1 }));
  const halves = subgroups(
    p,
    y,
    'sex',
    Array.from(y, (_, i) => (i % 2 === 0 ? 'female' : 'male')),
  );
  assert.deepEqual(
    halves.map(({ level, patients }) => [level, patients]),
    [
      ['female', 200],
      ['male', 200],
    ],
  );
  assert.ok((halves[0]?.performance?.discrimination.auroc ?? 0) > 0.5);
  const wards = subgroups(
    p,
    y,
    'hospital',
    Array.from(y, (_, i) => (i < 7 ? 'a' : i < 150 ? 'b' : i === 399 ? undefined : 'c')),
  );
  assert.deepEqual(
    wards.map(({ level, patients, performance }) => [level, patients, performance === null]),
    [
      ['a', null, true],
      ['b', null, true],
      ['c', 249, false],
    ],
  );
});
