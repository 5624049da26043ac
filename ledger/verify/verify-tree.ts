/**
 * Recomputes a tree from its entries and compares every published hash with it.
 */
import {
  BUNDLE_BYTES_MAX,
  entriesPath,
  fullTiles,
  HASH_BYTES,
  partialWidth,
  splitBundle,
  TILE_WIDTH,
  tilePath,
} from '../log/index.js';
import type { Checkpoint } from '../log/index.js';
import { entryHashes } from './bundle-hashes.js';
import type { BundleHashes, EntryHashes } from './bundle-hashes.js';
import type { Hasher } from './hash-thread.js';
import { readAhead } from './prefetch.js';
import type { LogReader } from './reader.js';
import type { Checks, Failure } from './report.js';
import { UpperTiles } from './upper-tiles.js';
import type { DerivedTile } from './upper-tiles.js';

const TILE_BYTES = TILE_WIDTH * HASH_BYTES;
const NOTHING = Buffer.alloc(0);

/** Told of each entry in order, and of the progress after each bundle. */
export interface TreeListener {
  readonly onEntry: (leaf: number, bytes: Buffer, hashes: EntryHashes) => void;
  readonly onEnd: () => Promise<void>;
  readonly onProgress: (checked: number) => void;
}

/** What a tree is read and hashed with. */
export interface TreeSource {
  readonly reader: LogReader;
  readonly hasher: Hasher;
}

/** Where a tree was left by an earlier verification: nothing before is read again. */
export interface TreeStart {
  readonly size: number;
  /** Its right edge, whose root was compared. */
  readonly edge: readonly Buffer[];
}

/**
 * Checks `leaf-hashes`, `tiles` and `root`. `onEnd` is called only if no entry was missing.
 *
 * @param from - Entries before it are taken as verified.
 * @throws LedgerError LEDGER_UNREADABLE
 * @see RFC 6962 section 2.1
 */
export async function verifyTree(
  source: TreeSource,
  { size, root }: Checkpoint,
  checks: Checks,
  { onEntry, onEnd, onProgress }: TreeListener,
  from: TreeStart = { size: 0, edge: [] },
): Promise<void> {
  const { reader } = source;
  const upper = new UpperTiles(from.size, from.edge);
  const suspects = new Map<string, string>();
  const bundles = hashedBundles(source, from.size, size);
  let reached = from.size;
  try {
    for await (const bundle of bundles) {
      const { start, entries, hashes } = bundle;
      const known = Math.max(0, from.size - start);
      checkLeaves(bundle, known, checks, suspects);
      for (let i = known; i < entries.length; i++) {
        onEntry(start + i, entries[i] ?? NOTHING, entryHashes(hashes, i));
      }
      reached = start + entries.length;
      if (hashes.root === undefined) upper.setLeaves(asBuffer(hashes.leaves));
      else upper.endBundle(asBuffer(hashes.root));
      for (const derived of upper.takeFull()) await compareTile(reader, derived, checks);
      onProgress(reached);
      // Behind a gap nothing can be recomputed.
      if (entries.length < bundle.width) break;
    }
  } finally {
    await bundles.return();
  }
  if (reached === size) {
    await onEnd();
    for (const derived of upper.partial()) await compareTile(reader, derived, checks);
  }
  const found = upper.root();
  const isRoot = reached === size && found.equals(root);
  // Where an entry and its leaf hash differ, a good root says that the entry is right and the tile is not.
  if (isRoot) for (const [bundle, tile] of suspects) checks.relocate('leaf-hashes', bundle, tile);
  checks.expect('root', isRoot, {
    rule: reached === size ? 'the entries give another root' : 'entries are missing',
    expected: root.toString('base64'),
    found: found.toString('base64'),
  });
}

/** A bundle with its leaf tile, read and hashed. */
interface Bundle {
  readonly start: number;
  readonly width: number;
  readonly bundlePath: string;
  readonly tilePath: string;
  readonly isThere: boolean;
  /** Entries that are there whole. */
  readonly entries: readonly Buffer[];
  /** Bytes behind them. */
  readonly rest: number;
  readonly tile: Buffer | undefined;
  readonly hashes: BundleHashes;
}

