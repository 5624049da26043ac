import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AnalyticsError, type AnalyticsErrorCode } from '../../../analytics/errors.js';
import { stageOfScore } from '../../../analytics/features/index.js';
import {
  fitLogistic,
  predictContinuation,
  selectRows,
  type Design,
} from '../../../analytics/models/index.js';
import { compositeScore, fitComposite, scoreComposite } from '../../../analytics/severity/index.js';
import { drawData, uniform } from '../support/draws.js';
import { maxDifference } from '../support/golden.js';

function throwsCode(code: AnalyticsErrorCode, act: () => unknown): void {
  assert.throws(act, (error) => error instanceof AnalyticsError && error.code === code);
}

/** Patients whose chance to go on from stage to stage grows with the first column. */
function drawScores(rows: number, seed: number): { design: Design; worst: number[] } {
  const { design } = drawData(rows, 3, seed);
  const next = uniform(seed + 1);
  const worst = Array.from({ length: rows }, (_, i) => {
    const odds = 0.4 + (design.data[i] ?? 0);
    let stage = 0;
    while (stage < 4 && next() < 1 / (1 + Math.exp(-odds))) stage++;
    return [3, 5, 6, 8, 10][stage] ?? 0;
  });
  return { design, worst };
}

test('scores map to stages, stages to levels, death told apart', () => {
  assert.deepEqual(
    Array.from({ length: 11 }, (_, score) => stageOfScore(score)),
    [0, 0, 0, 0, 0, 1, 2, 3, 3, 3, 4],
  );
  for (const score of [-1, 11, 4.5, NaN]) throwsCode('ANALYTICS_SHAPE', () => stageOfScore(score));
  const score = compositeScore([0.75, 0.5, 0.25, 0.125]);
  assert.deepEqual(score.levels, { mild: 0.25, moderate: 0.25, severe: 0.25, critical: 0.25 });
  assert.deepEqual([score.death, score.level], [0.125, 'severe']);
  assert.equal(compositeScore([0.49, 0.2, 0.1, 0]).level, 'mild');
  assert.equal(compositeScore([0.5, 0.2, 0.1, 0]).level, 'moderate');
  assert.equal(compositeScore([1, 1, 0.5, 0.5]).level, 'critical');
  throwsCode('ANALYTICS_SHAPE', () => compositeScore([0.5, 0.6, 0.1, 0]));
  throwsCode('ANALYTICS_SHAPE', () => compositeScore([1.1, 0.6, 0.1, 0]));
  throwsCode('ANALYTICS_SHAPE', () => compositeScore([NaN, 0.6, 0.1, 0]));
});

test('each stage is the binary model of those who reached the one before', () => {
  const { design, worst } = drawScores(1200, 81);
  const models = fitComposite(design, worst, { penaltyOf: (stage) => stage });
  assert.deepEqual(
    models.map(({ kind, penalty }) => [kind, penalty]),
    [1, 2, 3, 4].map((penalty) => ['logits', penalty]),
  );
  const rows = [...worst.keys()].filter((i) => (worst[i] ?? 0) >= 6);
  const y = Uint8Array.from(rows, (i) => ((worst[i] ?? 0) >= 7 ? 1 : 0));
  const fit = fitLogistic(selectRows(design, rows), y, { penalty: 3 });
  assert.ok(maxDifference(models[2]?.coefficients ?? [], fit.coefficients) < 1e-12);
  assert.deepEqual(models[2]?.atRisk, rows.length);
  assert.deepEqual(models[3]?.reached, worst.filter((score) => score === 10).length);
});

test('probabilities are ordered for every patient, sum to 1, and agree with the shares observed', () => {
  const { design, worst } = drawScores(2000, 91);
  const models = fitComposite(design, worst, { penaltyOf: () => 0 });
  // Far outside the data too.
  const wild: Design = { ...design, data: design.data.map((v) => v * 50) };
  for (const score of [...scoreComposite(design, models), ...scoreComposite(wild, models)]) {
    const [five, six, seven, death] = score.stages;
    assert.ok(1 >= five && five >= six && six >= seven && seven >= death && death >= 0);
    const { mild, moderate, severe, critical } = score.levels;
    assert.ok(Math.abs(mild + moderate + severe + critical - 1) < 1e-12);
  }
  // The first stage's score equations: expected equals observed.
  const p = predictContinuation(design, models);
  let expected = 0;
  for (let i = 0; i < design.rows; i++) expected += p[i * 4] ?? NaN;
  assert.ok(Math.abs(expected - worst.filter((score) => score >= 5).length) < 1e-7);
  assert.deepEqual(models, fitComposite(design, worst, { penaltyOf: () => 0 }));
});

test('a stage with too few patients has a rate, one column without variation is left out there', () => {
  const { design, worst } = drawScores(300, 101);
  const few = worst.map((score, i) => (score === 10 && i > 20 ? 8 : score));
  const deaths = few.filter((score) => score === 10).length;
  assert.ok(deaths < 10);
  const models = fitComposite(design, few, { penaltyOf: () => 1 });
  const last = models[3];
  assert.equal(last?.kind, 'rate');
  assert.ok(last.coefficients.every((c) => c === 0));
  const rate = (deaths + 0.5) / (last.atRisk + 1);
  assert.ok(Math.abs(last.intercept - Math.log(rate / (1 - rate))) < 1e-12);
  const constant = {
    ...design,
    data: design.data.map((v, at) => (at < 300 && (worst[at] ?? 0) >= 6 ? 2 : v)),
  };
  const left = fitComposite(constant, worst, { penaltyOf: () => 1 });
  assert.equal(left[2]?.kind, 'logits');
  assert.equal(left[2]?.coefficients[0], 0);
  throwsCode('ANALYTICS_ONE_CLASS', () =>
    fitComposite(
      design,
      worst.map(() => 3),
      { penaltyOf: () => 1 },
    ),
  );
  throwsCode('ANALYTICS_SHAPE', () => fitComposite(design, worst.slice(1), { penaltyOf: () => 1 }));
});
