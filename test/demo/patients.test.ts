import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { Condition, Encounter, Observation, Patient, Resource } from 'fhir/r4.js';
import {
  DEMO_ANCHOR_MS,
  deteriorationProbability,
  drawAdmission,
  generatePatients,
  hospitalDirectory,
} from '../../demo/index.js';
import type { PatientHistory } from '../../demo/index.js';
import { sharedData } from '../support/shared-data.js';

const all = (options: Parameters<typeof generatePatients>[0]): PatientHistory[] => [
  ...generatePatients(options),
];
const ofType = <T extends Resource>(patient: PatientHistory, type: T['resourceType']): T[] =>
  patient.resources.filter((resource) => resource.resourceType === type) as T[];
const codeOf = ({ code }: Observation | Condition): string => code?.coding?.[0]?.code ?? '';

test('4C Deterioration: the five published worked patients', () => {
  const rows = [
    [41, true, true, 21, 98, false, 5, 31, 0.8, 0.158],
    [77, false, true, 36, 99, false, 6, 12, 0.9, 0.242],
    [70, true, true, 22, 93, false, 6, 104, 0.7, 0.393],
    [76, true, false, 30, 91, true, 5, 70, 8.4, 0.551],
    [88, false, true, 24, 86, true, 6, 160, 1.1, 0.736],
  ] as const;
  for (const [ageYears, male, infiltrates, rr, spo2, oxygen, urea, crp, lymphocytes, expected] of rows) {
    const probability = deteriorationProbability({
      ageYears,
      male,
      infiltrates,
      oxygen,
      nosocomial: false,
      gcsBelow15: false,
      respiratoryRatePerMin: rr,
      spo2Percent: spo2,
      ureaMmolPerL: urea,
      crpMgPerL: crp,
      lymphocytesGPerL: lymphocytes,
    });
    assert.equal(Math.round(probability * 1000) / 1000, expected);
  }
});

test('4C Deterioration: every coefficient is the shared one', (t) => {
  const path = sharedData('severity/models.json');
  if (path === undefined) {
    t.skip('no shared data');
    return;
  }
  const numbers = (value: unknown): number[] =>
    typeof value === 'number'
      ? [value]
      : typeof value === 'object' && value !== null
        ? Object.values(value).flatMap(numbers)
        : [];
  const published = (JSON.parse(readFileSync(path, 'utf8')) as Record<string, Record<string, unknown>>)[
    '4C Deterioration'
  ];
  const ours = JSON.parse(readFileSync(new URL('../../demo/four-c.json', import.meta.url), 'utf8')) as Record<
    string,
    unknown
  >;
  for (const part of ['intercept', 'binary', 'numeric'])
    assert.deepEqual(numbers(ours[part]), numbers(published?.[part]));
});

test('a patient is a function of seed and index', () => {
  const once = JSON.stringify(all({ count: 12, seed: 3 }));
  assert.equal(JSON.stringify(all({ count: 12, seed: 3 })), once);
  assert.notEqual(JSON.stringify(all({ count: 12, seed: 4 })), once);
  assert.equal(
    JSON.stringify(all({ count: 3, firstIndex: 9, seed: 3 })),
    JSON.stringify((JSON.parse(once) as unknown[]).slice(9)),
  );
});

const values = (anchorMs: number): unknown[] =>
  all({ count: 20, anchorMs }).map((patient) =>
    ofType<Observation>(patient, 'Observation').map(({ id, valueQuantity, valueInteger }) => [
      id,
      valueQuantity,
      valueInteger,
    ]),
  );

test('another anchor moves dates by whole days and nothing else', () => {
  assert.deepEqual(values(DEMO_ANCHOR_MS + 100 * 86_400_000), values(DEMO_ANCHOR_MS));
});

test('refuses counts that are none', () => {
  for (const count of [-1, 1.5, Number.NaN]) {
    assert.throws(() => all({ count }), { code: 'DEMO_BAD_OPTION' });
  }
});

test('on 60,000 patients the true probabilities tell outcomes apart as the published model does', () => {
  const size = 60_000;
  const drawn = Array.from({ length: size }, (_, index) => drawAdmission(19, index));
  drawn.sort((a, b) => a.probability - b.probability);
  let rankSum = 0;
  let events = 0;
  let expected = 0;
  drawn.forEach(({ deteriorates, probability }, at) => {
    expected += probability;
    if (!deteriorates) return;
    events++;
    rankSum += at + 1;
  });
  const auroc = (rankSum - (events * (events + 1)) / 2) / (events * (size - events));
  assert.ok(auroc >= 0.75 && auroc <= 0.79, `AUROC ${auroc}`);
  // Calibrated by construction: events and expected events differ by chance alone.
  assert.ok(Math.abs(events - expected) < 4 * Math.sqrt(size * 0.25));
});

const quantile = (sorted: readonly number[], share: number): number =>
  sorted[Math.floor(share * sorted.length)] ?? 0;

