/**
 * Why an analytics step failed or refused.
 *
 * - `ANALYTICS_SHAPE`: lengths that should agree do not.
 * - `ANALYTICS_NOT_FINITE`: a value is NaN or infinite where a number is needed.
 * - `ANALYTICS_ONE_CLASS`: all outcomes are the same, so nothing can be learned or measured.
 * - `ANALYTICS_TOO_FEW_ROWS`: fewer rows than parameters.
 * - `ANALYTICS_CONSTANT_COLUMN`: a column has one value only.
 * - `ANALYTICS_COLLINEAR`: columns are linear combinations of others and no penalty settles them.
 * - `ANALYTICS_SEPARATION`: a combination of columns separates the outcomes, so no finite estimate exists.
 * - `ANALYTICS_NOT_CONVERGED`: the optimiser reached its limit of iterations.
 * - `ANALYTICS_DUPLICATE_KEY`: one patient was given twice.
 * - `ANALYTICS_NO_PATIENTS`: no patient is left after the exclusions.
 * - `ANALYTICS_STUDY_INVALID`: a study names something that does not exist or contradicts itself.
 * - `ANALYTICS_MODEL_INVALID`: a model file is not one of ours or was altered.
 * - `ANALYTICS_BASIS_EMPTY`: a RiskAssessment would name nothing that it is based on.
 */
export type AnalyticsErrorCode =
  | 'ANALYTICS_SHAPE'
  | 'ANALYTICS_NOT_FINITE'
  | 'ANALYTICS_ONE_CLASS'
  | 'ANALYTICS_TOO_FEW_ROWS'
  | 'ANALYTICS_CONSTANT_COLUMN'
  | 'ANALYTICS_COLLINEAR'
  | 'ANALYTICS_SEPARATION'
  | 'ANALYTICS_NOT_CONVERGED'
  | 'ANALYTICS_DUPLICATE_KEY'
  | 'ANALYTICS_NO_PATIENTS'
  | 'ANALYTICS_STUDY_INVALID'
  | 'ANALYTICS_MODEL_INVALID'
  | 'ANALYTICS_BASIS_EMPTY';

/** A failure of the analytics folder. Codes are stable, messages may change and hold no patient's data. */
export class AnalyticsError extends Error {
  readonly code: AnalyticsErrorCode;

  /**
   * @param code - The stable code.
   * @param message - What happened, for a person.
   * @param options - `cause` keeps the original failure.
   */
  constructor(code: AnalyticsErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'AnalyticsError';
    this.code = code;
  }
}
