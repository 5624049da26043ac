/**
 * Failures of the log: of its formats, its engine and its readers. Codes are stable; messages may change.
 */
export type LedgerErrorCode =
  /** A value has no RFC 8785 form, or bytes are not in it. */
  | 'LEDGER_NOT_CANONICAL'
  /** An entry or draft that the log must not take: wrong actor form, wrong `at`. */
  | 'LEDGER_BAD_ENTRY'
  /** An entry's canonical bytes exceed what a bundle can hold. */
  | 'LEDGER_ENTRY_TOO_LARGE'
  /** A submission whose count, root or actor does not fit its drafts. */
  | 'LEDGER_BAD_SUBMISSION'
  /** The submission's root stands in the log already. */
  | 'LEDGER_DUPLICATE_SUBMISSION'
  /** An append was asked for under a permit that does not fit it. */
  | 'LEDGER_GUARD_REFUSED'
  /** Too many commits are waiting; try again later. */
  | 'LEDGER_BUSY'
  /** The engine is closed or closing. */
  | 'LEDGER_CLOSED'
  /** The store did not take the batch; whether it took effect is known after the engine's reload. */
  | 'LEDGER_WRITE_FAILED'
  /** Stored rows contradict one another. */
  | 'LEDGER_CORRUPT'
  /** The store, or the folder exported to, holds the log of another origin or key. */
  | 'LEDGER_OTHER_LOG'
  /** A key that is malformed or of an unknown kind. */
  | 'LEDGER_BAD_KEY'
  /** A key whose id is not its own: name, type or key was changed. */
  | 'LEDGER_BAD_KEY_ID'
  /** A key on whose signatures verifiers may disagree: of small order, with torsion, or not canonical. */
  | 'LEDGER_UNSAFE_KEY'
  /** Text or a signer that cannot make a signed note or a checkpoint. */
  | 'LEDGER_BAD_NOTE'
  /** An index or size outside the tree. */
  | 'LEDGER_RANGE'
  /** A log that cannot be read at all: no checkpoint, no connection, an answer too large. */
  | 'LEDGER_UNREADABLE';

/**
 * The one error class of the ledger's log. Refusals are values; what is thrown is a failure or a wrong call.
 */
export class LedgerError extends Error {
  readonly code: LedgerErrorCode;

  /**
   * @param code - What went wrong, for programs.
   * @param message - What went wrong, for people; never holds content of an entry.
   * @param options - `cause`: the original error.
   */
  constructor(code: LedgerErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'LedgerError';
    this.code = code;
  }
}
