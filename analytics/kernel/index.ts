export { logisticKernel } from './logistic-kernel.js';
export { scalarKernel } from './logistic-scalar.js';
export { vectorKernel } from './logistic-vector.js';
export { LOT_ROWS, lotLength } from './lot.js';
export type { LotKernel, PassRows } from './lot.js';
export { sumOnThreads, usualThreads } from './lot-threads.js';
export { sharedDoubles, shareRows } from './shared-pass.js';
