/**
 * Inclusion and consistency proofs of RFC 6962 trees: made from stored tiles, checked from nothing but hashes.
 */
import { LedgerError } from '../errors.js';
import { CompactRange, emptyRoot, HASH_BYTES, nodeHash, rangeHeights } from './merkle.js';
import { TILE_HEIGHT, TILE_WIDTH } from './tiles.js';

/** Reads the root of the perfect subtree `index` of `height` levels: 32 bytes. Height 0 is a leaf hash. */
export type NodeReader = (height: number, index: number) => Buffer;

/**
 * Reads a tile of hashes: at least `width` of them.
 *
 * @throws LedgerError LEDGER_CORRUPT when it is missing or short.
 */
export type TileReader = (level: number, index: number, width: number) => Buffer;

/**
 * A node reader over tiles. Nodes between tile levels are recomputed from up to 128 hashes.
 *
 * @param readTile - Consulted once for each node; cache there if need be.
 */
export function tileNodes(readTile: TileReader): NodeReader {
  return (height, index) => {
    const level = Math.floor(height / TILE_HEIGHT);
    const count = 2 ** (height % TILE_HEIGHT);
    const first = index * count;
    const offset = first % TILE_WIDTH;
    const tile = readTile(level, Math.floor(first / TILE_WIDTH), offset + count);
    return foldTile(tile, offset, count);
  };
}

/** Root over `count` (a power of two) hashes of a tile. */
function foldTile(tile: Buffer, offset: number, count: number): Buffer {
  if (count === 1) return tile.subarray(offset * HASH_BYTES, (offset + 1) * HASH_BYTES);
  const half = count / 2;
  return nodeHash(foldTile(tile, offset, half), foldTile(tile, offset + half, half));
}

/** The compact range of a tree that is stored already. @throws LedgerError LEDGER_RANGE, and what reading throws. */
export function loadRange(size: number, read: NodeReader): CompactRange {
  let start = 0;
  const roots = rangeHeights(size).map((height) => {
    const root = read(height, start / 2 ** height);
    start += 2 ** height;
    return Buffer.from(root);
  });
  return new CompactRange(size, roots);
}

/** Root of the leaves from `start` up to `end`, where `start` is a multiple of the subtree's size. */
function subtreeRoot(start: number, end: number, read: NodeReader): Buffer {
  let at = start;
  const roots = rangeHeights(end - start).map((height) => {
    const root = read(height, at / 2 ** height);
    at += 2 ** height;
    return root;
  });
  return roots.reduceRight((right, left) => nodeHash(left, right));
}

/**
 * Proof that a leaf is in the tree of `size` leaves.
 *
 * @returns Hashes from the leaf's sibling up.
 * @throws LedgerError LEDGER_RANGE unless 0 ≤ index < size.
 * @see RFC 6962 section 2.1.1
 */
export function inclusionProof(index: number, size: number, read: NodeReader): Buffer[] {
  if (!isCount(size) || !isCount(index) || index >= size) throw outOfRange();
  const proof: Buffer[] = [];
  let start = 0;
  let end = size;
  while (end - start > 1) {
    const middle = start + largestPowerBelow(end - start);
    if (index < middle) {
      proof.push(Buffer.from(subtreeRoot(middle, end, read)));
      end = middle;
    } else {
      proof.push(Buffer.from(subtreeRoot(start, middle, read)));
      start = middle;
    }
  }
  return proof.toReversed();
}

/**
 * Proof that the tree of `size1` leaves is a prefix of that of `size2`.
 *
 * @returns Empty when the sizes are equal or `size1` is 0.
 * @throws LedgerError LEDGER_RANGE unless 0 ≤ size1 ≤ size2.
 * @see RFC 6962 section 2.1.2
 */
