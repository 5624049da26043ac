/** What a person gets to read whose study, data or model is no good: each by name, and nothing half-made. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AnalyticsError, type AnalyticsErrorCode } from '../../../analytics/errors.js';
import {
  buildFeatures,
  type FeatureTable,
  type PermittedPatient,
  type Study,
} from '../../../analytics/features/index.js';
import {
  covidDeterioration as study,
  parseModel,
  trainOnFeatures,
  trainSeverity,
  type TrainedSeverity,
} from '../../../analytics/severity/index.js';
import definition from '../../../analytics/severity/covid-deterioration.json' with { type: 'json' };
import { readStudy } from '../../../analytics/study/index.js';
import { cohort } from '../severity/cohort.js';
import { inpatient, observation, score } from '../support/inpatient.js';

const patients = cohort(300, 4);
const features = await buildFeatures(patients, study);

/** A study file with one text changed, and the line that it stands in. */
function changed(from: string, to: string): { readonly text: string; readonly line: number } {
  const text = JSON.stringify(definition, null, 2);
  assert.ok(text.includes(from), from);
  return { text: text.replace(from, to), line: text.slice(0, text.indexOf(from)).split('\n').length };
}

function says(code: AnalyticsErrorCode, message: RegExp, act: () => unknown): void {
  assert.throws(
    act,
    (error) => error instanceof AnalyticsError && error.code === code && message.test(error.message),
  );
}

/** The table with other values in some columns. */
function withColumns(
  values: (name: string, own: Float64Array, all: FeatureTable) => Float64Array | undefined,
): typeof features {
  const { table } = features;
  const columns = table.columns.map((column) => ({
    ...column,
    values: values(column.name, column.values, table) ?? column.values,
  }));
  return { ...features, table: { ...table, columns } };
}

for (const [what, from, to, message] of [
  [
    'code',
    '"840539006"',
    '"840539007"',
    /840539007 is no code of http:\/\/snomed\.info\/sct: its check digit is wrong/,
  ],
  [
    'code of LOINC',
    '"system": "urn:firebreak:demo:who-cps",\n        "code": "score"',
    '"system": "http://loinc.org",\n        "code": "97852-7"',
    /97852-7 is no code of http:\/\/loinc\.org: its check digit is wrong/,
  ],
  ['family', '"family": "crp"', '"family": "cpr"', /no family is called cpr; did you mean crp\?/],
  ['unit', '"family": "crp",', '"family": "crp", "unit": "mg/furlong",', /mg\/furlong/],
  ['kind', '"kind": "below"', '"kind": "belo"', /belo is none of .*did you mean below\?/],
  ['member', '"horizonDays"', '"horizonDay"', /no member horizonDay; did you mean horizonDays\?/],
] as const) {
  test(`a study file with an unknown ${what}: its line and the nearest name`, () => {
    const { text, line } = changed(from, to);
    assert.throws(
      () => readStudy(text, 'mine.json'),
      (error: unknown) => {
        assert.ok(error instanceof AnalyticsError);
        assert.equal(error.code, 'ANALYTICS_STUDY_INVALID');
        const [told] = error.message.split('\n').filter((one) => message.test(one));
        assert.ok(told !== undefined, error.message);
        const at = Number(/^mine\.json:(\d+): /.exec(told)?.[1]);
        assert.ok(Math.abs(at - line) <= 1, `${told}, not line ${line}`);
        return true;
      },
    );
  });
}

function featuresWith(view: string, name: string): string {
  return `"features": [ { "name": "pulse", "label": "p", "kind": "column", "view": "${view}", "column": "${name}", "pick": "first", "transform": "none" },`;
}

test('a study file with an unknown view or column of a view: its line and the nearest name', () => {
  for (const [view, name, message] of [
    ['patien', 'gender', /no view is called patien; did you mean patient\?/],
    ['patient', 'gendr', /gendr.*did you mean gender\?/],
  ] as const)
    says('ANALYTICS_STUDY_INVALID', message, () =>
      readStudy(changed('"features": [', featuresWith(view, name)).text, 'mine.json'),
    );
});

