import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { interval, LATEST_MS, mapRecord, MappingError } from '../../../mappings/index.js';
import type {
  CompartmentRecord,
  MapContext,
  MappedRecord,
  MappingErrorCode,
} from '../../../mappings/index.js';

const NOTHING: MapContext = { urn: new Map() };

function mapped(resource: object, context: MapContext = NOTHING): MappedRecord {
  return mapRecord(resource, context);
}

function compartment(resource: object, context: MapContext = NOTHING): CompartmentRecord {
  const record = mapRecord(resource, context);
  assert.equal(record.kind, 'compartment');
  return record;
}

function refuses(
  resource: unknown,
  code: MappingErrorCode,
  expressions: string[],
  context: MapContext = NOTHING,
): void {
  assert.throws(
    () => mapRecord(resource, context),
    (error: unknown) => {
      assert.ok(error instanceof MappingError, String(error));
      assert.deepEqual([error.code, error.expressions], [code, expressions]);
      assert.equal(error.expression, expressions[0]);
      return true;
    },
  );
}

const observation = (more: object = {}): Record<string, unknown> => ({
  resourceType: 'Observation',
  id: 'o1',
  status: 'final',
  code: { coding: [{ system: 'http://loinc.org', code: '1988-5' }] },
  subject: { reference: 'Patient/p1' },
  ...more,
});

const subject = (reference: object, context?: MapContext): CompartmentRecord =>
  compartment(observation({ subject: reference }), context);

const member = (...ids: string[]): object => ({
  resourceType: 'Group',
  id: '1',
  member: ids.map((id) => ({ entity: { reference: id } })),
});

const provenance = (...targets: string[]): object => ({
  resourceType: 'Provenance',
  id: '1',
  target: targets.map((reference) => ({ reference })),
});

const binary = (reference?: string): object => ({
  resourceType: 'Binary',
  id: 'b',
  contentType: 'image/png',
  ...(reference === undefined ? {} : { securityContext: { reference } }),
});

const period = (more: object): unknown => compartment(observation(more)).period;

const condition = (more: object): unknown =>
  compartment({ resourceType: 'Condition', id: '1', subject: { reference: 'Patient/1' }, ...more }).period;
const onset = { onsetDateTime: '2020-01-01T00:00:00Z' };

const encounter = (more: object): object => ({
  resourceType: 'Encounter',
  id: 'e1',
  status: 'finished',
  class: { system: 'urn:act', code: 'IMP' },
  subject: { reference: 'Patient/p1' },
  period: { start: '2020-01-01T00:00:00Z', end: '2020-01-09T00:00:00Z' },
  hospitalization: { dischargeDisposition: { coding: [{ code: 'home' }] } },
  ...more,
});

