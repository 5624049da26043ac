/** What can be wrong with a call of the checker; what is wrong with a file is a value, never thrown. */
export type ProofErrorCode =
  /** A key, policy or anchor to trust that is malformed, unsafe or none. */
  | 'PROOF_BAD_TRUST'
  /** A tile or bundle that is not of the size that its path says. */
  | 'PROOF_BAD_TILE';

/** The one error class of proofs. */
export class ProofError extends Error {
  readonly code: ProofErrorCode;

  constructor(code: ProofErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ProofError';
    this.code = code;
  }
}
