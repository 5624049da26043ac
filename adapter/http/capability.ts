import type { CapabilityStatement } from 'fhir/r4.js';

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
          'patient’s detached EdDSA JWS over the canonical Consent.',
        interaction: [{ code: 'transaction' }],
      },
    ],
  };
}
