/** A consent on paper, as two people of a hospital testify to it. */
import { randomUUID } from 'node:crypto';
import type { Bundle, Consent, Provenance } from 'fhir/r4.js';
import type { JsonObject } from '../../ledger/log/index.js';

/** A document that people have signed. */
export interface Testified {
  readonly document: JsonObject;
  readonly signatures: readonly { readonly signer: string; readonly jws: string }[];
}

/** A consent on paper with both signatures. @see HL7 FHIR R4, Provenance.signature */
export function paperBundle({ document, signatures }: Testified): Bundle<Consent | Provenance> {
  const fullUrl = `urn:uuid:${randomUUID()}`;
  const consent = document as unknown as Consent;
  const when = consent.dateTime ?? '';
  const people = signatures.map(({ signer, jws }) => ({
    who: { reference: `Practitioner/${signer}` },
    data: Buffer.from(jws, 'ascii').toString('base64'),
  }));
  const provenance: Provenance = {
    resourceType: 'Provenance',
    target: [{ reference: fullUrl }],
    recorded: when,
    agent: people.map(({ who }) => ({ who })),
    signature: people.map(({ who, data }) => ({
      type: [{ system: 'urn:iso-astm:E1762-95:2013', code: '1.2.840.10065.1.12.1.5' }],
      when,
      who,
      sigFormat: 'application/jose',
      targetFormat: 'application/fhir+json',
      data,
    })),
  };
  return {
    resourceType: 'Bundle',
    type: 'transaction',
    entry: [
      { fullUrl, resource: consent, request: { method: 'POST', url: 'Consent' } },
      {
        fullUrl: `urn:uuid:${randomUUID()}`,
        resource: provenance,
        request: { method: 'POST', url: 'Provenance' },
      },
    ],
  };
}