test('values look like those of inpatients, skewed and correlated', () => {
  const drawn = Array.from({ length: 20_000 }, (_, index) => drawAdmission(5, index));
  const sorted = (pick: (one: (typeof drawn)[number]) => number): number[] =>
    drawn.map(pick).toSorted((a, b) => a - b);
  const median = (pick: (one: (typeof drawn)[number]) => number): number => quantile(sorted(pick), 0.5);
  assert.ok(Math.abs(median((one) => one.ageYears) - 72) < 4);
  assert.ok(Math.abs(median((one) => one.spo2Percent) - 94) <= 1);
  assert.ok(Math.abs(median((one) => one.crpMgPerL) - 76) < 10);
  const crp = sorted((one) => one.crpMgPerL);
  assert.ok(
    quantile(crp, 0.9) - quantile(crp, 0.5) > 2 * (quantile(crp, 0.5) - quantile(crp, 0.1)),
    'CRP leans right',
  );
  const mean = (pick: (one: (typeof drawn)[number]) => number): number =>
    drawn.reduce((sum, one) => sum + pick(one), 0) / drawn.length;
  const correlation = (x: (one: (typeof drawn)[number]) => number, y: typeof x): number => {
    const [mx, my] = [mean(x), mean(y)];
    const product = mean((one) => (x(one) - mx) * (y(one) - my));
    return product / Math.sqrt(mean((one) => (x(one) - mx) ** 2) * mean((one) => (y(one) - my) ** 2));
  };
  assert.ok(
    correlation(
      (one) => one.spo2Percent,
      (one) => one.respiratoryRatePerMin,
    ) < -0.25,
  );
  assert.ok(
    correlation(
      (one) => Math.log(one.crpMgPerL),
      (one) => Math.log(one.ldhUPerL),
    ) > 0.2,
  );
  assert.ok(
    correlation(
      (one) => one.ageYears,
      (one) => Math.log(one.ureaMmolPerL),
    ) > 0.3,
  );
});

test('what is left out depends on severity', () => {
  const patients = all({ count: 400 });
  const share = (sick: boolean): number => {
    const group = patients.filter(({ admission }) => admission.severity > 0 === sick);
    return (
      group.filter((one) => ofType<Observation>(one, 'Observation').some((o) => codeOf(o) === '26881-3'))
        .length / group.length
    );
  };
  assert.ok(share(true) > share(false) + 0.15);
});

test('histories are whole, dated in order, and say that they are synthetic', () => {
  const patients = all({ count: 300 });
  const sizes = patients.map(({ resources }) => resources.length);
  const meanSize = sizes.reduce((sum, size) => sum + size, 0) / sizes.length;
  assert.ok(meanSize >= 35 && meanSize <= 45, `${meanSize} resources a patient`);
  const ids = new Set<string>();
  const units = new Set<string>();
  for (const history of patients) {
    const [patient] = ofType<Patient>(history, 'Patient');
    const [encounter] = ofType<Encounter>(history, 'Encounter');
    assert.ok(patient !== undefined && encounter !== undefined);
    const startMs = Date.parse(encounter.period?.start ?? '');
    const age = (startMs - Date.parse(patient.birthDate ?? '')) / (365.2425 * 86_400_000);
    assert.equal(Math.floor(age), history.admission.ageYears);
    assert.equal(encounter.class.code, 'IMP');
    assert.equal(patient.deceasedDateTime !== undefined, history.course.end?.kind === 'died');
    assert.ok(ofType<Condition>(history, 'Condition').some((one) => codeOf(one) === '840539006'));
    for (const resource of history.resources) {
      const key = `${resource.resourceType}/${resource.id ?? ''}`;
      assert.ok(!ids.has(key), key);
      ids.add(key);
      assert.match(resource.id ?? '', /^[A-Za-z0-9.-]{1,64}$/);
      assert.ok(
        resource.meta?.tag?.some(({ system, code }) => system?.endsWith('v3-ActReason') && code === 'HTEST'),
      );
      assert.ok(Date.parse(resource.meta?.lastUpdated ?? '') < DEMO_ANCHOR_MS);
    }
    for (const observation of ofType<Observation>(history, 'Observation')) {
      const effectiveMs = Date.parse(observation.effectiveDateTime ?? '');
      assert.ok(effectiveMs >= startMs && effectiveMs <= Date.parse(observation.issued ?? '') + 1000);
      if (observation.valueQuantity !== undefined)
        units.add(`${codeOf(observation)} ${observation.valueQuantity.code ?? ''}`);
    }
  }
  for (const unit of [
    '1988-5 mg/L',
    '1988-5 mg/dL',
    '731-0 10*3/uL',
    '26474-7 10*9/L',
    '22664-7 mmol/L',
    '3094-0 mg/dL',
    '2160-0 mg/dL',
    '14682-9 umol/L',
    '48065-7 ng/mL{FEU}',
    '48058-2 ng/mL{DDU}',
  ]) {
    assert.ok(units.has(unit), unit);
  }
});

test('the WHO scale tells the drawn outcome, at the day it was reached, and never by the older LOINC scale', () => {
  let known = 0;
  for (const history of all({ count: 400 })) {
    const [encounter] = ofType<Encounter>(history, 'Encounter');
    const startMs = Date.parse(encounter?.period?.start ?? '');
    const scores = ofType<Observation>(history, 'Observation').filter(
      ({ code }) => code.coding?.[0]?.system === 'urn:firebreak:demo:who-cps',
    );
    assert.ok(ofType<Observation>(history, 'Observation').every((one) => codeOf(one) !== '97852-8'));
    const worse = scores.find(({ valueInteger = 0 }) => valueInteger >= 6);
    if (history.course.end === undefined) continue;
    known++;
    assert.equal(worse !== undefined, history.admission.deteriorates);
    if (worse !== undefined) {
      const days = (Date.parse(worse.effectiveDateTime ?? '') - startMs) / 86_400_000;
      assert.ok(days > 0 && days < 28, `${days} days`);
    }
    for (const { valueInteger = -1 } of scores) assert.ok(valueInteger >= 0 && valueInteger <= 10);
    assert.equal(scores.at(-1)?.valueInteger === 10, history.course.end.kind === 'died');
  }
  assert.ok(known > 300);
});

test('the directory belongs to no patient', () => {
  const directory = hospitalDirectory();
  assert.deepEqual(
    [...new Set(directory.map(({ resourceType }) => resourceType))],
    ['Organization', 'Practitioner', 'Location'],
  );
  assert.deepEqual(hospitalDirectory(), directory);
});
