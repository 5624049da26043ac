/** Safe Harbor's eighteen identifiers, 45 CFR 164.514(b)(2)(i)(A) to (R), each where FHIR has room for it. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { Deidentifier, profileNamed, RESTRICTED_ZIP3, zip3 } from '../../../mappings/deidentify/index.js';
import type { JsonObject, JsonValue } from '../../../mappings/index.js';

/** Stands for whatever may not leave. */
const X = 'Zzqx';

const SHELLS: Readonly<Record<string, JsonObject>> = {
  Patient: { birthDate: '1970-05-06' },
  Encounter: {
    status: 'finished',
    class: { system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'AMB' },
  },
  Observation: { status: 'final', code: { coding: [{ system: 'http://loinc.org', code: '29463-7' }] } },
  Condition: { code: { coding: [{ system: 'http://snomed.info/sct', code: '44054006' }] } },
  Procedure: { status: 'completed' },
  Immunization: { status: 'completed' },
  MedicationRequest: { status: 'active', intent: 'order' },
  AllergyIntolerance: {},
  DiagnosticReport: { status: 'final' },
};

function out(type: string, more: JsonObject, asOfYear = 2026): JsonObject | undefined {
  const engine = new Deidentifier({
    profile: profileNamed('safe-harbor'),
    key: Buffer.alloc(32),
    randomBytes,
    asOfYear,
  });
  const patient: JsonObject = {
    resourceType: 'Patient',
    id: 'p',
    ...SHELLS['Patient'],
    ...(type === 'Patient' ? more : {}),
  };
  engine.announce(patient);
  if (type === 'Patient') return engine.transform(patient);
  const link = ['Immunization', 'AllergyIntolerance'].includes(type) ? 'patient' : 'subject';
  const resource = {
    resourceType: type,
    id: 'r',
    [link]: { reference: 'Patient/p' },
    ...SHELLS[type],
    ...more,
  };
  engine.announce(resource);
  return engine.transform(resource);
}

const quantity = (value: number, code: string | undefined, unit?: string): JsonObject => ({
  value,
  ...(unit === undefined ? {} : { unit }),
  ...(code === undefined ? {} : { system: 'http://unitsofmeasure.org', code }),
});

