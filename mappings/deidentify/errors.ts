/**
 * Why nothing is de-identified.
 *
 * - `DEIDENTIFY_NOT_JSON`: the text is not JSON.
 * - `DEIDENTIFY_NOT_FHIR`: the JSON is no FHIR resource.
 * - `DEIDENTIFY_BAD_RULE`: a rule's path or method is unknown.
 * - `DEIDENTIFY_BAD_KEY`: the project's key is shorter than 32 bytes.
 * - `DEIDENTIFY_UNKNOWN_PROFILE`: there is no such profile.
 * - `DEIDENTIFY_NOT_ANNOUNCED`: a resource was not announced before, so references to it could not hold.
 */
export type DeidentifyErrorCode =
  | 'DEIDENTIFY_NOT_JSON'
  | 'DEIDENTIFY_NOT_FHIR'
  | 'DEIDENTIFY_BAD_RULE'
  | 'DEIDENTIFY_BAD_KEY'
  | 'DEIDENTIFY_UNKNOWN_PROFILE'
  | 'DEIDENTIFY_NOT_ANNOUNCED';

/** A failure of de-identification. Codes are stable; messages hold no value of a resource. */
export class DeidentifyError extends Error {
  readonly code: DeidentifyErrorCode;

  constructor(code: DeidentifyErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'DeidentifyError';
    this.code = code;
  }
}
