import { AnalyticsError } from '../errors.js';
import { sharedDoubles } from '../kernel/index.js';
import type { RowTerms } from './logistic-pass.js';

/** A matrix of predictors, without a column for the intercept. */
export interface Design {
  readonly rows: number;
  readonly columns: number;
  /** Column-major: the value of row i in column j is `data[j * rows + i]`. Finite. */
  readonly data: Float64Array;
  /** One name a column. */
  readonly names: readonly string[];
}

/** From here on a design's values lie in memory that threads share. */
const SHARED_VALUES_MIN = 500_000;

/** Zeros for the values of a design: where there are many, in memory that other threads can read without a copy. */
export function designDoubles(length: number): Float64Array {
  return length < SHARED_VALUES_MIN ? new Float64Array(length) : sharedDoubles(length);
}

/**
 * A design from columns.
 *
 * @param columns - Each of the same length.
 * @param names - One a column.
 * @throws AnalyticsError ANALYTICS_SHAPE when the lengths differ.
 */
export function designFromColumns(columns: readonly ArrayLike<number>[], names: readonly string[]): Design {
  const rows = columns[0]?.length ?? 0;
  if (names.length !== columns.length) throw new AnalyticsError('ANALYTICS_SHAPE', 'not one name a column');
  const data = designDoubles(rows * columns.length);
  columns.forEach((column, j) => {
    if (column.length !== rows)
      throw new AnalyticsError('ANALYTICS_SHAPE', `column ${names[j] ?? j} has another length`);
    data.set(column, j * rows);
  });
  return { rows, columns: columns.length, data, names };
}

/**
 * The rows named, in the order named.
 *
 * @param rows - Indexes into the design.
 */
export function selectRows(design: Design, rows: ArrayLike<number>): Design {
  const n = rows.length;
  const data = designDoubles(n * design.columns);
  for (let j = 0; j < design.columns; j++) {
    const from = j * design.rows;
    const to = j * n;
    for (let i = 0; i < n; i++) data[to + i] = design.data[from + (rows[i] ?? 0)] ?? NaN;
  }
  return { rows: n, columns: design.columns, data, names: design.names };
}

/** Indexes of the columns that have more than one value. */
export function varyingColumns({ rows, names, data }: Design): number[] {
  return names
    .map((_, j) => j)
    .filter((j) => {
      const first = data[j * rows];
      return data.subarray(j * rows, (j + 1) * rows).some((value) => value !== first);
    });
}

/**
 * The columns named, in the order named; the design itself where that is all of them.
 *
 * @param columns - Indexes, ascending.
 */
export function selectColumns(design: Design, columns: readonly number[]): Design {
  if (columns.length === design.columns) return design;
  const { rows, data, names } = design;
  const kept = designDoubles(rows * columns.length);
  columns.forEach((column, j) => kept.set(data.subarray(column * rows, (column + 1) * rows), j * rows));
  return { rows, columns: columns.length, data: kept, names: columns.map((j) => names[j] ?? '') };
}

/**
 * Refuses what no logistic fit can use: bad shapes, values that are not finite, one class, n < parameters, constant columns.
 *
 * @param y - 0 or 1, one a row.
 * @throws AnalyticsError ANALYTICS_SHAPE, ANALYTICS_ONE_CLASS, ANALYTICS_TOO_FEW_ROWS, ANALYTICS_NOT_FINITE or
 * ANALYTICS_CONSTANT_COLUMN.
 */
export function checkDesign(design: Design, y: Uint8Array, terms: RowTerms = {}): void {
  checkColumns(design, y);
  checkTerms(design, terms);
  const { weights } = terms;
  let events = 0;
  let counted = 0;
  for (let i = 0; i < y.length; i++) {
    const value = y[i] ?? NaN;
    if (value > 1) throw new AnalyticsError('ANALYTICS_SHAPE', 'an outcome is neither 0 nor 1');
    if (weights !== undefined && weights[i] === 0) continue;
    counted++;
    events += value;
  }
  if (events === 0 || events === counted) {
    throw new AnalyticsError('ANALYTICS_ONE_CLASS', `all ${counted} outcomes are ${events === 0 ? 0 : 1}`);
  }
  if (counted < design.columns + 1) {
    throw new AnalyticsError(
      'ANALYTICS_TOO_FEW_ROWS',
      `${counted} rows for ${design.columns + 1} parameters: too few, or too many columns`,
    );
  }
}

/**
 * Refuses weights and offsets that no fit can use.
 *
 * @throws AnalyticsError ANALYTICS_SHAPE when they are not one a row, or a weight is negative or all are 0;
 * ANALYTICS_NOT_FINITE.
 */
export function checkTerms({ rows }: Design, { weights, offset }: RowTerms): void {
  for (const values of [weights, offset]) {
    if (values === undefined) continue;
    if (values.length !== rows)
      throw new AnalyticsError('ANALYTICS_SHAPE', 'weights and offsets are one a row');
    if (!values.every(Number.isFinite))
      throw new AnalyticsError('ANALYTICS_NOT_FINITE', 'a weight or an offset is not finite');
  }
  if (weights === undefined) return;
  if (!weights.every((w) => w >= 0) || !weights.some((w) => w > 0))
    throw new AnalyticsError('ANALYTICS_SHAPE', 'weights are at least 0, and not all 0');
}

/**
 * Refuses columns that no fit can use: bad shapes, values that are not finite, constant columns.
 *
 * @param y - Outcomes of any kind, one a row.
 * @throws AnalyticsError ANALYTICS_SHAPE, ANALYTICS_NOT_FINITE or ANALYTICS_CONSTANT_COLUMN.
 */
export function checkColumns(design: Design, y: { readonly length: number }): void {
  const { rows, columns, data, names } = design;
  if (y.length !== rows || data.length !== rows * columns) {
    throw new AnalyticsError('ANALYTICS_SHAPE', 'outcome, rows and values differ in length');
  }
  for (let j = 0; j < columns; j++) {
    const from = j * rows;
    if (!allFinite(data, from, from + rows))
      throw new AnalyticsError(
        'ANALYTICS_NOT_FINITE',
        `column ${names[j] ?? j} has a value that is not finite`,
      );
    if (isConstant(data, from, from + rows))
      throw new AnalyticsError('ANALYTICS_CONSTANT_COLUMN', `column ${names[j] ?? j} has one value only`);
  }
}

/** Whether all values are. v − v is 0 for every finite v and NaN otherwise; four sums do not wait for each other. */
function allFinite(data: Float64Array, from: number, to: number): boolean {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  let i = from;
  for (; i + 3 < to; i += 4) {
    const v = data[i] as number;
    const w = data[i + 1] as number;
    const x = data[i + 2] as number;
    const y = data[i + 3] as number;
    a += v - v;
    b += w - w;
    c += x - x;
    d += y - y;
  }
  for (; i < to; i++) a += (data[i] as number) - (data[i] as number);
  return a + b + c + d === 0;
}

function isConstant(data: Float64Array, from: number, to: number): boolean {
  const first = data[from];
  for (let i = from; i < to; i++) if (data[i] !== first) return false;
  return true;
}
