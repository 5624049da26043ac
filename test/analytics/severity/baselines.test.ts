import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { AnalyticsError } from '../../../analytics/errors.js';
import { buildFeatures, type Study } from '../../../analytics/features/index.js';
import {
  baselineInputs,
  baselineScore,
  compareWithBaselines,
  covidDeterioration as study,
  type BaselineValues,
} from '../../../analytics/severity/index.js';
import { sharedData } from '../../support/shared-data.js';
import { uniform } from '../support/draws.js';
import { inpatient, observation } from '../support/inpatient.js';

const folder = sharedData('severity');

/** A patient with nothing amiss. */
const WELL: BaselineValues = {
  age: 40,
  male: 0,
  comorbidities: 0,
  respiratoryRate: 16,
  spo2: 98,
  gcs: 15,
  urea: 5,
  crp: 10,
  lymphocytes: 1.5,
  systolic: 125,
  heartRate: 75,
  temperature: 37,
  oxygen: 0,
  infiltrates: 0,
  nosocomial: 0,
};

test(
  '4C Deterioration: the worked patients of its authors',
  { skip: folder === undefined ? 'shared data (severity) not found' : false },
  () => {
    const file = JSON.parse(readFileSync(join(folder ?? '', 'models.json'), 'utf8')) as {
      '4C Deterioration': { 'vectors, 3 decimals': Record<string, number | boolean>[] };
    };
    const vectors = file['4C Deterioration']['vectors, 3 decimals'];
    assert.equal(vectors.length, 5);
    for (const vector of vectors) {
      const at = (name: string): number => Number(vector[name]);
      const probability = baselineScore('4C Deterioration', {
        ...WELL,
        age: at('age'),
        male: at('male'),
        infiltrates: at('infiltrates'),
        respiratoryRate: at('rr'),
        spo2: at('spo2'),
        oxygen: at('oxygen'),
        gcs: vector['gcsBelow15'] === true ? 14 : 15,
        urea: at('urea'),
        crp: at('crp'),
        lymphocytes: at('lymphocytes'),
      });
      assert.equal(probability.toFixed(3), at('probability').toFixed(3));
    }
  },
);

function points(
  baseline: '4C Mortality' | 'NEWS2' | 'qSOFA',
  name: keyof BaselineValues,
  steps: [number, number][],
): void {
  for (const [value, want] of steps)
    assert.equal(baselineScore(baseline, { ...WELL, [name]: value }), want, `${baseline} ${name} ${value}`);
}

test('points at the edges of every band', () => {
  points('4C Mortality', 'age', [
    [49, 0],
    [50, 2],
    [59, 2],
    [60, 4],
    [69, 4],
    [70, 6],
    [79, 6],
    [80, 7],
  ]);
  points('4C Mortality', 'male', [[1, 1]]);
  points('4C Mortality', 'comorbidities', [
    [0, 0],
    [1, 1],
    [2, 2],
    [5, 2],
  ]);
  points('4C Mortality', 'respiratoryRate', [
    [19, 0],
    [20, 1],
    [29, 1],
    [30, 2],
  ]);
  points('4C Mortality', 'spo2', [
    [92, 0],
    [91, 2],
  ]);
  points('4C Mortality', 'gcs', [
    [15, 0],
    [14, 2],
  ]);
  points('4C Mortality', 'urea', [
    [7, 0],
    [7.1, 1],
    [14, 1],
    [14.1, 3],
  ]);
  points('4C Mortality', 'crp', [
    [49, 0],
    [50, 1],
    [99, 1],
    [100, 2],
  ]);
  points('NEWS2', 'respiratoryRate', [
    [8, 3],
    [9, 1],
    [11, 1],
    [12, 0],
    [20, 0],
    [21, 2],
    [24, 2],
    [25, 3],
  ]);
  points('NEWS2', 'spo2', [
    [91, 3],
    [92, 2],
    [93, 2],
    [94, 1],
    [95, 1],
    [96, 0],
  ]);
  points('NEWS2', 'systolic', [
    [90, 3],
    [91, 2],
    [100, 2],
    [101, 1],
    [110, 1],
    [111, 0],
    [219, 0],
    [220, 3],
  ]);
  points('NEWS2', 'heartRate', [
    [40, 3],
    [41, 1],
    [50, 1],
    [51, 0],
    [90, 0],
    [91, 1],
    [110, 1],
    [111, 2],
    [130, 2],
    [131, 3],
  ]);
  points('NEWS2', 'temperature', [
    [35, 3],
    [35.1, 1],
    [36, 1],
    [36.1, 0],
    [38, 0],
    [38.1, 1],
    [39, 1],
    [39.1, 2],
  ]);
  points('NEWS2', 'oxygen', [[1, 2]]);
  points('NEWS2', 'gcs', [[14, 3]]);
  points('qSOFA', 'respiratoryRate', [
    [21, 0],
    [22, 1],
  ]);
  points('qSOFA', 'systolic', [
    [101, 0],
    [100, 1],
  ]);
  points('qSOFA', 'gcs', [
    [15, 0],
    [13, 1],
  ]);
  assert.equal(baselineScore('age alone', WELL), 40);
});

