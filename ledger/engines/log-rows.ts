/**
 * The log's rows in the instance's store. A tile is one row under its path without the partial suffix: a partial
 * tile grows in place, and its earlier widths are prefixes of it.
 */
import { LedgerError } from '../errors.js';
import {
  entriesPath,
  HASH_BYTES,
  loadRange,
  parseTilePath,
  schemaFiles,
  splitBundle,
  TILE_WIDTH,
  tileNodes,
  tilePath,
} from '../log/index.js';
import type { CompactRange, NodeReader, TileReader } from '../log/index.js';
import type { Store } from '../store.js';
import type { TreeHead } from './engine.js';

const PREFIX = 'log/';

/** Size, root and time of the tree that the other rows hold; written with them, so never ahead or behind. */
export const HEAD_KEY = `${PREFIX}head`;
/** The last published checkpoint; may be behind the head after a crash, and may be lost. */
export const CHECKPOINT_KEY = `${PREFIX}checkpoint`;
/** The log's public keys: one, or while it is rotated the former and the next, a line each. */
export const VKEY_KEY = `${PREFIX}vkey`;

/** Bytes of the `vkey` file. */
export function vkeyFile(vkeys: readonly string[]): Buffer {
  return Buffer.from(vkeys.map((vkey) => `${vkey}\n`).join(''), 'utf8');
}

/** Path of the file that leads from one of the log's keys to the next; they are numbered from 0. */
export function rotationPath(index: number): string {
  return `rotations/${index}`;
}

/** Row of such a file: the key before, the key after, and a checkpoint that both have signed. */
export function rotationKey(index: number): string {
  return PREFIX + rotationPath(index);
}

const ROTATION_PATH = /^rotations\/(?:0|[1-9]\d{0,5})$/;

/** Row of a hash tile. */
export function tileKey(level: number, index: number): string {
  return PREFIX + tilePath(level, index);
}

/** Row of an entry bundle. */
export function bundleKey(index: number): string {
  return PREFIX + entriesPath(index);
}

/** Row that says at which leaf a submission's root was accepted. */
export function submissionKey(root: Buffer): string {
  return `${PREFIX}submission/${root.toString('base64url')}`;
}

const HEAD_BYTES = 8 + 8 + HASH_BYTES;

/** Size and time as u64-BE, then the root. */
export function encodeHead(head: TreeHead): Buffer {
  const row = Buffer.alloc(HEAD_BYTES);
  row.writeBigUInt64BE(BigInt(head.size), 0);
  row.writeBigUInt64BE(BigInt(head.at), 8);
  row.set(head.root, 16);
  return row;
}

/** Inverse of {@link encodeHead}. @throws LedgerError LEDGER_CORRUPT */
export function decodeHead(row: Buffer): TreeHead {
  if (row.length !== HEAD_BYTES)
    throw new LedgerError('LEDGER_CORRUPT', 'the tree head’s row has a wrong length');
  return {
    size: Number(row.readBigUInt64BE(0)),
    at: Number(row.readBigUInt64BE(8)),
    root: Buffer.from(row.subarray(16)),
  };
}

/**
 * Bytes of a published file out of the store, or `undefined`.
 *
 * @param path - Below the log's root, such as `tile/entries/000.p/7`.
 */
export function readLogFile(store: Store, path: string): Buffer | undefined {
  if (path === 'checkpoint' || path === 'vkey' || ROTATION_PATH.test(path))
    return store.getSync(PREFIX + path);
  const tile = parseTilePath(path);
  if (tile === undefined) return schemaFiles.get(path);
  const { kind, index, width } = tile;
  if (kind === 'hashes') {
    const row = store.getSync(tileKey(tile.level, index));
    return row === undefined || row.length < width * HASH_BYTES
      ? undefined
      : row.subarray(0, width * HASH_BYTES);
  }
  const row = store.getSync(bundleKey(index));
  if (row === undefined) return undefined;
  // A growing bundle is cut behind the entries asked for, so that a full path never shows a partial bundle.
  const { found, rest } = splitBundle(row, width);
  return found.length < width ? undefined : row.subarray(0, row.length - rest);
}

/**
 * One entry's bytes, or `undefined` at or beyond the log's end.
 *
 * @param index - Leaf index.
 */
export function readEntry(store: Store, index: number): Buffer | undefined {
  const row = store.getSync(bundleKey(Math.floor(index / TILE_WIDTH)));
  return row === undefined ? undefined : splitBundle(row, (index % TILE_WIDTH) + 1).found[index % TILE_WIDTH];
}

/**
 * Nodes of the stored tree, for proofs.
 *
 * @returns A reader that throws LedgerError LEDGER_CORRUPT where a tile is missing.
 */
export function storedNodes(store: Store): NodeReader {
  return tileNodes(tileRows(store));
}

/** The stored tree's compact range. @throws LedgerError LEDGER_CORRUPT when it does not give the head's root. */
export function loadStoredRange(store: Store, head: TreeHead): CompactRange {
  const range = loadRange(head.size, storedNodes(store));
  if (!range.root().equals(head.root)) {
    throw new LedgerError('LEDGER_CORRUPT', 'the stored tiles do not give the stored root');
  }
  return range;
}

function tileRows(store: Store): TileReader {
  return (level, index, width) => {
    const row = store.getSync(tileKey(level, index));
    if (row === undefined || row.length < width * HASH_BYTES) {
      throw new LedgerError('LEDGER_CORRUPT', `${tilePath(level, index)} is missing or short`);
    }
    return row;
  };
}
