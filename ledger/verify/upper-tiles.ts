import { fullTiles, TILE_HEIGHT, TILE_WIDTH, tilePath } from '../log/index.js';

/** A tile as recomputed. */
export interface DerivedTile {
  readonly path: string;
  readonly bytes: Buffer;
}

/** Recomputed tiles of the levels above the leaves. */
export class UpperTiles {
  readonly #growing: Buffer[][] = [];
  #full: DerivedTile[] = [];

  /** To be told of each node of the growing tree. */
  readonly onNode = (height: number, index: number, hash: Buffer): void => {
    const level = height / TILE_HEIGHT;
    if (height === 0 || !Number.isInteger(level)) return;
    const tile = (this.#growing[level] ??= []);
    tile.push(hash);
    if (tile.length < TILE_WIDTH) return;
    this.#full.push({ path: tilePath(level, Math.floor(index / TILE_WIDTH)), bytes: Buffer.concat(tile) });
    this.#growing[level] = [];
  };

  /** Tiles that became full since the last call. */
  takeFull(): DerivedTile[] {
    const taken = this.#full;
    this.#full = [];
    return taken;
  }

  /** The unfinished tiles of a tree that ends at `size`. */
  takePartial(size: number): DerivedTile[] {
    const partial: DerivedTile[] = [];
    for (const [level, tile] of this.#growing.entries()) {
      // A level that was never begun is a hole in the array.
      if (tile === undefined || tile.length === 0) continue;
      partial.push({
        path: tilePath(level, fullTiles(size, level), tile.length),
        bytes: Buffer.concat(tile),
      });
    }
    return partial;
  }
}
