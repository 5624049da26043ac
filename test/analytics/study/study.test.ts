import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stringify } from 'yaml';
import { AnalyticsError } from '../../../analytics/errors.js';
import { buildFeatures, compileStudy, patientRow } from '../../../analytics/features/index.js';
import { covidDeterioration } from '../../../analytics/severity/index.js';
import definition from '../../../analytics/severity/covid-deterioration.json' with { type: 'json' };
import { readStudy } from '../../../analytics/study/index.js';
import { condition, encounter, hoursIn, inpatient, observation, score } from '../support/inpatient.js';

const measured = (name: string, more: object): object => ({
  name,
  label: name,
  kind: 'measurement',
  family: 'crp',
  pick: 'first',
  transform: 'none',
  ...more,
});

function withFeatures(features: readonly object[], more: object = {}): string {
  return stringify({ ...definition, features, ...more });
}

/** Reads a study that is wrong; gives its message and the text of the line that it names. */
function faultOf(text: string): { message: string; line: string } {
  try {
    readStudy(text, 'study.yaml');
  } catch (error) {
    assert.ok(error instanceof AnalyticsError && error.code === 'ANALYTICS_STUDY_INVALID', String(error));
    const line = Number(/^study\.yaml:([0-9]+):/.exec(error.message)?.[1] ?? '0');
    return { message: error.message, line: text.split('\n')[line - 1] ?? '' };
  }
  throw new assert.AssertionError({ message: 'the study was taken' });
}

test('the built-in study reads the same from JSON and from YAML', () => {
  assert.deepEqual(readStudy(JSON.stringify(definition, null, 2), 'x.json'), covidDeterioration);
  assert.deepEqual(readStudy(stringify(definition), 'x.yaml'), covidDeterioration);
});

test('what is not known is told with its line and the nearest name', () => {
  const column = { kind: 'column', view: 'observation-vitals-labs', column: 'value', time: 'effective' };
  const cases: readonly (readonly [string, RegExp, RegExp])[] = [
    [withFeatures([measured('a', { family: 'crpp' })]), /did you mean crp\?/, /family: crpp/],
    [withFeatures([measured('a', { unit: 'mmol/L' })]), /does not convert to mmol\/L/, /unit: mmol\/L/],
    [withFeatures([measured('a', { unit: 'mg/dl2' })]), /did you mean mg\/dL\?/, /unit: mg\/dl2/],
    [withFeatures([measured('a', { pick: 'frist' })]), /did you mean first\?/, /pick: frist/],
    [withFeatures([measured('a', { famly: 'x' })]), /did you mean family\?/, /famly: x/],
    [withFeatures([measured('a', {}), measured('a', {})]), /stands twice/, /name: a/],
    [
      withFeatures([measured('a', { ...column, view: 'observation' })]),
      /did you mean observation-vitals-labs\?/,
      /view: obs/,
    ],
    [withFeatures([measured('a', { ...column, column: 'valu' })]), /did you mean value\?/, /column: valu/],
    [withFeatures([measured('a', { ...column, column: 'unit' })]), /no number/, /column: unit/],
    [
      withFeatures([measured('a', {})], {
        families: {
          own: { label: 'own', unit: 'mg/L', plausible: [0, 1], codes: [{ code: '1988-6' }] },
        },
      }),
      /did you mean 1988-5\?/,
      /code: 1988-6/,
    ],
    [
      withFeatures([{ name: 'd', label: 'd', kind: 'disease', diseases: ['dementa'] }]),
      /did you mean dementia\?/,
      /dementa/,
    ],
    [stringify({ ...definition, windw: {} }), /did you mean window\?/, /windw/],
  ];
  for (const [text, message, line] of cases) {
    const found = faultOf(text);
    assert.match(found.message, message);
    assert.match(found.line, line, found.message);
  }
  assert.match(faultOf('a: [1').message, /not YAML or JSON/);
  assert.match(faultOf(`${stringify(definition)}name: again\n`).message, /not YAML or JSON/);
});

test('check digits are those of LOINC and SNOMED CT', () => {
  const wrong = { system: 'http://snomed.info/sct', code: '840539007' };
  const text = stringify({ ...definition, cohort: { ...definition.cohort, conditions: [wrong] } });
  assert.match(faultOf(text).message, /840539007 is no code of/);
});

test('slopes, counts, means, ratios, diseases, units and columns of views', async () => {
  const study = readStudy(
    withFeatures([
      measured('slope', { pick: 'slope' }),
      measured('count', { pick: 'count' }),
      measured('mean', { pick: 'mean', unit: 'mg/dL' }),
      {
        name: 'nlr',
        label: 'nlr',
        kind: 'ratio',
        numerator: 'neutrophils',
        denominator: 'lymphocytes',
        pick: 'last',
        transform: 'log',
      },
      { name: 'dementia', label: 'dementia', kind: 'disease', diseases: ['dementia'] },
      measured('view', {
        kind: 'column',
        family: undefined,
        view: 'observation-vitals-labs',
        column: 'value',
        time: 'effective',
        issued: 'issued',
        pick: 'max',
      }),
    ]),
    'x.yaml',
  );
  const laboratory = { category: [{ coding: [{ code: 'laboratory' }] }] };
  const patient = inpatient('a', [
    observation('1988-5', 10, 'mg/L', 0),
    observation('1988-5', 2, 'mg/dL', 12),
    observation('1988-5', 900, 'mg/L', 30, laboratory),
    observation('751-8', 8, '10*9/L', 1),
    observation('731-0', 2, '10*9/L', 1, laboratory),
    condition('52448006'),
  ]);
  const { table, units } = await buildFeatures([patient], study);
  assert.deepEqual(
    table.columns.map((c) => [c.name, c.unit, c.values[0]]),
    [
      ['slope', 'mg/L/d', 20],
      ['count', '1', 2],
      ['mean', 'mg/dL', 1.5],
      ['nlr', '1', 4],
      ['dementia', '1', 1],
      ['view', '1', 2],
    ],
  );
  assert.deepEqual(
    units?.filter(({ family }) => family === 'crp').map(({ unit, count, mean }) => [unit, count, mean]),
    [
      ['mg/L', 1, 10],
      ['mg/dL', 1, 20],
    ],
  );
});

