import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { buildFeatures } from '../../../analytics/features/index.js';
import { flowReport, reportHtml, studyReport } from '../../../analytics/report/index.js';
import { covidDeterioration as study } from '../../../analytics/severity/index.js';
import { cohort } from '../severity/cohort.js';
import { inHospitals, mixedUnits } from '../support/wards.js';

const landmark = { ...study, title: '<script>alert(1)</script>', landmarkHours: 24 };
const wards = await buildFeatures(mixedUnits(cohort(600, 3)), landmark);
const report = studyReport(landmark, { ...wards, table: inHospitals(wards.table) });

test('the report says what is in the data and is one page that fetches and runs nothing', () => {
  const byName = new Map(report.associations.map((a) => [a.name, a]));
  const spo2 = byName.get('spo2');
  assert.ok((spo2?.interval?.[1] ?? 2) < 1 && (byName.get('crp')?.interval?.[0] ?? 0) > 1);
  assert.equal(byName.get('ferritin')?.why, 'too-few');
  assert.ok((report.collinearity.vif?.[0] ?? 0) >= 1);
  assert.ok((report.landmark?.associations.length ?? 0) > 0);
  const html = reportHtml(report);
  assert.doesNotMatch(html, /<script|https?:|url\(|<link|<img/);
  assert.match(html, /<title>Flow of patients<\/title>/);
  if (process.env['FIREBREAK_TEST_REPORT'] !== undefined)
    writeFileSync(process.env['FIREBREAK_TEST_REPORT'], html);
});

test('the model is measured on held-out patients, and no small number can be read off it', () => {
  const { validation } = report;
  assert.ok(!('why' in validation));
  const { performance, optimism, split, thresholds, decision, calibration } = validation;
  assert.equal(split.train + split.test, report.eda.patients);
  // Held out: no better than what the made-up outcomes allow, and better than chance.
  const { auroc, interval } = performance.discrimination;
  assert.ok(auroc > 0.5 && auroc < 0.95 && interval !== null && interval[0] < auroc && auroc < interval[1]);
  assert.ok(optimism !== null && optimism.auroc.optimism > 0);
  assert.equal(optimism.auroc.corrected, optimism.auroc.apparent - optimism.auroc.optimism);
  assert.ok(calibration.length > 10 && decision.length === 19);
  for (const { netBenefit } of decision) assert.equal(netBenefit, Math.round(netBenefit * 100) / 100);
  const events = performance.events;
  for (const { sensitivity, specificity } of thresholds) {
    if (sensitivity.share === null || specificity.share === null) continue;
    const hits = sensitivity.share * events;
    const others = performance.patients - events;
    for (const count of [hits, events - hits, specificity.share * others, (1 - specificity.share) * others])
      assert.ok(Math.round(count) === 0 || Math.round(count) >= 11, String(count));
  }
  assert.ok(validation.subgroups.some(({ by }) => by === 'sex'));
  for (const { patients } of validation.subgroups) assert.ok(patients === null || patients >= 11);
  const alone = validation.baselines.find(({ baseline }) => baseline === 'age alone');
  assert.ok(alone !== undefined && alone.difference !== null);
  const { crossValidation, hospitals, precisionRecall } = validation;
  assert.ok(precisionRecall > events / performance.patients && precisionRecall < 1);
  // Each patient once by a model of the others: of all, and near what the held-out part gave.
  assert.equal(crossValidation?.patients, report.eda.patients);
  assert.ok(Math.abs(crossValidation.discrimination.auroc - auroc) < 0.15);
  assert.ok(hospitals.length > 1 && hospitals.some(({ performance: own }) => own !== null));
  for (const { by, patients } of hospitals)
    assert.ok(by === 'hospital left out' && (patients === null || patients >= 11));
  const html = reportHtml(report);
  assert.match(html, /Cross-validated over all patients/);
  for (const title of ['Calibration', 'Decision curve'])
    assert.match(html, new RegExp(`<title>${title}</title>`));
  // Twice the same.
  const again = studyReport(landmark, { ...wards, table: inHospitals(wards.table) });
  assert.deepEqual(again.validation, validation);
});

test('too few patients to measure a model are told, and the rest of the report stands', async () => {
  const few = studyReport(study, await buildFeatures(cohort(40, 3), study), 0);
  assert.ok('why' in few.validation);
  assert.match(reportHtml(few), /No model was measured/);
});

test('the flow adds up, and small groups cannot be computed', () => {
  const base = { included: 100, events: 40 };
  const two = flowReport({ ...base, patients: 155, excluded: { 'no-condition': 50, 'under-age': 5 } });
  assert.deepEqual(two.excluded, [{ reason: 'other reasons', patients: 55 }]);
  const one = flowReport({ ...base, patients: 105, excluded: { 'under-age': 5 } });
  assert.deepEqual([one.patients, one.excluded[0]?.patients], [null, null]);
  const fine = flowReport({ ...base, patients: 150, excluded: { 'under-age': 20, 'no-condition': 30 } });
  assert.equal(fine.patients, fine.included + fine.excluded.reduce((sum, s) => sum + (s.patients ?? NaN), 0));
});

test('few patients with a yes-or-no predictor cannot be read off its share', async () => {
  const features = await buildFeatures(cohort(400, 3), study);
  const columns = features.table.columns.map((column) =>
    column.name === 'infiltrates'
      ? { ...column, values: column.values.map((_, i) => (i < 3 ? 1 : 0)) }
      : column,
  );
  const { eda } = studyReport(study, { ...features, table: { ...features.table, columns } });
  const shown = eda.features.find(({ name }) => name === 'infiltrates');
  assert.deepEqual([shown?.all.mean, shown?.events.mean, shown?.standardisedDifference], [null, null, null]);
});

test('mixed units are counted, and the one that is written wrongly is told', () => {
  const crp = report.units.filter(({ family }) => family === 'crp');
  assert.deepEqual(
    crp.map(({ unit, suspect }) => [unit, suspect]),
    [
      ['mg/L', false],
      ['mg/dL', false],
      ['ug/L', true],
    ],
  );
  assert.match(reportHtml(report), /written wrongly: crp in ug\/L\./);
});

test('a hospital that differs shows; one of few patients is told with others', () => {
  const { groups, names, differences } = report.hospitals ?? assert.fail();
  assert.deepEqual(
    groups.map(({ name }) => name),
    ['Harbour Hospital', 'Hill Hospital', 'others'],
  );
  assert.equal(
    groups.reduce((sum, { patients }) => sum + patients, 0),
    report.eda.patients,
  );
  assert.ok((differences[1]?.[names.indexOf('age')] ?? 0) > 1);
});
