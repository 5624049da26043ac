import { scalarKernel } from './logistic-scalar.js';
import { vectorKernel } from './logistic-vector.js';
import type { LotKernel } from './lot.js';

let kernel: LotKernel | undefined;

/** The fastest kernel of this machine, one a thread. Which one it is does not show in the bits. */
export function logisticKernel(): LotKernel {
  kernel ??= vectorKernel() ?? scalarKernel;
  return kernel;
}
