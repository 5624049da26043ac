import { PrivacyError } from './errors.js';

/** `size` random bytes, each call others. */
export type RandomBytes = (size: number) => Uint8Array;

/** Random bytes that are asked for at once. */
const POOL_BYTES = 512;

/**
 * Draws from the discrete Laplace distribution, P(y) ∝ exp(−|y|·denominator/numerator), exactly: by whole numbers and
 * random bits alone, since noise made with floating-point numbers gives its secret away by their rounding.
 *
 * @see Canonne, Kamath and Steinke, The Discrete Gaussian for Differential Privacy, 2020, algorithms 1 and 2
 * @see Mironov, On Significance of the Least Significant Bits for Differential Privacy, 2012
 */
export class DiscreteLaplace {
  readonly #bytes: RandomBytes;
  readonly #numerator: bigint;
  readonly #denominator: bigint;
  #pool: Uint8Array = new Uint8Array();
  #at = 0;

  /**
   * @param numerator - Over `denominator` the scale; both above 0. For a count with ε = 1/2 it is 2 over 1.
   * @throws PrivacyError PRIVACY_BAD_INPUT.
   */
  constructor(numerator: bigint, denominator: bigint, bytes: RandomBytes) {
    if (numerator <= 0n || denominator <= 0n)
      throw new PrivacyError('PRIVACY_BAD_INPUT', 'a scale is a ratio of whole numbers above 0');
    this.#bytes = bytes;
    this.#numerator = numerator;
    this.#denominator = denominator;
  }

  /** One draw. Throws PrivacyError PRIVACY_RANDOM. */
  draw(): bigint {
    for (;;) {
      const part = this.#uniform(this.#numerator);
      if (!this.#exponential(part, this.#numerator)) continue;
      let whole = 0n;
      while (this.#exponential(1n, 1n)) whole++;
      const size = (part + this.#numerator * whole) / this.#denominator;
      const isNegative = this.#uniform(2n) === 1n;
      // Zero has one sign.
      if (isNegative && size === 0n) continue;
      return isNegative ? -size : size;
    }
  }

  /** True with probability exp(−a/b), 0 ≤ a ≤ b. */
  #exponential(a: bigint, b: bigint): boolean {
    let rounds = 1n;
    while (this.#uniform(b * rounds) < a) rounds++;
    return rounds % 2n === 1n;
  }

  /** A whole number from 0 to below `limit`, each as likely: by rejection. */
  #uniform(limit: bigint): bigint {
    if (limit === 1n) return 0n;
    const bits = (limit - 1n).toString(2).length;
    const size = Math.ceil(bits / 8);
    const mask = (1n << BigInt(bits)) - 1n;
    for (;;) {
      let value = 0n;
      for (let i = 0; i < size; i++) value = (value << 8n) | BigInt(this.#byte());
      value &= mask;
      if (value < limit) return value;
    }
  }

  #byte(): number {
    if (this.#at === this.#pool.length) {
      this.#pool = this.#bytes(POOL_BYTES);
      this.#at = 0;
      if (this.#pool.length !== POOL_BYTES)
        throw new PrivacyError('PRIVACY_RANDOM', 'the source of random bytes gives another count of them');
    }
    return this.#pool[this.#at++] ?? 0;
  }
}
