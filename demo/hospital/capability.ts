/** What the hospital's server can do, as FHIR R4. */
import type { CapabilityStatement, CapabilityStatementRestResource } from 'fhir/r4.js';

type ResourceType = CapabilityStatementRestResource['type'];

/** Types that a hospital like this serves, whether or not it holds any yet. */
const SERVED: readonly ResourceType[] = [
  'Patient',
  'Encounter',
  'Condition',
  'Observation',
  'Organization',
  'Practitioner',
  'Location',
  'Procedure',
  'MedicationStatement',
  'DocumentReference',
];

const INTERACTIONS = [
  'read',
  'vread',
  'update',
  'delete',
  'history-instance',
  'create',
  'search-type',
] as const;

/** @param types - Types of which there is a resource; served besides the usual ones. */
export function capabilityStatement(
  baseUrl: string,
  types: readonly string[],
  dateMs: number,
): CapabilityStatement {
  return {
    resourceType: 'CapabilityStatement',
    status: 'active',
    date: new Date(dateMs).toISOString(),
    kind: 'instance',
    experimental: true,
    software: { name: 'Medplum FHIR router, in memory', version: '4.5.2' },
    implementation: { description: 'Synthetic demo hospital: no real patient', url: baseUrl },
    fhirVersion: '4.0.1',
    format: ['application/fhir+json'],
    rest: [
      {
        mode: 'server',
        security: { description: 'A bearer token of the hospital’s own' },
        resource: [...new Set([...SERVED, ...(types as ResourceType[])])].map((type) => ({
          type,
          interaction: INTERACTIONS.map((code) => ({ code })),
          versioning: 'versioned',
          updateCreate: true,
          searchParam: [
            { name: '_lastUpdated', type: 'date' },
            { name: '_id', type: 'token' },
          ],
        })),
        interaction: [{ code: 'transaction' }, { code: 'batch' }],
      },
    ],
  };
}
