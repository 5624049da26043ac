export { predictClasses } from './classes.js';
export type { ClassKind, ClassParameters } from './classes.js';
export { fitContinuation, predictContinuation } from './continuation.js';
export type { ContinuationOptions, StageModel } from './continuation.js';
export {
  checkDesign,
  designDoubles,
  designFromColumns,
  selectColumns,
  selectRows,
  varyingColumns,
} from './design.js';
export type { Design } from './design.js';
export { fitFirth, profileFirth } from './firth.js';
export type { FirthFit, FirthOptions } from './firth.js';
export { likelihoodRatioTest, waldTable, waldTest } from './inference.js';
export type { ChiSquaredTest, WaldRow } from './inference.js';
export { fitLogistic, linearPredictor, logLoss, predict } from './logistic.js';
export type { LogisticFit, LogisticOptions } from './logistic.js';
export type { RowTerms } from './logistic-pass.js';
export { contrasts, fitMultinomial, predictMultinomial } from './multinomial.js';
export type { Contrast, MultinomialFit, MultinomialOptions } from './multinomial.js';
export { GRADIENT_TOLERANCE, newton } from './newton.js';
export type { NewtonResult } from './newton.js';
export { fitOrdinal, predictOrdinal } from './ordinal.js';
export type { OrdinalFit, OrdinalOptions } from './ordinal.js';
export { choosePenalty, crossValidated, PENALTY_DEFAULT, PENALTY_GRID } from './penalty.js';
export type { PenaltyChoice } from './penalty.js';
export { profileInterval, profileLogistic } from './profile.js';
export { testProportionality } from './proportionality.js';
export type { Proportionality } from './proportionality.js';
export { findSeparation } from './separation.js';
export type { Separation } from './separation.js';
