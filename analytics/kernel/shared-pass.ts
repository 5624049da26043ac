/*
 * A pass shared among threads. Lots are taken one by one by whoever is free; each lot's sums go to a place of its own,
 * so it matters neither who makes them nor when, and making them twice does no harm.
 */
import { logisticKernel } from './logistic-kernel.js';
import { LOT_ROWS, lotLength, type PassRows } from './lot.js';

/** Indexes into {@link SharedPass.control}. */
export const NEXT_LOT = 0;
export const LOTS_DONE = 1;
const CONTROL_LENGTH = 2;

/** A pass as threads see it: every array lies in shared memory. */
export interface SharedPass {
  readonly rows: PassRows;
  readonly beta: Float64Array;
  readonly withHessian: boolean;
  readonly control: Int32Array;
  /** Whether a lot's sums are there, one a lot. */
  readonly done: Int32Array;
  /** Sums of all lots, one after another. */
  readonly sums: Float64Array;
}

/** An array of numbers that threads can share. */
export function sharedDoubles(length: number): Float64Array {
  return new Float64Array(new SharedArrayBuffer(length * Float64Array.BYTES_PER_ELEMENT));
}

function sharedInts(length: number): Int32Array {
  return new Int32Array(new SharedArrayBuffer(length * Int32Array.BYTES_PER_ELEMENT));
}

/** A pass of which nothing is done. */
export function sharedPass(rows: PassRows, beta: Float64Array, withHessian: boolean): SharedPass {
  const lots = Math.ceil(rows.rows / LOT_ROWS);
  return {
    rows,
    beta: share(beta),
    withHessian,
    control: sharedInts(CONTROL_LENGTH),
    done: sharedInts(lots),
    sums: sharedDoubles(lots * lotLength(rows.columns, withHessian)),
  };
}

/** Takes lots and sums them until none is left to take. */
export function workOn(pass: SharedPass): void {
  const { control, done } = pass;
  for (;;) {
    const lot = Atomics.add(control, NEXT_LOT, 1);
    if (lot >= done.length) return;
    sumLot(pass, lot);
    Atomics.store(done, lot, 1);
    Atomics.add(control, LOTS_DONE, 1);
    Atomics.notify(control, LOTS_DONE);
  }
}

/** Sums one lot. */
export function sumLot({ rows, beta, withHessian, sums }: SharedPass, lot: number): void {
  const length = lotLength(rows.columns, withHessian);
  const from = lot * LOT_ROWS;
  const to = Math.min(rows.rows, from + LOT_ROWS);
  logisticKernel().sum(rows, from, to, beta, withHessian, sums.subarray(lot * length, (lot + 1) * length));
}

/** The rows in shared memory; arrays that lie there already are taken as they are. */
export function shareRows(rows: PassRows): PassRows {
  const { data, y, weights, offset } = rows;
  return {
    rows: rows.rows,
    columns: rows.columns,
    data: share(data),
    y: y.buffer instanceof SharedArrayBuffer ? y : shareBytes(y),
    weights: weights === undefined ? undefined : share(weights),
    offset: offset === undefined ? undefined : share(offset),
  };
}

function share(values: Float64Array): Float64Array {
  if (values.buffer instanceof SharedArrayBuffer) return values;
  const shared = sharedDoubles(values.length);
  shared.set(values);
  return shared;
}

function shareBytes(values: Uint8Array): Uint8Array {
  const shared = new Uint8Array(new SharedArrayBuffer(values.length));
  shared.set(values);
  return shared;
}
