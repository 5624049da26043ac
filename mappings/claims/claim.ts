/** What a claim says, line by line, as far as records can bear it out. */

/** What a line's truth is looked for among. */
export type LineKind = 'encounter' | 'procedure' | 'diagnosis' | 'immunization' | 'medication' | 'any';

/** From when to when, in the claim's own texts; a day alone is both. */
export interface ClaimedDates {
  readonly start: string;
  readonly end: string;
}

export interface ClaimedQuantity {
  readonly value: number;
  /** UCUM code, or `undefined` for a plain count. */
  readonly unit?: string;
}

export interface ClaimedAmount {
  readonly value: number;
  /** ISO 4217. */
  readonly currency: string;
}

export interface ClaimedLine {
  readonly sequence: number;
  readonly kind: LineKind;
  /** `system|code`, sorted, each once; at least one. */
  readonly codes: readonly string[];
  /** The record that the line names, as the claim calls it. */
  readonly target?: string;
  /** The line's own, or the claim's; `undefined` where neither says any. */
  readonly dates?: ClaimedDates;
  readonly quantity?: ClaimedQuantity;
  readonly amount?: ClaimedAmount;
}

export interface ReadClaim {
  readonly type: 'Claim' | 'ExplanationOfBenefit';
  /** Such as `Claim/7`: what the patient's permission names. */
  readonly name: string;
  readonly patient: string;
  readonly provider: string;
  /** The prescription that all lines rest on. */
  readonly prescription?: string;
  readonly lines: readonly ClaimedLine[];
}

/** Why a claim is not looked at; nothing of any record was read. */
export interface ClaimRefusal {
  readonly code:
    | 'no-claim'
    | 'several-claims'
    | 'too-many-lines'
    | 'malformed'
    | 'bad-date'
    | 'reversed-dates'
    | 'overlapping-dates'
    | 'too-long'
    | 'bad-code'
    | 'bad-amount'
    | 'bad-currency'
    | 'bad-quantity';
  /** FHIRPath of the element at fault. */
  readonly expression: string;
}

export type ReadClaimAnswer =
  { readonly ok: true; readonly claim: ReadClaim } | { readonly ok: false; readonly refusal: ClaimRefusal };
