/** Patients and the hospital's directory as FHIR R4. Names and places are invented. */
import type { Encounter, Location, Organization, Patient, Practitioner } from 'fhir/r4.js';
import { Random } from '../random.js';
import type { Admission } from './admission.js';
import { SYSTEMS } from './codes.js';
import type { Course } from './course.js';
import { stampedMeta } from './observations.js';
import { instant, localDate } from './times.js';

const GIVEN = {
  male: [
    'Aldo',
    'Bertil',
    'Ciro',
    'Dragan',
    'Emil',
    'Fadi',
    'Goran',
    'Henk',
    'Ivo',
    'Jörn',
    'Karim',
    'Lucas',
  ],
  female: [
    'Ada',
    'Berit',
    'Clara',
    'Dunja',
    'Elif',
    'Fatou',
    'Greta',
    'Hana',
    'Inés',
    'Jolanda',
    'Kaja',
    'Leïla',
  ],
} as const;
const FAMILY = [
  [
    'Testarossa',
    'Muster',
    'Probst',
    'Exempel',
    'Vorlage',
    'Fiktiv',
    'Sandkorn',
    'Zwirner',
    'Quast',
    'Übermuth',
  ],
  [
    'Abend',
    'Brandt',
    'Calvino',
    'Dorn',
    'Eschenbach',
    'Fuchs',
    'Gravelius',
    'Holm',
    'Ibsen',
    'Jansson',
    'Køhler',
  ],
] as const;
const STREETS = ['Invented Lane', 'Made-up Road', 'Sample Street', 'Placebo Way', 'Specimen Square'] as const;
type Town = readonly [name: string, postalCode: string];
const TOWNS: readonly [Town, ...Town[]] = [
  ['Exampleton', '00501'],
  ['Testing-on-Sea', '00502'],
  ['Mockford', '00503'],
  ['Sampleby', '00504'],
];

const DAY_MS = 86_400_000;
const YEAR_MS = 365.2425 * DAY_MS;

/** Logical ids of the hospital's directory. */
const HOSPITAL_ID = 'demo-hospital';
export const LABORATORY_ID = 'demo-laboratory';
const PRACTITIONER_IDS = ['demo-nurse-1', 'demo-nurse-2', 'demo-doctor-1', 'demo-doctor-2'] as const;
const WARD_IDS = ['demo-ward-1', 'demo-ward-2', 'demo-ward-3'] as const;

/** A person: the Patient resource as known at the anchor. */
export function patientResource(
  id: string,
  random: Random,
  admission: Admission,
  course: Course,
  stampMs: number,
): Patient {
  const gender = admission.male ? 'male' : 'female';
  const [town, postalCode] = random.pick(TOWNS);
  const ageMs = (admission.ageYears + 0.02 + 0.96 * random.uniform()) * YEAR_MS;
  const number = String(admission.index).padStart(7, '0');
  return {
    resourceType: 'Patient',
    id,
    meta: stampedMeta(random, stampMs),
    identifier: [
      {
        use: 'usual',
        type: { coding: [{ system: SYSTEMS.identifierType, code: 'MR', display: 'Medical record number' }] },
        system: SYSTEMS.medicalRecordNumber,
        value: `SYN-${number}`,
      },
    ],
    active: true,
    name: [
      {
        use: 'official',
        family: `${random.pick(FAMILY[0])}-${random.pick(FAMILY[1])}`,
        given: [random.pick(GIVEN[gender])],
      },
    ],
    telecom: [
      {
        system: 'phone',
        value: `+1-202-555-01${String(random.integer(0, 99)).padStart(2, '0')}`,
        use: 'home',
      },
    ],
    gender,
    birthDate: localDate(course.admittedMs - ageMs),
    ...(course.end?.kind === 'died' ? { deceasedDateTime: instant(course.end.atMs) } : {}),
    address: [
      {
        use: 'home',
        line: [`${random.integer(1, 180)} ${random.pick(STREETS)}`],
        city: town,
        postalCode,
        country: 'XX',
      },
    ],
    managingOrganization: { reference: `Organization/${HOSPITAL_ID}` },
  };
}

/** What belongs to no patient: the hospital, its laboratory, wards and staff. */
export function directory(seed: number, stampMs: number): (Organization | Practitioner | Location)[] {
  const random = new Random(seed, 'directory');
  const organization = (id: string, name: string): Organization => ({
    resourceType: 'Organization',
    id,
    meta: stampedMeta(random, stampMs),
    active: true,
    name,
  });
  return [
    organization(HOSPITAL_ID, 'Exampleton General Hospital (synthetic)'),
    organization(LABORATORY_ID, 'Exampleton Laboratory (synthetic)'),
    ...PRACTITIONER_IDS.map((id, at): Practitioner => ({
      resourceType: 'Practitioner',
      id,
      meta: stampedMeta(random, stampMs),
      active: true,
      name: [{ family: `Synthetic-${at + 1}`, given: [random.pick(GIVEN.female)] }],
    })),
    ...WARD_IDS.map((id, at): Location => ({
      resourceType: 'Location',
      id,
      meta: stampedMeta(random, stampMs),
      status: 'active',
      name: `Ward ${at + 1} (synthetic)`,
      managingOrganization: { reference: `Organization/${HOSPITAL_ID}` },
    })),
  ];
}

const DISPOSITION = {
  home: { code: 'home', display: 'Home' },
  'care-home': { code: 'long', display: 'Long-term care' },
  'other-hospital': { code: 'other-hcf', display: 'Other healthcare facility' },
  died: { code: 'exp', display: 'Expired' },
} as const;

/** The inpatient Encounter as known at the anchor. */
export function encounterResource(
  id: string,
  patientId: string,
  random: Random,
  admission: Admission,
  course: Course,
  diagnosisIds: readonly string[],
  stampMs: number,
): Encounter {
  const source = admission.nosocomial
    ? { code: 'hosp-trans', display: 'Transferred from other hospital' }
    : { code: 'emd', display: 'From accident/emergency department' };
  return {
    resourceType: 'Encounter',
    id,
    meta: stampedMeta(random, stampMs),
    status: course.end === undefined ? 'in-progress' : 'finished',
    class: { system: SYSTEMS.actCode, code: 'IMP', display: 'inpatient encounter' },
    subject: { reference: `Patient/${patientId}` },
    participant: [
      { individual: { reference: `Practitioner/${random.pick(['demo-doctor-1', 'demo-doctor-2'])}` } },
    ],
    period: {
      start: instant(course.admittedMs),
      ...(course.end === undefined ? {} : { end: instant(course.end.atMs) }),
    },
    diagnosis: diagnosisIds.map((diagnosis) => ({ condition: { reference: `Condition/${diagnosis}` } })),
    hospitalization: {
      admitSource: { coding: [{ system: SYSTEMS.admitSource, ...source }] },
      ...(course.end === undefined
        ? {}
        : {
            dischargeDisposition: {
              coding: [{ system: SYSTEMS.dischargeDisposition, ...DISPOSITION[course.end.kind] }],
            },
          }),
    },
    location: [{ location: { reference: `Location/${random.pick(WARD_IDS)}` } }],
    serviceProvider: { reference: `Organization/${HOSPITAL_ID}` },
  };
}
