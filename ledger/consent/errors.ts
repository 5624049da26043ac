/** Why the consent folder threw. */
export type ConsentErrorCode =
  /** Something other than the gate tried to become the maker of permits. */
  'CONSENT_MINT_TAKEN';

/** The one error class of this folder: refusals are values, so only a wrong program meets it. */
export class ConsentError extends Error {
  readonly code: ConsentErrorCode;

  constructor(code: ConsentErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ConsentError';
    this.code = code;
  }
}
