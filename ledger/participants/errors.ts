/**
 * Refused requests, unreadable certificates and wrong uses of the authority. Codes are stable; messages may change.
 */
export type ParticipantErrorCode =
  /** Bytes that are no certificate request, or one too large. */
  | 'PARTICIPANT_BAD_REQUEST'
  /** The request is not signed by the key it asks to certify. */
  | 'PARTICIPANT_BAD_PROOF'
  /** The request asks for what the authority alone decides: CA powers, a group, a role, a wildcard name. */
  | 'PARTICIPANT_FORBIDDEN_REQUEST'
  /** An RSA key under 2048 bits, or a signature over MD5 or SHA-1. */
  | 'PARTICIPANT_WEAK_CRYPTO'
  /** A sound key, but not an Ed25519 one. */
  | 'PARTICIPANT_UNSUPPORTED_KEY'
  /** An Ed25519 key of small order, with torsion, or not in its canonical form. */
  | 'PARTICIPANT_UNSAFE_KEY'
  /** The request certifies no X25519 key, more than one, or an unsafe one. */
  | 'PARTICIPANT_BAD_X25519'
  /** A group, role, name or id that no certificate can carry, or that does not fit the others. */
  | 'PARTICIPANT_BAD_SUBJECT'
  /** A validity that ends before it begins or outlives the issuer's. */
  | 'PARTICIPANT_BAD_VALIDITY'
  /** Bytes that are not DER, or not of the structure expected; the cause of the other codes for what is malformed. */
  | 'PARTICIPANT_BAD_DER'
  /** Bytes that are no certificate of our profile. */
  | 'PARTICIPANT_BAD_CERTIFICATE'
  /** The authority's keys and certificates do not belong together. */
  | 'PARTICIPANT_BAD_AUTHORITY';

/** The one error class of participants' certificates. Messages name no person. */
export class ParticipantError extends Error {
  readonly code: ParticipantErrorCode;

  /**
   * @param code - What went wrong, for programs.
   * @param message - What went wrong, for people.
   * @param options - `cause`: the original error.
   */
  constructor(code: ParticipantErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ParticipantError';
    this.code = code;
  }
}
