import { designFromColumns, type Design } from '../../../analytics/models/index.js';

/** A small seeded generator for test data: uniform on [0, 1). */
export function uniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Standard normal draws from uniform ones. */
export function normal(next: () => number): () => number {
  return () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
}

/** Independent normal columns, and outcomes by a logistic model on them. */
export function drawData(rows: number, columns: number, seed: number): { design: Design; y: Uint8Array } {
  const next = uniform(seed);
  const z = normal(next);
  const data = Array.from({ length: columns }, () => Float64Array.from({ length: rows }, z));
  const beta = data.map(() => z() / 2);
  const y = Uint8Array.from({ length: rows }, (_, i) => {
    const eta = data.reduce((total, column, j) => total + (beta[j] ?? 0) * (column[i] ?? 0), -0.5);
    return next() < 1 / (1 + Math.exp(-eta)) ? 1 : 0;
  });
  return {
    design: designFromColumns(
      data,
      data.map((_, j) => `x${j}`),
    ),
    y,
  };
}
