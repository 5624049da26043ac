/** RFC 6962 hashes, and the check that a leaf is in a tree. */
import { concat, equal } from './bytes.js';
import type { ProofCrypto } from './crypto.js';

export const HASH_BYTES = 32;
/** Sizes are exact integers, so no path is longer. */
export const PATH_MAX = 53;

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

/** SHA-256(0x00 ‖ bytes). @see RFC 6962 section 2.1 */
export function leafHash({ sha256 }: ProofCrypto, bytes: Uint8Array): Uint8Array {
  return sha256(concat(LEAF, bytes));
}

/** Where a leaf is said to be. */
export interface Place {
  readonly index: number;
  readonly size: number;
  /** Hashes from the leaf's sibling up, 32 bytes each. */
  readonly path: readonly Uint8Array[];
}

/**
 * Whether a path leads from a leaf to the root.
 *
 * @param leaf - The leaf's hash.
 * @see RFC 9162 section 2.1.3.2
 */
export function isIncluded(crypto: ProofCrypto, leaf: Uint8Array, place: Place, root: Uint8Array): boolean {
  const { index, size, path } = place;
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size) return false;
  let node = leaf;
  let at = index;
  let last = size - 1;
  for (const sibling of path) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      node = crypto.sha256(concat(NODE, sibling, node));
      while (at % 2 === 0 && at !== 0) {
        at /= 2;
        last = Math.floor(last / 2);
      }
    } else {
      node = crypto.sha256(concat(NODE, node, sibling));
    }
    at = Math.floor(at / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 && equal(node, root);
}
