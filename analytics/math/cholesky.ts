/**
 * Lower Cholesky factor of a symmetric positive definite matrix, in place in its lower triangle.
 *
 * @param a - Row-major, `n` × `n`; the lower triangle is read and overwritten.
 * @param n - Rows and columns.
 * @param tolerance - A pivot at or below this share of its own diagonal entry counts as zero.
 * @returns The index of the first pivot that is not positive, or -1 when the factor is complete.
 */
export function choleskyInPlace(a: Float64Array, n: number, tolerance: number): number {
  for (let j = 0; j < n; j++) {
    const rowJ = j * n;
    const diagonal = a[rowJ + j] ?? NaN;
    let pivot = diagonal;
    for (let k = 0; k < j; k++) {
      const v = a[rowJ + k] ?? NaN;
      pivot -= v * v;
    }
    if (!(pivot > tolerance * diagonal) || !(pivot > 0)) return j;
    const root = Math.sqrt(pivot);
    a[rowJ + j] = root;
    for (let i = j + 1; i < n; i++) {
      const rowI = i * n;
      let s = a[rowI + j] ?? NaN;
      for (let k = 0; k < j; k++) s -= (a[rowI + k] ?? NaN) * (a[rowJ + k] ?? NaN);
      a[rowI + j] = s / root;
    }
  }
  return -1;
}

/**
 * Solves L·Lᵀ·x = b.
 *
 * @param factor - What {@link choleskyInPlace} left.
 * @param b - Not changed.
 * @returns A new array of `n` values.
 */
export function choleskySolve(factor: Float64Array, n: number, b: Float64Array): Float64Array {
  const x = Float64Array.from(b);
  for (let i = 0; i < n; i++) {
    let s = x[i] ?? NaN;
    for (let k = 0; k < i; k++) s -= (factor[i * n + k] ?? NaN) * (x[k] ?? NaN);
    x[i] = s / (factor[i * n + i] ?? NaN);
  }
  for (let i = n - 1; i >= 0; i--) {
    let s = x[i] ?? NaN;
    for (let k = i + 1; k < n; k++) s -= (factor[k * n + i] ?? NaN) * (x[k] ?? NaN);
    x[i] = s / (factor[i * n + i] ?? NaN);
  }
  return x;
}

/**
 * Inverse of the factored matrix.
 *
 * @param factor - What {@link choleskyInPlace} left.
 * @returns Row-major, `n` × `n`, both triangles.
 */
export function choleskyInverse(factor: Float64Array, n: number): Float64Array {
  const inverse = new Float64Array(n * n);
  const unit = new Float64Array(n);
  for (let j = 0; j < n; j++) {
    unit.fill(0);
    unit[j] = 1;
    const column = choleskySolve(factor, n, unit);
    for (let i = 0; i < n; i++) inverse[i * n + j] = column[i] ?? NaN;
  }
  return inverse;
}
