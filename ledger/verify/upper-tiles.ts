import {
  fullTiles,
  HASH_BYTES,
  sha256,
  TILE_LEVEL_MAX,
  TILE_WIDTH,
  tilePath,
  tilePathAt,
} from '../log/index.js';
import { foldHashes } from './bundle-hashes.js';
import type { LogReader } from './reader.js';

/** A tile as recomputed. */
export interface DerivedTile {
  readonly path: string;
  readonly bytes: Buffer;
}

const TILE_BYTES = TILE_WIDTH * HASH_BYTES;

/**
 * The right edge of a tree: of each level the hashes of its last tile, as far as it is not full. That is all that a
 * growing tree needs, and all that its root is made of.
 */
export class UpperTiles {
  /** By level; 0 holds the leaf hashes of an unfinished bundle. */
  readonly #edge: Buffer[];
  /** Full tiles by level. */
  readonly #full: number[];
  #derived: DerivedTile[] = [];

  /** @param edge - Of a tree of `size` leaves, as {@link readEdge} gives it. */
  constructor(size = 0, edge: readonly Buffer[] = []) {
    const levels = Array.from({ length: TILE_LEVEL_MAX + 1 }, (_, level) => level);
    this.#edge = levels.map((level) => edge[level] ?? Buffer.alloc(0));
    this.#full = levels.map((level) => fullTiles(size, level));
  }

  /** Leaf hashes of the unfinished bundle. */
  get leaves(): Buffer {
    return this.#edge[0] ?? Buffer.alloc(0);
  }

  /** Replaces the unfinished bundle's leaf hashes by more of them. */
  setLeaves(leaves: Buffer): void {
    this.#edge[0] = leaves;
  }

  /** Ends the unfinished bundle: it is full, and this is the root over its leaves. */
  endBundle(root: Buffer): void {
    this.#edge[0] = Buffer.alloc(0);
    this.#full[0] = (this.#full[0] ?? 0) + 1;
    this.#push(1, root);
  }

  #push(level: number, hash: Buffer): void {
    const tile = Buffer.concat([this.#edge[level] ?? Buffer.alloc(0), hash]);
    this.#edge[level] = tile;
    if (tile.length < TILE_BYTES) return;
    const index = this.#full[level] ?? 0;
    this.#derived.push({ path: tilePath(level, index), bytes: tile });
    this.#full[level] = index + 1;
    this.#edge[level] = Buffer.alloc(0);
    this.#push(level + 1, foldHashes(tile));
  }

  /** Tiles above the leaves that became full since the last call. */
  takeFull(): DerivedTile[] {
    const taken = this.#derived;
    this.#derived = [];
    return taken;
  }

  /** The unfinished tiles above the leaves. */
  partial(): DerivedTile[] {
    return this.#edge.flatMap((bytes, level) => {
      if (level === 0 || bytes.length === 0) return [];
      return [{ path: tilePath(level, this.#full[level] ?? 0, bytes.length / HASH_BYTES), bytes }];
    });
  }

  /** Root over all leaves: what is below an edge counts as one more hash at its end. */
  root(): Buffer {
    let below: Buffer | undefined;
    for (const tile of this.#edge) {
      const hashes = below === undefined ? tile : Buffer.concat([tile, below]);
      if (hashes.length > 0) below = foldHashes(hashes);
    }
    return below ?? sha256(new Uint8Array(0));
  }
}

/**
 * Reads the right edge of an earlier tree out of the tiles of a later one.
 *
 * @param at - Size of the earlier tree.
 * @param size - Size of the tree that is published, at least `at`.
 * @returns Hashes by level, unchecked; the path of a tile that is missing or short, where one is.
 * @throws LedgerError LEDGER_UNREADABLE
 */
export async function readEdge(
  reader: LogReader,
  at: number,
  size: number,
): Promise<{ readonly edge: Buffer[]; readonly missing?: string }> {
  const edge: Buffer[] = [];
  for (let level = 0; level <= TILE_LEVEL_MAX; level++) {
    const hashes = Math.floor(at / TILE_WIDTH ** level);
    const bytes = (hashes % TILE_WIDTH) * HASH_BYTES;
    if (bytes === 0) {
      edge.push(Buffer.alloc(0));
      continue;
    }
    const path = tilePathAt(size, level, Math.floor(hashes / TILE_WIDTH));
    const tile = await reader.read(path, TILE_BYTES);
    if (tile === undefined || tile.length < bytes) return { edge, missing: path };
    edge.push(Buffer.from(tile.subarray(0, bytes)));
  }
  return { edge };
}