/** Bundles and leaf tiles from the one that holds leaf `from`, read and hashed some ahead of use. */
function hashedBundles(
  { reader, hasher }: TreeSource,
  from: number,
  size: number,
): AsyncGenerator<Bundle, void, undefined> {
  return readAhead(bundleIndices(from, size), async (index) => {
    const width = index < fullTiles(size, 0) ? TILE_WIDTH : partialWidth(size, 0);
    const bundlePath = entriesPath(index, width);
    const tileFile = tilePath(0, index, width);
    const [bytes, tile] = await Promise.all([
      reader.read(bundlePath, BUNDLE_BYTES_MAX),
      reader.read(tileFile, TILE_BYTES),
    ]);
    const bundle = bytes ?? NOTHING;
    const { found, rest } = splitBundle(bundle, width);
    const hashes = await hasher.hash(bundle, width);
    const start = index * TILE_WIDTH;
    const isThere = bytes !== undefined;
    return { start, width, bundlePath, tilePath: tileFile, isThere, entries: found, rest, tile, hashes };
  });
}

function* bundleIndices(from: number, size: number): Generator<number> {
  if (from === size) return;
  for (let index = Math.floor(from / TILE_WIDTH); index * TILE_WIDTH < size; index++) yield index;
}

/** @param known - Entries at the bundle's begin that were verified before. */
function checkLeaves(
  { start, width, bundlePath, tilePath: tileFile, isThere, entries, rest, tile, hashes }: Bundle,
  known: number,
  checks: Checks,
  suspects: Map<string, string>,
): void {
  const published = tile ?? NOTHING;
  const leaves = asBuffer(hashes.leaves);
  checks.count('leaf-hashes', Math.max(0, entries.length - known));
  const suspectsMax = leaves.equals(published.subarray(0, leaves.length)) ? 0 : entries.length;
  for (let i = 0; i < suspectsMax; i++) {
    const expected = published.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES);
    const found = hashAt(leaves, i);
    if (found.equals(expected)) continue;
    // One is enough: only the first failure is reported.
    if (suspects.size === 0) suspects.set(bundlePath, tileFile);
    const isShort = expected.length < HASH_BYTES;
    checks.fail('leaf-hashes', {
      leaf: start + i,
      path: isShort ? tileFile : bundlePath,
      rule: isShort ? 'the tile is missing or short' : 'entry and leaf hash differ',
      expected: expected.toString('base64'),
      found: found.toString('base64'),
    });
  }
  if (entries.length < width) {
    checks.fail('leaf-hashes', {
      leaf: start + entries.length,
      path: bundlePath,
      rule: isThere ? 'the bundle ends early' : 'the bundle is missing',
      expected: `${width} entries`,
      found: `${entries.length}`,
    });
    return;
  }
  if (rest > 0) {
    checks.fail('leaf-hashes', {
      leaf: start + width - 1,
      path: bundlePath,
      rule: 'bytes behind the bundle’s last entry',
      expected: '0',
      found: `${rest}`,
    });
  }
  if (published.length > width * HASH_BYTES) {
    checks.fail('leaf-hashes', {
      path: tileFile,
      rule: 'bytes behind the tile’s last hash',
      expected: `${width * HASH_BYTES}`,
      found: `${published.length}`,
    });
  }
}

async function compareTile(reader: LogReader, { path, bytes }: DerivedTile, checks: Checks): Promise<void> {
  const published = await reader.read(path, TILE_BYTES);
  if (published?.equals(bytes) === true) {
    checks.count('tiles');
    return;
  }
  checks.expect('tiles', false, { path, ...differenceOf(published, bytes) });
}

/** What is wrong with a published tile: its length, or the first hash that is another. */
function differenceOf(published: Buffer | undefined, bytes: Buffer): Failure {
  if (published === undefined) return { rule: 'the tile is missing' };
  if (published.length !== bytes.length) {
    const rule = 'the tile has another length';
    return { rule, expected: `${bytes.length}`, found: `${published.length}` };
  }
  let i = 0;
  while (hashAt(published, i).equals(hashAt(bytes, i))) i += 1;
  return {
    rule: `the tile’s hash ${i} is not that of the tree below`,
    expected: hashAt(bytes, i).toString('base64'),
    found: hashAt(published, i).toString('base64'),
  };
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function hashAt(hashes: Uint8Array, i: number): Buffer {
  return Buffer.from(hashes.buffer, hashes.byteOffset + i * HASH_BYTES, HASH_BYTES);
}
