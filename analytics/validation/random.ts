import { createHash } from 'node:crypto';

/**
 * Uniform numbers in [0, 1) that a seed decides, the same on every machine (sfc32, seeded by SHA-256).
 *
 * @returns A function that gives the next number.
 */
export function seededUniform(seed: string): () => number {
  const digest = createHash('sha256').update(seed).digest();
  let a = digest.readUInt32LE(0) | 0;
  let b = digest.readUInt32LE(4) | 0;
  let c = digest.readUInt32LE(8) | 0;
  let counter = 1;
  return () => {
    const t = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + t) | 0;
    return (t >>> 0) / 4294967296;
  };
}

/** `n` rows drawn with replacement. */
export function drawRows(n: number, next: () => number): Int32Array {
  return Int32Array.from({ length: n }, () => Math.floor(next() * n));
}