describe('names and versions', () => {
  it('reads type, id, version and time', () => {
    const record = compartment(
      observation({ meta: { versionId: '7', lastUpdated: '2020-01-01T00:00:00.123Z' } }),
    );
    assert.deepEqual(
      [record.type, record.id, record.versionId, record.lastUpdatedMs],
      ['Observation', 'o1', '7', Date.parse('2020-01-01T00:00:00.123Z')],
    );
    assert.ok(!('versionId' in compartment(observation())));
  });

  it('takes the id of the context where the resource has none', () => {
    assert.equal(
      compartment(observation({ id: undefined }), { ...NOTHING, id: 'from-full-url' }).id,
      'from-full-url',
    );
    assert.equal(compartment(observation(), { ...NOTHING, id: 'other' }).id, 'o1');
  });

  it('refuses what is no record', () => {
    for (const value of [null, 1, 'x', [], {}, { resourceType: 1 }])
      refuses(value, 'MAPPING_NOT_A_RESOURCE', []);
    for (const resourceType of [
      'Foo',
      'Resource',
      'DomainResource',
      'Bundle',
      'Parameters',
      'OperationOutcome',
      '../Patient',
    ]) {
      refuses({ resourceType, id: '1' }, 'MAPPING_UNSUPPORTED', ['resourceType']);
    }
    refuses(observation({ id: undefined }), 'MAPPING_NO_ID', ['Observation.id']);
    refuses(observation({ id: '' }), 'MAPPING_NO_ID', ['Observation.id']);
    refuses(observation({ id: undefined }), 'MAPPING_NO_ID', ['Observation.id'], { ...NOTHING, id: '' });
    refuses(observation({ id: 7 }), 'MAPPING_BAD_ELEMENT', ['Observation.id']);
    for (const id of ['..', '../../etc', 'a/b', 'a b', 'x'.repeat(65)]) {
      refuses(observation({ id }), 'MAPPING_BAD_ID', ['Observation.id']);
      refuses(observation({ id: undefined }), 'MAPPING_BAD_ID', ['Observation.id'], { ...NOTHING, id });
    }
    refuses(observation({ meta: [] }), 'MAPPING_BAD_ELEMENT', ['Observation.meta']);
    refuses(observation({ meta: { versionId: 1 } }), 'MAPPING_BAD_ELEMENT', ['Observation.meta.versionId']);
    refuses(observation({ meta: { versionId: '../1' } }), 'MAPPING_BAD_ELEMENT', [
      'Observation.meta.versionId',
    ]);
    refuses(observation({ meta: { lastUpdated: '2020' } }), 'MAPPING_BAD_DATE', [
      'Observation.meta.lastUpdated',
    ]);
    refuses(observation({ meta: { lastUpdated: 1 } }), 'MAPPING_BAD_ELEMENT', [
      'Observation.meta.lastUpdated',
    ]);
  });

  it('never quotes a value of the resource', () => {
    for (const resource of [
      observation({ id: 'canary id' }),
      observation({ effectiveDateTime: 'canary' }),
      observation({ status: { canary: 1 } }),
      observation({ subject: { reference: 'canary' } }),
      observation({ performer: [{ reference: 'Patient/canary' }] }),
      { resourceType: 'canary', id: '1' },
    ]) {
      assert.throws(
        () => mapRecord(resource, NOTHING),
        (error: unknown) =>
          error instanceof MappingError && !`${error.message} ${error.expressions.join()}`.includes('canary'),
      );
    }
  });
});

