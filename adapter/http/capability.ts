import type { CapabilityStatement, CapabilityStatementRestResource } from 'fhir/r4.js';
import { directoryTypes, patientTypes, searchParameters } from '../../mappings/index.js';

/**
 * What this FHIR endpoint does, and nothing it does not.
 *
 * @param base - Its address.
 * @see HL7 FHIR R4, CapabilityStatement
 */
export function capabilityStatement(
  base: string,
  identity: { readonly origin: string; readonly demo: boolean },
): CapabilityStatement {
  return {
    resourceType: 'CapabilityStatement',
    status: 'active',
    date: '2026-11-22',
    kind: 'instance',
    fhirVersion: '4.0.1',
    format: ['application/fhir+json'],
    software: { name: 'Firebreak', version: '0.1.0' },
    implementation: {
      url: base,
      description: identity.demo
        ? `Firebreak DEMO ${identity.origin}: all data are synthetic`
        : `Firebreak ${identity.origin}`,
    },
    rest: [
      {
        mode: 'server',
        documentation:
          'POST a transaction Bundle of one Consent and its Provenance, whose signature (application/jose) is the ' +
          'patient’s detached EdDSA JWS over the canonical Consent. With a token of a system that is registered for a ' +
          'source, POST, PUT, DELETE, transactions and batches write that source’s records under its own ids: answered ' +
          'by 202 and Content-Location, which tells what became of them.',
        interaction: [{ code: 'transaction' }, { code: 'batch' }],
        security: {
          service: [{ coding: [{ system: SECURITY_SERVICE, code: 'SMART-on-FHIR' }] }],
          description:
            'SMART Backend Services, described by .well-known/smart-configuration; a token is for one purpose of use. What the custodian or the patient does not ' +
            'permit for it is answered as if it did not exist. Every answer leaves a receipt on the log.',
        },
        resource: [...patientTypes().map(resourceOf), ...directoryTypes().map(listedOf)],
      },
    ],
  };
}

const SECURITY_SERVICE = 'http://terminology.hl7.org/CodeSystem/restful-security-service';
const EVERYTHING = 'http://hl7.org/fhir/OperationDefinition/Patient-everything';

const KINDS = { token: 'token', code: 'token', date: 'date', reference: 'reference' } as const;

/** The custodian's directory: its present state alone. */
function listedOf(type: string): CapabilityStatementRestResource {
  return {
    type: type as CapabilityStatementRestResource['type'],
    documentation: 'Of the custodian’s directory: of no patient, and to be had as it is now.',
    interaction: DIRECTORY_INTERACTIONS.map((code) => ({ code })),
    updateCreate: true,
    conditionalCreate: true,
    versioning: 'no-version',
    conditionalRead: 'full-support',
    searchParam: [
      { name: '_id', type: 'token' },
      { name: '_lastUpdated', type: 'date' },
      ...searchParameters(type).map(({ name, kind }) => ({ name, type: KINDS[kind] })),
    ],
  };
}

const DIRECTORY_INTERACTIONS = ['read', 'search-type', 'create', 'update', 'delete'] as const;

const INTERACTIONS = [
  'read',
  'vread',
  'history-instance',
  'history-type',
  'search-type',
  'create',
  'update',
  'delete',
] as const;

const DISCLOSURES =
  ' With type=110106 it is the account of disclosures, told to the patient and to the custodian: by patient, date and _count.';

/** Searches name the patient or the resources: what goes over all patients would cost too much. */
function resourceOf(type: string): CapabilityStatementRestResource {
  const isPatient = type === 'Patient';
  return {
    type: type as CapabilityStatementRestResource['type'],
    ...(isPatient
      ? {}
      : {
          documentation:
            'A search names the patient, or resources by _id; a history of the type, the patient.' +
            (type === 'AuditEvent' ? DISCLOSURES : ''),
        }),
    interaction: INTERACTIONS.map((code) => ({ code })),
    versioning: 'versioned',
    readHistory: true,
    updateCreate: true,
    conditionalCreate: true,
    conditionalUpdate: false,
    conditionalDelete: 'not-supported',
    conditionalRead: 'full-support',
    searchParam: [
      { name: '_id', type: 'token' },
      { name: '_lastUpdated', type: 'date' },
      ...(isPatient ? [] : [{ name: 'patient', type: 'reference' } as const]),
      ...searchParameters(type).map(({ name, kind }) => ({ name, type: KINDS[kind] })),
    ],
    ...(isPatient ? { operation: [{ name: 'everything', definition: EVERYTHING }] } : {}),
  };
}
