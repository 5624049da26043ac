/**
 * Random bytes drawn from the operating system's generator a few kilobytes at a time, since each draw costs the same
 * whether small or large. Bytes are wiped from the pool as they are handed out, so none is given twice or kept here.
 */
import { randomFillSync } from 'node:crypto';

const POOL_BYTES = 8192;

const pool = Buffer.alloc(POOL_BYTES);
let used = POOL_BYTES;

/**
 * Fills a buffer with fresh random bytes.
 *
 * @param target - Of any length; up to 8192 bytes come from the pool.
 */
export function fillRandom(target: Buffer): void {
  const count = target.length;
  if (count > POOL_BYTES) {
    randomFillSync(target);
    return;
  }
  if (used + count > POOL_BYTES) {
    randomFillSync(pool);
    used = 0;
  }
  pool.copy(target, 0, used, used + count);
  pool.fill(0, used, used + count);
  used += count;
}

/** Fresh random bytes, in a buffer of their own. */
export function randomBuffer(count: number): Buffer {
  const bytes = Buffer.allocUnsafe(count);
  fillRandom(bytes);
  return bytes;
}
