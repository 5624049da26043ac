import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { designFromColumns, type Design } from '../../../analytics/models/index.js';
import { sharedData } from '../../support/shared-data.js';

/** Folder of reference values, or why a test that needs them is skipped. */
export const goldenFolder = sharedData('golden');
export const skipWithoutGolden = goldenFolder === undefined ? 'shared data (golden) not found' : false;

/** A reference file's JSON. */
export function golden(name: string): unknown {
  return JSON.parse(readFileSync(join(goldenFolder ?? '', name), 'utf8'));
}

/** A reference CSV: predictors as a design, one column as outcome. */
export function goldenCsv(name: string, outcome: string): { design: Design; y: Uint8Array } {
  const [header = '', ...lines] = readFileSync(join(goldenFolder ?? '', name), 'utf8')
    .trim()
    .split('\n');
  const names = header.split(',').map((text) => text.replaceAll('"', ''));
  const rows = lines.map((line) => line.split(',').map(Number));
  const column = (j: number): Float64Array => Float64Array.from(rows, (row) => row[j] ?? NaN);
  const at = names.indexOf(outcome);
  const predictors = names.map((_, j) => j).filter((j) => j !== at);
  return {
    design: designFromColumns(
      predictors.map(column),
      predictors.map((j) => names[j] ?? ''),
    ),
    y: Uint8Array.from(column(at)),
  };
}

/** Largest absolute difference of two lists of the same length. */
export function maxDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Infinity;
  let max = 0;
  for (let i = 0; i < a.length; i++) {
    const d = Math.abs((a[i] ?? NaN) - (b[i] ?? NaN));
    if (Number.isNaN(d)) return NaN;
    if (d > max) max = d;
  }
  return max;
}
