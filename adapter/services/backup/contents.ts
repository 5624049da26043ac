/** What goes into a backup: the store as it was at one moment, and the files beside it. */
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CHECKPOINT_KEY, decodeHead, HEAD_KEY, VKEY_KEY } from '../../../ledger/engines/index.js';
import { parseCheckpoint, splitNote } from '../../../ledger/log/index.js';
import type { Store } from '../../../ledger/store.js';
import { AdapterError } from '../../errors.js';
import {
  AGE_CHUNK,
  FRAME,
  frame,
  frameHead,
  isSafePath,
  LEFT_OUT,
  MAGIC,
  rowBytes,
  writeRow,
} from './format.js';
import type { BackupEnd, BackupHead, FileHead } from './format.js';

/** Whose data folder it is, and what the backup is called. */
export interface ContentsOptions {
  readonly store: Store;
  readonly dataDir: string;
  readonly demo: boolean;
  readonly madeAt: number;
  readonly period: string;
  /** Files that lie elsewhere and belong to it: name in the backup, and bytes. */
  readonly extra: readonly { readonly path: string; readonly bytes: Buffer }[];
  /** Told now and then. */
  readonly onProgress: (done: BackupProgress) => void;
}

export interface BackupProgress {
  readonly rows: number;
  readonly files: number;
  /** Of the stream, before encryption. */
  readonly bytes: number;
}

type Snapshot = ReturnType<Store['snapshot']>;

/** The moment that a backup is of. */
export interface Moment {
  readonly snapshot: Snapshot;
  readonly head: BackupHead;
  /** Files that may change, read at that moment. */
  readonly small: readonly { readonly path: string; readonly mode: number; readonly bytes: Buffer }[];
  /** Files that never change once they have their name. */
  readonly large: readonly string[];
}

/** Large binaries: each file is written once, and lies here under a random name. */
const BLOBS = 'blobs';
const SMALL_BYTES_MAX = 16 * 1024 * 1024;

/** Head and checkpoint differ for an instant within each commit. */
const MOMENT_TRIES = 2000;

/**
 * Waits for an instant at which the stored checkpoint is that of the stored log, and holds it. The snapshot is to be
 * closed by the caller.
 *
 * @throws AdapterError ADAPTER_CONFLICT when the store holds no log, or one whose checkpoint is behind for good.
 */
export async function takeMoment(options: ContentsOptions): Promise<Moment> {
  const { store, demo, madeAt, period, dataDir } = options;
  for (let tries = 0; tries < MOMENT_TRIES; tries++) {
    // All of it in one turn of the loop: nothing is committed meanwhile but what was under way.
    const snapshot = store.snapshot();
    const [head, note, vkey] = [HEAD_KEY, CHECKPOINT_KEY, VKEY_KEY].map((key) =>
      store.getSync(key, { snapshot }),
    );
    const checkpoint = note === undefined ? undefined : parseCheckpoint(splitNote(note)?.text ?? '');
    const size = head === undefined ? undefined : decodeHead(head).size;
    if (note !== undefined && vkey !== undefined && checkpoint?.size === size && checkpoint !== undefined) {
      try {
        const { small, large } = listFiles(dataDir);
        return {
          snapshot,
          small,
          large,
          head: {
            format: 'firebreak/backup/v1',
            origin: checkpoint.origin,
            vkey: vkey.toString('utf8').trim(),
            demo,
            madeAt,
            size: checkpoint.size,
            root: checkpoint.root.toString('base64'),
            checkpoint: note.toString('utf8'),
            period,
          },
        };
      } catch (error) {
        await snapshot.close();
        throw error;
      }
    }
    await snapshot.close();
    await sleep(1);
  }
  throw new AdapterError(
    'ADAPTER_CONFLICT',
    'the log’s checkpoint is behind the log: start the instance once',
  );
}

