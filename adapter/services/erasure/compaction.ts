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
import { codeOf } from '../../errors.js';

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

const SEALED_BYTES_MIN = PROBE_OFFSETS[1] + PROBE_BYTES;

/**
 * Some random bytes of a row, by which it is known on the disk. Two pieces: one may lie across the border of two blocks
 * of the log. They are told with each bit turned, so that whoever looks for them does not find this.
 *
 * @returns base64url.
 */
export function probesOf(row: Buffer): string[] {
  // Shorter rows are not sealed: numbers, and names that stand elsewhere too.
  if (row.length < SEALED_BYTES_MIN) return [];
  return PROBE_OFFSETS.map((at) => turned(row.subarray(at, at + PROBE_BYTES)).toString('base64url'));
}

function turned(bytes: Buffer): Buffer {
  return Buffer.from(bytes.map((byte) => ~byte & 0xff));
}

/** Readers of an older state keep its tables; most end soon. */
const ROUNDS_MAX = 6;
const FIRST_WAIT_MS = 50;

/**
 * Rewrites all tables that reach into some ranges, until none of them and none of the probes is found on the disk.
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
  const level = store as unknown as Tables;
  // However small the range: what is in memory and in the write-ahead log goes into tables, and a new log is begun.
  await level.compactRange(...NOWHERE);
  const before: Before = {
    reaching: tablesOf(level).filter((table) => reachesInto(table, ranges)),
    files: new Set((await readdir(folder)).flatMap((name) => tableNumber(name) ?? [])),
  };
  for (let round = 0; round < ROUNDS_MAX; round++) {
    if (signal?.aborted === true) return false;
    if (round > 0) await sleep(FIRST_WAIT_MS * 2 ** round);
    await rewrite(store, ranges);
    if (!(await areOnDisk(level, folder, ranges, before, probes))) return true;
  }
  return false;
}

/**
 * Rewrites every table that reaches into the ranges, the deepest included.
 *
 * Each gets a deletion of a key within its own range that is no row: such a deletion is carried downward until it meets
 * the table that reaches over it, and is merged with it.
 */
async function rewrite(store: Store, ranges: readonly KeyRange[]): Promise<void> {
  const level = store as unknown as Tables;
  const tables = tablesOf(level).filter((table) => reachesInto(table, ranges));
  const deletions = tables.map(({ first }): StoreWrite => ({ type: 'del', key: `${first} ` }));
  if (deletions.length > 0) await store.batch(deletions, { sync: true });
  for (const [from, to] of hulls(tables, ranges)) await level.compactRange(from, to);
}

/** The ranges, each as wide as the tables that reach into it; those that then overlap are one. */
function hulls(tables: readonly Table[], ranges: readonly KeyRange[]): KeyRange[] {
  const wide = ranges.map((range): KeyRange => {
    const reaching = tables.filter((table) => reachesInto(table, [range]));
    const keys = [...range, ...reaching.flatMap(({ first, last }) => [first, last])].toSorted(byBytes);
    return [keys[0] ?? range[0], keys.at(-1) ?? range[1]];
  });
  const merged: [string, string][] = [];
  for (const [from, to] of wide.toSorted(([a], [b]) => byBytes(a, b))) {
    const open = merged.at(-1);
    if (open === undefined || open[1] < from) merged.push([from, to]);
    else if (open[1] < to) open[1] = to;
  }
  return merged;
}

/** Keys are ASCII, so the order of their units is that of their bytes. */
function byBytes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

interface Table {
  readonly number: number;
  readonly first: string;
  readonly last: string;
}

/** What there was before anything was rewritten. */
interface Before {
  /** Tables in use that reach into the ranges. */
  readonly reaching: readonly Table[];
  /** Numbers of all files of tables, in use or not. */
  readonly files: ReadonlySet<number>;
}

/** Number of a table's file, or `undefined` for another file. */
function tableNumber(name: string): number | undefined {
  const number = /^(\d+)\.(?:ldb|sst)$/.exec(name)?.[1];
  return number === undefined ? undefined : Number(number);
}

/** Before all rows. */
const NOWHERE: KeyRange = [' ', '!'];

/** `17:2048['from' @ 5 : 1 .. 'to' @ 9 : 0]`: number, bytes, first and last key of a table. */
const TABLE = /^ (\d+):\d+\['(.*)' @ \d+ : \d \.\. '(.*)' @ \d+ : \d\]$/;

/** The tables in use. */
function tablesOf(level: Tables): Table[] {
  return level
    .getProperty('leveldb.sstables')
    .split('\n')
    .flatMap((line) => {
      const [, number, first = '', last = ''] = TABLE.exec(line) ?? [];
      return number === undefined ? [] : [{ number: Number(number), first, last }];
    });
}

function reachesInto({ first, last }: Table, ranges: readonly KeyRange[]): boolean {
  return ranges.some(([from, to]) => first <= to && last >= from);
}

/**
 * Whether a table of before is there still, in use or not, or any probe is found in a file that could hold it:
 * write-ahead logs, tables that reach into the ranges, and tables that are in use no more.
 */
async function areOnDisk(
  level: Tables,
  folder: string,
  ranges: readonly KeyRange[],
  before: Before,
  probes: readonly string[],
): Promise<boolean> {
  const wanted = probesByStart(probes);
  // A table of one key holds a live row, or the word that it is gone, which merges with whatever it is about.
  const old = new Set(before.reaching.filter(({ first, last }) => first < last).map(({ number }) => number));
  const used = tablesOf(level);
  const isUsed = new Set(used.map(({ number }) => number));
  const elsewhere = new Set(used.filter((table) => !reachesInto(table, ranges)).map(({ number }) => number));
  for (const name of await readdir(folder)) {
    const [, number, kind] = /^(\d+)\.(ldb|sst|log)$/.exec(name) ?? [];
    if (number === undefined) continue;
    if (kind !== 'log' && old.has(Number(number))) return true;
    // One that was merged already and is not deleted yet may hold anything.
    if (kind !== 'log' && before.files.has(Number(number)) && !isUsed.has(Number(number))) return true;
    if (wanted.size === 0 || (kind !== 'log' && elsewhere.has(Number(number)))) continue;
    if (holdsAny(await readIfThere(join(folder, name)), wanted)) return true;
  }
  return false;
}

/** Compactions delete files at any time. */
async function readIfThere(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
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
