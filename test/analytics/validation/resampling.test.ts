import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AnalyticsError, type AnalyticsErrorCode } from '../../../analytics/errors.js';
import { fitLogistic, predict, selectRows, type Design } from '../../../analytics/models/index.js';
import {
  bootstrapOptimism,
  calibrationOverTime,
  crossValidate,
  driftReference,
  internalExternal,
  populationStability,
  seededUniform,
  type Learner,
} from '../../../analytics/validation/index.js';
import { drawData, normal, uniform } from '../support/draws.js';

function throwsCode(code: AnalyticsErrorCode, act: () => unknown): void {
  assert.throws(act, (error) => error instanceof AnalyticsError && error.code === code);
}

function learner(design: Design, y: Uint8Array): Learner {
  return (rows) => {
    const own = Uint8Array.from(rows, (i) => y[i] ?? 0);
    const fit = fitLogistic(selectRows(design, rows), own, { penalty: 0 });
    return (others) => predict(selectRows(design, others), fit);
  };
}

test('the seeded generator: known numbers, even spread, another seed another sequence', () => {
  const next = seededUniform('a');
  const values = Array.from({ length: 20_000 }, next);
  assert.ok(values.every((v) => v >= 0 && v < 1));
  assert.ok(Math.abs(values.reduce((a, b) => a + b, 0) / 20_000 - 0.5) < 0.01);
  const again = seededUniform('a');
  assert.deepEqual(Array.from({ length: 5 }, again), values.slice(0, 5));
  assert.notEqual(seededUniform('b')(), values[0]);
});

test('optimism: columns of noise look good on their own rows and are corrected to chance', () => {
  const { design } = drawData(150, 20, 3);
  const next = uniform(4);
  const y = Uint8Array.from({ length: 150 }, () => (next() < 0.4 ? 1 : 0));
  const found = bootstrapOptimism(learner(design, y), y, 100, 'seed');
  assert.ok(found.auroc.apparent > 0.65);
  assert.ok(Math.abs(found.auroc.corrected - 0.5) < 0.1);
  assert.ok(found.brier.corrected > found.brier.apparent);
  assert.ok((found.calibrationSlope?.corrected ?? 1) < 0.6);
  assert.ok(Math.abs((found.calibrationSlope?.apparent ?? 0) - 1) < 1e-6);
  assert.deepEqual(found, bootstrapOptimism(learner(design, y), y, 100, 'seed'));
  throwsCode('ANALYTICS_SHAPE', () => bootstrapOptimism(learner(design, y), y, 0, 'seed'));
});

test('optimism: samples that cannot be learned from are counted, and too many are an error', () => {
  const { design, y } = drawData(200, 2, 3);
  let calls = 0;
  const failing =
    (every: number): Learner =>
    (rows) => {
      if (calls++ % every === 1) throw new AnalyticsError('ANALYTICS_SEPARATION', 'separated');
      return learner(design, y)(rows);
    };
  assert.equal(bootstrapOptimism(failing(5), y, 20, 's').failed, 4);
  calls = 0;
  throwsCode('ANALYTICS_NOT_CONVERGED', () =>
    bootstrapOptimism(
      (rows) => {
        if (calls++ > 0) throw new AnalyticsError('ANALYTICS_SEPARATION', 'separated');
        return learner(design, y)(rows);
      },
      y,
      20,
      's',
    ),
  );
  throwsBug(() =>
    bootstrapOptimism(
      () => {
        throw new RangeError('bug');
      },
      y,
      5,
      's',
    ),
  );
});

function throwsBug(act: () => unknown): void {
  assert.throws(act, RangeError);
}

test('held-out parts never meet their own model', () => {
  const { design, y } = drawData(300, 3, 17);
  const fold = Uint8Array.from(y, (_, i) => i % 5);
  const seen: number[][] = [];
  const spy: Learner = (rows) => {
    seen.push([...rows]);
    return learner(design, y)(rows);
  };
  const found = crossValidate(spy, y, fold);
  assert.equal(found.parts.length, 5);
  seen.forEach((rows, part) => {
    assert.equal(rows.length, 240);
    assert.ok(rows.every((i) => i % 5 !== part));
  });
  const byHand = learner(design, y)(Int32Array.from([...y.keys()].filter((i) => i % 5 !== 2)))(
    Int32Array.of(2, 7, 12),
  );
  assert.deepEqual(
    [2, 7, 12].map((i) => found.probabilities[i]),
    [...byHand],
  );

  const hospital = Array.from(y, (_, i) => ['north', 'south', 'west'][i % 3] ?? '');
  const external = internalExternal(learner(design, y), y, hospital);
  assert.deepEqual(
    external.parts.map(({ part, patients }) => [part, patients]),
    [
      ['north', 100],
      ['south', 100],
      ['west', 100],
    ],
  );
  throwsCode('ANALYTICS_SHAPE', () =>
    internalExternal(
      learner(design, y),
      y,
      hospital.map(() => 'one'),
    ),
  );
});

test('stability index: 0 for the same, known for a worked example, missing values count', () => {
  const z = normal(uniform(2));
  const old = Float64Array.from({ length: 5000 }, z);
  const reference = driftReference(old);
  assert.equal(populationStability(reference, old).psi, 0);
  assert.equal(populationStability(reference, Float64Array.from({ length: 5000 }, z)).verdict, 'stable');
  const moved = populationStability(
    reference,
    old.map((v) => v + 1),
  );
  assert.equal(moved.verdict, 'shifted');
  const gone = populationStability(
    reference,
    old.map((v, i) => (i % 3 === 0 ? NaN : v)),
  );
  assert.equal(gone.verdict, 'shifted');
  // Two bins, 50/50 before and 70/30 now: 0.2·ln 1.4 − 0.2·ln 0.6, beside the empty third.
  const two = populationStability(
    { edges: [0], shares: [0.5, 0.5, 0] },
    Float64Array.from({ length: 10 }, (_, i) => (i < 7 ? -1 : 1)),
  );
  assert.ok(Math.abs(two.psi - 0.2 * Math.log(1.4 / 0.6)) < 1e-12);
  throwsCode('ANALYTICS_SHAPE', () => populationStability(reference, new Float64Array(0)));
});

test('calibration over time tells the month from which the model is wrong', () => {
  const next = uniform(31);
  const p = Float64Array.from({ length: 4000 }, () => 0.1 + 0.5 * next());
  const at = Float64Array.from(p, (_, i) => i);
  const y = Uint8Array.from(p, (v, i) => (next() < (i < 3000 ? v : v * 0.6) ? 1 : 0));
  const periods = calibrationOverTime(p, y, at, 1000);
  assert.deepEqual(
    periods.map(({ fromMs, patients, drifted }) => [fromMs, patients, drifted]),
    [
      [0, 1000, false],
      [1000, 1000, false],
      [2000, 1000, false],
      [3000, 1000, true],
    ],
  );
  assert.ok((periods[3]?.expectedOverObserved ?? 0) > 1.3);
  const [none] = calibrationOverTime(p.subarray(0, 3), new Uint8Array(3), at.subarray(0, 3), 10);
  assert.equal(none?.inTheLarge, null);
  throwsCode('ANALYTICS_SHAPE', () => calibrationOverTime(p, y, at, 0));
});
