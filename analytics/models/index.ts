export { checkDesign, designFromColumns, selectRows } from './design.js';
export type { Design } from './design.js';
export { fitLogistic, linearPredictor, logLoss, predict } from './logistic.js';
export type { LogisticFit, LogisticOptions } from './logistic.js';
export { GRADIENT_TOLERANCE, newton } from './newton.js';
export type { NewtonResult } from './newton.js';
export { choosePenalty, PENALTY_GRID } from './penalty.js';
export type { PenaltyChoice } from './penalty.js';
