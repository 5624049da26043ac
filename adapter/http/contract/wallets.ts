/** What a wallet signs to change its own enrolment, and what is answered. */

/** Each kind separates its signatures from all others that a wallet makes. */
export const LINK_KIND = 'firebreak link';
export const UNLINK_KIND = 'firebreak unlink';
export const RENEWAL_KIND = 'firebreak renewal';
export const ROTATION_KIND = 'firebreak rotation';

/** What every one of them says: a detached JWS over its RFC 8785 form, as consents are signed. */
export interface WalletDocument {
  /** Origin of the log: a document is for one instance. */
  readonly log: string;
  /** Handle of the enrolment whose certificate signs. */
  readonly signer: string;
  /** When, ISO 8601; it is taken within two minutes. */
  readonly at: string;
}

/** The wallet takes in another hospital's record, by that hospital's invitation. */
export interface LinkDocument extends WalletDocument {
  readonly kind: typeof LINK_KIND;
  /** base64url SHA-256 of the invitation's code. */
  readonly invitation: string;
  /** base64url SHA-256 of the request's PEM text, as it is sent: of the wallet's keys, or of others for this record. */
  readonly csr: string;
}

/** Body of `POST /pki/links`; the answer is `Enrolled`, with a handle and a certificate of the link's own. */
export interface LinkRequest {
  readonly document: LinkDocument;
  readonly jws: string;
  readonly invitation: string;
  /** PKCS#10, PEM. */
  readonly csr: string;
}

/** The patient ends the enrolment that signs: the consents given by it permit nothing any more. */
export interface UnlinkDocument extends WalletDocument {
  readonly kind: typeof UNLINK_KIND;
}

/** Body of `POST /pki/links/end`. */
export interface UnlinkRequest {
  readonly document: UnlinkDocument;
  readonly jws: string;
}

/** Answer to it. */
export interface Unlinked {
  /** Handle of the enrolment that has ended. */
  readonly participant: string;
  /** Consents that were withdrawn by it. */
  readonly withdrawn: number;
}

/** The same keys for another time. */
export interface RenewalDocument extends WalletDocument {
  readonly kind: typeof RENEWAL_KIND;
}

/** Body of `POST /pki/wallet/renewals`; the answer is `Enrolled`. With more than half of its time left it is the present one. */
export interface RenewalRequest {
  readonly document: RenewalDocument;
  readonly jws: string;
}

/** Other keys in the place of those that are certified. */
export interface RotationDocument extends WalletDocument {
  readonly kind: typeof ROTATION_KIND;
  /** base64url SHA-256 of the PEM text of the request for the new keys. */
  readonly csr: string;
}

/** Body of `POST /pki/wallet/rotations`; the answer is `Enrolled`. */
export interface RotationRequest {
  readonly document: RotationDocument;
  readonly jws: string;
  /** PKCS#10 of the new keys, PEM. */
  readonly csr: string;
}

export const RE_ENROLMENT_KIND = 'firebreak re-enrolment';

/** Two of a hospital's staff say that a patient's wallet is lost. */
export interface ReEnrolmentDocument {
  readonly kind: typeof RE_ENROLMENT_KIND;
  readonly log: string;
  /** When, ISO 8601; it is taken within an hour, for two people sign. */
  readonly at: string;
  readonly source: string;
  /** Id of the patient at the source. */
  readonly patient: string;
  /** Why; kept here, not on the log. */
  readonly reason: string;
}

/** Answer of `POST /pki/re-enrolments`. */
export interface ReEnrolled {
  /** Code for the patient: the new wallet enrols by it. */
  readonly invitation: string;
  /** ISO 8601. */
  readonly expires: string;
  /** Handle of the enrolment that was revoked. */
  readonly revoked: string;
}
