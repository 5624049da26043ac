/** Failures of the demo. */

/** Closed list of what can go wrong; codes are stable, messages may change. */
export type DemoErrorCode =
  /** The hospital's journal holds a line that is neither whole nor the torn last one. */
  | 'DEMO_JOURNAL_DAMAGED'
  /** The journal cannot be written: nothing of the write was acknowledged. */
  | 'DEMO_JOURNAL_WRITE_FAILED'
  /** The hospital's port cannot be listened on. */
  | 'DEMO_PORT_UNAVAILABLE'
  /** The hospital answered something that the wards cannot go on from. */
  | 'DEMO_HOSPITAL_REFUSED'
  /** Firebreak did not answer, or answered 5xx, for longer than the demo waits. */
  | 'DEMO_FIREBREAK_UNREACHABLE'
  /** Firebreak refused what a wallet or the hospital asked. */
  | 'DEMO_FIREBREAK_REFUSED'
  /** The file of wallets is damaged, or others may read it. */
  | 'DEMO_WALLETS_DAMAGED'
  /** An option is out of its range. */
  | 'DEMO_BAD_OPTION';

/** Thrown by everything in `demo/`. */
export class DemoError extends Error {
  readonly code: DemoErrorCode;

  constructor(code: DemoErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'DemoError';
    this.code = code;
  }
}
