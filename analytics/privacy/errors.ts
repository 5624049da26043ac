/**
 * Why no private answer is made.
 *
 * - `PRIVACY_BAD_INPUT`: a number, bin or budget is none.
 * - `PRIVACY_RANDOM`: the source of random bytes gives too few.
 */
export type PrivacyErrorCode = 'PRIVACY_BAD_INPUT' | 'PRIVACY_RANDOM';

/** A failure of a private answer. Codes are stable; messages hold no value. */
export class PrivacyError extends Error {
  readonly code: PrivacyErrorCode;

  constructor(code: PrivacyErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'PrivacyError';
    this.code = code;
  }
}
