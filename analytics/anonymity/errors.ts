/**
 * Why a table is not made anonymous.
 *
 * - `ANONYMITY_BAD_INPUT`: k, a share, a hierarchy or a table's shape is none.
 * - `ANONYMITY_NO_QUASI_IDENTIFIERS`: none is declared.
 * - `ANONYMITY_UNDECLARED`: columns tell who a person is, and are not declared as quasi-identifiers.
 * - `ANONYMITY_K_NOT_REACHABLE`: not even the widest generalisation reaches k with the rows that may be suppressed.
 * - `ANONYMITY_TOO_LARGE`: the hierarchies allow more combinations than are searched.
 */
export type AnonymityErrorCode =
  | 'ANONYMITY_BAD_INPUT'
  | 'ANONYMITY_NO_QUASI_IDENTIFIERS'
  | 'ANONYMITY_UNDECLARED'
  | 'ANONYMITY_K_NOT_REACHABLE'
  | 'ANONYMITY_TOO_LARGE';

/** A failure of anonymisation. Codes are stable; messages name columns and hold no value. */
export class AnonymityError extends Error {
  readonly code: AnonymityErrorCode;

  constructor(code: AnonymityErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'AnonymityError';
    this.code = code;
  }
}
