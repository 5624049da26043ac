/** A patient's data in which every value is one that stands nowhere else in the world. */
import type { Bundle, FhirResource, Observation, Patient } from 'fhir/r4.js';
import { needlesOf } from './needles.js';
import type { Needle } from './needles.js';

const NAMES = ['Quetzalberta', 'Xyzzynameson', 'Žofie-Kanárková'] as const;
const IDENTIFIER = 'MRN-83619274-CNRY';
const ADDRESS = '17 Canaryvogelstraat';
const CITY = 'Zwitscherhausen';
const PHONE = '+31-555-019-9427';
const CODE = 'CNRY-4471-8';
const CODE_TEXT = 'feathered lung of Linnaeus';
const NOTE = 'sang at dawn, then nothing more';
const BIRTH_DATE = '1931-08-17';
const CARE_DATE = '1987-11-23';
const CARE_TIME = `${CARE_DATE}T09:47:13Z`;
const VALUE = '41.73913';
const CONSENT_TEXT = 'I, the canary, have read this';

const TEXTS: readonly string[] = [
  ...NAMES,
  IDENTIFIER,
  ADDRESS,
  CITY,
  PHONE,
  CODE,
  CODE_TEXT,
  NOTE,
  BIRTH_DATE,
  CARE_DATE,
  VALUE,
  CONSENT_TEXT,
  'cnrypat-',
  'cnryobs-',
  // Instants in the forms that programs give them.
  String(Date.parse(CARE_TIME)),
  String(Date.parse(CARE_DATE)),
  String(Date.parse(BIRTH_DATE)),
];

/** All that must not be found. */
export const NEEDLES: readonly Needle[] = TEXTS.flatMap(needlesOf);

export const CANARY_NARRATIVE = `<div xmlns="http://www.w3.org/1999/xhtml">${CONSENT_TEXT}</div>`;

export function canaryPatient(id: string): Patient {
  return {
    resourceType: 'Patient',
    id,
    meta: { versionId: '1', lastUpdated: '2021-03-04T05:06:07Z' },
    identifier: [{ system: 'urn:oid:1.2.36.146', value: IDENTIFIER }],
    name: [{ family: NAMES[1], given: [NAMES[0], NAMES[2]] }],
    telecom: [{ system: 'phone', value: PHONE }],
    birthDate: BIRTH_DATE,
    address: [{ line: [ADDRESS], city: CITY }],
  };
}

export function canaryObservation(id: string, patient: string, versionId = '1'): Observation {
  return {
    resourceType: 'Observation',
    id,
    meta: { versionId, lastUpdated: `2021-03-04T05:06:0${versionId}Z` },
    status: 'final',
    code: { coding: [{ system: 'http://loinc.org', code: CODE, display: CODE_TEXT }], text: CODE_TEXT },
    subject: { reference: `Patient/${patient}`, display: NAMES[1] },
    effectiveDateTime: CARE_TIME,
    valueQuantity: { value: Number(VALUE), unit: 'Cel', system: 'http://unitsofmeasure.org', code: 'Cel' },
    note: [{ text: NOTE }],
  };
}

/** What cannot become an entry, each for another reason: it ends as a dead letter. */
export function hopelessResources(patient: string): FhirResource[] {
  const observation = canaryObservation('cnryobs-dead', patient);
  const { subject: _subject, ...homeless } = observation;
  return [
    { ...homeless, id: 'cnryobs-dead-1' },
    { ...observation, id: 'cnryobs-dead-2', effectiveDateTime: `${CARE_DATE}T99:99:99Z` },
    { ...observation, id: 'cnryobs-dead-3', subject: { reference: `Patient?identifier=${IDENTIFIER}` } },
    {
      ...observation,
      id: 'cnryobs-dead-4',
      subject: { reference: `Group/cnrypat-group`, display: NAMES[0] },
    },
    {
      ...observation,
      id: 'cnryobs-dead-5',
      effectiveDateTime: '2020-13-45',
      performer: [{ reference: `Practitioner/cnrypat-doctor`, display: NAMES[2] }],
    },
    {
      resourceType: 'AuditEvent',
      id: 'cnryobs-dead-6',
      type: { code: CODE },
      recorded: CARE_TIME,
      agent: [{ requestor: true, name: NAMES[1] }],
      source: { observer: { display: NAMES[0] } },
      entity: [
        { what: { reference: `Patient/${patient}` } },
        { what: { reference: 'Patient/cnrypat-another' } },
      ],
    },
  ];
}

/** Bodies that are refused at the door, with the headers that they come under. */
export function hopelessBodies(): { body: string; contentType: string; path: string }[] {
  const json = 'application/fhir+json';
  const text = JSON.stringify(canaryObservation('cnryobs-bad', 'cnrypat-1'));
  const bundle: Bundle = {
    resourceType: 'Bundle',
    type: 'history',
    entry: [{ fullUrl: `urn:${CODE}`, request: { method: 'PUT', url: IDENTIFIER } }],
  };
  return [
    { body: text.slice(0, -9), contentType: json, path: '' },
    {
      body: `{"resourceType":"${CODE}","id":"${IDENTIFIER}","name":"${NAMES[0]}"}`,
      contentType: json,
      path: '',
    },
    { body: `["${NAMES[1]}"]`, contentType: json, path: '' },
    { body: `{"a":`.repeat(10_000) + `"${ADDRESS}"` + '}'.repeat(10_000), contentType: json, path: '' },
    { body: `<Patient><id value="${IDENTIFIER}"/></Patient>`, contentType: 'application/fhir+xml', path: '' },
    { body: text, contentType: json, path: '/Observation/cnryobs-other' },
    { body: text, contentType: json, path: `/${CODE}/${encodeURIComponent(NAMES[2])}/x` },
    { body: text, contentType: `application/json; charset=${CODE}`, path: '' },
    { body: JSON.stringify(bundle), contentType: json, path: '' },
    { body: `{"resourceType":"Patient","resourceType":"${IDENTIFIER}"}`, contentType: json, path: '' },
  ];
}
