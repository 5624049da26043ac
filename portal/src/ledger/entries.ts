/** Entries of the log, each proved against the head before it is shown. */
import { isIncluded, leafHash, portableCrypto, TiledLog } from '../../../ledger/proofs/index.js';
import type { Head } from '../../../ledger/proofs/index.js';
import { readLogFile } from './log-files.js';

const BUNDLE = 256;

/** What an entry says, as far as the pages read it. */
export interface ReadEntry {
  readonly leaf: number;
  readonly type: string;
  /** ms since the epoch. */
  readonly at: number;
  readonly actor: string;
  /** The canonical text. */
  readonly text: string;
}

/** An entry with the path that was checked. */
export interface ProvedEntry {
  readonly entry: ReadEntry;
  readonly isProved: boolean;
  readonly leafHash: Uint8Array;
  readonly path: readonly Uint8Array[];
}

let log: { readonly key: string; readonly log: TiledLog } | undefined;

/** The log at a head; its tiles are read once. */
function logAt(head: Head): TiledLog {
  const key = `${head.origin} ${head.size} ${head.root.join()}`;
  if (log?.key !== key) log = { key, log: new TiledLog(portableCrypto, head.size, readLogFile) };
  return log.log;
}

/** @throws SyntaxError for bytes that are no entry. */
function readEntry(leaf: number, bytes: Uint8Array): ReadEntry {
  const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  const { type, at, actor } = JSON.parse(text) as Partial<ReadEntry>;
  if (typeof type !== 'string' || typeof at !== 'number' || typeof actor !== 'string')
    throw new SyntaxError(`entry ${leaf} is none`);
  return { leaf, type, at, actor, text };
}

/** Entries from one leaf up to before another, the latest first. Not proved one by one. */
export async function readEntries(head: Head, from: number, to: number): Promise<ReadEntry[]> {
  const found: ReadEntry[] = [];
  for (let bundle = Math.floor(from / BUNDLE); bundle * BUNDLE < to; bundle++) {
    const entries = await logAt(head).entries(bundle);
    for (const [i, bytes] of entries.entries()) {
      const leaf = bundle * BUNDLE + i;
      if (leaf >= from && leaf < to) found.push(readEntry(leaf, bytes));
    }
  }
  return found.toReversed();
}

/** One entry, and whether the signed head holds it at its place. */
export async function proveEntry(head: Head, leaf: number): Promise<ProvedEntry> {
  const tiles = logAt(head);
  const [entries, path] = await Promise.all([
    tiles.entries(Math.floor(leaf / BUNDLE)),
    tiles.inclusion(leaf),
  ]);
  const bytes = entries[leaf % BUNDLE] ?? new Uint8Array();
  const hash = leafHash(portableCrypto, bytes);
  const isProved = isIncluded(portableCrypto, hash, { index: leaf, size: head.size, path }, head.root);
  return { entry: readEntry(leaf, bytes), isProved, leafHash: hash, path };
}

/** A point of the log's growth. */
export interface GrowthPoint {
  /** ms since the epoch. */
  readonly at: number;
  readonly size: number;
}

const SAMPLES = 8;

/** How the log grew: times of some entries spread over it, the first and the last among them. */
export async function readGrowth(head: Head): Promise<GrowthPoint[]> {
  const last = Math.floor((head.size - 1) / BUNDLE);
  const count = Math.min(SAMPLES, last + 1);
  const bundles = new Set(
    Array.from({ length: count }, (_, i) => (count === 1 ? 0 : Math.round((i * last) / (count - 1)))),
  );
  const points: GrowthPoint[] = [];
  for (const bundle of bundles) {
    const entries = await logAt(head).entries(bundle);
    for (const i of new Set([0, entries.length - 1])) {
      const leaf = bundle * BUNDLE + i;
      points.push({ at: readEntry(leaf, entries[i] ?? new Uint8Array()).at, size: leaf + 1 });
    }
  }
  return points;
}
