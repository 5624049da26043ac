/** Making a backup of an instance that runs, or of a folder that nobody runs on. */
import { realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import type { Store } from '../../../ledger/store.js';
import { AdapterError } from '../../errors.js';
import { backupPeriods, beginPeriod, currentPeriod, noteBackup } from '../backup-periods.js';
import type { BackupPeriod } from '../backup-periods.js';
import { contentsOf, takeMoment } from './contents.js';
import type { BackupProgress, ContentsOptions } from './contents.js';
import { writeAge } from './write-age.js';

export interface BackupArgs {
  /** A file that does not exist, or a folder that does; absolute. */
  readonly target: string;
  /** age recipient; default: the current period's. One that is not known begins a period. */
  readonly recipient?: string;
}

/** What a backup is made of. */
export interface BackedUp {
  readonly store: Store;
  readonly dataDir: string;
  readonly origin: string;
  readonly demo: boolean;
  readonly nowMs: () => number;
  readonly extra?: ContentsOptions['extra'];
}

export interface BackupReport {
  readonly file: string;
  /** Of the file. */
  readonly bytes: number;
  readonly origin: string;
  /** Entries of the log. */
  readonly size: number;
  /** base64. */
  readonly root: string;
  readonly rows: number;
  readonly files: number;
  readonly period: Pick<BackupPeriod, 'id' | 'recipient' | 'until' | 'destroyAt'>;
}

/** How often progress is told, ms. */
const TELL_MS = 200;

/**
 * Makes a backup.
 *
 * @throws AdapterError ADAPTER_USAGE for a target that exists or lies in the data folder, and without a period;
 * ADAPTER_CONFLICT, ADAPTER_DISK_FULL. Nothing is left at the target then.
 */
export async function makeBackup(
  of: BackedUp,
  args: BackupArgs,
  onProgress: (progress: BackupProgress) => void,
  signal?: AbortSignal,
): Promise<BackupReport> {
  const { store, dataDir, nowMs } = of;
  const madeAt = nowMs();
  const file = fileAt(args.target, of.origin, madeAt);
  requireApart(file, dataDir);
  const period = await periodFor(store, args.recipient, madeAt);
  // First, so that whoever erases from now on knows of this backup; it is in the backup itself, too.
  await noteBackup(store, period.id, madeAt);
  let done: BackupProgress = { rows: 0, files: 0, bytes: 0 };
  let toldAt = -Infinity;
  const options: ContentsOptions = {
    store,
    dataDir,
    demo: of.demo,
    madeAt,
    period: period.id,
    extra: of.extra ?? [],
    onProgress: (progress) => {
      done = progress;
      if (performance.now() - toldAt < TELL_MS) return;
      toldAt = performance.now();
      onProgress(progress);
    },
  };
  const moment = await takeMoment(options);
  try {
    const bytes = await writeAge(file, period.recipient, contentsOf(moment, options), signal);
    const { origin, size, root } = moment.head;
    const { id, recipient, until, destroyAt } = period;
    const { rows, files } = done;
    return { file, bytes, origin, size, root, rows, files, period: { id, recipient, until, destroyAt } };
  } finally {
    await moment.snapshot.close();
  }
}

async function periodFor(store: Store, recipient: string | undefined, nowMs: number): Promise<BackupPeriod> {
  if (recipient === undefined) {
    const current = currentPeriod(store, nowMs);
    if (current !== undefined) return current;
    const hadOne = backupPeriods(store).length > 0;
    throw new AdapterError(
      'ADAPTER_USAGE',
      `${hadOne ? 'the period of the last backup key is over' : 'there is no backup key yet'}: ` +
        'make one, apart from this machine’s data: firebreak backup keys new --out FILE',
    );
  }
  const known = backupPeriods(store).find((one) => one.recipient === recipient);
  if (known === undefined) return beginPeriod(store, { recipient }, nowMs);
  if (known.destroyedAt !== undefined || known.until <= nowMs)
    throw new AdapterError(
      'ADAPTER_USAGE',
      `the period ${known.id} of this recipient is over: take another key`,
    );
  return known;
}

/** In a folder the file is named after log and time. */
function fileAt(target: string, origin: string, nowMs: number): string {
  const path = resolve(target);
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  if (!isFolder) {
    const parent = statSync(dirname(path), { throwIfNoEntry: false });
    if (parent?.isDirectory() !== true)
      throw new AdapterError('ADAPTER_USAGE', `${dirname(path)} is no folder: make it first`);
    return path;
  }
  const stamp = new Date(nowMs).toISOString().replaceAll(/[-:]/g, '').replace('.', '');
  return join(path, `${origin.replaceAll(/[^a-z0-9.-]+/g, '-')}-${stamp}.age`);
}

/** What lies in the data folder is lost with it, and would be part of the next backup. */
function requireApart(file: string, dataDir: string): void {
  const below = relative(realpathSync(dataDir), join(realpathSync(dirname(file)), basename(file)));
  if (below.startsWith('..') || below.startsWith('/')) return;
  throw new AdapterError(
    'ADAPTER_USAGE',
    'a backup belongs outside of the data folder, on another disk best',
  );
}