describe('whose a resource is', () => {
  it('follows references of every kind', () => {
    const urn = new Map([['urn:uuid:1', 'Patient/p1']]);
    assert.equal(subject({ reference: 'Patient/p1/_history/3' }).subject, 'p1');
    assert.equal(subject({ reference: 'urn:uuid:1' }, { urn }).subject, 'p1');
    assert.equal(
      subject({ reference: 'http://ehr/fhir/Patient/p1' }, { urn, sourceBase: 'http://ehr/fhir/' }).subject,
      'p1',
    );
    assert.equal(subject({ reference: 'Patient/p1' }).subjectPath, 'Observation.subject');
  });

  it('says which reference failed', () => {
    for (const reference of [
      undefined,
      { display: 'somebody' },
      { reference: 'urn:uuid:unknown' },
      { reference: 'http://other/fhir/Patient/p1' },
      { reference: '#inner' },
      { reference: 'Group/g1' },
      { reference: 'Location/l1' },
      { reference: 'not a reference' },
      { identifier: { system: 'urn:s' } },
      { identifier: { value: 'v' } },
      { type: 'Device', identifier: { system: 'urn:s', value: 'v' } },
    ]) {
      refuses(observation({ subject: reference }), 'MAPPING_NO_PATIENT', ['Observation.subject']);
    }
    refuses(
      observation({ subject: { reference: '#p' }, contained: [{ resourceType: 'Patient', id: 'p' }] }),
      'MAPPING_NO_PATIENT',
      ['Observation.subject'],
    );
    refuses(observation({ subject: 'Patient/p1' }), 'MAPPING_BAD_ELEMENT', ['Observation.subject']);
    refuses(observation({ subject: [{ reference: 'Patient/p1' }] }), 'MAPPING_BAD_ELEMENT', [
      'Observation.subject',
    ]);
    refuses(observation({ subject: { reference: 5 } }), 'MAPPING_BAD_ELEMENT', [
      'Observation.subject.reference',
    ]);
    refuses({ resourceType: 'Task', id: '1', status: 'draft' }, 'MAPPING_NO_PATIENT', ['Task.for']);
    refuses(
      { resourceType: 'Appointment', id: '1', participant: [{ actor: { reference: 'Practitioner/1' } }] },
      'MAPPING_NO_PATIENT',
      ['Appointment.participant.actor'],
    );
  });

  it('asks for conditional references and identifiers, and maps with the answer', () => {
    const conditional = observation({ subject: { reference: 'Patient?identifier=urn:s|v' } });
    const record = mapped(conditional);
    assert.deepEqual(record, {
      kind: 'lookup',
      type: 'Observation',
      id: 'o1',
      needs: [{ expression: 'Observation.subject', type: 'Patient', query: 'identifier=urn:s|v' }],
    });
    assert.equal(
      compartment(conditional, { urn: new Map([['Patient?identifier=urn:s|v', 'Patient/p7']]) }).subject,
      'p7',
    );

    const byIdentifier = observation({ subject: { identifier: { system: 'urn:s', value: 'v' } } });
    const asked = mapped(byIdentifier);
    assert.equal(asked.kind, 'lookup');
    const [need] = asked.kind === 'lookup' ? asked.needs : [];
    assert.deepEqual(need, {
      expression: 'Observation.subject',
      type: 'Patient',
      query: 'identifier=urn%3As%7Cv',
    });
    const answered = new Map([[`${need?.type}?${need?.query}`, 'Patient/p8']]);
    assert.equal(compartment(byIdentifier, { urn: answered }).subject, 'p8');

    const performer = observation({
      performer: [{ reference: 'Practitioner?identifier=1' }, { identifier: { value: 'x' } }],
    });
    assert.equal(compartment(performer).subject, 'p1');
  });

  it('refuses several patients, naming every place', () => {
    refuses(
      observation({ performer: [{ reference: 'Practitioner/1' }, { reference: 'Patient/p2' }] }),
      'MAPPING_SEVERAL_PATIENTS',
      ['Observation.subject', 'Observation.performer[1]'],
    );
    refuses(
      {
        resourceType: 'Appointment',
        id: '1',
        participant: [{ actor: { reference: 'Patient/a' } }, { actor: { reference: 'Patient/b' } }],
      },
      'MAPPING_SEVERAL_PATIENTS',
      ['Appointment.participant[0].actor', 'Appointment.participant[1].actor'],
    );
    refuses(
      {
        resourceType: 'DiagnosticReport',
        id: '1',
        subject: { reference: 'Patient/a' },
        contained: [observation({ subject: { reference: 'Patient/b' } })],
      },
      'MAPPING_SEVERAL_PATIENTS',
      ['DiagnosticReport.subject', 'DiagnosticReport.contained[0].subject'],
    );
    refuses(
      {
        resourceType: 'Patient',
        id: 'a',
        contained: [{ resourceType: 'RelatedPerson', patient: { reference: 'Patient/b' } }],
      },
      'MAPPING_SEVERAL_PATIENTS',
      ['Patient', 'Patient.contained[0].patient'],
    );
    assert.equal(compartment(observation({ performer: [{ reference: 'Patient/p1' }] })).subject, 'p1');
  });

  it('ties what names a Patient by patient, subject or for, in no compartment too', () => {
    const patient = { reference: 'Patient/p1' };
    assert.equal(compartment({ resourceType: 'Device', id: '1', patient }).subjectPath, 'Device.patient');
    assert.equal(compartment({ resourceType: 'Task', id: '1', for: patient }).subjectPath, 'Task.for');
    assert.equal(
      compartment({ resourceType: 'Contract', id: '1', subject: [patient] }).subjectPath,
      'Contract.subject[0]',
    );
    assert.equal(compartment({ resourceType: 'GuidanceResponse', id: '1', subject: patient }).subject, 'p1');
    refuses({ resourceType: 'Device', id: '1', patient: { reference: 'urn:uuid:1' } }, 'MAPPING_NO_PATIENT', [
      'Device.patient',
    ]);
    assert.equal(mapped({ resourceType: 'Device', id: '1' }).kind, 'directory');
  });

  it('keeps in the directory what is about nobody', () => {
    for (const resourceType of [
      'Organization',
      'Practitioner',
      'PractitionerRole',
      'Location',
      'Medication',
      'Substance',
      'HealthcareService',
      'Endpoint',
      'Group',
      'Schedule',
      'MeasureReport',
      'ValueSet',
    ]) {
      assert.deepEqual(mapped({ resourceType, id: '1', meta: { versionId: '2' } }), {
        kind: 'directory',
        type: resourceType,
        id: '1',
        versionId: '2',
      });
    }
    assert.equal(mapped(member('Practitioner/1', 'Device/2')).kind, 'directory');
    assert.equal(compartment(member('Patient/1')).subject, '1');
    refuses(member('Patient/1', 'Patient/2'), 'MAPPING_SEVERAL_PATIENTS', [
      'Group.member[0].entity',
      'Group.member[1].entity',
    ]);
  });

  it('attaches what belongs to a patient through something else', () => {
    const record = mapped(
      provenance('Observation/1', 'Organization/2', 'Observation/1/_history/2', 'Condition/3'),
    );
    assert.equal(record.kind, 'attached');
    assert.deepEqual(record.kind === 'attached' ? [record.via, record.subjectPath] : [], [
      [
        { type: 'Observation', id: '1' },
        { type: 'Condition', id: '3' },
      ],
      'Provenance.target[0]',
    ]);
    assert.equal(compartment(provenance('Observation/1', 'Patient/p1')).subject, 'p1');
    assert.equal(compartment(provenance('Observation/1'), { ...NOTHING, patient: 'p9' }).subject, 'p9');
    refuses(provenance('Patient/p1'), 'MAPPING_SEVERAL_PATIENTS', ['Provenance.target[0]'], {
      ...NOTHING,
      patient: 'p9',
    });
    refuses(provenance('urn:uuid:1'), 'MAPPING_NO_PATIENT', ['Provenance.target[0]']);
    assert.equal(mapped(provenance('Organization/1')).kind, 'directory');
    assert.equal(mapped(provenance('Observation?identifier=1')).kind, 'lookup');
  });

  it('gives a Binary to its securityContext, else to what refers to it', () => {
    assert.equal(compartment(binary('Patient/p1')).subjectPath, 'Binary.securityContext');
    assert.equal(mapped(binary('DocumentReference/1')).kind, 'attached');
    assert.equal(mapped(binary()).kind, 'binary');
    assert.equal(compartment(binary(), { ...NOTHING, patient: 'p1' }).subject, 'p1');
    refuses(binary('urn:uuid:1'), 'MAPPING_NO_PATIENT', ['Binary.securityContext']);
    const document = compartment({
      resourceType: 'DocumentReference',
      id: 'd',
      subject: { reference: 'Patient/p1' },
      content: [
        { attachment: { url: 'Binary/b' } },
        { attachment: { url: 'http://other/Binary/c' } },
        { attachment: {} },
      ],
    });
    assert.deepEqual(document.binaries, [{ id: 'b' }]);
  });
});

