/*
 * Natural logarithm from basic operations of IEEE 754 doubles alone; see exp.ts for why.
 */

const LN2_HIGH = 0.6931471803691238;
const LN2_LOW = 1.9082149292705877e-10;
const TWO_54 = 18014398509481984;

const bits = new DataView(new ArrayBuffer(8));

/**
 * Natural logarithm, the same bits on every machine; the error is below 1 ulp.
 *
 * x = m·2^e with √½ < m ≤ √2, and log m = 2 artanh(s) with s = (m − 1)/(m + 1), summed as a series of fixed order.
 *
 * @param x - Any double; 0 gives -Infinity, a negative number NaN.
 */
export function log(x: number): number {
  if (!(x > 0)) return x === 0 ? -Infinity : NaN;
  if (x === Infinity) return Infinity;
  let e = 0;
  let scaled = x;
  if (x < 2.2250738585072014e-308) {
    scaled = x * TWO_54;
    e = -54;
  }
  bits.setFloat64(0, scaled);
  const high = bits.getUint32(0);
  e += (high >>> 20) - 1023;
  bits.setUint32(0, (high & 0x000fffff) | 0x3ff00000);
  let m = bits.getFloat64(0);
  if (m > Math.SQRT2) {
    m /= 2;
    e += 1;
  }
  const f = m - 1;
  const s = f / (2 + f);
  const z = s * s;
  // 2 (s²/3 + s⁴/5 + …); the first term left out is below 2^-58 of the sum.
  const series =
    z *
    (2 / 3 +
      z *
        (2 / 5 +
          z *
            (2 / 7 +
              z *
                (2 / 9 +
                  z *
                    (2 / 11 +
                      z *
                        (2 / 13 +
                          z * (2 / 15 + z * (2 / 17 + z * (2 / 19 + z * (2 / 21 + z * (2 / 23)))))))))));
  // 2s = f − s·f, and s·f is small beside f; halving f² first keeps another bit.
  const half = 0.5 * f * f;
  return e * LN2_HIGH - (half - (s * (half + series) + e * LN2_LOW) - f);
}

/**
 * log(1 + x) without loss for small `x`.
 *
 * @param x - Greater than -1.
 */
export function log1p(x: number): number {
  const u = 1 + x;
  if (u === 1) return x;
  if (u === Infinity) return Infinity;
  // (x − (u − 1)) is what 1 + x rounded away.
  return log(u) + (x - (u - 1)) / u;
}

/**
 * Log-odds of a probability.
 *
 * @param p - Clamped to [1e-12, 1 − 1e-12], so that a certain prediction stays finite.
 */
export function logit(p: number): number {
  const q = p < 1e-12 ? 1e-12 : p > 1 - 1e-12 ? 1 - 1e-12 : p;
  return log(q / (1 - q));
}
