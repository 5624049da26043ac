/** Signing in of people: what is signed, and what is answered. */

/** Separates this signature from all others that a wallet makes. */
export const SIGN_IN_KIND = 'firebreak sign-in';

/** What a wallet signs: a detached JWS over its RFC 8785 form, as consents are signed. */
export interface SignInDocument {
  readonly kind: typeof SIGN_IN_KIND;
  /** Origin of the page, such as `https://records.example`: another's is not taken. */
  readonly server: string;
  /** As the server gave it. */
  readonly challenge: string;
  /** Handle of the participant's enrolment, or the id in its certificate. */
  readonly participant: string;
  /** v3-ActReason code. */
  readonly purpose: string;
  /** `Patient/…` for whom a representative signs in; left out by all others. */
  readonly for?: string;
}

/** Answer of `POST /auth/challenge`. */
export interface SignInChallenge {
  readonly challenge: string;
  readonly expiresInS: number;
}

/** Answer of `POST /auth/session`. */
export interface SignedIn {
  readonly token: string;
  readonly expiresInS: number;
  readonly person: PersonAnswer;
}

/** Who is signed in. */
export interface PersonAnswer {
  /** Id in the certificate. */
  readonly id: string;
  readonly group: 'patient' | 'provider' | 'authority' | 'payer';
  readonly role?: string;
  /** Name of the organisation; patients have none. */
  readonly organisation?: string;
  /** A patient's own `Patient/…`, or that of the patient for whom a representative acts. */
  readonly patient?: string;
  /** Of a representative: handle of the appointment. */
  readonly appointment?: string;
  readonly purpose: string;
}
