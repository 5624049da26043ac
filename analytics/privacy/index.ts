export { BINS_MAX, noisyHistogram, noisySum } from './answers.js';
export type { HistogramQuestion, NoisyCounts, SumQuestion } from './answers.js';
export { PrivacyBudgets } from './budget.js';
export type { BudgetAnswer, BudgetRefusal, PaidAnswer } from './budget.js';
export { DiscreteLaplace } from './discrete-laplace.js';
export type { RandomBytes } from './discrete-laplace.js';
export type { MicroEpsilon } from './epsilon.js';
export { PrivacyError } from './errors.js';
export type { PrivacyErrorCode } from './errors.js';