test('an outcome with one class, no patients, and fewer patients than are needed', async () => {
  const well = patients.filter(
    (_, i) => features.table.outcome[features.table.keys.indexOf(`patient-${i}`)] === 0,
  );
  await assert.rejects(trainSeverity(well, study), { code: 'ANALYTICS_ONE_CLASS' });
  await assert.rejects(trainSeverity([], study), {
    code: 'ANALYTICS_NO_PATIENTS',
    message: 'no patient is left after the exclusions',
  });
  const few = [...well.slice(0, 3), ...patients.filter((one) => !well.includes(one)).slice(0, 3)];
  await assert.rejects(trainSeverity(few, { ...study, model: { family: 'binary', penalty: 0 } }), {
    code: 'ANALYTICS_TOO_FEW_ROWS',
  });
});

test('constant, duplicated and all-missing columns are dropped by name, and the model says so', () => {
  const made = trainOnFeatures(
    withColumns((name, own, { columns }) => {
      if (name === 'heartRate') return new Float64Array(own.length).fill(80);
      if (name === 'temperature') return new Float64Array(own.length).fill(NaN);
      return name === 'systolic' ? columns.find((one) => one.name === 'spo2')?.values : undefined;
    }),
    study,
  );
  const dropped = new Map(made.model.preparation.dropped.map(({ name, because }) => [name, because]));
  assert.deepEqual(
    [dropped.get('heartRate'), dropped.get('temperature'), dropped.get('systolic')],
    ['constant', 'all-missing', 'duplicate'],
  );
});

function said({ remarks }: TrainedSeverity): string {
  return remarks.join(' ');
}

test('complete separation: refused without a penalty, said with one, fitted and said by Firth’s method', () => {
  const separating = withColumns((name, _, { outcome }) =>
    name === 'crp' ? Float64Array.from(outcome, (value, i) => value * 300 + 20 + (i % 5)) : undefined,
  );
  says('ANALYTICS_SEPARATION', /separat/, () =>
    trainOnFeatures(separating, { ...study, model: { family: 'binary', penalty: 0 } }),
  );
  assert.match(said(trainOnFeatures(separating, study)), /only the penalty keeps the estimates finite/);
  const firth = trainOnFeatures(separating, { ...study, model: { family: 'firth' } });
  assert.match(said(firth), /by .*crp/);
});

test('infinities are refused by the column’s name', () => {
  const endless = withColumns((name, own) =>
    name === 'crp' ? own.map((value, i) => (i === 7 ? Infinity : value)) : undefined,
  );
  says('ANALYTICS_NOT_FINITE', /crp/, () => trainOnFeatures(endless, study));
});

test('units that do not convert are counted by family and unit, and told in the remarks', async () => {
  const mixed: PermittedPatient[] = patients.map((one, i) => ({
    ...one,
    resources: [...one.resources, ...(i < 20 ? [observation('1988-5', 5, 'mol/L', 1)] : [])],
  }));
  const { problems } = await buildFeatures(mixed, study);
  assert.deepEqual(
    problems.filter(({ family, unit }) => family === 'crp' && unit === 'mol/L'),
    [{ family: 'crp', problem: 'unit-unknown', unit: 'mol/L', count: 20 }],
  );
  assert.match(
    (await trainSeverity(mixed, study)).remarks.join(' '),
    /2\d values in the window could not be used/,
  );
});

test('an altered model file is refused, whatever was altered', async () => {
  const { model, hash } = await trainSeverity(patients, study);
  const text = JSON.stringify(model);
  assert.equal(JSON.stringify(parseModel(text, hash)), text);
  for (const at of [...text.matchAll(/[1-9]/g)].map(({ index }) => index).filter((_, i) => i % 97 === 0)) {
    const digit = text[at] === '9' ? '8' : '9';
    says('ANALYTICS_MODEL_INVALID', /another hash|not a severity model/, () =>
      parseModel(text.slice(0, at) + digit + text.slice(at + 1), hash),
    );
  }
});

test('a patient without the records that the model needs is refused by name, not scored', async () => {
  const alone: Study = { ...study, fitting: { ...study.fitting, imputedShareMax: 0.1 } };
  const { model } = await trainSeverity(patients, alone);
  const { scorePatient } = await import('../../../analytics/severity/index.js');
  assert.deepEqual(scorePatient(model, inpatient('bare', [score(4, 1)])), {
    status: 'refused',
    code: 'too-much-missing',
  });
});
