import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AnalyticsError } from '../../../analytics/errors.js';
import {
  ageYears,
  buildFeatures,
  resolveStudy,
  type PermittedPatient,
  type Study,
} from '../../../analytics/features/index.js';
import { covidDeterioration as study } from '../../../analytics/severity/index.js';
import { condition, encounter, hoursIn, inpatient, observation, score } from '../support/inpatient.js';

const CRP = '1988-5';

async function one(patient: PermittedPatient, of: Study = study): Promise<Record<string, number>> {
  const { table } = await buildFeatures([patient], of);
  return Object.fromEntries(table.columns.map((c) => [c.name, c.values[0] ?? NaN]));
}

async function excluded(patient: PermittedPatient, asOfMs?: number): Promise<string> {
  const { flow } = await buildFeatures([patient], study, asOfMs);
  return Object.keys(flow.excluded).join() || `included, events ${flow.events}`;
}

async function crp(hours: number, more = {}): Promise<number | undefined> {
  return (await one(inpatient('a', [observation(CRP, 10, 'mg/L', hours, more)])))['crp'];
}

function litresPerMinute(litres: number, hours: number): ReturnType<typeof observation> {
  return observation('3151-8', litres, 'L/min', hours);
}

async function oxygen(...resources: ReturnType<typeof observation>[]): Promise<number | undefined> {
  return (await one(inpatient('a', resources)))['oxygen'];
}

/** A patient with another stay than usual. */
function stay(more: Record<string, unknown>, ...resources: Record<string, unknown>[]): PermittedPatient {
  const others = inpatient('a').resources.filter(
    (r) => (r as { resourceType: string }).resourceType !== 'Encounter',
  );
  return { key: 'a', resources: [...others, encounter('a', more), ...resources] };
}

test('the window: from 24 h before admission to the scoring time, issued before it', async () => {
  assert.equal(await crp(-24), 10);
  assert.equal(await crp(-24.01), NaN);
  assert.equal(await crp(23.99), 10);
  assert.equal(await crp(24), NaN);
  assert.equal(await crp(5, { issued: hoursIn(23.9) }), 10);
  assert.equal(await crp(5, { issued: hoursIn(24) }), NaN);
  assert.equal(await crp(5, { issued: undefined }), 10);
  // Known to the day only: some of the day may lie outside.
  assert.equal(await crp(5, { effectiveDateTime: '2021-03-10' }), NaN);
  assert.equal(
    await crp(5, { effectiveDateTime: undefined, effectivePeriod: { start: hoursIn(1), end: hoursIn(2) } }),
    10,
  );
  assert.equal(
    await crp(5, { effectiveDateTime: undefined, effectivePeriod: { start: hoursIn(1), end: hoursIn(30) } }),
    NaN,
  );
});

test('the first outcome ends the window', async () => {
  const resources = [
    observation(CRP, 10, 'mg/L', 5),
    observation('2276-4', 700, 'ng/mL', 7),
    score(4, 0.5),
    score(7, 6),
  ];
  const { table } = await buildFeatures([inpatient('a', resources)], study);
  const named = Object.fromEntries(table.columns.map((c) => [c.name, c.values[0]]));
  assert.deepEqual([named['crp'], named['ferritin'], table.outcome[0]], [10, NaN, 1]);
});

test('statuses, versions and ties', async () => {
  for (const status of ['preliminary', 'entered-in-error', 'cancelled', 'registered', 'unknown']) {
    assert.equal(
      (await one(inpatient('a', [observation(CRP, 9, 'mg/L', 1, { status })])))['crp'],
      NaN,
      status,
    );
  }
  for (const status of ['final', 'amended', 'corrected']) {
    assert.equal((await one(inpatient('a', [observation(CRP, 9, 'mg/L', 1, { status })])))['crp'], 9, status);
  }
  const late = observation(CRP, 1, 'mg/L', 3, { id: 'z' });
  const issuedLater = observation(CRP, 2, 'mg/L', 2, { id: 'a', issued: hoursIn(4) });
  const idB = observation(CRP, 3, 'mg/L', 2, { id: 'c', issued: hoursIn(3) });
  const idA = observation(CRP, 4, 'mg/L', 2, { id: 'b', issued: hoursIn(3) });
  for (const order of [
    [late, issuedLater, idB, idA],
    [idA, idB, issuedLater, late],
  ]) {
    assert.equal((await one(inpatient('a', order)))['crp'], 4);
  }
  const v1 = observation(CRP, 50, 'mg/L', 1, { id: 'v', meta: { lastUpdated: hoursIn(2) } });
  const v2 = {
    ...v1,
    status: 'corrected',
    valueQuantity: { value: 5, code: 'mg/L' },
    meta: { lastUpdated: hoursIn(9) },
  };
  assert.equal((await one(inpatient('a', [v2, v1])))['crp'], 5);
  const withdrawn = { ...v1, status: 'entered-in-error', meta: { lastUpdated: hoursIn(9) } };
  assert.equal((await one(inpatient('a', [withdrawn, v1])))['crp'], NaN);
});

