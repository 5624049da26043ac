import type { ClaimRefusal } from './claim.js';

/** Ends the reading of a claim; stays inside of this folder. */
export class Refused extends Error {
  readonly refusal: ClaimRefusal;

  constructor(code: ClaimRefusal['code'], expression: string) {
    super(code);
    this.refusal = { code, expression };
  }
}

/** @throws Refused */
export function demand(
  condition: boolean,
  code: ClaimRefusal['code'],
  expression: string,
): asserts condition {
  if (!condition) throw new Refused(code, expression);
}
