/**
 * What is inside the encryption: a line that names the format, then frames of one byte of kind, four of length
 * (big-endian) and their content, then zeros up to a whole number of age's chunks.
 *
 * The zeros make every whole backup end with a full chunk, by which a file that was cut is told from a damaged one.
 *
 * @see docs/adr/0028-backup-and-restore.md
 */
import type { StoreWrite } from '../../../ledger/store.js';
import { UNSETTLED_FILE } from '../../instance/unsettled.js';

/** First line of a backup; the number is the format's version. */
export const MAGIC = 'firebreak/backup/v1\n';
/** What all versions begin with. */
export const MAGIC_ANY = 'firebreak/backup/v';

/** Bytes of plaintext in a chunk of an age file. @see https://c2sp.org/age */
export const AGE_CHUNK = 64 * 1024;

/** Kinds of frame, in the order in which they come. */
export const FRAME = {
  /** {@link BackupHead} as JSON; once, the first. */
  head: 1,
  /** Rows of the store: key length, key, value length, value, and the next. */
  rows: 2,
  /** {@link FileHead} as JSON; its bytes follow. */
  file: 3,
  /** Some bytes of the file. */
  bytes: 4,
  /** {@link BackupEnd} as JSON; once, the last. */
  end: 5,
} as const;

export type FrameKind = (typeof FRAME)[keyof typeof FRAME];

export const FRAME_HEAD_BYTES = 5;
/** A row is one frame at least, and a body of a hook is one row. */
export const FRAME_BYTES_MAX = 1024 * 1024 * 1024;
/** JSON of heads and ends is short. */
export const JSON_BYTES_MAX = 1024 * 1024;

/** What a backup is of. */
export interface BackupHead {
  readonly format: 'firebreak/backup/v1';
  readonly origin: string;
  /** The log's public key, or keys, as published. */
  readonly vkey: string;
  readonly demo: boolean;
  /** ms since the epoch. */
  readonly madeAt: number;
  /** Entries of the log. */
  readonly size: number;
  /** base64, as in a checkpoint. */
  readonly root: string;
  /** The signed checkpoint of that size. */
  readonly checkpoint: string;
  /** Id of the period whose key opens it. */
  readonly period: string;
}

/** A file of the data folder. */
export interface FileHead {
  /** Below the data folder, parts joined by `/`. */
  readonly path: string;
  /** Permission bits. */
  readonly mode: number;
  readonly bytes: number;
}

/** What was in it, to be compared with what was read. */
export interface BackupEnd {
  readonly rows: number;
  readonly files: number;
  /** Bytes of the stream before this frame. */
  readonly bytes: number;
  /** SHA-256 of those, base64. */
  readonly sha256: string;
}

export function frame(kind: FrameKind, content: Buffer): Buffer {
  return Buffer.concat([frameHead(kind, content.length), content]);
}

export function frameHead(kind: FrameKind, length: number): Buffer {
  const head = Buffer.allocUnsafe(FRAME_HEAD_BYTES);
  head[0] = kind;
  head.writeUInt32BE(length, 1);
  return head;
}

/** Bytes that one row takes in a frame of rows. */
export function rowBytes(key: Buffer, value: Buffer): number {
  return 8 + key.length + value.length;
}

/** Writes a row. @returns Where the next one goes. */
export function writeRow(into: Buffer, at: number, key: Buffer, value: Buffer): number {
  let next = into.writeUInt32BE(key.length, at);
  next += key.copy(into, next);
  next = into.writeUInt32BE(value.length, next);
  return next + value.copy(into, next);
}

/** Rows of a frame, or `undefined` when its lengths do not fit. */
export function readRows(content: Buffer): Extract<StoreWrite, { type: 'put' }>[] | undefined {
  const rows: Extract<StoreWrite, { type: 'put' }>[] = [];
  let at = 0;
  const take = (): Buffer | undefined => {
    if (at + 4 > content.length) return undefined;
    const length = content.readUInt32BE(at);
    const start = at + 4;
    if (start + length > content.length) return undefined;
    at = start + length;
    return content.subarray(start, at);
  };
  while (at < content.length) {
    const key = take();
    const value = take();
    if (key === undefined || value === undefined) return undefined;
    rows.push({ type: 'put', key: key.toString('utf8'), value });
  }
  return rows;
}

const PART = /^[A-Za-z0-9._ -]{1,200}$/;
const PARTS_MAX = 8;

/**
 * What lies in a data folder and in no backup: the store (whose rows are), Redis (made again from the inbox), a demo’s
 * own hospital, and notes on who runs and what waits.
 */
export const LEFT_OUT: ReadonlySet<string> = new Set([
  'store',
  'redis',
  'demo',
  'running.json',
  'holder.json',
  'restoring.json',
  'admin.sock',
  UNSETTLED_FILE,
]);

/** Whether a path is one that a backup may hold: below the data folder, and none of what is left out. */
export function isSafePath(path: string): boolean {
  const parts = path.split('/');
  return (
    parts.length <= PARTS_MAX &&
    parts.every((part) => PART.test(part) && !part.startsWith('.')) &&
    !LEFT_OUT.has(parts[0] ?? '')
  );
}