describe('what the gate asks', () => {
  it('gives classes, codes and labels as tokens', () => {
    const record = compartment(
      observation({
        category: [{ coding: [{ system: 'urn:c', code: 'laboratory' }] }],
        component: [
          { code: { coding: [{ system: 'http://loinc.org', code: '8480-6' }] }, valueBoolean: true },
        ],
        meta: { security: [{ system: 'urn:conf', code: 'R' }] },
        contained: [
          {
            resourceType: 'Condition',
            code: { coding: [{ system: 'urn:s', code: 'hiv' }] },
            meta: { security: [{ system: 'urn:conf', code: 'V' }] },
          },
        ],
      }),
    );
    assert.deepEqual(record.classes, ['http://hl7.org/fhir/resource-types|Observation', 'urn:c|laboratory']);
    assert.deepEqual(record.codes, ['http://loinc.org|1988-5', 'http://loinc.org|8480-6', 'urn:s|hiv']);
    assert.deepEqual(record.labels, ['urn:conf|R', 'urn:conf|V']);
    assert.equal(compartment(observation()).labels, undefined);
    assert.equal(compartment(observation({ meta: { security: [] } })).labels, undefined);
    refuses(observation({ meta: { security: [{ code: 1 }] } }), 'MAPPING_BAD_ELEMENT', [
      'Observation.meta.security[0].code',
    ]);
    refuses(observation({ contained: ['x'] }), 'MAPPING_BAD_ELEMENT', ['Observation.contained[0]']);
  });

  it('gives the time that was meant', () => {
    assert.deepEqual(period({ effectiveDateTime: '2020-03' }), interval('2020-03'));
    assert.deepEqual(period({ effectiveInstant: '2020-03-01T00:00:00Z' }), interval('2020-03-01T00:00:00Z'));
    assert.deepEqual(period({ effectivePeriod: { start: '2020-01-01T00:00:00Z' } }), {
      startMs: Date.parse('2020-01-01'),
      endMs: LATEST_MS,
    });
    assert.deepEqual(
      period({ effectiveTiming: { event: ['2020-01-02T00:00:00Z', '2020-01-01T00:00:00Z'] } }),
      {
        startMs: Date.parse('2020-01-01'),
        endMs: Date.parse('2020-01-02'),
      },
    );
    assert.deepEqual(period({ issued: '2020-03-01T00:00:00Z' }), interval('2020-03-01T00:00:00Z'));
    assert.equal(period({}), undefined);
    assert.deepEqual(condition(onset), { startMs: Date.parse('2020-01-01'), endMs: LATEST_MS });
    assert.deepEqual(condition({ ...onset, abatementDateTime: '2020-01-02T00:00:00Z' }), {
      startMs: Date.parse('2020-01-01'),
      endMs: Date.parse('2020-01-02'),
    });
  });

  it('refuses dates that are none', () => {
    refuses(observation({ effectiveDateTime: '2020-13-45' }), 'MAPPING_BAD_DATE', ['Observation.effective']);
    refuses(observation({ effectivePeriod: { start: '2020-13' } }), 'MAPPING_BAD_DATE', [
      'Observation.effective.start',
    ]);
    refuses(observation({ effectivePeriod: { start: '2021', end: '2019' } }), 'MAPPING_BAD_DATE', [
      'Observation.effective',
    ]);
    refuses(observation({ effectiveTiming: { event: ['x'] } }), 'MAPPING_BAD_DATE', [
      'Observation.effective.event[0]',
    ]);
    refuses(observation({ effectiveDateTime: 2020 }), 'MAPPING_BAD_ELEMENT', ['Observation.effective']);
  });
});

