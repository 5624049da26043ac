/**
 * C2SP tlog-tiles: names of the published files, and the bundles that entries lie in.
 *
 * @see https://c2sp.org/tlog-tiles
 */
import { LedgerError } from '../errors.js';
import { ENTRY_BYTES_MAX } from './entry.js';

/** Hashes in a full tile, entries in a full bundle. */
export const TILE_WIDTH = 256;

/** Levels of tree in a tile: 2^8 = 256. */
export const TILE_HEIGHT = 8;

/** Highest tile level of a tree of up to 2^53 leaves. */
export const TILE_LEVEL_MAX = 6;

/** Bytes of the length before each entry. */
const LENGTH_BYTES = 2;

/** Most bytes of a bundle: 256 entries of the largest size. */
export const BUNDLE_BYTES_MAX = TILE_WIDTH * (LENGTH_BYTES + ENTRY_BYTES_MAX);

/** A published file of hashes or entries. `width` is 256 for a full one. */
export type TilePath =
  | { readonly kind: 'hashes'; readonly level: number; readonly index: number; readonly width: number }
  | { readonly kind: 'entries'; readonly index: number; readonly width: number };

/**
 * Path of a tile of hashes, such as `tile/0/x001/234` or `tile/1/000.p/7`.
 *
 * @param level - Tile level, 0 for leaf hashes.
 * @param index - Index of the tile in its level.
 * @param width - Hashes in it, 1 to 256.
 * @throws LedgerError LEDGER_RANGE
 */
export function tilePath(level: number, index: number, width: number = TILE_WIDTH): string {
  if (!Number.isInteger(level) || level < 0 || level > TILE_LEVEL_MAX) throw outOfRange('tile level');
  return `tile/${level}/${indexPath(index)}${partialSuffix(width)}`;
}

/**
 * Path of a bundle of entries, such as `tile/entries/x001/234` or `tile/entries/000.p/7`.
 *
 * @param index - Index of the bundle.
 * @param width - Entries in it, 1 to 256.
 * @throws LedgerError LEDGER_RANGE
 */
export function entriesPath(index: number, width: number = TILE_WIDTH): string {
  return `tile/entries/${indexPath(index)}${partialSuffix(width)}`;
}

const TILE_PATH = /^tile\/(entries|[0-6])\/((?:x\d{3}\/)*)(\d{3})(?:\.p\/([1-9]\d{0,2}))?$/;

/**
 * What a path names, or `undefined` for anything but the one spelling that {@link tilePath} and
 * {@link entriesPath} give.
 */
export function parseTilePath(path: string): TilePath | undefined {
  // Five groups of three digits and one more cover 2^53 tiles; longer paths are refused before the match.
  const match = path.length > 64 ? null : TILE_PATH.exec(path);
  if (match === null) return undefined;
  const [, name = '', high = '', low = '', partial] = match;
  if (high.startsWith('x000/')) return undefined;
  const index = Number(high.replaceAll(/[x/]/g, '') + low);
  const width = partial === undefined ? TILE_WIDTH : Number(partial);
  if (!Number.isSafeInteger(index) || (partial !== undefined && width >= TILE_WIDTH)) return undefined;
  return name === 'entries'
    ? { kind: 'entries', index, width }
    : { kind: 'hashes', level: Number(name), index, width };
}

/**
 * Width of the last, partial tile of a level: ⌊size / 256^level⌋ mod 256. 0 means there is none.
 *
 * @param level - Tile level; bundles count as level 0.
 */
export function partialWidth(size: number, level: number): number {
  return Math.floor(size / TILE_WIDTH ** level) % TILE_WIDTH;
}

/** Count of full tiles in a level: ⌊size / 256^(level + 1)⌋. */
export function fullTiles(size: number, level: number): number {
  return Math.floor(size / TILE_WIDTH ** (level + 1));
}

/**
 * Path of the tile that holds a hash, at the width that a tree of `size` leaves has it.
 *
 * @param index - Index of the tile in its level, below the count of its tiles.
 */
export function tilePathAt(size: number, level: number, index: number): string {
  return tilePath(level, index, index < fullTiles(size, level) ? TILE_WIDTH : partialWidth(size, level));
}

/** All published hash tiles of a tree, by level and index: what must exist for this size. */
export function* tilesOf(size: number): Generator<{ level: number; index: number; width: number }> {
  for (let level = 0; level <= TILE_LEVEL_MAX && Math.floor(size / TILE_WIDTH ** level) > 0; level++) {
    const full = fullTiles(size, level);
    for (let index = 0; index < full; index++) yield { level, index, width: TILE_WIDTH };
    const width = partialWidth(size, level);
    if (width > 0) yield { level, index: full, width };
  }
}

/**
 * A bundle: each entry behind its length in 16 bits, big-endian.
 *
 * @throws LedgerError LEDGER_ENTRY_TOO_LARGE
 */
export function encodeBundle(entries: readonly Uint8Array[]): Buffer {
  const bundle = Buffer.allocUnsafe(entries.reduce((sum, entry) => sum + LENGTH_BYTES + entry.length, 0));
  let offset = 0;
  for (const entry of entries) {
    if (entry.length > ENTRY_BYTES_MAX) {
      throw new LedgerError('LEDGER_ENTRY_TOO_LARGE', `an entry has at most ${ENTRY_BYTES_MAX} bytes`);
    }
    bundle.writeUInt16BE(entry.length, offset);
    bundle.set(entry, offset + LENGTH_BYTES);
    offset += LENGTH_BYTES + entry.length;
  }
  return bundle;
}

/**
 * The entries of a bundle, as views of its bytes.
 *
 * @param count - How many must be in it, no less and no more.
 * @throws LedgerError LEDGER_CORRUPT when the bytes end early or late.
 */
export function decodeBundle(bundle: Buffer, count: number): Buffer[] {
  const entries = splitBundle(bundle, count);
  if (entries.rest !== 0 || entries.found.length !== count) {
    throw new LedgerError('LEDGER_CORRUPT', 'a bundle whose lengths do not add up');
  }
  return entries.found;
}

/**
 * Reads as many entries, up to `count`, as a bundle holds whole.
 *
 * @returns The entries, and how many bytes are left behind them.
 */
export function splitBundle(bundle: Buffer, count: number): { found: Buffer[]; rest: number } {
  const found: Buffer[] = [];
  let offset = 0;
  while (found.length < count && offset + LENGTH_BYTES <= bundle.length) {
    const end = offset + LENGTH_BYTES + bundle.readUInt16BE(offset);
    if (end > bundle.length) break;
    found.push(bundle.subarray(offset + LENGTH_BYTES, end));
    offset = end;
  }
  return { found, rest: bundle.length - offset };
}

function indexPath(index: number): string {
  if (!Number.isSafeInteger(index) || index < 0) throw outOfRange('tile index');
  let path = String(index % 1000).padStart(3, '0');
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000)) {
    path = `x${String(rest % 1000).padStart(3, '0')}/${path}`;
  }
  return path;
}

function partialSuffix(width: number): string {
  if (!Number.isInteger(width) || width < 1 || width > TILE_WIDTH) throw outOfRange('tile width');
  return width === TILE_WIDTH ? '' : `.p/${width}`;
}

function outOfRange(what: string): LedgerError {
  return new LedgerError('LEDGER_RANGE', `${what} out of range`);
}