export function consistencyProof(size1: number, size2: number, read: NodeReader): Buffer[] {
  if (!isCount(size1) || !isCount(size2) || size1 > size2) throw outOfRange();
  if (size1 === 0 || size1 === size2) return [];
  const proof: Buffer[] = [];
  let start = 0;
  let end = size2;
  // Down the path of size1's right edge; what lies beside the path is the proof.
  while (size1 < end) {
    const middle = start + largestPowerBelow(end - start);
    if (size1 <= middle) {
      proof.push(Buffer.from(subtreeRoot(middle, end, read)));
      end = middle;
    } else {
      proof.push(Buffer.from(subtreeRoot(start, middle, read)));
      start = middle;
    }
  }
  // A first subtree that is the whole old tree needs no hash: the checker has the old root.
  if (start > 0) proof.push(Buffer.from(subtreeRoot(start, end, read)));
  return proof.toReversed();
}

/**
 * Whether a proof shows a leaf hash at an index of the tree with this root.
 *
 * @see RFC 9162 section 2.1.3.2
 */
export function verifyInclusion(
  index: number,
  size: number,
  leaf: Uint8Array,
  proof: readonly Uint8Array[],
  root: Uint8Array,
): boolean {
  if (!isCount(index) || !isCount(size) || index >= size || !areHashes([leaf, root, ...proof])) return false;
  let node: Buffer = Buffer.from(leaf);
  let position = index;
  let last = size - 1;
  for (const sibling of proof) {
    if (last === 0) return false;
    if (position % 2 === 1 || position === last) {
      node = nodeHash(sibling, node);
      while (position % 2 === 0 && position !== 0) {
        position /= 2;
        last = Math.floor(last / 2);
      }
    } else {
      node = nodeHash(node, sibling);
    }
    position = Math.floor(position / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 && node.equals(root);
}

/**
 * Whether a proof shows that the tree of `size1` leaves and `root1` is a prefix of that of `size2` and `root2`.
 * The empty tree is a prefix of all: its root is known, and its proof empty.
 *
 * @see RFC 9162 section 2.1.4.2
 */
export function verifyConsistency(
  size1: number,
  size2: number,
  root1: Uint8Array,
  root2: Uint8Array,
  proof: readonly Uint8Array[],
): boolean {
  if (!isCount(size1) || !isCount(size2) || size1 > size2 || !areHashes([root1, root2, ...proof]))
    return false;
  if (size1 === 0 && !emptyRoot().equals(root1)) return false;
  if (size1 === size2) return proof.length === 0 && Buffer.from(root1).equals(root2);
  if (size1 === 0) return proof.length === 0;
  let position = size1 - 1;
  let last = size2 - 1;
  while (position % 2 === 1) {
    position = Math.floor(position / 2);
    last = Math.floor(last / 2);
  }
  // Position 0 here means that size1 is a power of two: its root is where both paths start.
  const [start, ...path] = position === 0 ? [root1, ...proof] : proof;
  if (start === undefined) return false;
  let node1: Buffer = Buffer.from(start);
  let node2: Buffer = Buffer.from(start);
  for (const sibling of path) {
    if (last === 0) return false;
    if (position % 2 === 1 || position === last) {
      node1 = nodeHash(sibling, node1);
      node2 = nodeHash(sibling, node2);
      while (position % 2 === 0 && position !== 0) {
        position /= 2;
        last = Math.floor(last / 2);
      }
    } else {
      node2 = nodeHash(node2, sibling);
    }
    position = Math.floor(position / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 && node1.equals(root1) && node2.equals(root2);
}

/** Largest power of two below `count`, which is at least 2. */
function largestPowerBelow(count: number): number {
  let power = 1;
  while (power * 2 < count) power *= 2;
  return power;
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function areHashes(hashes: readonly Uint8Array[]): boolean {
  return hashes.every((hash) => hash.length === HASH_BYTES);
}

function outOfRange(): LedgerError {
  return new LedgerError('LEDGER_RANGE', 'index or size outside the tree');
}
