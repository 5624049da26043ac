/** A backup into a folder: beside its place until it is whole and verified, so that the place holds all of it or nothing. */
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { rename } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { Store, StoreWrite } from '../../../ledger/store.js';
import { AdapterError, codeOf } from '../../errors.js';
import { openStore } from '../../instance/store.js';
import { UNSETTLED_FILE } from '../../instance/unsettled.js';
import type { Unsettled } from '../../instance/unsettled.js';
import { BackupError } from './errors.js';
import type { BackupEnd, BackupHead } from './format.js';
import { readAge } from './read-age.js';
import type { OnRead } from './read-age.js';
import type { Identity } from './period-keys.js';
import { readBackup } from './read-backup.js';
import { damaged } from './read-age.js';
import { syncFolder } from './write-age.js';

export interface LoadOptions {
  readonly file: string;
  readonly identities: readonly Identity[];
  /** The data folder to be: absent or empty. */
  readonly dataDir: string;
  readonly onRead: OnRead;
  /** Judges what was read, before it gets its place. */
  readonly verify: (store: Store, head: BackupHead) => Promise<void>;
}

export interface Loaded {
  readonly head: BackupHead;
  readonly end: BackupEnd;
}

/** Who works in the folder beside: one that has died is cleared away. */
const OWNER_FILE = 'restoring.json';

/**
 * Reads a backup into its place, marked as not settled.
 *
 * @throws BackupError for a backup that is not whole, or does not verify; RESTORE_NOT_EMPTY. Nothing is in the place then.
 */
export async function loadBackup(options: LoadOptions): Promise<Loaded> {
  const place = resolve(options.dataDir);
  requireEmpty(place);
  const beside = join(dirname(place), `.${basename(place)}.restoring`);
  takeBeside(beside);
  try {
    const loaded = await read(beside, options);
    const { origin, vkey, size, checkpoint, madeAt } = loaded.head;
    const mark: Unsettled = { origin, vkey, size, checkpoint, madeAt };
    writeWhole(join(beside, UNSETTLED_FILE), Buffer.from(JSON.stringify(mark), 'utf8'), 0o600);
    rmSync(join(beside, OWNER_FILE));
    rmSync(join(beside, 'holder.json'), { force: true });
    await syncTree(beside);
    // Over an empty folder too; one that was filled meanwhile makes it fail.
    await rename(beside, place).catch((cause: unknown) => {
      throw codeOf(cause) === 'ENOTEMPTY' || codeOf(cause) === 'EEXIST' ? notEmpty(place) : cause;
    });
    await syncFolder(dirname(place));
    return loaded;
  } catch (error) {
    rmSync(beside, { recursive: true, force: true });
    throw error;
  }
}

function requireEmpty(place: string): void {
  const found = statSync(place, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isDirectory() || readdirSync(place).length > 0) throw notEmpty(place);
}

function notEmpty(place: string): BackupError {
  return new BackupError(
    'RESTORE_NOT_EMPTY',
    `${place} is not empty: a restore never writes over anything. Name another folder by --data`,
  );
}

function takeBeside(beside: string): void {
  const owner = join(beside, OWNER_FILE);
  if (statSync(beside, { throwIfNoEntry: false }) !== undefined) {
    if (isOwned(owner))
      throw new AdapterError('ADAPTER_DATA_FOLDER_IN_USE', `another restore is at work in ${beside}`);
    // Left by one that was killed; it holds keys.
    rmSync(beside, { recursive: true, force: true });
  }
  mkdirSync(beside, { recursive: true, mode: 0o700 });
  writeFileSync(owner, JSON.stringify({ pid: process.pid }), { mode: 0o600 });
}

function isOwned(owner: string): boolean {
  try {
    const { pid } = JSON.parse(readFileSync(owner, 'utf8')) as { pid: number };
    process.kill(pid, 0);
    return pid !== process.pid;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}

async function read(beside: string, { file, identities, onRead, verify }: LoadOptions): Promise<Loaded> {
  const store = await openStore(beside);
  let head: BackupHead | undefined;
  let end: BackupEnd | undefined;
  let target: number | undefined;
  let left = 0;
  try {
    for await (const part of readBackup(readAge(file, identities, onRead))) {
      if (part.kind === 'head') head = part.head;
      else if (part.kind === 'rows') await store.batch(part.rows as StoreWrite[]);
      else if (part.kind === 'file') {
        target = startFile(join(beside, part.file.path), part.file.mode);
        left = part.file.bytes;
      } else if (part.kind === 'bytes' && target !== undefined) {
        writeSync(target, part.bytes);
        left -= part.bytes.length;
      } else if (part.kind === 'end') end = part.end;
      if (target !== undefined && left === 0) target = endFile(target);
    }
    if (head === undefined || end === undefined) throw damaged('it has no end');
    // The last write is synced, and with it LevelDB's log up to there.
    await store.batch([{ type: 'del', key: '~' }], { sync: true });
    await verify(store, head);
    return { head, end };
  } finally {
    if (target !== undefined) endFile(target);
    await store.close();
  }
}

function startFile(path: string, mode: number): number {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  return openSync(path, 'wx', mode);
}

function endFile(file: number): undefined {
  fsyncSync(file);
  closeSync(file);
}

/** Writes a file and syncs it. */
export function writeWhole(path: string, bytes: Buffer, mode: number): void {
  const file = openSync(path, 'w', mode);
  try {
    writeSync(file, bytes);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

async function syncTree(dir: string): Promise<void> {
  for (const entry of readdirSync(dir, { withFileTypes: true }))
    if (entry.isDirectory()) await syncTree(join(dir, entry.name));
  await syncFolder(dir);
}
