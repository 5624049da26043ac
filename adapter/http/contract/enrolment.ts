/** What enrolment answers to a patient's wallet. */
export interface Enrolled {
  /** Handle of the participant on the log. */
  readonly participant: string;
  /** PEM. */
  readonly certificate: string;
  /** base64url SHA-256 of the certificate's DER. */
  readonly fingerprint: string;
  /** `Patient/…`, the patient's name at the facade. */
  readonly patient: { readonly reference: string };
  /** The hospital that keeps the record. */
  readonly custodian: { readonly reference: string; readonly display: string };
  /** The Firebreak instance, which trains and scores. */
  readonly instance: { readonly reference: string };
}

/** Answer of `POST /pki/registrations`: an organisation whom another authority's certificate admits. */
export interface Registered {
  /** Handle on the log. */
  readonly participant: string;
  /** Id in the certificate. */
  readonly id: string;
  /** PEM, of our profile. */
  readonly certificate: string;
  readonly fingerprint: string;
  /** Milliseconds since the epoch; not after that of the certificate shown. */
  readonly notAfter: number;
}