describe('rules of their own', () => {
  it('Observation: one value, one time; says what is missing', () => {
    const notes = (more: object): readonly string[] => compartment(observation(more)).notes;
    const ucum = { value: 1, system: 'http://unitsofmeasure.org', code: 'mg/dL' };
    assert.deepEqual(notes({ valueQuantity: ucum }), []);
    assert.deepEqual(notes({ valueQuantity: { value: 1, unit: 'mg' } }), ['unit-not-ucum']);
    assert.deepEqual(notes({}), ['value-missing']);
    assert.deepEqual(notes({ dataAbsentReason: { coding: [{ code: 'unknown' }] } }), []);
    assert.deepEqual(notes({ dataAbsentReason: {}, valueBoolean: true }), ['value-with-absent-reason']);
    assert.deepEqual(notes({ valueRatio: {} }), ['value-not-in-facts']);
    assert.deepEqual(notes({ hasMember: [{ reference: 'Observation/2' }] }), []);
    assert.deepEqual(notes({ component: [{ code: {}, valueQuantity: ucum }, { code: {} }] }), [
      'value-missing',
    ]);
    refuses(observation({ valueBoolean: true, valueString: 'x' }), 'MAPPING_BAD_ELEMENT', [
      'Observation.value',
    ]);
    refuses(observation({ component: [{ valueBoolean: true, valueString: 'x' }] }), 'MAPPING_BAD_ELEMENT', [
      'Observation.component[0].value',
    ]);
    refuses(
      observation({ effectiveDateTime: '2020', effectiveInstant: '2020-01-01T00:00:00Z' }),
      'MAPPING_BAD_ELEMENT',
      ['Observation.effective'],
    );
    refuses(observation({ component: {} }), 'MAPPING_BAD_ELEMENT', ['Observation.component']);
    refuses(observation({ valueQuantity: [] }), 'MAPPING_BAD_ELEMENT', ['Observation.value']);
  });

  it('Encounter: class, period and hospitalization', () => {
    const record = compartment(encounter({}));
    assert.deepEqual(record.classes, ['http://hl7.org/fhir/resource-types|Encounter', 'urn:act|IMP']);
    assert.deepEqual(record.period, { startMs: Date.parse('2020-01-01'), endMs: Date.parse('2020-01-09') });
    assert.deepEqual(record.facts.find(({ name }) => name === 'dischargeDisposition')?.value, ['|home']);
    assert.deepEqual(compartment(encounter({ class: undefined })).notes, ['class-missing']);
    assert.deepEqual(compartment(encounter({ period: undefined })).notes, ['period-missing']);
    assert.deepEqual(compartment(encounter({ period: { start: '2020' } })).notes, ['finished-without-end']);
    assert.deepEqual(compartment(encounter({ status: 'in-progress', period: { start: '2020' } })).notes, []);
    refuses(encounter({ class: 'IMP' }), 'MAPPING_BAD_ELEMENT', ['Encounter.class']);
    refuses(encounter({ hospitalization: [] }), 'MAPPING_BAD_ELEMENT', ['Encounter.hospitalization']);
    refuses(encounter({ period: { start: '2020-02-30' } }), 'MAPPING_BAD_DATE', ['Encounter.period.start']);
    refuses(encounter({ period: { start: '2021', end: '2019' } }), 'MAPPING_BAD_DATE', ['Encounter.period']);
  });

  it('Patient: is its own subject; links and death', () => {
    const record = compartment({
      resourceType: 'Patient',
      id: 'a',
      active: false,
      deceasedDateTime: '2020-05',
      link: [
        { type: 'replaced-by', other: { reference: 'Patient/b' } },
        { type: 'replaces', other: { reference: 'Patient/c' } },
        { type: 'seealso', other: { reference: 'RelatedPerson/d' } },
        { type: 'seealso', other: { reference: 'Patient/e' } },
        { type: 'refer', other: { reference: 'urn:uuid:x' } },
      ],
    });
    assert.deepEqual([record.subject, record.subjectPath], ['a', 'Patient']);
    assert.deepEqual(record.patientLinks, {
      active: false,
      replacedBy: ['b'],
      replaces: ['c'],
      others: ['e'],
      deceased: true,
    });
    assert.deepEqual(record.notes, ['link-not-resolved']);
    assert.equal(
      compartment({ resourceType: 'Patient', id: 'a', deceasedBoolean: false }).patientLinks?.deceased,
      false,
    );
    refuses({ resourceType: 'Patient', id: 'a', active: 'yes' }, 'MAPPING_BAD_ELEMENT', ['Patient.active']);
    refuses({ resourceType: 'Patient', id: 'a', deceasedDateTime: '2020-13' }, 'MAPPING_BAD_DATE', [
      'Patient.deceased',
    ]);
    refuses({ resourceType: 'Patient', id: 'a', deceasedBoolean: 'no' }, 'MAPPING_BAD_ELEMENT', [
      'Patient.deceased',
    ]);
    refuses({ resourceType: 'Patient', id: 'a', link: [{ other: 'b' }] }, 'MAPPING_BAD_ELEMENT', [
      'Patient.link[0].other',
    ]);
  });
});
