/**
 * The Merkle tree of RFC 6962: its hashes, its root, and the compact range that a growing tree needs.
 */
import { createHash, hash } from 'node:crypto';
import { LedgerError } from '../errors.js';

/** Bytes of a hash. */
export const HASH_BYTES = 32;

/** SHA-256 of bytes: 32 bytes. @see FIPS 180-4 */
export function sha256(bytes: Uint8Array): Buffer {
  // On Node 20 text out of `hash` and its bytes cost less than half of a Buffer out of it, and no memory of its own.
  return Buffer.from(hash('sha256', bytes, 'binary'), 'binary');
}

/** Input of a node hash: 0x01, left, right. Reused, since hashing is synchronous. */
const nodeInput = Buffer.alloc(1 + 2 * HASH_BYTES, 1);
const LEAF_PREFIX = Buffer.of(0);
/** Leaves up to this size are copied behind their prefix and hashed in one call, which is twice as fast. */
const leafInput = Buffer.alloc(1 + 4096);

/**
 * Hash of a leaf: SHA-256(0x00 ‖ entry).
 *
 * @returns 32 bytes.
 * @see RFC 6962 section 2.1
 */
export function leafHash(entry: Uint8Array): Buffer {
  return Buffer.from(leafHashText(entry), 'binary');
}

/** {@link leafHash} as text, a character a byte. */
function leafHashText(entry: Uint8Array): string {
  if (entry.length >= leafInput.length) {
    return createHash('sha256').update(LEAF_PREFIX).update(entry).digest('binary');
  }
  leafInput.set(entry, 1);
  return hash('sha256', leafInput.subarray(0, 1 + entry.length), 'binary');
}

/**
 * Hash of an inner node: SHA-256(0x01 ‖ left ‖ right).
 *
 * @param left - 32 bytes.
 * @param right - 32 bytes.
 * @returns 32 bytes.
 * @see RFC 6962 section 2.1
 */
export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  nodeInput.set(left, 1);
  nodeInput.set(right, 1 + HASH_BYTES);
  return sha256(nodeInput);
}

/**
 * Root of the empty tree: SHA-256 of nothing.
 *
 * @see RFC 6962 section 2.1
 */
export function emptyRoot(): Buffer {
  return sha256(new Uint8Array(0));
}

/**
 * Root over leaf hashes in order.
 *
 * @param leafHashes - Each of 32 bytes, as {@link leafHash} makes them.
 * @returns 32 bytes.
 * @see RFC 6962 section 2.1
 */
export function rootOf(leafHashes: readonly Uint8Array[]): Buffer {
  const nodes = Buffer.allocUnsafe(leafHashes.length * HASH_BYTES);
  leafHashes.forEach((leaf, i) => nodes.set(leaf, i * HASH_BYTES));
  return foldNodes(nodes);
}

/**
 * Root over entries in order.
 *
 * @param entries - Their bytes; the leaves are their {@link leafHash}es.
 * @returns 32 bytes.
 * @see RFC 6962 section 2.1
 */
export function rootOfEntries(entries: readonly Uint8Array[]): Buffer {
  const nodes = Buffer.allocUnsafe(entries.length * HASH_BYTES);
  entries.forEach((entry, i) => nodes.write(leafHashText(entry), i * HASH_BYTES, 'binary'));
  return foldNodes(nodes);
}

/**
 * Pairs neighbours, height by height and in place, until one node is left. A last one without neighbour rises as it
 * is: that is the tree of the RFC, whose left subtrees are the largest perfect ones.
 */
function foldNodes(nodes: Buffer): Buffer {
  let count = nodes.length / HASH_BYTES;
  if (count === 0) return emptyRoot();
  for (; count > 1; count = Math.ceil(count / 2)) {
    const pairs = Math.floor(count / 2);
    for (let i = 0; i < pairs; i++) {
      const at = i * 2 * HASH_BYTES;
      nodes.copy(nodeInput, 1, at, at + 2 * HASH_BYTES);
      nodes.write(hash('sha256', nodeInput, 'binary'), i * HASH_BYTES, 'binary');
    }
    if (count % 2 === 1) nodes.copyWithin(pairs * HASH_BYTES, (count - 1) * HASH_BYTES, count * HASH_BYTES);
  }
  // A copy: the root must not keep all nodes in memory.
  return Buffer.from(nodes.subarray(0, HASH_BYTES));
}

/** Told of each node whose subtree became complete: height above the leaves, index at that height, hash. */
export type NodeListener = (height: number, index: number, hash: Buffer) => void;

/**
 * The roots of the perfect subtrees that a tree of some size consists of: all that appending needs. Appending n
 * leaves costs n node hashes in total, whatever the tree's size.
 *
 * @see RFC 9162 section 2.1.2
 */
export class CompactRange {
  #size: number;
  /** Largest subtree first, one for each set bit of the size. */
  readonly #roots: Buffer[];

  /**
   * @param size - Count of leaves so far.
   * @param roots - Roots of the perfect subtrees, largest first; one for each set bit of `size`.
   * @throws LedgerError LEDGER_RANGE when they do not fit.
   */
  constructor(size = 0, roots: readonly Buffer[] = []) {
    if (roots.length !== rangeHeights(size).length) {
      throw new LedgerError('LEDGER_RANGE', 'a compact range has one hash for each set bit of its size');
    }
    this.#size = size;
    this.#roots = [...roots];
  }

  /** Count of leaves. */
  get size(): number {
    return this.#size;
  }

  /** A range that goes on by itself. */
  clone(): CompactRange {
    return new CompactRange(this.#size, this.#roots);
  }

  /** Adds a leaf hash; `onNode` hears of the leaf (height 0) and of each subtree it completes. */
  append(leaf: Uint8Array, onNode?: NodeListener): void {
    let node = Buffer.isBuffer(leaf) ? leaf : Buffer.from(leaf);
    let index = this.#size;
    let height = 0;
    onNode?.(0, index, node);
    // A trailing one bit of the size is a complete left sibling of the node in hand.
    while (index % 2 === 1) {
      const left = this.#roots.pop();
      if (left === undefined) throw new LedgerError('LEDGER_CORRUPT', 'a compact range lost a subtree');
      node = nodeHash(left, node);
      index = (index - 1) / 2;
      height += 1;
      onNode?.(height, index, node);
    }
    this.#roots.push(node);
    this.#size += 1;
  }

  /** Root of the whole tree: the subtrees folded from the right. */
  root(): Buffer {
    let node: Buffer | undefined;
    for (let i = this.#roots.length - 1; i >= 0; i--) {
      const left = this.#roots[i] ?? emptyRoot();
      node = node === undefined ? left : nodeHash(left, node);
    }
    return node ?? emptyRoot();
  }
}

/**
 * Heights of the perfect subtrees of a tree, largest first.
 *
 * @param size - Count of leaves, 0 to 2^53 - 1.
 * @throws LedgerError LEDGER_RANGE for anything else.
 */
export function rangeHeights(size: number): number[] {
  if (!Number.isSafeInteger(size) || size < 0) {
    throw new LedgerError('LEDGER_RANGE', 'a tree size is an integer from 0 to 2^53 - 1');
  }
  const heights: number[] = [];
  for (let height = 0, rest = size; rest > 0; height++, rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) heights.unshift(height);
  }
  return heights;
}
