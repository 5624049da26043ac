/** The answer to a claim as FHIR R4 `ClaimResponse`: what was found of each line, and nothing of any record. */
import type { ClaimResponse, Provenance } from 'fhir/r4.js';

export interface ClaimAnswerInput {
  /** FHIR id. */
  readonly id: string;
  /** Names the attestation on the log. */
  readonly handle: string;
  readonly atMs: number;
  readonly patient: string;
  readonly insurer: string;
  /** Such as `Claim/7`. */
  readonly request: string;
  readonly lines: readonly { readonly sequence: number; readonly says: string }[];
  /** Lines that were claimed before, as far as the insurer may know. */
  readonly repeated: readonly number[];
  /** The proof file's media type and bytes. */
  readonly proof: { readonly type: string; readonly bytes: Buffer };
  /** Name of the log. */
  readonly origin: string;
}

/** @see https://hl7.org/fhir/R4/valueset-adjudication.html (an example: others may be used) */
const FINDING = 'urn:firebreak:claim-finding';
const TIMESTAMP_SIGNATURE = { system: 'urn:iso-astm:E1762-95:2013', code: '1.2.840.10065.1.12.1.15' };
const CLAIM_TYPES = 'http://terminology.hl7.org/CodeSystem/claim-type';

/** The proof lies in a contained Provenance, whose target is the answer itself. */
export function claimResponse(input: ClaimAnswerInput): ClaimResponse {
  const { id, handle, atMs, patient, insurer, request, lines, repeated, proof, origin } = input;
  const at = new Date(atMs).toISOString();
  const who = { identifier: { value: origin } };
  const provenance: Provenance = {
    resourceType: 'Provenance',
    id: 'proof',
    target: [{ reference: '#' }],
    recorded: at,
    agent: [{ who }],
    signature: [
      {
        type: [TIMESTAMP_SIGNATURE],
        when: at,
        who,
        sigFormat: proof.type,
        data: proof.bytes.toString('base64'),
      },
    ],
  };
  return {
    resourceType: 'ClaimResponse',
    id,
    contained: [provenance],
    identifier: [{ system: 'urn:firebreak:attestation', value: handle }],
    status: 'active',
    type: { coding: [{ system: CLAIM_TYPES, code: 'institutional' }] },
    use: 'claim',
    patient: { reference: patient },
    created: at,
    insurer: { reference: insurer },
    request: { reference: request },
    outcome: 'complete',
    disposition: 'Lines were compared with the record. It is not said whether anything is to be paid.',
    item: lines.map(({ sequence, says }) => ({
      itemSequence: sequence,
      ...(repeated.includes(sequence) ? { noteNumber: [1] } : {}),
      adjudication: [{ category: { coding: [{ system: FINDING, code: says }] } }],
    })),
    ...(repeated.length === 0
      ? {}
      : { processNote: [{ number: 1, type: 'display' as const, text: 'claimed before' }] }),
  };
}
