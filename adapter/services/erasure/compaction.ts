/**
 * Getting deleted bytes off the disk. LevelDB deletes by writing that a key is gone; the bytes stay in its tables and
 * its write-ahead log until a compaction has merged them with that word. What `compactRange` leaves out has to be made
 * to happen: it does not rewrite the deepest level that holds something of a range, so bytes there survive a
 * deletion that was merged into the same table.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Store, StoreWrite } from '../../../ledger/store.js';

/** What LevelDB can do and `Store` does not tell. */
interface Tables {
  compactRange(from: string, to: string): Promise<void>;
  getProperty(name: string): string;
}

/** Keys from the first to the last, both excluded: neither may ever be a row. */
export type KeyRange = readonly [from: string, to: string];

/** Rows beginning with a text. */
export function prefixRange(prefix: string): KeyRange {
  return [prefix, `${prefix}~`];
}

/** One row, and next to nothing else. */
export function rowRange(key: string): KeyRange {
  return [key.slice(0, -1), `${key}~`];
}

/** Rows scattered over a prefix: each alone while they are few, else the whole prefix. */
export function rowRanges(prefix: string, keys: readonly string[]): KeyRange[] {
  return keys.length > ROWS_APART_MAX ? [prefixRange(prefix)] : keys.map(rowRange);
}

/** Compacting a range costs some milliseconds at least. */
const ROWS_APART_MAX = 32;

const PROBE_BYTES = 12;
/** Where a sealed row of any kind is random: within nonces, ciphertexts or wrapped keys. */
const PROBE_OFFSETS = [9, 49] as const;

/**
 * Some random bytes of a row, by which it is known on the disk. Two pieces: one may lie across the border of two blocks
 * of the log. They are told with each bit turned, so that whoever looks for them does not find this.
 *
 * @returns base64url.
 */
export function probesOf(row: Buffer): string[] {
  return PROBE_OFFSETS.filter((at) => at + PROBE_BYTES <= row.length).map((at) =>
    turned(row.subarray(at, at + PROBE_BYTES)).toString('base64url'),
  );
}

function turned(bytes: Buffer): Buffer {
  return Buffer.from(bytes.map((byte) => ~byte & 0xff));
}

/** Readers of an older state keep its tables; most end soon. */
const ROUNDS_MAX = 6;
const FIRST_WAIT_MS = 50;

/**
 * Rewrites ranges until none of the probes is found on the disk.
 *
 * @param folder - The store's.
 * @param signal - Ends it between two rounds.
 * @returns False when some are still found after several rounds: a reader of an older state has been open all the
 * while.
 */
export async function compactAway(
  store: Store,
  folder: string,
  ranges: readonly KeyRange[],
  probes: readonly string[],
  signal?: AbortSignal,
): Promise<boolean> {
  for (let round = 0; round < ROUNDS_MAX && signal?.aborted !== true; round++) {
    if (round > 0) await sleep(FIRST_WAIT_MS * 2 ** round);
    await rewrite(store, ranges);
    if (!(await areOnDisk(store, folder, ranges, probes))) return true;
  }
  return false;
}

/**
 * Rewrites every table that holds something of the ranges.
 *
 * The first compaction brings all that is in memory and in the write-ahead log into tables, and begins a new log. Then
 * deletions of the ranges' ends, which are no rows, make a small table above all others that reaches over all of
 * them; merging it downward rewrites each table below, the deepest included.
 */
async function rewrite(store: Store, ranges: readonly KeyRange[]): Promise<void> {
  const level = store as unknown as Tables;
  for (const [from, to] of ranges) await level.compactRange(from, to);
  const ends = ranges.flatMap((range) => range.map((key): StoreWrite => ({ type: 'del', key })));
  await store.batch(ends, { sync: true });
  for (const [from, to] of ranges) await level.compactRange(from, to);
}

/** `17:2048['from' @ 5 : 1 .. 'to' @ 9 : 0]`: number, bytes, first and last key of a table. */
const TABLE = /^ (\d+):\d+\['(.*)' @ \d+ : \d \.\. '(.*)' @ \d+ : \d\]$/;

/**
 * Whether any probe is found in a file that could hold it: write-ahead logs, tables that reach into the ranges, and
 * tables that are no longer used but not yet deleted.
 */
async function areOnDisk(
  store: Store,
  folder: string,
  ranges: readonly KeyRange[],
  probes: readonly string[],
): Promise<boolean> {
  if (probes.length === 0) return false;
  const wanted = probesByStart(probes);
  const elsewhere = tablesElsewhere(store, ranges);
  for (const name of await readdir(folder)) {
    const [, number, kind] = /^(\d+)\.(ldb|sst|log)$/.exec(name) ?? [];
    if (number === undefined || (kind !== 'log' && elsewhere.has(Number(number)))) continue;
    const bytes = await readFile(join(folder, name)).catch((error: unknown) => {
      // Compactions delete files at any time.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0);
      throw error;
    });
    if (holdsAny(bytes, wanted)) return true;
  }
  return false;
}

/** Numbers of the tables in use that reach into none of the ranges. */
function tablesElsewhere(store: Store, ranges: readonly KeyRange[]): Set<number> {
  const level = store as unknown as Tables;
  const numbers = new Set<number>();
  for (const line of level.getProperty('leveldb.sstables').split('\n')) {
    const [, number, first = '', last = ''] = TABLE.exec(line) ?? [];
    if (number === undefined) continue;
    if (!ranges.some(([from, to]) => first <= to && last >= from)) numbers.add(Number(number));
  }
  return numbers;
}

function probesByStart(probes: readonly string[]): Map<number, Buffer[]> {
  const wanted = new Map<number, Buffer[]>();
  for (const text of probes) {
    const probe = turned(Buffer.from(text, 'base64url'));
    const start = probe.readUInt32LE(0);
    wanted.set(start, [...(wanted.get(start) ?? []), probe]);
  }
  return wanted;
}

/** One pass over the bytes, however many probes. */
function holdsAny(bytes: Buffer, wanted: ReadonlyMap<number, readonly Buffer[]>): boolean {
  let next = bytes.length < 4 ? 0 : bytes.readUInt32LE(0);
  for (let at = 0; at + PROBE_BYTES <= bytes.length; at++) {
    const found = wanted.get(next);
    if (found?.some((probe) => bytes.compare(probe, 0, PROBE_BYTES, at, at + PROBE_BYTES) === 0) === true)
      return true;
    next = ((next >>> 8) | ((bytes[at + 4] ?? 0) << 24)) >>> 0;
  }
  return false;
}
