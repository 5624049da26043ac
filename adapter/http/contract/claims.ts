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

export interface OwnClaims {
  /** The latest first. */
  readonly claims: readonly OwnClaim[];
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