/** What leaves must not hold {@link X}. */
const GONE: readonly (readonly [what: string, type: string, more: JsonObject])[] = [
  ['A family name', 'Patient', { name: [{ family: X, given: [X] }] }],
  ['A name as text', 'Patient', { name: [{ text: X, prefix: [X], suffix: [X] }] }],
  ['A relative', 'Patient', { contact: [{ name: { family: X }, telecom: [{ value: X }] }] }],
  [
    'A practitioner by display',
    'Patient',
    { generalPractitioner: [{ reference: `Practitioner/${X}`, display: X }] },
  ],
  ['A subject by display', 'Observation', { subject: { reference: 'Patient/p', display: X } }],
  ['A performer', 'Observation', { performer: [{ display: X }] }],
  ['A narrative', 'Condition', { text: { status: 'generated', div: `<div>${X}</div>` } }],
  ['A text of a code', 'Condition', { code: { text: X } }],
  [
    'A display of a code',
    'Condition',
    { code: { coding: [{ system: 'http://snomed.info/sct', code: '44054006', display: X }] } },
  ],
  ['A note', 'Procedure', { note: [{ text: X, authorString: X }] }],
  ['A a value that is text', 'Observation', { valueString: X }],
  [
    'A a sampled text',
    'Observation',
    { valueSampledData: { origin: {}, period: 1, dimensions: 1, data: X } },
  ],
  ['A conclusion', 'DiagnosticReport', { conclusion: X }],
  ['A asserter', 'AllergyIntolerance', { asserter: { display: X } }],
  [
    'A contained person',
    'Condition',
    { contained: [{ resourceType: 'Patient', id: X, name: [{ family: X }] }] },
  ],
  ['A a code of a local system', 'Condition', { code: { coding: [{ system: 'urn:local', code: X }] } }],
  [
    'A a name for a LOINC code',
    'Observation',
    { code: { coding: [{ system: 'http://loinc.org', code: X }] } },
  ],
  [
    'A a name for a SNOMED code',
    'Condition',
    { code: { coding: [{ system: 'http://snomed.info/sct', code: X }] } },
  ],
  [
    'A a name for a code of HL7',
    'Patient',
    {
      maritalStatus: {
        coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-MaritalStatus', code: X }],
      },
    },
  ],
  ['A a name for a unit', 'Observation', { valueQuantity: quantity(70, `{${X}}`, X) }],
  ['A a name for a status', 'Observation', { status: X }],
  ['A a name for a sex', 'Patient', { gender: X }],
  [
    'B street and city',
    'Patient',
    { address: [{ line: [X], city: X, district: X, text: X, country: 'US' }] },
  ],
  ['B a state that is none', 'Patient', { address: [{ state: X, country: 'US' }] }],
  ['B a country that is none', 'Patient', { address: [{ country: X }] }],
  ['B ZIP that is none', 'Patient', { address: [{ postalCode: X, country: 'US' }] }],
  ['B geolocation', 'Patient', { address: [{ country: 'US', extension: [{ url: X, valueDecimal: 42.1 }] }] }],
  ['B place of birth', 'Patient', { extension: [{ url: X, valueAddress: { city: X } }] }],
  [
    'B location of a visit',
    'Encounter',
    { location: [{ location: { reference: `Location/${X}`, display: X } }] },
  ],
  ['B provider', 'Encounter', { serviceProvider: { display: X } }],
  ['C a date that is none', 'Observation', { effectiveDateTime: X }],
  ['C a timing', 'Observation', { effectiveTiming: { event: [X] } }],
  ['C a text of onset', 'Condition', { onsetString: X }],
  [
    'C a sibling of a date',
    'Observation',
    { effectiveDateTime: '2020-01-01', _effectiveDateTime: { extension: [{ valueString: X }] } },
  ],
  ['C dosage', 'MedicationRequest', { dosageInstruction: [{ text: X }] }],
  [
    'D telephone, E fax, F mail',
    'Patient',
    {
      telecom: [
        { system: 'phone', value: X },
        { system: 'fax', value: X },
        { system: 'email', value: X },
      ],
    },
  ],
  [
    'G social security number',
    'Patient',
    { identifier: [{ system: 'http://hl7.org/fhir/sid/us-ssn', value: X }] },
  ],
  ['H record number', 'Encounter', { identifier: [{ value: X, assigner: { display: X } }] }],
  ['I health plan', 'MedicationRequest', { insurance: [{ reference: `Coverage/${X}` }] }],
  ['J account', 'Encounter', { account: [{ reference: `Account/${X}`, identifier: { value: X } }] }],
  ['K licence', 'Patient', { identifier: [{ type: { coding: [{ code: 'DL' }] }, value: X }] }],
  ['L vehicle', 'Patient', { extension: [{ url: 'urn:plate', valueString: X }] }],
  ['M device', 'Observation', { device: { reference: `Device/${X}`, identifier: { value: X } } }],
  ['M focal device', 'Procedure', { focalDevice: [{ manipulated: { display: X } }] }],
  ['M lot', 'Immunization', { lotNumber: X }],
  ['N address on the web', 'Patient', { telecom: [{ system: 'url', value: `https://${X}` }] }],
  ['N source', 'Observation', { meta: { source: `https://${X}`, profile: [X], tag: [{ display: X }] } }],
  ['N implicit rules', 'Observation', { implicitRules: `https://${X}` }],
  ['N a reference elsewhere', 'Observation', { encounter: { reference: `https://${X}/Encounter/1` } }],
  ['O IP address', 'Patient', { telecom: [{ system: 'other', value: X }] }],
  ['P biometrics', 'Observation', { valueAttachment: { data: X } }],
  ['Q photograph', 'Patient', { photo: [{ data: X, url: X, title: X }] }],
  ['Q presented form', 'DiagnosticReport', { presentedForm: [{ data: X }], media: [{ comment: X }] }],
  ['Q study', 'DiagnosticReport', { imagingStudy: [{ reference: `ImagingStudy/${X}` }] }],
  ['R own id', 'Observation', { id: X }],
  ['R a reference by identifier', 'Observation', { encounter: { identifier: { value: X } } }],
  ['R a reference to what is not exported', 'Observation', { encounter: { reference: `Encounter/${X}` } }],
  ['R instantiates', 'Procedure', { instantiatesUri: [X], instantiatesCanonical: [X] }],
  ['R group', 'MedicationRequest', { groupIdentifier: { value: X } }],
  ['R an element of another version', 'Patient', { [X]: X, modifierExtension: [{ url: X }] }],
];

