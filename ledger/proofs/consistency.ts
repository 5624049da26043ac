/** RFC 9162 consistency: that a log only grew from one head to another. */
import { concat, equal } from './bytes.js';
import type { ProofCrypto } from './crypto.js';

const NODE = Uint8Array.of(1);

/** Two heads of one log, and the hashes that are to lead from one to the other. */
export interface Growth {
  readonly from: { readonly size: number; readonly root: Uint8Array };
  readonly to: { readonly size: number; readonly root: Uint8Array };
  /** 32 bytes each. */
  readonly path: readonly Uint8Array[];
}

/**
 * Whether a path shows that the second head's log begins with the first one's.
 *
 * @see RFC 9162 section 2.1.4.2
 */
export function isConsistent(crypto: ProofCrypto, { from, to, path }: Growth): boolean {
  const sizes = [from.size, to.size];
  if (!sizes.every((size) => Number.isSafeInteger(size) && size >= 0) || from.size > to.size) return false;
  if (from.size === to.size) return path.length === 0 && equal(from.root, to.root);
  if (from.size === 0) return path.length === 0 && equal(from.root, crypto.sha256(new Uint8Array()));
  const node = (left: Uint8Array, right: Uint8Array): Uint8Array => crypto.sha256(concat(NODE, left, right));

  let at = from.size - 1;
  let last = to.size - 1;
  while (at % 2 === 1) {
    at = Math.floor(at / 2);
    last = Math.floor(last / 2);
  }
  const hashes = [...path];
  // A full first tree is the left edge itself, and is not repeated in the path.
  const seed = at === 0 ? from.root : hashes.shift();
  if (seed === undefined) return false;
  let [before, after] = [seed, seed];
  for (const hash of hashes) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      before = node(hash, before);
      after = node(hash, after);
      while (at % 2 === 0 && at !== 0) {
        at /= 2;
        last = Math.floor(last / 2);
      }
    } else {
      after = node(after, hash);
    }
    at = Math.floor(at / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 && equal(before, from.root) && equal(after, to.root);
}
