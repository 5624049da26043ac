/**
 * Recomputes a tree from its entries and compares every published hash with it.
 */
import {
  BUNDLE_BYTES_MAX,
  CompactRange,
  entriesPath,
  fullTiles,
  HASH_BYTES,
  leafHash,
  partialWidth,
  splitBundle,
  TILE_WIDTH,
  tilePath,
  tilePathAt,
} from '../log/index.js';
import type { Checkpoint } from '../log/index.js';
import { readAhead } from './prefetch.js';
import type { Wanted } from './prefetch.js';
import type { LogReader } from './reader.js';
import type { Checks, Failure } from './report.js';
import { UpperTiles } from './upper-tiles.js';
import type { DerivedTile } from './upper-tiles.js';

const TILE_BYTES = TILE_WIDTH * HASH_BYTES;

/** Told of each entry in order, and of the progress after each bundle. */
export interface TreeListener {
  readonly onEntry: (leaf: number, bytes: Buffer) => void;
  readonly onEnd: () => void;
  readonly onProgress: (checked: number) => void;
}

/**
 * Checks `leaf-hashes`, `tiles` and `root`. `onEnd` is called only if no entry was missing.
 *
 * @throws LedgerError LEDGER_UNREADABLE
 * @see RFC 6962 section 2.1
 */
export async function verifyTree(
  reader: LogReader,
  { size, root }: Checkpoint,
  checks: Checks,
  { onEntry, onEnd, onProgress }: TreeListener,
): Promise<void> {
  const range = new CompactRange();
  const upper = new UpperTiles();
  const files = readAhead(reader, leafFiles(size));
  const suspects = new Map<string, string>();
  let index = 0;
  for (let start = 0; start < size; start += TILE_WIDTH, index++) {
    const bundle = (await files.next()).value ?? undefined;
    const tile = (await files.next()).value ?? undefined;
    const width = Math.min(TILE_WIDTH, size - start);
    const whole = checkLeaves(
      { start, width, index, size, bundle, tile },
      checks,
      suspects,
      (leaf, hash, bytes) => {
        range.append(hash, upper.onNode);
        onEntry(leaf, bytes);
      },
    );
    for (const derived of upper.takeFull()) await compareTile(reader, derived, checks);
    onProgress(range.size);
    // Behind a gap nothing can be recomputed.
    if (!whole) break;
  }
  await files.return(undefined);
  if (range.size === size) {
    onEnd();
    for (const derived of upper.takePartial(size)) await compareTile(reader, derived, checks);
  }
  const found = range.root();
  const isRoot = range.size === size && found.equals(root);
  // Where an entry and its leaf hash differ, a good root says that the entry is right and the tile is not.
  if (isRoot) for (const [bundle, tile] of suspects) checks.relocate('leaf-hashes', bundle, tile);
  checks.expect('root', isRoot, {
    rule: range.size === size ? 'the entries give another root' : 'entries are missing',
    expected: root.toString('base64'),
    found: found.toString('base64'),
  });
}

/** Bundle and leaf tile, in turn, of every 256 entries. */
function* leafFiles(size: number): Generator<Wanted> {
  for (let index = 0; index * TILE_WIDTH < size; index++) {
    const width = index < fullTiles(size, 0) ? TILE_WIDTH : partialWidth(size, 0);
    yield { path: entriesPath(index, width), bytesMax: BUNDLE_BYTES_MAX };
    yield { path: tilePath(0, index, width), bytesMax: TILE_BYTES };
  }
}

interface Leaves {
  readonly start: number;
  readonly width: number;
  readonly index: number;
  readonly size: number;
  readonly bundle: Buffer | undefined;
  readonly tile: Buffer | undefined;
}

/** @returns Whether all of the bundle's entries were there. */
function checkLeaves(
  { start, width, index, size, bundle, tile }: Leaves,
  checks: Checks,
  suspects: Map<string, string>,
  onLeaf: (leaf: number, hash: Buffer, bytes: Buffer) => void,
): boolean {
  const bundlePath = entriesPath(index, width);
  const tileFile = tilePathAt(size, 0, index);
  const { found, rest } = splitBundle(bundle ?? Buffer.alloc(0), width);
  for (const [i, entry] of found.entries()) {
    const leaf = start + i;
    const hash = leafHash(entry);
    const published = tile?.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES) ?? Buffer.alloc(0);
    checks.count('leaf-hashes');
    if (!hash.equals(published)) {
      // One is enough: only the first failure is reported.
      if (suspects.size === 0) suspects.set(bundlePath, tileFile);
      checks.fail('leaf-hashes', {
        leaf,
        path: published.length < HASH_BYTES ? tileFile : bundlePath,
        rule: published.length < HASH_BYTES ? 'the tile is missing or short' : 'entry and leaf hash differ',
        expected: published.toString('base64'),
        found: hash.toString('base64'),
      });
    }
    onLeaf(leaf, hash, entry);
  }
  const leaf = start + found.length;
  if (found.length < width) {
    const rule = bundle === undefined ? 'the bundle is missing' : 'the bundle ends early';
    checks.fail('leaf-hashes', { leaf, path: bundlePath, rule });
    return false;
  }
  if (rest > 0) {
    checks.fail('leaf-hashes', {
      leaf: leaf - 1,
      path: bundlePath,
      rule: 'bytes behind the bundle’s last entry',
    });
  }
  if (tile !== undefined && tile.length > width * HASH_BYTES) {
    checks.fail('leaf-hashes', { path: tileFile, rule: 'bytes behind the tile’s last hash' });
  }
  return true;
}

async function compareTile(reader: LogReader, { path, bytes }: DerivedTile, checks: Checks): Promise<void> {
  const published = await reader.read(path, TILE_BYTES);
  const failure: Failure = {
    path,
    rule:
      published === undefined ? 'the tile is missing' : 'the tile’s hashes are not those of the tree below',
  };
  checks.expect('tiles', published?.equals(bytes) === true, failure);
}