test('a value that is not known gives no score', () => {
  for (const [baseline, name] of [
    ['4C Deterioration', 'lymphocytes'],
    ['4C Deterioration', 'infiltrates'],
    ['4C Mortality', 'urea'],
    ['4C Mortality', 'gcs'],
    ['NEWS2', 'oxygen'],
    ['NEWS2', 'temperature'],
    ['qSOFA', 'systolic'],
  ] as const)
    assert.ok(Number.isNaN(baselineScore(baseline, { ...WELL, [name]: NaN })), `${baseline} ${name}`);
});

test('a model is compared with each baseline on the patients who have it', () => {
  const next = uniform(7);
  const values = Array.from({ length: 400 }, (_, i) => ({
    ...WELL,
    age: 20 + 70 * next(),
    urea: i % 2 === 0 ? NaN : 4 + 12 * next(),
  }));
  const y = Uint8Array.from(values, ({ age }) => (next() < (age - 20) / 90 ? 1 : 0));
  const p = Float64Array.from(values, ({ age }) => age / 100);
  const found = compareWithBaselines(p, y, values);
  assert.deepEqual(
    found.map(({ baseline, patients }) => [baseline, patients]),
    [
      ['4C Deterioration', 200],
      ['4C Mortality', 200],
      ['NEWS2', 400],
      ['qSOFA', 400],
      ['age alone', 400],
    ],
  );
  const [, mortality, news, , age] = found;
  assert.ok((mortality?.comparison?.p ?? 1) < 0.05);
  assert.equal(news?.baselineAuroc?.auroc, 0.5);
  assert.equal(age?.comparison, null);
  assert.equal(age?.baselineAuroc?.auroc, age?.modelAuroc?.auroc);
  assert.throws(
    () => compareWithBaselines(p, y, values.slice(1)),
    (error) => error instanceof AnalyticsError && error.code === 'ANALYTICS_SHAPE',
  );
});

test('inputs of the scores are found by what a feature reads, whatever it is called, and in its unit', async () => {
  const renamed: Study = {
    ...study,
    features: study.features.map((feature, i) => {
      const named = { ...feature, name: `x${i}` };
      return named.kind === 'measurement' && named.family === 'urea' ? { ...named, unit: 'umol/L' } : named;
    }),
  };
  const one = inpatient('a', [
    observation('22664-7', 7.5, 'mmol/L', 1),
    observation('9279-1', 22, '/min', 1),
    observation('9269-2', 13, '{score}', 1),
    observation('1988-5', 120, 'mg/L', 1),
  ]);
  const { table } = await buildFeatures([one], renamed);
  const [values] = baselineInputs(renamed, table);
  assert.ok(values !== undefined);
  const { age, male, comorbidities, urea, respiratoryRate, gcs, crp, oxygen, spo2 } = values;
  assert.deepEqual(
    [male, comorbidities, urea, respiratoryRate, gcs, crp, oxygen],
    [0, 0, 7.5, 22, 14, 120, 0],
  );
  assert.equal(age, 70);
  assert.ok(Number.isNaN(spo2));
  // 4C Mortality wants the saturation too.
  assert.ok(Number.isNaN(baselineScore('4C Mortality', values)));
  assert.equal(baselineScore('qSOFA', { ...values, systolic: 95 }), 3);
  // A count of readings, or a study without the feature, gives no value.
  const counted: Study = {
    ...study,
    features: study.features.flatMap((feature) =>
      feature.kind === 'measurement' ? [{ ...feature, pick: 'count' as const }] : [],
    ),
  };
  const [none] = baselineInputs(counted, (await buildFeatures([one], counted)).table);
  assert.ok(Object.values(none ?? {}).every((value: number) => Number.isNaN(value)));
});
