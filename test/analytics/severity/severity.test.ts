import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AnalyticsError } from '../../../analytics/errors.js';
import { buildFeatures } from '../../../analytics/features/index.js';
import { logistic } from '../../../analytics/math/index.js';
import {
  covidDeterioration as study,
  levelOf,
  modelHash,
  parseModel,
  regressionOf,
  scorePatient,
  trainOnFeatures,
  trainSeverity,
  type SeverityModel,
} from '../../../analytics/severity/index.js';
import { splitByKey } from '../../../analytics/validation/index.js';
import { encounter, hoursIn, inpatient, observation, score, T0_MS } from '../support/inpatient.js';
import { cohort } from './cohort.js';

const patients = cohort(300, 7);
const trained = await trainSeverity(patients, study);

async function rejects(code: string, act: Promise<unknown>): Promise<void> {
  await assert.rejects(act, (error) => error instanceof AnalyticsError && error.code === code);
}

test('a trained model tells its cohort, flow, performance and remarks', () => {
  assert.deepEqual([trained.flow.patients, trained.flow.included], [300, 300]);
  assert.equal(trained.split.train + trained.split.test, 300);
  assert.equal(trained.performance.patients, trained.split.test);
  assert.equal(trained.model.trained.patients, trained.split.train);
  assert.deepEqual(trained.cohort, patients.map((p) => p.key).toSorted());
  assert.equal(trained.remarks[0], trained.performance.verdict);
  assert.match(trained.performance.verdict, /interval/);
  assert.equal(trained.eda.patients, 300);
  const weights = new Map(
    trained.model.preparation.columns.map((c, j) => [
      c.name,
      regressionOf(trained.model).coefficients[0]?.[j],
    ]),
  );
  assert.ok((weights.get('age') ?? 0) > 0 && (weights.get('spo2') ?? 0) < 0 && (weights.get('crp') ?? 0) > 0);
});

test('the same patients in any order give the same model, to the bit', async () => {
  const again = await trainSeverity(patients.toReversed(), study);
  assert.equal(again.hash, trained.hash);
  assert.deepEqual(again, trained);
});

test('nothing of the held-out part reaches preparation or coefficients', async () => {
  const features = await buildFeatures(patients, study);
  const { test: held } = splitByKey(
    features.table.keys,
    features.table.outcome,
    study.fitting.testShare,
    study.fitting.seed,
  );
  const heldOut = new Set(held);
  const columns = features.table.columns.map((column) => ({
    ...column,
    values: column.values.map((v, row) =>
      heldOut.has(row) ? (column.kind === 'category' ? 1 : 1000 + row) : v,
    ),
  }));
  const disturbed = trainOnFeatures({ ...features, table: { ...features.table, columns } }, study);
  assert.equal(disturbed.hash, trained.hash);
  assert.notDeepEqual(disturbed.performance, trained.performance);
});

test('a score adds up from its contributions and names its basis', () => {
  const patient = inpatient('new', [
    observation('59408-5', 88, '%', 1, { id: 'spo2' }),
    observation('1988-5', 21, 'mg/dL', 2, { id: 'crp' }),
    observation('1988-5', 1, 'mg/dL', 30, { id: 'late' }),
    observation('2276-4', 500, 'furlong', 2, { id: 'odd' }),
  ]);
  const result = scorePatient(withoutLimit(trained.model), patient);
  assert.equal(result.status, 'scored');
  const total = result.contributions.reduce((sum, c) => sum + c.logOdds, result.intercept);
  assert.equal(result.probability, logistic(total));
  assert.equal(result.level, levelOf(study.levels, result.probability).level);
  assert.deepEqual(result.basisIds, [
    { type: 'Encounter', id: 'e-new' },
    { type: 'Observation', id: 'crp' },
    { type: 'Observation', id: 'spo2' },
  ]);
  assert.deepEqual([result.t0, result.s], [T0_MS, T0_MS + 24 * 3_600_000]);
  assert.ok(result.imputed.includes('ferritin') && !result.imputed.includes('crp'));
  assert.deepEqual(result.problems, [{ family: 'ferritin', problem: 'unit-unknown', unit: 'furlong' }]);
  const crp = result.contributions.find((c) => c.feature === 'crp');
  assert.deepEqual([crp?.value, crp?.imputed, crp?.unit], [210, false, 'mg/L']);
  assert.ok((crp?.logOdds ?? 0) > 0);
});

