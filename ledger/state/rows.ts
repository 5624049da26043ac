/**
 * The map's rows in the instance's store. What was published of an older state stays as it is: a page changed after
 * an anchor becomes a row of a new epoch, and the page above it names the epoch of each page below.
 */
import { LedgerError } from '../errors.js';
import { HASH_BYTES } from '../log/index.js';
import type { Region } from './page.js';

const PREFIX = 'state/';

/** What is stored of the map, and how far its pages have come; written with every batch. */
export const HEAD_KEY = `${PREFIX}head`;

/** Where the pages of a state begin. */
export interface Top {
  readonly height: number;
  /** Epoch of the root page; 0 where there is none, since no key was ever merged. */
  readonly epoch: number;
  /** Hash of the root page: 32 bytes, zero for no keys. */
  readonly hash: Buffer;
  /** Count of keys in the pages. */
  readonly keys: number;
}

/** The head's row. */
export interface Head {
  /** Entries of the log that the map has taken. */
  readonly size: number;
  /** Epoch of pages written now; it ends with an anchor. */
  readonly epoch: number;
  readonly top: Top;
  /** First chain of updates to be merged next. */
  readonly cursor: number;
  /** Rows of updates from here … */
  readonly updatesFrom: number;
  /** … from here on none of which was pending when the cursor last began anew … */
  readonly cycleFrom: number;
  /** … to here (excluded). */
  readonly updatesTo: number;
}

/** A state that proofs are given of. */
export interface Anchor {
  /** It is the state after so many entries. */
  readonly size: number;
  /** Epoch that ended with it. */
  readonly epoch: number;
  readonly top: Top;
}

/** Row of a page. */
export function pageKey({ height, low }: Pick<Region, 'height' | 'low'>, epoch: number): string {
  return `${PREFIX}page/${height}/${low.toString('hex').replace(/0+$/, '')}/${epoch}`;
}

/** Row of the updates of one batch. */
export function updatesKey(sequence: number): string {
  return `${PREFIX}updates/${ordered(sequence)}`;
}

/** Bounds of the anchors' rows. */
export const ANCHORS = { gte: `${PREFIX}anchor/`, lt: `${PREFIX}anchor0` };

/** Row of an anchor. */
export function anchorKey(size: number): string {
  return `${ANCHORS.gte}${ordered(size)}`;
}

/** Bounds of the rows that name pages no longer in the present state. */
export const OUTDATED = { gte: `${PREFIX}outdated/`, lt: `${PREFIX}outdated0` };

/** Row that names pages which newer ones replaced in an epoch. */
export function outdatedKey(epoch: number, sequence: number): string {
  return `${OUTDATED.gte}${ordered(epoch)}/${ordered(sequence)}`;
}

/** Epoch in an {@link outdatedKey}. */
export function outdatedEpoch(key: string): number {
  return Number.parseInt(key.slice(OUTDATED.gte.length), 16);
}

/** Row of the statement that a value is the hash of. */
export function statementKey(value: Uint8Array): string {
  return `${PREFIX}statement/${Buffer.from(value).toString('base64url')}`;
}

/** Hexadecimal of 53 bits, so that the order of texts is that of numbers. */
function ordered(number: number): string {
  return number.toString(16).padStart(14, '0');
}

const TOP_NUMBERS = 3;
const HEAD_NUMBERS = 6;
const VERSION = 1;

/** Version, numbers as u64-BE (size, epoch, cursor, update rows, then height, epoch and keys of the top), hash. */
export function encodeHead(head: Head): Buffer {
  const { size, epoch, cursor, updatesFrom, cycleFrom, updatesTo, top } = head;
  return encode([size, epoch, cursor, updatesFrom, cycleFrom, updatesTo], top);
}

/** Inverse of {@link encodeHead}. @throws LedgerError LEDGER_CORRUPT */
export function decodeHead(row: Buffer): Head {
  const { numbers, top } = decode(row, HEAD_NUMBERS);
  const [size = 0, epoch = 0, cursor = 0, updatesFrom = 0, cycleFrom = 0, updatesTo = 0] = numbers;
  if (updatesFrom > cycleFrom || cycleFrom > updatesTo || top.epoch > epoch) throw malformed();
  return { size, epoch, cursor, updatesFrom, cycleFrom, updatesTo, top };
}

/** Version, size, epoch, then the top as in {@link encodeHead}. */
export function encodeAnchor({ size, epoch, top }: Anchor): Buffer {
  return encode([size, epoch], top);
}

/** Inverse of {@link encodeAnchor}. @throws LedgerError LEDGER_CORRUPT */
export function decodeAnchor(row: Buffer): Anchor {
  const { numbers, top } = decode(row, 2);
  const [size = 0, epoch = 0] = numbers;
  return { size, epoch, top };
}

function encode(numbers: readonly number[], { height, epoch, keys, hash }: Top): Buffer {
  const all = [...numbers, height, epoch, keys];
  const row = Buffer.alloc(1 + 8 * all.length + HASH_BYTES);
  row[0] = VERSION;
  for (const [i, number] of all.entries()) row.writeBigUInt64BE(BigInt(number), 1 + 8 * i);
  row.set(hash, 1 + 8 * all.length);
  return row;
}

function decode(row: Buffer, count: number): { numbers: number[]; top: Top } {
  const all = count + TOP_NUMBERS;
  if (row.length !== 1 + 8 * all + HASH_BYTES || row[0] !== VERSION) throw malformed();
  const numbers = Array.from({ length: all }, (_, i) => Number(row.readBigUInt64BE(1 + 8 * i)));
  const [height = 0, epoch = 0, keys = 0] = numbers.splice(count);
  return { numbers, top: { height, epoch, keys, hash: Buffer.from(row.subarray(1 + 8 * all)) } };
}

function malformed(): LedgerError {
  return new LedgerError('LEDGER_CORRUPT', 'the state map’s head or an anchor of it is malformed');
}
