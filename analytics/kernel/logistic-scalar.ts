/*
 * The sums of logistic-code.ts without vectors, in the same order and so to the same bits: for machines whose
 * WebAssembly has none, and as the reading of what the vectors do.
 */
import { exp, log } from '../math/index.js';
import { BLOCK, CHUNK_ROWS, ETA_MAX } from './logistic-code.js';
import type { LotKernel, PassRows } from './lot.js';

/** The kernel in plain JavaScript. */
export const scalarKernel: LotKernel = {
  sum: (rows, from, to, beta, withHessian, out) => {
    const p = rows.columns + 1;
    const residual = new Float64Array(to - from);
    const root = new Float64Array(to - from);
    out.fill(0);
    for (let chunk = from; chunk < to; chunk += CHUNK_ROWS) {
      const end = chunk + CHUNK_ROWS < to ? chunk + CHUNK_ROWS : to;
      const { wrong, loss } = rowTerms(
        rows,
        chunk,
        end,
        beta,
        residual.subarray(chunk - from),
        root.subarray(chunk - from),
      );
      out[p] = (out[p] as number) + wrong;
      out[p + 1] = (out[p + 1] as number) + loss;
      for (let j = 0; j < p; j++) {
        let even = 0;
        let odd = 0;
        for (let i = chunk; i < end; i++) {
          const term = valueAt(rows, i, j) * (residual[i - from] as number);
          if (((i - chunk) & 1) === 0) even += term;
          else odd += term;
        }
        out[j] = (out[j] as number) + (even + odd);
      }
      if (!withHessian) continue;
      for (let block = chunk; block < end; block += BLOCK)
        addBlock(rows, block, block + BLOCK < end ? block + BLOCK : end, from, root, out);
    }
  },
};

/** Residuals and roots of weights; gives the number of rows on the wrong side, and the log-loss. */
function rowTerms(
  { rows, columns, data, y, weights, offset }: PassRows,
  from: number,
  to: number,
  beta: Float64Array,
  residual: Float64Array,
  root: Float64Array,
): { wrong: number; loss: number } {
  let wrong = 0;
  const linear = [0, 0] as [number, number];
  const product = [1, 1] as [number, number];
  for (let i = from; i < to; i++) {
    let eta = (beta[0] as number) + (offset === undefined ? 0 : (offset[i] as number));
    for (let j = 0; j < columns; j++) eta += (beta[j + 1] as number) * (data[j * rows + i] as number);
    const outcome = y[i] as number;
    const weight = weights === undefined ? 1 : (weights[i] as number);
    const inFavour = (outcome + outcome - 1) * eta;
    if (weight > 0 && !(inFavour > 0)) wrong++;
    const lane = ((i - from) & 1) as 0 | 1;
    linear[lane] += Math.max(-inFavour, 0) * weight;
    const e = exp(-Math.min(Math.abs(eta), ETA_MAX));
    product[lane] *= 1 + weight * e;
    const probability = (eta >= 0 ? 1 : e) / (1 + e);
    residual[i - from] = (outcome - probability) * weight;
    root[i - from] = Math.sqrt(probability * (1 - probability) * weight);
  }
  return { wrong, loss: lossOf(...linear, ...product) };
}

function addBlock(
  rows: PassRows,
  start: number,
  end: number,
  from: number,
  root: Float64Array,
  out: Float64Array,
): void {
  const p = rows.columns + 1;
  const z = Array.from({ length: p }, (_, j) =>
    Float64Array.from(
      { length: end - start },
      (__, i) => valueAt(rows, start + i, j) * (root[start + i - from] as number),
    ),
  );
  let at = p + 2;
  for (const [j, a] of z.entries()) {
    for (const b of z.slice(0, j + 1)) {
      let even = 0;
      let odd = 0;
      for (let i = 0; i < a.length; i++) {
        const term = (a[i] as number) * (b[i] as number);
        if ((i & 1) === 0) even += term;
        else odd += term;
      }
      out[at] = (out[at] as number) + (even + odd);
      at++;
    }
  }
}

/** The log-loss of a chunk, of the sums and products of its lanes. */
export function lossOf(linear0: number, linear1: number, product0: number, product1: number): number {
  return linear0 + linear1 + (log(product0) + log(product1));
}

/** Column 0 is the intercept's. */
function valueAt({ rows, data }: PassRows, i: number, j: number): number {
  return j === 0 ? 1 : (data[(j - 1) * rows + i] as number);
}
