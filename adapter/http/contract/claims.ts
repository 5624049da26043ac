/** What a patient is told of the claims that were compared with the own record. */

export type OwnLineFinding = 'supported' | 'not-supported' | 'undecidable';

export interface OwnClaimLine {
  readonly sequence: number;
  readonly finding: OwnLineFinding;
  /** Of a line that is not supported: what of it did not hold; empty where no record was at hand that comes near. */
  readonly failed: readonly (
    'status' | 'code' | 'dates' | 'provider' | 'prescription' | 'quantity' | 'amount'
  )[];
  /** Of a line that could not be decided: what was missing. */
  readonly open: readonly string[];
}

export interface OwnClaim {
  /** Names the attestation on the log. */
  readonly handle: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Who asked, such as `Organization/x`. */
  readonly to: string;
  /** Such as `Claim/7`. */
  readonly claim: string;
  readonly supported: number;
  readonly notSupported: number;
  readonly undecidable: number;
}

/** A question of a bank that the patient signed, and what it was told. */
export interface OwnExpenses {
  /** Names the attestation on the log. */
  readonly handle: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Who asked, such as `Organization/x`. */
  readonly to: string;
  readonly atLeast: number;
  /** ISO 4217. */
  readonly currency: string;
  /** Days, both included. */
  readonly start: string;
  readonly end: string;
  readonly says: 'yes' | 'no';
  /** How many of the own records were added up. */
  readonly records: number;
}

export interface OwnClaims {
  /** The latest first. */
  readonly claims: readonly OwnClaim[];
  /** The latest first. */
  readonly expenses: readonly OwnExpenses[];
  /** How often each insurer asked, and how often in vain, in its present window. */
  readonly tries: readonly {
    readonly to: string;
    readonly since: number;
    readonly answered: number;
    readonly missed: number;
  }[];
}

export interface OwnClaimDetails extends OwnClaim {
  readonly lines: readonly OwnClaimLine[];
}

export const EXPENSES_KIND = 'firebreak expenses question';

/** What a patient signs for a bank: that it may be told, once, whether at least so much is on record; no more. */
export interface ExpensesQuestion {
  readonly kind: typeof EXPENSES_KIND;
  /** Origin of the instance's log. */
  readonly log: string;
  /** Handle of the patient's enrolment. */
  readonly signer: string;
  /** When it was signed, ISO 8601. */
  readonly at: string;
  /** Until when it may be asked, ISO 8601. */
  readonly until: string;
  /** `Patient/<id>` at the facade. */
  readonly patient: string;
  /** Who may ask, such as `Organization/x`, and for which purpose of use: a v3-ActReason code. */
  readonly to: string;
  readonly purpose: string;
  readonly atLeast: number;
  /** ISO 4217. */
  readonly currency: string;
  /** Days, both included. */
  readonly start: string;
  readonly end: string;
}

/** What `POST /claims/expenses` takes. */
export interface SignedExpensesQuestion {
  readonly document: ExpensesQuestion;
  /** Detached JWS of the patient over the document. */
  readonly jws: string;
}

/** And answers. */
export interface ExpensesAnswer {
  /** Names the attestation on the log. */
  readonly handle: string;
  readonly at: number;
  readonly says: 'yes' | 'no';
  /** The proof file, base64. */
  readonly proof: string;
}
