/** Small resources for tests that need many of them. */
import type { Observation, Patient, Resource } from 'fhir/r4.js';

export function patientOf(id: string, versionId = '1'): Patient {
  return { resourceType: 'Patient', id, meta: metaOf(versionId), birthDate: '1961-03-05' };
}

export function observationOf(
  id: string,
  patient: string,
  versionId = '1',
  value = 37.5,
): Observation & { id: string } {
  return {
    resourceType: 'Observation',
    id,
    meta: metaOf(versionId),
    status: 'final',
    category: [
      {
        coding: [
          { system: 'http://terminology.hl7.org/CodeSystem/observation-category', code: 'vital-signs' },
        ],
      },
    ],
    code: { coding: [{ system: 'http://loinc.org', code: '8310-5' }] },
    subject: { reference: `Patient/${patient}` },
    effectiveDateTime: '2021-04-02T10:11:12+02:00',
    valueQuantity: { value, unit: 'Cel', system: 'http://unitsofmeasure.org', code: 'Cel' },
  };
}

/** Later versions have a later `lastUpdated`. */
function metaOf(versionId: string): { versionId: string; lastUpdated: string } {
  return {
    versionId,
    lastUpdated: new Date(Date.UTC(2021, 3, 2, 9, 0, Number(versionId))).toISOString(),
  };
}

/** Name of a version as an audit gives it. */
export function versionName({ resourceType, id, meta }: Resource): string {
  return `${resourceType}/${id ?? ''}@${meta?.versionId ?? ''}`;
}

export function ndjson(resources: readonly Resource[]): string {
  return resources.map((resource) => `${JSON.stringify(resource)}\n`).join('');
}
