export { choleskyInPlace, choleskyInverse, choleskySolve } from './cholesky.js';
export { chiSquaredTail, erfc, normalCdf, normalTwoSided } from './distributions.js';
export { exp, EXP_COEFFICIENTS, LN2_HIGH, LN2_LOW, logistic } from './exp.js';
export { log, log1p, logit } from './log.js';
export { BLOCK_ROWS, mean, quantile, sum, sumSquares } from './sum.js';
