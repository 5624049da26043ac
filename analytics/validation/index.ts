export { brier, calibration } from './calibration.js';
export type { Brier, Calibration, Estimate } from './calibration.js';
export { measure } from './performance.js';
export type { Performance } from './performance.js';
export { auroc, Z_95 } from './roc.js';
export type { Auroc } from './roc.js';
export { foldsByKey, keyedRank, splitByKey } from './split.js';
export type { Split } from './split.js';
