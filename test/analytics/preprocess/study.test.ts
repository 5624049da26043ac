import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AnalyticsError } from '../../../analytics/errors.js';
import { buildFeatures, type Study } from '../../../analytics/features/index.js';
import { applyPreparation, fitStudyPreparation, splitStudy } from '../../../analytics/preprocess/index.js';
import { covidDeterioration, trainOnFeatures } from '../../../analytics/severity/index.js';
import { readStudy } from '../../../analytics/study/index.js';
import { cohort } from '../severity/cohort.js';
import { HOSPITALS, inHospitals } from '../support/wards.js';

const features = await buildFeatures(cohort(400, 5), covidDeterioration);
const table = inHospitals(features.table);

function studyWith(fitting: Partial<Study['fitting']>, more: Partial<Study> = {}): Study {
  return { ...covidDeterioration, ...more, fitting: { ...covidDeterioration.fitting, ...fitting } };
}

const SPLITS: readonly Study['fitting']['split'][] = [
  undefined,
  { by: 'patient' },
  { by: 'time' },
  { by: 'hospital', hold: ['Hill Hospital', 'Small House'] },
];

test('each patient is in one part; who is held out is drawn, last, or of a hospital', () => {
  for (const split of SPLITS) {
    const { train, test: held } = splitStudy(table, studyWith(split === undefined ? {} : { split }));
    assert.deepEqual(
      [...train, ...held].toSorted((a, b) => a - b),
      table.keys.map((_, row) => row),
    );
    const stays = table.stays ?? assert.fail();
    if (split?.by === 'time') {
      const last = Math.max(...Array.from(train, (row) => stays.t0Ms[row] ?? NaN));
      assert.ok(held.every((row) => (stays.t0Ms[row] ?? NaN) > last));
      assert.ok(Math.abs(held.length - 120) < 10);
    }
    if (split?.by === 'hospital') {
      assert.ok(held.every((row) => [1, 2].includes(stays.hospital[row] ?? -1)));
      assert.ok(train.every((row) => ![1, 2].includes(stays.hospital[row] ?? -1)));
    }
  }
});

test('values of the held-out part reach neither preparation nor model', () => {
  for (const split of SPLITS) {
    const study = studyWith(split === undefined ? {} : { split }, { interactions: [['age', 'spo2']] });
    const held = new Set(splitStudy(table, study).test);
    const columns = table.columns.map((column) => ({
      ...column,
      values: column.values.map((v, row) =>
        held.has(row) && column.kind === 'numeric' ? (row % 2 === 0 ? NaN : 1e9 + row) : v,
      ),
    }));
    const before = trainOnFeatures({ ...features, table }, study);
    const after = trainOnFeatures({ ...features, table: { ...table, columns } }, study);
    assert.deepEqual(after.model, before.model);
    assert.equal(after.hash, before.hash);
    assert.notDeepEqual(after.performance, before.performance);
  }
});

test('an interaction named in the study is the product of what is standardised, standardised', () => {
  const study = studyWith(
    { winsor: [0.1, 0.9] },
    {
      interactions: [
        ['age', 'spo2'],
        ['age', 'ferritin'],
      ],
    },
  );
  const preparation = fitStudyPreparation(table.columns, study);
  const names = preparation.columns.map(({ name }) => name);
  const { data, rows } = applyPreparation(preparation, table.columns);
  const column = (name: string): Float64Array => {
    const j = names.indexOf(name);
    return data.slice(j * rows, (j + 1) * rows);
  };
  const [age, spo2, both] = [column('age'), column('spo2'), column('age×spo2')];
  const products = age.map((v, i) => v * (spo2[i] ?? NaN));
  const mean = products.reduce((a, b) => a + b) / rows;
  const sd = Math.sqrt(products.reduce((total, v) => total + (v - mean) ** 2, 0) / rows);
  both.forEach((v, i) => assert.ok(Math.abs(v - ((products[i] ?? NaN) - mean) / sd) < 1e-12));
  assert.ok(
    preparation.dropped.some(
      ({ name, because }) => name === 'age×ferritin' && because === 'without-main-effect',
    ),
  );
  const copy = JSON.parse(JSON.stringify(preparation)) as typeof preparation;
  assert.deepEqual(applyPreparation(copy, table.columns).data, data);
  const spo2Bounds = preparation.features[table.columns.findIndex(({ name }) => name === 'spo2')]?.bounds;
  const sorted = table.columns.find(({ name }) => name === 'spo2')?.values.toSorted() ?? assert.fail();
  assert.deepEqual(
    spo2Bounds?.map((v) => Math.round(v)),
    [0.1, 0.9].map((q) => Math.round(sorted[Math.round(q * (sorted.length - 1))] ?? NaN)),
  );
});

test('what a study says of its preparation is checked by line', () => {
  const { families: _families, diseases: _diseases, ...definition } = covidDeterioration;
  const read = (more: object): unknown =>
    readStudy(JSON.stringify({ ...definition, ...more }, null, 1), 'x.json');
  const { fitting } = definition;
  refused(
    () => read({ interactions: [['age', 'spo3']] }),
    /x\.json:\d+: no numeric feature is called spo3; did you mean spo2\?/,
  );
  refused(() => read({ interactions: [['age', 'sex']] }), /no numeric feature is called sex/);
  refused(() => read({ fitting: { ...fitting, split: { by: 'hospitals' } } }), /did you mean hospital\?/);
  refused(() => read({ fitting: { ...fitting, split: { by: 'hospital' } } }), /hold/);
  refused(() => read({ fitting: { ...fitting, winsor: [0.9, 0.1] } }), /winsor/);
  refused(
    () => splitStudy(table, studyWith({ split: { by: 'hospital', hold: ['Hull Hospital'] } })),
    /no patient is in Hull Hospital/,
  );
  assert.ok(
    read({
      interactions: [['age', 'crp']],
      fitting: { ...fitting, split: { by: 'hospital', hold: HOSPITALS } },
    }),
  );
});

function refused(act: () => unknown, message: RegExp): void {
  assert.throws(
    act,
    (error) =>
      error instanceof AnalyticsError &&
      error.code === 'ANALYTICS_STUDY_INVALID' &&
      message.test(error.message),
  );
}