test('units, keyed by code where UCUM cannot tell', async () => {
  const values = await one(
    inpatient('a', [
      observation('48058-2', 400, 'ng/mL{DDU}', 1),
      observation('3094-0', 28, 'mg/dL', 1),
      observation('26474-7', 0.8, 'K/uL', 1),
      observation('14682-9', 90, 'umol/L', 1),
      observation('8310-5', 100.4, '[degF]', 1),
      observation('85354-9', 0, undefined, 1, {
        valueQuantity: undefined,
        component: [
          {
            code: { coding: [{ system: 'http://loinc.org', code: '8480-6' }] },
            valueQuantity: { value: 131, code: 'mm[Hg]' },
          },
          {
            code: { coding: [{ system: 'http://loinc.org', code: '8462-4' }] },
            valueQuantity: { value: 70, code: 'mm[Hg]' },
          },
        ],
      }),
      observation('9269-2', 0, undefined, 1, { valueQuantity: undefined, valueInteger: 14 }),
    ]),
  );
  assert.deepEqual(
    [values['dDimer'], values['lymphocytes'], values['creatinine'], values['systolic'], values['gcsBelow15']],
    [800, 0.8, 90, 131, 1],
  );
  assert.equal(values['urea']?.toFixed(1), '10.0');
  assert.equal(values['temperature']?.toFixed(6), '38.000000');
});

test('values that cannot be used are counted, by family, reason and unit', async () => {
  const { problems, table } = await buildFeatures(
    [
      inpatient('a', [
        observation(CRP, 5, 'furlong', 1),
        observation(CRP, 5, undefined, 2),
        observation(CRP, -5, 'mg/L', 3),
        observation('59408-5', 0.97, '%', 3),
        observation(CRP, 5, 'mg/L', 3, { effectiveDateTime: '2021-13-45' }),
        observation(CRP, 5, 'furlong', 100),
      ]),
    ],
    study,
  );
  assert.deepEqual(problems, [
    { family: 'crp', problem: 'implausible', unit: 'mg/L', count: 1 },
    { family: 'crp', problem: 'no-time', unit: '', count: 1 },
    { family: 'crp', problem: 'unit-missing', unit: '', count: 1 },
    { family: 'crp', problem: 'unit-unknown', unit: 'furlong', count: 1 },
    { family: 'spo2', problem: 'implausible', unit: '%', count: 1 },
  ]);
  assert.ok(Number.isNaN(table.columns.find((c) => c.name === 'crp')?.values[0] ?? 0));
});

test('texts, ranges and numbers too large are counted, a quantity without a value is absent', async () => {
  const tooLarge = JSON.parse('{ "value": 1e400, "code": "mg/L" }') as object;
  const { problems } = await buildFeatures(
    [
      inpatient('a', [
        observation(CRP, 0, 'mg/L', 1, { valueQuantity: tooLarge }),
        observation(CRP, 0, 'mg/L', 2, { valueQuantity: undefined, valueString: 'not done' }),
        observation(CRP, 0, 'mg/L', 3, { valueQuantity: { unit: 'mg/L' } }),
        observation(CRP, 0, 'mg/L', 100, { valueQuantity: undefined, valueString: 'after the window' }),
      ]),
    ],
    study,
  );
  assert.deepEqual(problems, [{ family: 'crp', problem: 'not-a-number', unit: '', count: 2 }]);
});

test('conditions: comorbidities count once each, and only what was known in time', async () => {
  const values = await one(
    inpatient('a', [
      condition('44054006'),
      condition('73211009', { onsetDateTime: '1999' }),
      condition('42343007', { recordedDate: hoursIn(2) }),
      condition('52448006', { recordedDate: hoursIn(48) }),
      condition('13645005', { verificationStatus: { coding: [{ code: 'refuted' }] } }),
      condition('363346000', { abatementDateTime: '2015' }),
      condition('x', { code: { coding: [{ system: 'http://hl7.org/fhir/sid/icd-10-cm', code: 'N18.3' }] } }),
      condition('409609008'),
    ]),
  );
  assert.deepEqual([values['comorbidities'], values['infiltrates'], values['nosocomial']], [3, 1, 0]);
});

test('oxygen at admission: the first flow decides, and later ones do not count', async () => {
  assert.equal(await oxygen(), 0);
  assert.equal(await oxygen(litresPerMinute(2, 1)), 1);
  assert.equal(await oxygen(litresPerMinute(8, 10), litresPerMinute(0, 1)), 0);
  assert.equal(await oxygen(litresPerMinute(2, 30)), 0);
  assert.equal(await oxygen(observation('3150-6', 21, '%', 1)), 0);
  assert.equal(await oxygen(observation('3150-6', 28, '%', 1)), 1);
});