test('what defines the outcome is dropped and told', () => {
  const code = { system: 'http://snomed.info/sct', code: '40617009' };
  const study = readStudy(
    withFeatures(
      [measured('a', {}), { name: 'ventilated', label: 'v', kind: 'presence', codes: [code], above: [] }],
      { outcome: { ...definition.outcome, defining: [code] } },
    ),
    'x.yaml',
  );
  assert.deepEqual(study.dropped, [{ name: 'ventilated', because: 'defines-outcome' }]);
  assert.deepEqual(
    study.features.map(({ name }) => name),
    ['a'],
  );
});

test('exclusions of the study are counted, flow adds up, and the landmark leaves out early outcomes', async () => {
  const study = readStudy(
    withFeatures([measured('a', {})], {
      landmarkHours: 24,
      cohort: { ...definition.cohort, exclude: [{ label: 'dementia', diseases: ['dementia'] }] },
    }),
    'x.yaml',
  );
  const { flow, table, landmark } = await buildFeatures(
    [
      inpatient('a', [score(6, 12), observation('1988-5', 5, 'mg/L', 1)]),
      inpatient('b', [score(6, 50), observation('1988-5', 6, 'mg/L', 1)]),
      inpatient('c', [condition('52448006')]),
      {
        key: 'd',
        resources: [encounter('d', { serviceProvider: { display: 'North' }, period: { start: hoursIn(0) } })],
      },
    ],
    study,
  );
  assert.deepEqual(flow.excluded, { 'no-condition': 1, 'study: dementia': 1 });
  assert.equal(flow.included + Object.values(flow.excluded).reduce((sum, n) => sum + n, 0), flow.patients);
  assert.deepEqual(table.keys, ['a', 'b']);
  assert.deepEqual(landmark?.keys, ['b']);
  assert.deepEqual(table.stays?.hospitals, ['']);
});

function recorded(
  id: string,
  onsetAge: object,
  recordedDate: string | undefined,
): ReturnType<typeof condition> {
  return condition('59621000', { id, onsetDateTime: undefined, onsetAge, recordedDate });
}

test('a column of a view: what cannot be used is counted, and its basis is of the view’s resource', async () => {
  const column = { kind: 'column', family: undefined, pick: 'max' };
  const view = {
    resource: 'Condition',
    status: 'active',
    select: [
      { column: [{ name: 'years', path: 'onsetAge.value', type: 'decimal' }] },
      { column: [{ name: 'when', path: 'recordedDate', type: 'dateTime' }] },
    ],
  };
  const study = readStudy(
    withFeatures([measured('onset', { ...column, view: 'mine', column: 'years', time: 'when' })], {
      views: { mine: view },
    }),
    'x.yaml',
  );
  const tooLarge = JSON.parse('{ "value": 1e400 }') as object;
  const { table, problems } = await buildFeatures(
    [
      inpatient('a', [
        recorded('used', { value: 40 }, hoursIn(1)),
        recorded('large', tooLarge, hoursIn(1)),
        recorded('undated', { value: 50 }, undefined),
      ]),
    ],
    study,
  );
  assert.deepEqual(
    table.columns.map(({ values }) => values[0]),
    [40],
  );
  assert.deepEqual(problems, [
    { family: 'onset', problem: 'no-time', unit: '', count: 1 },
    { family: 'onset', problem: 'not-a-number', unit: '', count: 1 },
  ]);
  const compiled = compileStudy(study);
  const row = patientRow(
    inpatient('a', [recorded('used', { value: 40 }, hoursIn(1))]),
    compiled,
    { for: 'scoring' },
    () => undefined,
  );
  assert.ok(typeof row !== 'string');
  assert.deepEqual(row.basis[0], [{ type: 'Condition', id: 'used' }]);
});

test('a ratio over nothing is counted and missing, one without its parts is missing alone', async () => {
  const ratio = {
    name: 'nlr',
    label: 'nlr',
    kind: 'ratio',
    numerator: 'neutrophils',
    denominator: 'lymphocytes',
    pick: 'last',
    transform: 'log',
  };
  const study = readStudy(withFeatures([ratio]), 'x.yaml');
  const neutrophils = observation('751-8', 8, '10*9/L', 1);
  const { table, problems } = await buildFeatures(
    [inpatient('a', [neutrophils, observation('731-0', 0, '10*9/L', 1)]), inpatient('b', [neutrophils])],
    study,
  );
  assert.deepEqual([...(table.columns[0]?.values ?? [])], [NaN, NaN]);
  assert.deepEqual(problems, [{ family: 'nlr', problem: 'not-a-number', unit: '', count: 1 }]);
});
