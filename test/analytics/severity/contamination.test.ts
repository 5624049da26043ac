/** What is held out, and what comes after scoring time, must not reach the model. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { edaReport } from '../../../analytics/eda/index.js';
import { buildFeatures, type Features, type PermittedPatient } from '../../../analytics/features/index.js';
import { splitStudy } from '../../../analytics/preprocess/index.js';
import { covidDeterioration as study, trainOnFeatures } from '../../../analytics/severity/index.js';
import { observation, score } from '../support/inpatient.js';
import { cohort } from './cohort.js';

const PATIENTS = 300;

/** The same features, those of some rows made extreme or taken away. */
function spoil(features: Features, rows: Int32Array): Features {
  const held = new Set(rows);
  return {
    ...features,
    table: {
      ...features.table,
      columns: features.table.columns.map((column) => ({
        ...column,
        values:
          column.kind === 'category'
            ? column.values
            : column.values.map((v, i) => (held.has(i) ? (i % 3 === 0 ? NaN : v * 1000 + 7) : v)),
      })),
    },
  };
}

/** Keys of the patients learned from, ascending. */
function learnedFrom({ table }: Features): string[] {
  return Array.from(splitStudy(table, study).train, (row) => table.keys[row] ?? '').toSorted();
}

/** Whether a patient's scale ever says 6, which is the outcome. */
function worse(patient: PermittedPatient): boolean {
  return patient.resources.some((resource) => (resource as { valueInteger?: number }).valueInteger === 6);
}

test('values of the held-out part reach neither preparation nor penalty nor coefficients', async () => {
  const features = await buildFeatures(cohort(PATIENTS, 77), study);
  const { train, test: held } = splitStudy(features.table, study);
  assert.equal(train.length + held.length, features.table.keys.length);
  assert.ok(held.length > 20);
  const honest = trainOnFeatures(features, study);
  const spoilt = trainOnFeatures(spoil(features, held), study);
  assert.equal(spoilt.hash, honest.hash);
  assert.deepEqual(spoilt.model, honest.model);
  assert.deepEqual(spoilt.penalties, honest.penalties);
  assert.notDeepEqual(spoilt.performance, honest.performance);
  // The same done to the part learned from must show, or the test above shows nothing.
  const other = trainOnFeatures(spoil(features, train.slice(0, 5)), study);
  assert.notEqual(other.hash, honest.hash);
});

test('no patient is on both sides, whatever the order of arrival', async () => {
  const patients = cohort(PATIENTS, 78);
  const forward = await buildFeatures(patients, study);
  const backward = await buildFeatures(patients.toReversed(), study);
  assert.deepEqual(learnedFrom(forward), learnedFrom(backward));
  const { train, test: held } = splitStudy(forward.table, study);
  const both = new Set(train);
  assert.ok(held.every((row) => !both.has(row)));
  assert.equal(trainOnFeatures(forward, study).hash, trainOnFeatures(backward, study).hash);
});

test('a planted leak: values from after scoring time stay out, copies of the outcome are named', async () => {
  const clean = cohort(PATIENTS, 79);
  const plant = (hours: number): PermittedPatient[] =>
    clean.map((patient) => ({
      ...patient,
      resources: [
        ...patient.resources,
        observation('2276-4', worse(patient) ? 1500 : 150, 'ng/mL', hours),
        ...(hours > 24 ? [score(4, hours)] : []),
      ],
    }));
  const honest = await buildFeatures(clean, study);
  const late = await buildFeatures(plant(30), study);
  assert.deepEqual(late.table.columns, honest.table.columns);
  assert.deepEqual(edaReport(late.table).leakSuspects, []);
  const early = await buildFeatures(plant(3), study);
  assert.deepEqual(edaReport(early.table).leakSuspects, ['ferritin']);
});
