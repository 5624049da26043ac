/** What a clinician writes into the hospital's own server, through us. */

export const CLINICAL_WRITE_KIND = 'firebreak clinical write';

/** Types that are written so. */
export const WRITTEN_TYPES = ['DocumentReference', 'Procedure', 'MedicationStatement'] as const;
export type WrittenType = (typeof WRITTEN_TYPES)[number];

/** Signed by the clinician. */
export interface ClinicalWriteDocument {
  readonly kind: typeof CLINICAL_WRITE_KIND;
  /** Origin of the log. */
  readonly log: string;
  /** Handle or id of who signs. */
  readonly signer: string;
  /** ISO 8601; it is taken within two minutes. */
  readonly at: string;
  /** `Patient/…` at the facade. */
  readonly patient: string;
  /** base64url SHA-256 of the resource's text. */
  readonly resource: string;
}

/** Body of `POST /clinical/records`. */
export interface ClinicalWrite {
  readonly document: ClinicalWriteDocument;
  readonly jws: string;
  /** A FHIR resource as JSON text: without id, meta and subject, which the server sets. */
  readonly resource: string;
}

/** The hospital's server has taken it; it comes back from there as an event. */
export interface Written {
  readonly type: WrittenType;
  /** Value of the identifier (system `urn:ietf:rfc:3986`) by which it is found when it has come back. */
  readonly identifier: string;
}
