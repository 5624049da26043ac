/*
 * exp() from additions and multiplications of IEEE 754 doubles alone, each of which every machine rounds in
 * the same way. The engines' own Math.exp may differ between versions and platforms.
 */

/** ln 2 in two parts; the first has 32 bits, so that its product with an exponent is exact. */
export const LN2_HIGH = 0.6931471803691238;
export const LN2_LOW = 1.9082149292705877e-10;
/** exp() of anything larger overflows. */
const LARGEST = 709.782712893384;
/** exp() of anything smaller rounds to zero. */
const SMALLEST = -745.1332191019412;

const EXPONENT_MIN = -1022;
const EXPONENT_MAX = 1023;
/** 2^-1022 … 2^1023, made by exact doublings. */
const powersOfTwo = (() => {
  const table = new Float64Array(EXPONENT_MAX - EXPONENT_MIN + 1);
  let power = 1;
  for (let e = 0; e <= EXPONENT_MAX; e++, power *= 2) table[e - EXPONENT_MIN] = power;
  power = 1;
  for (let e = 0; e >= EXPONENT_MIN; e--, power /= 2) table[e - EXPONENT_MIN] = power;
  return table;
})();

/** 1/2!, 1/3! … 1/14!. The next term of the series is below 2^-60 of the result where it is used. */
const C2 = 1 / 2;
const C3 = 1 / 6;
const C4 = 1 / 24;
const C5 = 1 / 120;
const C6 = 1 / 720;
const C7 = 1 / 5040;
const C8 = 1 / 40320;
const C9 = 1 / 362880;
const C10 = 1 / 3628800;
const C11 = 1 / 39916800;
const C12 = 1 / 479001600;
const C13 = 1 / 6227020800;
const C14 = 1 / 87178291200;
/** The same, from 1/2! on. */
export const EXP_COEFFICIENTS: readonly number[] = [C2, C3, C4, C5, C6, C7, C8, C9, C10, C11, C12, C13, C14];

/**
 * e to the power `x`, the same bits on every machine.
 *
 * The argument is reduced to |r| ≤ ln 2 / 2 and summed as a Taylor series of fixed order; the error is below 1 ulp for
 * normal results.
 *
 * @param x - Any double; NaN gives NaN, overflow gives Infinity, underflow 0.
 */
export function exp(x: number): number {
  if (!(x <= LARGEST)) return x > LARGEST ? Infinity : NaN;
  if (x < SMALLEST) return 0;
  const k = Math.floor(x * Math.LOG2E + 0.5);
  const high = x - k * LN2_HIGH;
  const low = k * LN2_LOW;
  const r = high - low;
  // What was rounded away in r, put back at first order.
  const rest = high - r - low;
  const tail =
    r *
    r *
    (C2 +
      r *
        (C3 +
          r *
            (C4 +
              r *
                (C5 +
                  r *
                    (C6 +
                      r *
                        (C7 +
                          r * (C8 + r * (C9 + r * (C10 + r * (C11 + r * (C12 + r * (C13 + r * C14))))))))))));
  const y = 1 + (r + (tail + rest * (1 + r)));
  if (k < EXPONENT_MIN) {
    // Two exact steps and one rounding: the result is subnormal.
    return y * (powersOfTwo[k + 1000 - EXPONENT_MIN] ?? 0) * (powersOfTwo[-1000 - EXPONENT_MIN] ?? 0);
  }
  if (k > EXPONENT_MAX) return y * 2 * (powersOfTwo[EXPONENT_MAX - EXPONENT_MIN] ?? 0);
  return y * (powersOfTwo[k - EXPONENT_MIN] ?? 0);
}

/**
 * The logistic function 1 / (1 + e^-x), without overflow on either side.
 *
 * @param x - Log-odds.
 * @returns A probability from 0 to 1.
 */
export function logistic(x: number): number {
  if (x >= 0) return 1 / (1 + exp(-x));
  const e = exp(x);
  return e / (1 + e);
}
