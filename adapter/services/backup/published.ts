/**
 * What was published since a backup was made: asked of a published log, or of the log's witnesses. A log that others
 * saw grow must not be begun again from an older state: that would be a second history.
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { readLogFile } from '../../../ledger/engines/index.js';
import { NOTE_BYTES_MAX, openCheckpoint, parseVkey } from '../../../ledger/log/index.js';
import type { Checkpoint, NoteVerifier } from '../../../ledger/log/index.js';
import type { Store } from '../../../ledger/store.js';
import { followRotations, folderReader, urlReader } from '../../../ledger/verify/index.js';
import type { LogReader } from '../../../ledger/verify/index.js';
import { fromTiles, prefixPath, quorumIsMet, verdictOfPath } from '../../../ledger/witness/index.js';
import { messageOf } from '../../errors.js';
import { AskedWitness } from '../witness/index.js';
import type { ConfiguredWitnesses, Post } from '../witness/index.js';
import { BackupError } from './errors.js';

/** How what is published stands to what was restored. */
export type Standing =
  /** Nothing was published that the restored log does not have. */
  | { readonly outcome: 'level'; readonly size: number }
  /** The published log has more entries, and the restored one is its beginning. */
  | { readonly outcome: 'ahead'; readonly size: number | undefined }
  /** The published log has another history. */
  | { readonly outcome: 'fork'; readonly size: number | undefined }
  /** Too few witnesses answered to be sure. */
  | { readonly outcome: 'unsure'; readonly silent: readonly string[] };

/** A published log with a checkpoint that its key signed. */
export interface PublishedLog {
  readonly reader: LogReader;
  readonly note: Buffer;
  readonly checkpoint: Checkpoint;
}

/** Keys of a log: one a line, as it publishes them. */
function verifiersOf(vkey: string): NoteVerifier[] {
  return vkey
    .split(/\s+/)
    .filter((line) => line !== '')
    .map(parseVkey);
}

/**
 * Opens a published log.
 *
 * @param where - Address, or folder of an exported log.
 * @throws BackupError RESTORE_PUBLISHED_LOG when there is none, RESTORE_OTHER_LOG when it is not signed by the key,
 * RESTORE_KEY_ENDED when that key was rotated away.
 */
export async function openPublished(where: string, vkey: string, origin: string): Promise<PublishedLog> {
  const reader = readerOf(where);
  let note: Buffer | undefined;
  try {
    note = await reader.read('checkpoint', NOTE_BYTES_MAX);
  } catch (cause) {
    throw new BackupError('RESTORE_PUBLISHED_LOG', `${where} cannot be read: ${messageOf(cause)}`, { cause });
  }
  if (note === undefined)
    throw new BackupError('RESTORE_PUBLISHED_LOG', `${where} has no checkpoint: no log`);
  const opened = openCheckpoint(note, verifiersOf(vkey));
  if (!opened.ok && opened.code === 'no-known-signature' && (await isRotatedAway(reader, note, vkey)))
    throw new BackupError(
      'RESTORE_KEY_ENDED',
      'the log’s key was replaced after this backup, and the new key is not in it: restore a newer backup',
    );
  if (!opened.ok || opened.checkpoint.origin !== origin)
    throw new BackupError(
      'RESTORE_OTHER_LOG',
      `${where} is not the log ${origin}, or is not signed by its key${opened.ok ? '' : ` (${opened.code})`}`,
    );
  return { reader, note, checkpoint: opened.checkpoint };
}

/** Whether the log itself leads from these keys to one that signs it now. */
async function isRotatedAway(reader: LogReader, note: Buffer, vkey: string): Promise<boolean> {
  const { inForce, links } = await followRotations(reader, verifiersOf(vkey));
  return links.length > 0 && openCheckpoint(note, inForce).ok;
}

function readerOf(where: string): LogReader {
  if (/^https?:\/\//.test(where)) {
    const base = where.replace(/\/+$/, '');
    return urlReader(base.endsWith('/log') ? base : `${base}/log`);
  }
  if (statSync(join(where, 'checkpoint'), { throwIfNoEntry: false }) === undefined)
    throw new BackupError(
      'RESTORE_PUBLISHED_LOG',
      `${where} is neither an address nor the folder of an exported log`,
    );
  return folderReader(where);
}

/**
 * Compares a restored log with a published one.
 *
 * @param own - The restored log's head.
 * @throws BackupError RESTORE_PUBLISHED_LOG when tiles are missing or do not fit the published checkpoint.
 */
export async function compareWithLog(
  own: Pick<Checkpoint, 'size' | 'root' | 'origin'>,
  store: Store,
  { reader, checkpoint }: PublishedLog,
): Promise<Standing> {
  const { size } = checkpoint;
  if (size === own.size) return { outcome: checkpoint.root.equals(own.root) ? 'level' : 'fork', size };
  if (size === 0) return { outcome: 'level', size };
  const isAhead = size > own.size;
  if (isAhead && own.size === 0) return { outcome: 'ahead', size };
  const [small, large] = isAhead ? [own, checkpoint] : [checkpoint, own];
  const source = isAhead ? reader.read.bind(reader) : async (path: string) => readLogFile(store, path);
  let path: Buffer[];
  try {
    path = await fromTiles(source, large.size, (read) => prefixPath(small.size, large.size, read));
  } catch (cause) {
    throw new BackupError('RESTORE_PUBLISHED_LOG', `the published log lacks tiles: ${messageOf(cause)}`, {
      cause,
    });
  }
  const verdict = verdictOfPath(small, large, path);
  if (verdict === 'other-history') return { outcome: 'fork', size };
  if (verdict === 'does-not-fit')
    throw new BackupError('RESTORE_PUBLISHED_LOG', 'the published log’s tiles do not give its own root');
  return { outcome: isAhead ? 'ahead' : 'level', size };
}

/** How long each witness has, ms. */
const WITNESS_MS = 15_000;

/**
 * Asks the configured witnesses whether they have cosigned more than was restored. They are shown the restored
 * checkpoint, which they have cosigned before, or may cosign now: it is of the one history.
 */
export async function compareWithWitnesses(
  own: Pick<Checkpoint, 'size'>,
  note: Buffer,
  store: Store,
  { policy, urls }: ConfiguredWitnesses,
  post?: Post,
): Promise<Standing> {
  const silent: string[] = [];
  let worst: 'ahead' | 'fork' | undefined;
  await Promise.all(
    policy.witnesses.map(async (witness) => {
      const url = urls.get(witness.name);
      const asked =
        url === undefined
          ? undefined
          : await new AskedWitness(witness, url, post).ask(
              note,
              async (path) => readLogFile(store, path),
              AbortSignal.timeout(WITNESS_MS),
            );
      if (asked?.outcome === 'refused' && asked.code === 'witness-saw-another-root') worst = 'fork';
      else if (asked?.outcome === 'refused' && asked.code === 'witness-is-ahead') worst ??= 'ahead';
      else if (asked?.outcome !== 'cosigned') silent.push(witness.name);
    }),
  );
  if (worst !== undefined) return { outcome: worst, size: undefined };
  // Those who say nothing could have cosigned more; as long as they alone are no quorum, nothing of it was published.
  const couldHide = policy.quorum === undefined || quorumIsMet(policy, new Set(silent));
  if (couldHide) return { outcome: 'unsure', silent };
  return { outcome: 'level', size: own.size };
}