test('a value outside the training part is marked', () => {
  const old = inpatient('old', [observation('59408-5', 93, '%', 1)], { birthDate: '1920' });
  const result = scorePatient(withoutLimit(trained.model), old);
  assert.equal(result.status, 'scored');
  assert.deepEqual(
    result.contributions.filter((c) => c.outside).map((c) => c.feature),
    ['age'],
  );
});

test('the latest stay is scored', () => {
  const result = scorePatient(withoutLimit(trained.model), {
    key: 'x',
    resources: [
      ...inpatient('x', [observation('59408-5', 93, '%', 1)]).resources,
      encounter('later', { period: { start: hoursIn(1000) }, status: 'in-progress' }),
    ],
  });
  assert.equal(result.status === 'scored' && result.encounterId, 'e-later');
});

test('refusals by code', () => {
  assert.equal(outcomeOf({ key: 'a', resources: [] }), 'no-admission');
  assert.equal(outcomeOf({ key: 'a', resources: [encounter('a')] }), 'no-condition');
  assert.equal(
    outcomeOf({ key: 'a', resources: [encounter('a', { period: { start: '2021' } })] }),
    'admission-time-unknown',
  );
  assert.equal(outcomeOf(inpatient('a', [], { birthDate: '2010' })), 'under-age');
  assert.equal(outcomeOf(inpatient('a', [], { birthDate: undefined })), 'age-unknown');
  assert.equal(outcomeOf(inpatient('a', [score(7, -1)])), 'outcome-at-admission');
  assert.equal(outcomeOf(inpatient('a')), 'too-much-missing');
});

test('levels follow their bands', () => {
  const levels = [0, 0.1499, 0.15, 0.35, 0.5999, 0.6, 1].map((p) => levelOf(study.levels, p).level);
  assert.deepEqual(levels, ['mild', 'mild', 'moderate', 'severe', 'severe', 'critical', 'critical']);
});

test('a model file is read back to the same scores, and refused when altered', () => {
  const text = JSON.stringify(trained.model);
  const model = parseModel(text, trained.hash);
  assert.equal(modelHash(model), trained.hash);
  const patient = patients[0] ?? inpatient('a');
  assert.deepEqual(
    scorePatient(withoutLimit(model), patient),
    scorePatient(withoutLimit(trained.model), patient),
  );
  const altered = JSON.stringify({
    ...trained.model,
    intercept: (regressionOf(trained.model).intercepts[0] ?? NaN) + 1e-12,
  });
  for (const [bad, hash] of [
    [altered, trained.hash],
    ['{', undefined],
    ['null', undefined],
    ['{"format":"firebreak.severity-model"}', undefined],
    [JSON.stringify({ ...trained.model, formatVersion: 2 }), undefined],
    [JSON.stringify({ ...trained.model, coefficients: [1] }), undefined],
  ] as const) {
    assert.throws(
      () => parseModel(bad, hash),
      (error) => error instanceof AnalyticsError && error.code === 'ANALYTICS_MODEL_INVALID',
    );
  }
});

test('what cannot be trained is refused by code', async () => {
  await rejects('ANALYTICS_NO_PATIENTS', trainSeverity([], study));
  await rejects('ANALYTICS_NO_PATIENTS', trainSeverity([{ key: 'a', resources: [] }], study));
  await rejects('ANALYTICS_ONE_CLASS', trainSeverity([inpatient('a'), inpatient('b')], study));
  await rejects('ANALYTICS_DUPLICATE_KEY', trainSeverity([inpatient('a'), inpatient('a')], study));
});

test('labs drawn from the outcome are said to separate', async () => {
  const leaky = Array.from({ length: 80 }, (_, i) => {
    const worse = i % 2 === 0;
    return inpatient(`p${i}`, [
      observation('2276-4', worse ? 900 + i : 100 + i, 'ng/mL', 1),
      observation('59408-5', 92 + (i % 5), '%', 1),
      ...(worse ? [score(6, 50)] : []),
    ]);
  });
  const { remarks, eda, performance } = await trainSeverity(leaky, study);
  assert.deepEqual(eda.leakSuspects, ['ferritin']);
  assert.ok(remarks.some((r) => r.includes('separate the training outcomes completely')));
  assert.equal(performance.discrimination.auroc, 1);
});

/** The model, scoring however much is missing: the test patients have few values. */
function withoutLimit(model: SeverityModel): SeverityModel {
  return { ...model, study: { ...model.study, fitting: { ...model.study.fitting, imputedShareMax: 1 } } };
}

function outcomeOf(patient: Parameters<typeof scorePatient>[1]): string {
  const result = scorePatient(trained.model, patient);
  return result.status === 'refused' ? result.code : result.status;
}
