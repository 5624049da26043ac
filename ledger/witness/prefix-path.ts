/**
 * The prefix path: a consistency proof that also names the node it starts from. Under a root that is known to be
 * signed, it shows what the root of the first `size1` leaves is, whatever someone signed for that size.
 */
import {
  consistencyProof,
  HASH_BYTES,
  nodeHash,
  TILE_HEIGHT,
  TILE_LEVEL_MAX,
  TILE_WIDTH,
  tileNodes,
  tilePath,
  tilePathAt,
} from '../log/index.js';
import type { NodeReader } from '../log/index.js';
import { LedgerError } from '../errors.js';

/** A published file's bytes by its path, or `undefined`; what a log reader and a published log both offer. */
export type TileSource = (path: string, bytesMax: number) => Promise<Buffer | undefined>;

/**
 * The path from the tree of `size1` leaves to that of `size2`: the start node, then the proof's hashes.
 *
 * @param size1 - At least 1, less than `size2`.
 * @throws LedgerError LEDGER_RANGE, and what reading throws.
 */
export function prefixPath(size1: number, size2: number, read: NodeReader): Buffer[] {
  const proof = consistencyProof(size1, size2, read);
  const height = powerOfTwo(size1);
  return height === undefined ? proof : [Buffer.from(read(height, 0)), ...proof];
}

/** The RFC 6962 proof in a path: without the start node where the checker has it as the old root. */
export function proofOfPath(size1: number, path: readonly Buffer[]): readonly Buffer[] {
  return powerOfTwo(size1) === undefined ? path : path.slice(1);
}

/**
 * The path in a proof, as far as there is one: where `size1` is a power of two the proof has no start node.
 */
export function pathOfProof(size1: number, proof: readonly Buffer[]): readonly Buffer[] | undefined {
  return powerOfTwo(size1) === undefined ? proof : undefined;
}

/**
 * Both roots that a path gives; `undefined` when it is not of the length that the sizes ask for.
 *
 * @see RFC 9162 section 2.1.4.2
 */
export function rootsOfPath(
  size1: number,
  size2: number,
  path: readonly Buffer[],
): { root1: Buffer; root2: Buffer } | undefined {
  if (!Number.isSafeInteger(size1) || !Number.isSafeInteger(size2) || size1 < 1 || size1 >= size2)
    return undefined;
  const [start, ...siblings] = path;
  if (start === undefined || path.some((hash) => hash.length !== HASH_BYTES)) return undefined;
  let position = size1 - 1;
  let last = size2 - 1;
  while (position % 2 === 1) {
    position = Math.floor(position / 2);
    last = Math.floor(last / 2);
  }
  let root1: Buffer = start;
  let root2: Buffer = start;
  for (const sibling of siblings) {
    if (last === 0) return undefined;
    if (position % 2 === 1 || position === last) {
      root1 = nodeHash(sibling, root1);
      root2 = nodeHash(sibling, root2);
      while (position % 2 === 0 && position !== 0) {
        position /= 2;
        last = Math.floor(last / 2);
      }
    } else {
      root2 = nodeHash(root2, sibling);
    }
    position = Math.floor(position / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 ? { root1, root2 } : undefined;
}

const TILE_BYTES = TILE_WIDTH * HASH_BYTES;

/**
 * Computes something of a tree's nodes out of its published tiles: few files, fetched at once.
 *
 * @param size - Size of the tree whose tiles are read.
 * @param compute - Pure; asks for the same nodes whatever their values. Called twice.
 * @throws LedgerError LEDGER_UNREADABLE when a tile is missing or short, and what reading throws.
 */
export async function fromTiles<T>(
  source: TileSource,
  size: number,
  compute: (read: NodeReader) => T,
): Promise<T> {
  const wanted = new Set<number>();
  const nothing = Buffer.alloc(HASH_BYTES);
  compute((height, index) => {
    const level = Math.floor(height / TILE_HEIGHT);
    const tile = Math.floor((index * 2 ** (height % TILE_HEIGHT)) / TILE_WIDTH);
    wanted.add(tile * (TILE_LEVEL_MAX + 1) + level);
    return nothing;
  });
  const tiles = new Map<number, Buffer>();
  await Promise.all(
    [...wanted].map(async (key) => {
      const level = key % (TILE_LEVEL_MAX + 1);
      const index = Math.floor(key / (TILE_LEVEL_MAX + 1));
      const exact = tilePathAt(size, level, index);
      const full = tilePath(level, index);
      // A log that grew meanwhile may have put the full tile in the partial one's place.
      const bytes =
        (await source(exact, TILE_BYTES)) ?? (exact === full ? undefined : await source(full, TILE_BYTES));
      if (bytes !== undefined) tiles.set(key, bytes);
    }),
  );
  return compute(
    tileNodes((level, index, width) => {
      const tile = tiles.get(index * (TILE_LEVEL_MAX + 1) + level);
      if (tile === undefined || tile.length < width * HASH_BYTES)
        throw new LedgerError('LEDGER_UNREADABLE', `${tilePath(level, index)} is missing or short`);
      return tile;
    }),
  );
}

/** The exponent of a power of two. */
function powerOfTwo(value: number): number | undefined {
  const exponent = Math.round(Math.log2(value));
  return 2 ** exponent === value ? exponent : undefined;
}
