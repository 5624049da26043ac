import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stabilityOf } from '../../../analytics/eda/index.js';
import { buildFeatures, type FeatureTable } from '../../../analytics/features/index.js';
import { covidDeterioration, trainOnFeatures, watchModel } from '../../../analytics/severity/index.js';
import { cohort } from './cohort.js';

const study = covidDeterioration;
const features = await buildFeatures(cohort(500, 3), study);
const { model } = trainOnFeatures(features, study);
const since = (await buildFeatures(cohort(300, 8), study)).table;

function moved(table: FeatureTable, name: string, by: (v: number) => number): FeatureTable {
  const columns = table.columns.map((c) => (c.name === name ? { ...c, values: c.values.map(by) } : c));
  return { ...table, columns };
}

test('patients like those before are steady, whatever the draw', () => {
  const { verdict, observedOverExpected, stability } = watchModel(model, features.table, since);
  assert.equal(verdict, 'steady');
  assert.ok(stability.every((one) => one.verdict === 'stable' && one.psi >= 0));
  assert.ok(Math.abs((observedOverExpected?.ratio ?? NaN) - 1) < 0.25);
});

test('a predictor that moved is named; one that went missing, too', () => {
  const older = watchModel(
    model,
    features.table,
    moved(since, 'age', (v) => v + 15),
  );
  assert.deepEqual(
    older.stability.filter((one) => one.verdict === 'changed').map(({ name }) => name),
    ['age'],
  );
  assert.equal(older.verdict, 'drifted');
  const gone = stabilityOf(
    features.table,
    moved(since, 'spo2', () => NaN),
  );
  assert.equal(gone.find(({ name }) => name === 'spo2')?.verdict, 'changed');
});

test('outcomes that are not those expected are drift, though the predictors stay', () => {
  const outcome = since.outcome.map((v, i) => (i % 3 === 0 ? v : 1));
  const watched = watchModel(model, features.table, { ...since, outcome });
  assert.ok(watched.stability.every((one) => one.verdict === 'stable'));
  assert.ok((watched.observedOverExpected?.interval[0] ?? 0) > 1);
  assert.equal(watched.verdict, 'drifted');
});

test('of few patients nothing is said', async () => {
  const few = (await buildFeatures(cohort(9, 8), study)).table;
  assert.deepEqual(watchModel(model, features.table, few), {
    patients: 0,
    stability: [],
    observedOverExpected: null,
    verdict: 'too-few',
  });
});

function binary(share: number): FeatureTable {
  return {
    keys: [],
    columns: [
      {
        name: 'x',
        label: 'x',
        kind: 'binary',
        unit: '1',
        levels: [],
        values: Float64Array.from({ length: 10_000 }, (_, i) => (i < share * 10_000 ? 1 : 0)),
      },
    ],
    outcome: new Uint8Array(10_000),
  };
}

test('the index is 0 for the same patients, and is what the formula gives', () => {
  assert.ok(stabilityOf(features.table, features.table).every(({ psi }) => psi === 0));
  const [one] = stabilityOf(binary(0.2), binary(0.4));
  const wanted = 0.2 * Math.log(0.4 / 0.2) - 0.2 * Math.log(0.6 / 0.8);
  assert.ok(Math.abs((one?.psi ?? NaN) - wanted) < 1e-3);
});