/** An element, and what leaves of it. */
const LEFT: readonly (readonly [
  type: string,
  element: string,
  from: JsonValue,
  to: JsonValue | undefined,
])[] = [
  ['Patient', 'birthDate', '1970-05-06', '1970'],
  ['Patient', 'birthDate', '1970-05', '1970'],
  ['Patient', 'birthDate', '1937-12-31', '1937'],
  ['Patient', 'birthDate', '1936-01-01', undefined],
  ['Patient', 'birthDate', '1890', undefined],
  ['Patient', 'birthDate', '1970-13-01', undefined],
  ['Patient', 'deceasedDateTime', '2020-03-04T05:06:07.8+01:00', '2020'],
  [
    'Encounter',
    'period',
    { start: '2020-01-02', end: '2020-01-03T00:00:00Z' },
    { start: '2020', end: '2020' },
  ],
  ['Encounter', 'period', { start: '1930-01-02', end: '2020-01-03' }, { end: '2020' }],
  ['Observation', 'effectiveDateTime', '2020-02-29T23:59:59Z', '2020'],
  ['Observation', 'effectiveInstant', '2020-02-29T23:59:59Z', undefined],
  ['Observation', 'effectivePeriod', { start: '2020-02' }, { start: '2020' }],
  ['Observation', 'issued', '2020-02-29T23:59:59Z', undefined],
  ['Observation', 'valueDateTime', '2020-02-29', undefined],
  ['Observation', 'valueTime', '12:34:56', undefined],
  ['Condition', 'onsetDateTime', '1936-05-06', undefined],
  ['Condition', 'onsetDateTime', '2019-05-06', '2019'],
  ['Condition', 'abatementDateTime', '2019-06-06', '2019'],
  ['Condition', 'recordedDate', '2019-06-06T01:02:03Z', '2019'],
  ['Procedure', 'performedPeriod', { start: '2001-09-11T08:46:00-04:00', end: 'x' }, { start: '2001' }],
  ['Immunization', 'occurrenceDateTime', '2021-01-02', '2021'],
  ['Immunization', 'expirationDate', '2021-01-02', undefined],
  ['MedicationRequest', 'authoredOn', '2021-01-02T03:04:05Z', '2021'],
  ['AllergyIntolerance', 'recordedDate', '2021-01', '2021'],
  ['DiagnosticReport', 'issued', '2021-01-02T03:04:05Z', undefined],
  ['Condition', 'onsetAge', quantity(89, 'a'), quantity(89, 'a')],
  ['Condition', 'onsetAge', quantity(90, 'a'), { ...quantity(90, 'a'), comparator: '>=' }],
  ['Condition', 'onsetAge', quantity(101, 'a'), { ...quantity(90, 'a'), comparator: '>=' }],
  ['Condition', 'onsetAge', quantity(1200, 'mo'), { ...quantity(90, 'a'), comparator: '>=' }],
  ['Condition', 'onsetAge', quantity(33_000, 'd'), { ...quantity(90, 'a'), comparator: '>=' }],
  ['Condition', 'onsetAge', quantity(95, undefined, 'years'), undefined],
  ['Observation', 'valueQuantity', quantity(95, undefined, 'yrs'), undefined],
  ['Observation', 'valueQuantity', quantity(95, 'kg'), quantity(95, 'kg')],
  ['Observation', 'valueQuantity', quantity(6_175_550_123, undefined), undefined],
  ['Observation', 'valueInteger', 6_175_550_123, undefined],
  ['Observation', 'valueQuantity', quantity(123_456_789, 'kg'), undefined],
];

