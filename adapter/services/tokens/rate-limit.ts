/** Token buckets by key, in bounded memory. */

export interface RateLimit {
  /** Requests a second in the long run. */
  readonly perSecond: number;
  /** Requests at once. */
  readonly burst: number;
  /** Keys remembered; the longest unused is forgotten first. Default 10,000. */
  readonly keysMax?: number;
}

interface Bucket {
  readonly left: number;
  readonly atMs: number;
}

const KEYS_MAX = 10_000;

export class RateLimiter {
  readonly #limit: RateLimit;
  readonly #buckets = new Map<string, Bucket>();

  constructor(limit: RateLimit) {
    this.#limit = limit;
  }

  /**
   * Takes one request of a key.
   *
   * @returns Seconds to wait, rounded up; 0 when it may go on.
   */
  take(key: string, nowMs: number): number {
    const { perSecond, burst, keysMax = KEYS_MAX } = this.#limit;
    const bucket = this.#buckets.get(key);
    const passedS = bucket === undefined ? 0 : Math.max(0, nowMs - bucket.atMs) / 1000;
    const left = bucket === undefined ? burst : Math.min(burst, bucket.left + passedS * perSecond);
    const isTaken = left >= 1;
    // Put again, so that the map's order is that of use.
    this.#buckets.delete(key);
    this.#buckets.set(key, { left: isTaken ? left - 1 : left, atMs: nowMs });
    if (this.#buckets.size > keysMax) {
      const [oldest] = this.#buckets.keys();
      if (oldest !== undefined) this.#buckets.delete(oldest);
    }
    return isTaken ? 0 : Math.max(1, Math.ceil((1 - left) / perSecond));
  }
}
