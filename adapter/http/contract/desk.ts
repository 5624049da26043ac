/** The hospital's desk: its sources, what was set aside of them, invitations for its patients. */

/** What staff of a hospital do at the desk: signed, sent as `{document, jws}`, and taken once. */
export const DEAD_LETTER_KIND = 'firebreak dead letter';
export const INVITATION_KIND = 'firebreak invitation';

interface DeskDocument {
  /** Origin of the log. */
  readonly log: string;
  /** Handle or id of who signs. */
  readonly signer: string;
  /** ISO 8601; it is taken within two minutes. */
  readonly at: string;
}

/** Judge what was set aside once more, or destroy it. */
export interface DeadLetterDocument extends DeskDocument {
  readonly kind: typeof DEAD_LETTER_KIND;
  readonly letter: string;
  readonly act: 'replay' | 'discard';
}

/** Invite a patient to make a wallet. */
export interface InvitationDocument extends DeskDocument {
  readonly kind: typeof INVITATION_KIND;
  readonly source: string;
  /** Id of the patient at the source. */
  readonly patient: string;
}

/** Answer to it: the code is told once. */
export interface InvitedPatient {
  readonly patient: string;
  readonly code: string;
}

export interface DeskSource {
  readonly id: string;
  readonly name: string;
  readonly kind: 'fhir' | 'import' | 'push';
  readonly state: string;
  /** Events at work. */
  readonly pending: number;
  readonly lagMs: number;
  /** Of this run. */
  readonly received: number;
  /** ms */
  readonly lastAt?: number;
  readonly deadLetters: number;
  /** Readings that failed in a row. */
  readonly failures: number;
  /** Of the last failure. */
  readonly code?: string;
  /** The newest certificate of a comparison in full. */
  readonly reconciled?: { readonly handle: string; readonly at: string; readonly isNothingMissed: boolean };
}

/** Something that was set aside, without what it holds. */
export interface DeskDeadLetter {
  readonly letter: string;
  readonly source: string;
  readonly type: string;
  readonly code: string;
  readonly expression?: string;
  /** ms */
  readonly at: number;
  readonly channel: string;
  readonly bytes: number;
  readonly advice: string;
}

/** Answer of `GET /desk/dead-letters`. */
export interface DeskDeadLetters {
  /** The oldest first. */
  readonly letters: readonly DeskDeadLetter[];
  /** There are more behind this one. */
  readonly after?: string;
}