describe('Safe Harbor', () => {
  for (const [what, type, more] of GONE)
    it(`${what}: ${type}`, () => {
      assert.doesNotMatch(JSON.stringify(out(type, more)), new RegExp(X));
    });

  for (const [type, element, from, to] of LEFT)
    it(`C ${type}.${element} of ${JSON.stringify(from)}`, () => {
      const left = out(type, { [element]: from })?.[element];
      assert.deepEqual(strip(left), to);
    });

  it('an age by its code alone is none where it is over 89', () => {
    const age = { coding: [{ system: 'http://loinc.org', code: '30525-0' }] };
    assert.equal(out('Observation', { code: age, valueInteger: 94 })?.['valueInteger'], undefined);
    assert.equal(strip(out('Observation', { code: age, valueInteger: 88 })?.['valueInteger']), 88);
    const old = out('Observation', { code: age, valueQuantity: quantity(94, undefined) });
    assert.equal(old?.['valueQuantity'], undefined);
    assert.match(JSON.stringify(old?.['dataAbsentReason']), /masked/);
  });

  it('an age of a patient over 89 is none, at whatever age', () => {
    const engine = new Deidentifier({
      profile: profileNamed('safe-harbor'),
      key: Buffer.alloc(32),
      randomBytes,
      asOfYear: 2026,
    });
    const condition = {
      resourceType: 'Condition',
      id: 'c',
      subject: { reference: 'Patient/p' },
      onsetAge: quantity(60, 'a'),
    };
    engine.announce({ resourceType: 'Patient', id: 'p', birthDate: '1930' });
    // An older version of the patient with another date does not make it younger.
    engine.announce({ resourceType: 'Patient', id: 'p', birthDate: '1960' });
    engine.announce(condition);
    assert.equal(engine.transform(condition)?.['onsetAge'], undefined);
  });

  it('the ZIP areas of few people, of the Census of 2000, are 000', () => {
    assert.equal(RESTRICTED_ZIP3.size, 17);
    for (let area = 0; area < 1000; area++) {
      const digits = String(area).padStart(3, '0');
      assert.equal(zip3(`${digits}01`), RESTRICTED_ZIP3.has(digits) ? '000' : digits);
    }
    assert.equal(zip3('036'), undefined);
    assert.equal(zip3('02139 1234'), undefined);
  });

  it('what must be there is masked', () => {
    const bare = out('Observation', { status: X, code: { text: X } });
    assert.equal(bare?.['status'], 'unknown');
    assert.match(JSON.stringify(bare?.['code']), /masked/);
    assert.equal(out('Immunization', { status: X }), undefined);
    assert.equal(out('AllergyIntolerance', { clinicalStatus: { text: X } }), undefined);
    const alone = out('Condition', { subject: { reference: '#x' } });
    assert.match(JSON.stringify(alone?.['subject']), /masked/);
  });

  it('a type that no rule names is left out whole', () => {
    for (const type of [
      'DocumentReference',
      'Media',
      'ImagingStudy',
      'Binary',
      'Coverage',
      'Person',
      'Device',
      X,
    ])
      assert.equal(out(type, {}), undefined, type);
  });
});

/** Numbers as numbers. */
function strip(value: JsonValue | undefined): unknown {
  return value === undefined
    ? undefined
    : JSON.parse(JSON.stringify(value).replaceAll(/"\\u0001([^"]+)"/g, '$1'));
}
