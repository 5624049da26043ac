/** Restoring: load, verify, compare with what was published since, catch up, draw the consequences, go live. */
import { rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { decodeHead, HEAD_KEY, readLogFile } from '../../../ledger/engines/index.js';
import { encodeVkey, NOTE_BYTES_MAX, publicKey } from '../../../ledger/log/index.js';
import type { Store } from '../../../ledger/store.js';
import { openKeyRing } from '../../../ledger/vault/index.js';
import type { AskPassphrase, InstanceKeys } from '../../../ledger/vault/index.js';
import { storeReader, verifyLog } from '../../../ledger/verify/index.js';
import { openStore } from '../../instance/store.js';
import { readUnsettled, UNSETTLED_FILE } from '../../instance/unsettled.js';
import type { Unsettled } from '../../instance/unsettled.js';
import { vaultOfStore } from '../vault-rows.js';
import type { ConfiguredWitnesses, Post } from '../witness/index.js';
import { catchUp, whatFails } from './catch-up.js';
import { drawConsequences, requireKeysInForce } from './consequences.js';
import type { Consequences } from './consequences.js';
import { BackupError } from './errors.js';
import type { BackupHead } from './format.js';
import { loadBackup } from './load.js';
import type { Identity } from './period-keys.js';
import { compareWithLog, compareWithWitnesses, openPublished } from './published.js';
import type { PublishedLog, Standing } from './published.js';
import { readSince } from './since.js';
import { syncFolder } from './write-age.js';

/** What to compare with, and what to do then. */
export interface SettleOptions {
  readonly dataDir: string;
  /** Address or folder of the published log. */
  readonly log?: string;
  readonly witnesses?: ConfiguredWitnesses | undefined;
  /** Take the entries that the published log has and the restored one has not. */
  readonly catchUp: boolean;
  /** The operator says so: nothing was published since the backup that anyone could have seen. */
  readonly nothingPublished: boolean;
  readonly nowMs: () => number;
  readonly onProgress: (line: string, done: number, total: number) => void;
  readonly post?: Post;
  /** Asked where the keys in the backup lie under a passphrase. */
  readonly passphrase?: AskPassphrase;
}

export interface RestoreOptions extends SettleOptions {
  readonly file: string;
  readonly identities: readonly Identity[];
  /** Keys that the log must have; without them the backup's own are believed. */
  readonly vkeys?: readonly string[];
}

/** Why a restored folder is not live yet. */
export type WaitsFor =
  /** The published log is ahead: catch up. */
  | 'ahead'
  /** The published log has another history: this backup must not go live. */
  | 'fork'
  /** Too few witnesses answered. */
  | 'unsure'
  /** Nothing was given to compare with. */
  | 'not-compared';

export interface RestoreReport {
  readonly outcome: 'live' | 'waiting';
  readonly waitsFor?: WaitsFor;
  readonly dataDir: string;
  readonly origin: string;
  readonly vkey: string;
  /** When the backup was made, ms since the epoch. */
  readonly madeAt: number;
  /** Entries of the log in the backup, and now. */
  readonly backedUp: number;
  readonly size: number;
  /** Entries that were published, as far as it is known. */
  readonly published?: number;
  readonly silentWitnesses?: readonly string[];
  readonly consequences?: Consequences;
}

/**
 * Restores a backup into an empty folder, and settles it.
 *
 * @throws BackupError for a backup that cannot be read whole or does not verify: nothing is in the folder then; and as
 * {@link settle} does.
 */
export async function restore(options: RestoreOptions): Promise<RestoreReport> {
  const { file, identities, dataDir, vkeys, onProgress, nowMs } = options;
  await loadBackup({
    file,
    identities,
    dataDir,
    onRead: (read, of) => onProgress('reading the backup', read, of),
    verify: (store, head) =>
      verifyRestored(store, head, vkeys, nowMs(), (done, size) => onProgress('verifying', done, size)),
  });
  return settle(options);
}

/** Judges what was read as an outsider would, and compares the vault with the log. */
async function verifyRestored(
  store: Store,
  head: BackupHead,
  vkeys: readonly string[] | undefined,
  nowMs: number,
  onProgress: (done: number, size: number) => void,
): Promise<void> {
  const own = head.vkey.split(/\s+/).filter((line) => line !== '');
  if (vkeys !== undefined && !vkeys.some((vkey) => own.includes(vkey)))
    throw new BackupError(
      'RESTORE_OTHER_LOG',
      `this backup is of ${head.origin}, whose key is not the one given`,
    );
  const row = store.getSync(HEAD_KEY);
  const stored = row === undefined ? undefined : decodeHead(row);
  if (stored?.size !== head.size || stored.root.toString('base64') !== head.root)
    throw new BackupError(
      'RESTORE_NOT_VERIFIED',
      'the restored log is not of the size and root that the backup names',
    );
  const report = await verifyLog(storeReader(store), {
    vkeys: vkeys ?? own,
    nowMs,
    onProgress,
    vault: await vaultOfStore(store),
  });
  const failed = report.checks.filter(({ ok }) => !ok);
  // A restore before this one may have lost records; the instance knows of it, and lost nothing more.
  if (!failed.every(({ failure }) => failure?.code === 'opening-lost'))
    throw new BackupError('RESTORE_NOT_VERIFIED', `the restored log does not verify: ${whatFails(report)}`);
}

/**
 * Compares a restored folder with what was published, and lets it go live when it is no step back. May be repeated.
 *
 * @throws BackupError RESTORE_NOTHING_TO_SETTLE, RESTORE_PUBLISHED_LOG, RESTORE_OTHER_LOG, RESTORE_KEY_ENDED; VaultError
 * when the keys cannot be opened. The folder stays as it is then.
 */
export async function settle(options: SettleOptions): Promise<RestoreReport> {
  const dataDir = resolve(options.dataDir);
  const mark = readUnsettled(dataDir);
  if (mark === undefined)
    throw new BackupError('RESTORE_NOTHING_TO_SETTLE', `${dataDir} is not a restored folder that waits`);
  const store = await openStore(dataDir);
  try {
    return await settleStore(store, dataDir, mark, options);
  } finally {
    await store.close();
  }
}

async function settleStore(
  store: Store,
  dataDir: string,
  mark: Unsettled,
  options: SettleOptions,
): Promise<RestoreReport> {
  const { origin, vkey, madeAt, size: backedUp } = mark;
  const base = { dataDir, origin, vkey, madeAt, backedUp };
  const waiting = (waitsFor: WaitsFor, more: Partial<RestoreReport> = {}): RestoreReport => ({
    outcome: 'waiting',
    waitsFor,
    ...base,
    size: headOf(store).size,
    ...more,
  });
  const { keys } = await openKeyRing(join(dataDir, 'keys'), options.passphrase);
  const published = options.log === undefined ? undefined : await openPublished(options.log, vkey, origin);
  if (published !== undefined) {
    const standing = await compareWithLog({ ...headOf(store), origin }, store, published);
    if (standing.outcome === 'fork') return waiting('fork', { published: published.checkpoint.size });
    if (standing.outcome === 'ahead') {
      if (!options.catchUp) return waiting('ahead', { published: published.checkpoint.size });
      await takeEntries(store, dataDir, mark, keys, published, options);
    }
  }
  const asked = await askWitnesses(store, mark, published, options);
  if (asked?.outcome === 'fork' || asked?.outcome === 'ahead') return waiting(asked.outcome);
  if (asked?.outcome === 'unsure' && !options.nothingPublished && published === undefined)
    return waiting('unsure', { silentWitnesses: asked.silent });
  if (published === undefined && asked === undefined && !options.nothingPublished)
    return waiting('not-compared');

  const { size } = headOf(store);
  const consequences = await consequencesOf(store, dataDir, mark, keys, size, options);
  rmSync(join(dataDir, UNSETTLED_FILE));
  await syncFolder(dataDir);
  return { outcome: 'live', ...base, size, ...(consequences === undefined ? {} : { consequences }) };
}

function headOf(store: Store): { size: number; root: Buffer } {
  const row = store.getSync(HEAD_KEY);
  if (row === undefined) throw new BackupError('RESTORE_NOT_VERIFIED', 'the restored store holds no log');
  return decodeHead(row);
}

async function takeEntries(
  store: Store,
  dataDir: string,
  mark: Unsettled,
  keys: InstanceKeys,
  published: PublishedLog,
  { nowMs, onProgress }: SettleOptions,
): Promise<void> {
  const vkeys = mark.vkey.split(/\s+/).filter((line) => line !== '');
  // A key that was made, and was not in force yet, is in the backup too.
  const seeds = [keys.logSeed, ...(keys.nextLogSeed === undefined ? [] : [keys.nextLogSeed])];
  const known = [...vkeys, ...seeds.map((seed) => encodeVkey(mark.origin, publicKey(seed)))];
  await catchUp(store, dataDir, published, {
    vkeys,
    nowMs: nowMs(),
    onProgress: (done, size) => onProgress('verifying the published log', done, size),
    judge: async (read, size) => requireKeysInForce(store, await readSince(read, mark.size, size), known),
  });
}

/** What the witnesses say of the checkpoint that the folder stands at now. */
async function askWitnesses(
  store: Store,
  mark: Unsettled,
  published: PublishedLog | undefined,
  { witnesses, post }: SettleOptions,
): Promise<Standing | undefined> {
  if (witnesses === undefined) return undefined;
  const { size } = headOf(store);
  const note = [Buffer.from(mark.checkpoint, 'utf8'), published?.note]
    .filter((one) => one !== undefined)
    .find((one) => sizeOf(one) === size);
  // A catch-up that was cut off stands between two checkpoints; it must be finished first.
  if (note === undefined) return { outcome: 'ahead', size: undefined };
  return compareWithWitnesses({ size }, note, store, witnesses, post);
}

function sizeOf(note: Buffer): number {
  return Number(note.subarray(0, NOTE_BYTES_MAX).toString('utf8').split('\n')[1]);
}

async function consequencesOf(
  store: Store,
  dataDir: string,
  mark: Unsettled,
  keys: InstanceKeys,
  size: number,
  { nowMs, onProgress }: SettleOptions,
): Promise<Consequences | undefined> {
  onProgress('drawing the consequences of what was published since', 0, 1);
  const since = await readSince(async (path) => readLogFile(store, path), mark.size, size);
  const { origin, size: from } = mark;
  return drawConsequences({ store, dataDir, keys, origin, since, from, to: size, nowMs });
}
