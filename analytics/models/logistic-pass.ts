/*
 * One pass over the rows of a logistic regression: gradient and, where asked for, the matrix of second derivatives.
 * Rows are summed in lots of fixed size and the lots' sums added in their order, so the bits do not depend on how the
 * lots are shared out.
 */
import {
  LOT_ROWS,
  logisticKernel,
  lotLength,
  shareRows,
  sumOnThreads,
  usualThreads,
  type PassRows,
} from '../kernel/index.js';
import type { Design } from './design.js';

/** What one pass leaves, the intercept at index 0, summed over all rows and without the penalty. */
export interface Pass {
  /** Σ x (y − p): length 1 + columns. */
  readonly gradient: Float64Array;
  /** Σ p(1 − p) x xᵀ, row-major, lower triangle; undefined when not asked for. */
  readonly hessian: Float64Array | undefined;
  /** Whether every row lies on its own side of log-odds 0: then these coefficients separate the outcomes. */
  readonly separated: boolean;
  /** Σ log-loss, where no weights are given; otherwise meaningless. */
  readonly loss: number;
}

/** What rows carry beside columns and outcome. */
export interface RowTerms {
  /** How often each row counts; finite, at least 0, not all 0. */
  readonly weights?: Float64Array | undefined;
  /** Fixed part of each row's log-odds; finite. */
  readonly offset?: Float64Array | undefined;
}

/** Passes over one set of rows. */
export type RowPasses = (beta: Float64Array, withHessian: boolean) => Pass;

/** Below so many values the other threads cost more than they bring. */
const SHARED_VALUES_MIN = 500_000;

/**
 * Gets rows ready for any number of passes.
 *
 * @param design - Finite values.
 * @param y - 0 or 1, one a row.
 * @param terms - Weights and offsets, when there are any.
 * @param threads - Threads to use; as many as the machine has for long designs, unless given. The bits do not depend on
 * it.
 * @returns A function from coefficients, the intercept first, and whether second derivatives are wanted, which cost most
 * of a pass.
 */
export function rowPasses(design: Design, y: Uint8Array, terms: RowTerms = {}, threads?: number): RowPasses {
  const values = design.rows * (design.columns + 1);
  const used = threads ?? (values < SHARED_VALUES_MIN ? 1 : usualThreads());
  const own: PassRows = {
    rows: design.rows,
    columns: design.columns,
    data: design.data,
    y,
    weights: terms.weights,
    offset: terms.offset,
  };
  const rows = used > 1 ? shareRows(own) : own;
  return (beta, withHessian) =>
    used > 1
      ? added(rows, sumOnThreads(rows, beta, withHessian, used), withHessian)
      : alone(rows, beta, withHessian);
}

/** The pass on this thread, with no more memory than a lot's sums. */
function alone(rows: PassRows, beta: Float64Array, withHessian: boolean): Pass {
  const kernel = logisticKernel();
  const total = new Float64Array(lotLength(rows.columns, withHessian));
  const lot = new Float64Array(total.length);
  for (let from = 0; from < rows.rows; from += LOT_ROWS) {
    kernel.sum(rows, from, Math.min(rows.rows, from + LOT_ROWS), beta, withHessian, lot);
    for (let i = 0; i < total.length; i++) total[i] = (total[i] as number) + (lot[i] as number);
  }
  return passOf(total, rows.columns, withHessian);
}

/** Adds the sums of all lots in their order. */
function added(rows: PassRows, sums: Float64Array, withHessian: boolean): Pass {
  const total = new Float64Array(lotLength(rows.columns, withHessian));
  for (let from = 0; from < sums.length; from += total.length) {
    for (let i = 0; i < total.length; i++) total[i] = (total[i] as number) + (sums[from + i] as number);
  }
  return passOf(total, rows.columns, withHessian);
}

function passOf(total: Float64Array, columns: number, withHessian: boolean): Pass {
  const p = columns + 1;
  const hessian = withHessian ? new Float64Array(p * p) : undefined;
  if (hessian !== undefined) {
    let from = p + 2;
    for (let j = 0; j < p; j++) for (let k = 0; k <= j; k++) hessian[j * p + k] = total[from++] as number;
  }
  return { gradient: total.slice(0, p), hessian, separated: total[p] === 0, loss: total[p + 1] as number };
}
