/** Rows whose sums are made by one thread; sums of lots are added in the order of the lots. */
export const LOT_ROWS = 4096;

/** What a pass reads. Arrays may lie in shared memory. */
export interface PassRows {
  readonly rows: number;
  readonly columns: number;
  /** Column-major, finite. */
  readonly data: Float64Array;
  /** 0 or 1, one a row. */
  readonly y: Uint8Array;
  readonly weights?: Float64Array | undefined;
  readonly offset?: Float64Array | undefined;
}

/** Sums over one lot of rows, for a machine. */
export interface LotKernel {
  /**
   * Overwrites `out` with the sums over the rows from `from` to `to`: the gradient Σ w x (y − p), intercept first, then
   * the number of rows on the wrong side, then the log-loss (meaningless where a weight is neither 0 nor 1), then, when wanted, the lower triangle of Σ w p(1 − p) x xᵀ row by row.
   *
   * @param beta - Intercept, then one coefficient a column.
   */
  readonly sum: (
    rows: PassRows,
    from: number,
    to: number,
    beta: Float64Array,
    withHessian: boolean,
    out: Float64Array,
  ) => void;
}

/** Numbers that the sums of a lot take. */
export function lotLength(columns: number, withHessian: boolean): number {
  const p = columns + 1;
  return p + 2 + (withHessian ? (p * (p + 1)) / 2 : 0);
}