/** The whole stream. Memory does not grow with it: a block of rows, or of a file, at a time. */
export async function* contentsOf(moment: Moment, options: ContentsOptions): AsyncGenerator<Buffer> {
  const sum = createHash('sha256');
  const done = { rows: 0, files: 0, bytes: 0 };
  const out = (bytes: Buffer): Buffer => {
    sum.update(bytes);
    done.bytes += bytes.length;
    options.onProgress({ ...done });
    return bytes;
  };

  yield out(Buffer.concat([Buffer.from(MAGIC, 'latin1'), frame(FRAME.head, jsonOf(moment.head))]));
  const extra = options.extra.map((file) => ({ ...file, mode: 0o600 }));
  for (const { path, mode, bytes } of [...moment.small, ...extra]) {
    yield out(fileHead({ path, mode, bytes: bytes.length }));
    if (bytes.length > 0) yield out(frame(FRAME.bytes, bytes));
    done.files += 1;
  }
  for (const path of moment.large) {
    let isThere = 0;
    for await (const part of fileParts(options.dataDir, path)) {
      isThere = 1;
      yield out(part);
    }
    done.files += isThere;
  }
  for await (const { bytes, rows } of rowFrames(options.store, moment.snapshot)) {
    done.rows += rows;
    yield out(bytes);
  }
  const end: BackupEnd = { ...done, sha256: sum.digest('base64') };
  const last = frame(FRAME.end, jsonOf(end));
  const over = (done.bytes + last.length) % AGE_CHUNK;
  yield Buffer.concat([last, Buffer.alloc(over === 0 ? 0 : AGE_CHUNK - over)]);
}

const BLOCK_BYTES = 256 * 1024;
const ROWS_AT_ONCE = 1000;

/** All rows of the store, in blocks. */
async function* rowFrames(store: Store, snapshot: Snapshot): AsyncGenerator<{ bytes: Buffer; rows: number }> {
  let waiting: [Buffer, Buffer][] = [];
  let length = 0;
  const flush = (): { bytes: Buffer; rows: number } => {
    const block = Buffer.allocUnsafe(5 + length);
    frameHead(FRAME.rows, length).copy(block);
    let at = 5;
    for (const [key, value] of waiting) at = writeRow(block, at, key, value);
    const rows = waiting.length;
    waiting = [];
    length = 0;
    return { bytes: block, rows };
  };
  const iterator = store.iterator({ snapshot, highWaterMarkBytes: BLOCK_BYTES });
  try {
    for (;;) {
      const some = await iterator.nextv(ROWS_AT_ONCE);
      if (some.length === 0) break;
      for (const [text, value] of some) {
        const key = Buffer.from(text, 'utf8');
        const bytes = rowBytes(key, value);
        if (length > 0 && length + bytes > BLOCK_BYTES) yield flush();
        waiting.push([key, value]);
        length += bytes;
      }
    }
    if (length > 0) yield flush();
  } finally {
    await iterator.close();
  }
}

/** A file in parts; nothing where it has gone since: what is gone was erased. */
async function* fileParts(dataDir: string, path: string): AsyncGenerator<Buffer> {
  const file = await open(join(dataDir, path), 'r').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  });
  if (file === undefined) return;
  try {
    const { size, mode } = await file.stat();
    yield fileHead({ path, mode: mode & 0o777, bytes: size });
    for (let at = 0; at < size;) {
      const part = Buffer.allocUnsafe(Math.min(BLOCK_BYTES, size - at));
      const { bytesRead } = await file.read(part, 0, part.length, at);
      if (bytesRead === 0)
        throw new AdapterError('ADAPTER_CONFLICT', `${path} became shorter while it was read`);
      yield frame(FRAME.bytes, part.subarray(0, bytesRead));
      at += bytesRead;
    }
  } finally {
    await file.close();
  }
}

function listFiles(dataDir: string): Pick<Moment, 'small' | 'large'> {
  const small: { path: string; mode: number; bytes: Buffer }[] = [];
  const large: string[] = [];
  const walk = (below: string): void => {
    for (const name of readdirSync(join(dataDir, below))) {
      const path = below === '' ? name : `${below}/${name}`;
      if ((below === '' && LEFT_OUT.has(name)) || name.startsWith('.') || name.endsWith('.tmp')) continue;
      const found = lstatSync(join(dataDir, path), { throwIfNoEntry: false });
      if (found?.isDirectory() === true) walk(path);
      if (found?.isFile() !== true) continue;
      if (!isSafePath(path))
        throw new AdapterError('ADAPTER_CONFLICT', `${path} in the data folder is not ours`);
      if (below.split('/')[0] === BLOBS) large.push(path);
      else if (found.size <= SMALL_BYTES_MAX)
        small.push({ path, mode: found.mode & 0o777, bytes: readFileSync(join(dataDir, path)) });
      else
        throw new AdapterError('ADAPTER_CONFLICT', `${path} in the data folder is not ours: it is too large`);
    }
  };
  walk('');
  return { small, large };
}

function fileHead(head: FileHead): Buffer {
  return frame(FRAME.file, jsonOf(head));
}

function jsonOf(value: object): Buffer {
  return Buffer.from(JSON.stringify(value), 'utf8');
}
