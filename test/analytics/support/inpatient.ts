import type { PermittedPatient } from '../../../analytics/features/index.js';

/** Admission of every test patient. All are made up. */
export const T0_MS = Date.UTC(2021, 2, 10, 8, 0, 0);

const HOUR_MS = 3_600_000;

/** FHIR instant so many hours after admission. */
export function hoursIn(hours: number): string {
  return new Date(T0_MS + hours * HOUR_MS).toISOString();
}

type Resource = Readonly<Record<string, unknown>>;

let counter = 0;

/** A numeric Observation, effective and issued so many hours after admission. */
export function observation(
  loinc: string,
  value: number,
  unit: string | undefined,
  hours: number,
  more: Resource = {},
): Resource {
  counter++;
  return {
    resourceType: 'Observation',
    id: `o${counter}`,
    status: 'final',
    code: { coding: [{ system: 'http://loinc.org', code: loinc }] },
    effectiveDateTime: hoursIn(hours),
    issued: hoursIn(hours),
    valueQuantity: {
      value,
      ...(unit === undefined ? {} : { code: unit, system: 'http://unitsofmeasure.org', unit }),
    },
    ...more,
  };
}

/** An Observation of the WHO scale. */
export function score(value: number, hours: number): Resource {
  return {
    ...observation('x', 0, undefined, hours),
    code: { coding: [{ system: 'urn:firebreak:demo:who-cps', code: 'score' }] },
    valueQuantity: undefined,
    valueInteger: value,
  };
}

/** A Condition by its SNOMED code. */
export function condition(snomed: string, more: Resource = {}): Resource {
  counter++;
  return {
    resourceType: 'Condition',
    id: `c${counter}`,
    code: { coding: [{ system: 'http://snomed.info/sct', code: snomed }] },
    onsetDateTime: '2021-03-08',
    ...more,
  };
}

/** A COVID-19 inpatient, discharged after ten days, with some resources more. */
export function inpatient(
  key: string,
  resources: readonly Resource[] = [],
  patient: Resource = {},
): PermittedPatient {
  return {
    key,
    resources: [
      { resourceType: 'Patient', id: key, gender: 'female', birthDate: '1950-06-15', ...patient },
      encounter(key),
      condition('840539006'),
      ...resources,
    ],
  };
}

/** The stay of a test patient. */
export function encounter(key: string, more: Resource = {}): Resource {
  return {
    resourceType: 'Encounter',
    id: `e-${key}`,
    status: 'finished',
    class: { system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'IMP' },
    period: { start: hoursIn(0), end: hoursIn(240) },
    ...more,
  };
}
