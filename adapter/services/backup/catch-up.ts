/** Takes back from a published log the entries that a restored one lacks. */
import { mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { adoptEntries, decodeHead, HEAD_KEY, readLogFile } from '../../../ledger/engines/index.js';
import {
  BUNDLE_BYTES_MAX,
  HASH_BYTES,
  parseTilePath,
  splitBundle,
  TILE_WIDTH,
} from '../../../ledger/log/index.js';
import { catchUpState, openStateMap } from '../../../ledger/state/index.js';
import type { Store } from '../../../ledger/store.js';
import { folderReader, verifyLog } from '../../../ledger/verify/index.js';
import type { LogReader, VerifyReport } from '../../../ledger/verify/index.js';
import { totalsWrite } from '../../../ledger/custody/index.js';
import type { EntryTotals } from '../../../ledger/custody/index.js';
import { BackupError } from './errors.js';
import { writeWhole } from './load.js';
import type { PublishedLog } from './published.js';

/** Folder in the data folder where fetched files lie while they are judged and taken. */
const FETCHED = '.catch-up';

export interface CatchUpOptions {
  readonly vkeys: readonly string[];
  /** The clock, ms. */
  readonly nowMs: number;
  readonly onProgress: (checked: number, size: number) => void;
  /** Looks at the published entries, verified, before any is taken; throws what makes taking them wrong. */
  readonly judge: (read: ReadEntries, size: number) => Promise<void>;
}

/** Reads bundles of entries by their path. */
export type ReadEntries = (path: string, bytesMax: number) => Promise<Buffer | undefined>;

/**
 * Verifies the published log, from the first entry on, and appends what the restored one lacks.
 *
 * What is fetched is kept until it is taken: a server is asked for each file once, so it cannot show one thing to the
 * verifier and another to the log. The entries from before come out of the restored store itself, so the published root
 * shows at once that they are the beginning of it.
 *
 * @returns The verifier's report on the whole log.
 * @throws BackupError RESTORE_PUBLISHED_LOG when it does not verify: nothing was taken then.
 */
export async function catchUp(
  store: Store,
  dataDir: string,
  published: PublishedLog,
  options: CatchUpOptions,
): Promise<VerifyReport> {
  const { vkeys, nowMs, onProgress, judge } = options;
  const folder = join(dataDir, FETCHED);
  rmSync(folder, { recursive: true, force: true });
  try {
    const reader = fetching(store, folder, published);
    const report = await verifyLog(reader, { vkeys, nowMs, onProgress });
    if (!report.ok)
      throw new BackupError('RESTORE_PUBLISHED_LOG', `the published log is refused: ${whatFails(report)}`);
    const { size, root } = published.checkpoint;
    await judge((path, bytesMax) => reader.read(path, bytesMax), size);
    await adoptEntries(store, { size, root, read: (path, bytesMax) => reader.read(path, bytesMax) });
    await store.batch([totalsWrite(report.countsByType as EntryTotals)], { sync: true });
    const map = await openStateMap(store);
    await catchUpState(map, store, (path) => readLogFile(store, path), size);
    return report;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The first thing that a verification found, in one line. */
export function whatFails({ checks }: VerifyReport): string {
  const failed = checks.find(({ ok }) => !ok);
  const { leaf, path, rule } = failed?.failure ?? { rule: 'unknown' };
  const where = leaf !== undefined ? `leaf ${leaf}: ` : path !== undefined ? `${path}: ` : '';
  return `${failed?.name ?? 'nothing'}: ${where}${rule}`;
}

/** Our own files as far as they go; the rest is fetched once, and read from the disk from then on. */
function fetching(store: Store, folder: string, { reader, note }: PublishedLog): LogReader {
  const row = store.getSync(HEAD_KEY);
  const ownSize = row === undefined ? 0 : decodeHead(row).size;
  const fetched = folderReader(folder);
  return {
    async read(path, bytesMax) {
      if (path === 'checkpoint') return note;
      const own = isWithin(path, ownSize) ? readLogFile(store, path) : undefined;
      if (own !== undefined) return own;
      const kept = await fetched.read(path, bytesMax);
      if (kept !== undefined) return kept;
      const bytes = (await reader.read(path, bytesMax)) ?? (await fullInstead(reader, path));
      if (bytes !== undefined && bytes.length <= bytesMax) {
        mkdirSync(dirname(join(folder, path)), { recursive: true, mode: 0o700 });
        writeWhole(join(folder, path), bytes, 0o600);
      }
      return bytes;
    },
  };
}

/** Whether a tile or bundle ends within so many entries. */
function isWithin(path: string, size: number): boolean {
  const tile = parseTilePath(path);
  if (tile === undefined) return false;
  const level = tile.kind === 'hashes' ? tile.level : 0;
  return (tile.index * TILE_WIDTH + tile.width) * TILE_WIDTH ** level <= size;
}

/** A log that has grown since its checkpoint was read may have put the full file in the partial one's place. */
async function fullInstead(reader: LogReader, path: string): Promise<Buffer | undefined> {
  const cutAt = path.indexOf('.p/');
  const tile = parseTilePath(path);
  if (cutAt < 0 || tile === undefined) return undefined;
  const isHashes = tile.kind === 'hashes';
  const full = await reader.read(path.slice(0, cutAt), isHashes ? TILE_WIDTH * HASH_BYTES : BUNDLE_BYTES_MAX);
  if (full === undefined) return undefined;
  if (isHashes) return full.subarray(0, tile.width * HASH_BYTES);
  return full.subarray(0, full.length - splitBundle(full, tile.width).rest);
}