test('who is excluded, and why', async () => {
  const day = 86_400_000;
  assert.equal(await excluded(inpatient('a')), 'included, events 0');
  assert.equal(await excluded(inpatient('a', [score(6, 100)])), 'included, events 1');
  assert.equal(await excluded(inpatient('a', [score(5, 100)])), 'included, events 0');
  assert.equal(await excluded(inpatient('a', [score(6, 28 * 24)])), 'included, events 1');
  assert.equal(await excluded(inpatient('a', [score(6, 28 * 24 + 0.1)])), 'included, events 0');
  assert.equal(await excluded(inpatient('a', [score(6, 0)])), 'outcome-at-admission');
  assert.equal(await excluded(inpatient('a', [score(7, -30)])), 'outcome-at-admission');
  assert.equal(
    await excluded(inpatient('a', [{ ...score(7, 9), status: 'entered-in-error' }])),
    'included, events 0',
  );
  assert.equal(await excluded(inpatient('a', [], { deceasedDateTime: hoursIn(200) })), 'included, events 1');
  assert.equal(await excluded(inpatient('a', [], { deceasedDateTime: '2021-03-10' })), 'included, events 1');
  assert.equal(await excluded(inpatient('a', [], { birthDate: undefined })), 'age-unknown');
  assert.equal(await excluded(inpatient('a', [], { birthDate: '2003-03-11' })), 'under-age');
  assert.equal(await excluded(inpatient('a', [], { birthDate: '2003-03-10' })), 'included, events 0');
  assert.equal(await excluded(stay({ class: { code: 'AMB' } })), 'no-admission');
  assert.equal(await excluded(stay({ status: 'cancelled' })), 'no-admission');
  assert.equal(await excluded(stay({ period: { start: '2021-03-10' } })), 'admission-time-unknown');
  const open = stay({ status: 'in-progress', period: { start: hoursIn(0) } });
  assert.equal(await excluded(open), 'follow-up-incomplete');
  assert.equal(await excluded(open, Date.parse(hoursIn(0)) + 28 * day), 'included, events 0');
  assert.equal(
    await excluded(stay({ status: 'in-progress', period: { start: hoursIn(0) } }, score(6, 50))),
    'included, events 1',
  );
  const other = { key: 'a', resources: inpatient('a').resources.toSpliced(2, 1) };
  assert.equal(await excluded(other), 'no-condition');
});

test('what defines the outcome cannot predict it', async () => {
  const before = await one(inpatient('a', [score(5, 2)]));
  const after = await one(inpatient('a', [score(5, 2), score(4, 3), score(10, 200)]));
  assert.deepEqual(after, before);
});

test('order of patients and resources does not matter; a patient given twice does', async () => {
  const a = inpatient('a', [observation(CRP, 1, 'mg/L', 1), observation(CRP, 2, 'mg/L', 2)]);
  const b = inpatient('b', [score(8, 40)]);
  const straight = await buildFeatures([a, b], study);
  const turned = await buildFeatures(
    (async function* () {
      yield { ...b, resources: b.resources.toReversed() };
      yield { ...a, resources: a.resources.toReversed() };
    })(),
    study,
  );
  assert.deepEqual(turned, straight);
  assert.deepEqual(straight.table.keys, ['a', 'b']);
  await assert.rejects(
    buildFeatures([a, a], study),
    (error) => error instanceof AnalyticsError && error.code === 'ANALYTICS_DUPLICATE_KEY',
  );
});

test('resources that are no FHIR are as if absent', async () => {
  const junk = [
    null,
    3,
    'x',
    [],
    {},
    { resourceType: 7 },
    { resourceType: 'Observation', status: 'final', code: 'x' },
  ];
  const nested = {
    resourceType: 'Observation',
    status: 'final',
    code: { coding: [null, { code: 4 }] },
    component: [1, null],
  };
  const patient = inpatient('a');
  const values = await one({ key: 'a', resources: [...junk, nested, ...patient.resources] });
  assert.equal(values['age'], 70);
  assert.equal(await excluded({ key: 'a', resources: junk }), 'no-admission');
});

test('ages from whole and partial dates', () => {
  const at = Date.UTC(2021, 2, 10);
  assert.deepEqual(
    ['1950-03-10', '1950-03-11', '1950-03', '1950', '2021-13-45', '2022', 'x', '2021-02-30'].map((d) =>
      ageYears(d, at),
    ),
    [71, 70, 70, 70, undefined, undefined, undefined, undefined],
  );
});

test('a study that makes no sense is refused', () => {
  const broken: Partial<Study>[] = [
    { features: [] },
    {
      features: [
        { name: 'a', label: 'a', kind: 'measurement', family: 'nothing', pick: 'first', transform: 'log' },
      ],
    },
    { features: [...study.features, ...study.features] },
    { window: { lookBackHours: 24, scoringHours: 24, horizonDays: 1 } },
    { levels: [{ level: 'mild', from: 0.2, meaning: '' }] },
    { levels: [] },
    { outcome: { ...study.outcome, codes: [] } },
    { fitting: { ...study.fitting, testShare: 1 } },
  ];
  for (const part of broken) {
    assert.throws(
      () => resolveStudy({ ...study, ...part }),
      (error) => error instanceof AnalyticsError && error.code === 'ANALYTICS_STUDY_INVALID',
    );
  }
});
