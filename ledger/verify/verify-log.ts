/**
 * Re-derives a log from its published bytes. Shares with the writer only hashes, canonical JSON, the note format
 * and the schemas: what it says of tree, submissions and sequences is computed anew.
 */
import { LedgerError } from '../errors.js';
import { NOTE_BYTES_MAX, openCheckpoint, parseCheckpoint, parseVkey, splitNote } from '../log/index.js';
import type { NoteVerifier } from '../log/index.js';
import { EntryRules } from './entry-rules.js';
import type { LogReader } from './reader.js';
import { Checks } from './report.js';
import type { VerifyReport } from './report.js';
import { verifyTree } from './verify-tree.js';

/** What to verify with. */
export interface VerifyOptions {
  /** Trusted keys of the log; without any, the log's own `vkey` file is believed, and the report says so. */
  readonly vkeys?: readonly string[];
  /** The verifier's clock, ms since the epoch: entries of the future are then refused. */
  readonly nowMs?: number;
  /** Told after each bundle. */
  readonly onProgress?: (checked: number, size: number) => void;
}

/** A vkey has some hundred bytes. */
const VKEY_BYTES_MAX = 4096;

/**
 * Verifies a whole log: signature, tree, entries.
 *
 * @returns `ok: false` for anything that does not fit, with the first failure of each check. Memory grows with
 * the count of handles and tags (33 bytes a row), not with the log's bytes.
 * @throws LedgerError LEDGER_UNREADABLE when there is no checkpoint or reading fails, LEDGER_BAD_KEY for a
 * malformed key in the options.
 * @see https://c2sp.org/tlog-tiles
 */
export async function verifyLog(reader: LogReader, options: VerifyOptions = {}): Promise<VerifyReport> {
  const checks = new Checks();
  const note = await reader.read('checkpoint', NOTE_BYTES_MAX);
  if (note === undefined) throw new LedgerError('LEDGER_UNREADABLE', 'there is no checkpoint: not a log');
  const keys = await knownKeys(reader, options.vkeys);
  const opened = openCheckpoint(note, keys.verifiers);
  const rule = opened.ok ? '' : `the checkpoint is refused: ${keys.broken ?? opened.code}`;
  checks.expect('checkpoint', opened.ok, { path: 'checkpoint', rule });
  // A body whose signature fails is still compared with the tree: that may tell what was changed.
  const checkpoint = opened.ok ? opened.checkpoint : parseCheckpoint(splitNote(note)?.text ?? '');
  const rules = new EntryRules(checks, checkpoint?.origin ?? '', options.nowMs);
  if (checkpoint !== undefined) {
    await verifyTree(reader, checkpoint, checks, {
      onEntry: (leaf, bytes) => rules.next(leaf, bytes),
      onEnd: () => rules.end(),
      onProgress: (checked) => options.onProgress?.(checked, checkpoint.size),
    });
  } else checks.fail('root', { path: 'checkpoint', rule: 'there is no root to compare with' });
  const results = checks.results();
  const vkey = keys.text === undefined ? {} : { vkey: keys.text };
  return {
    ok: results.every((result) => result.ok),
    origin: checkpoint?.origin ?? '',
    size: checkpoint?.size ?? 0,
    root: checkpoint?.root.toString('base64') ?? '',
    ...vkey,
    vkeyTrust: options.vkeys === undefined ? 'first-sight' : 'given',
    checks: results,
    countsByType: rules.countsByType,
  };
}

interface KnownKeys {
  readonly verifiers: readonly NoteVerifier[];
  readonly text?: string;
  readonly broken?: string;
}

async function knownKeys(reader: LogReader, given: readonly string[] | undefined): Promise<KnownKeys> {
  if (given !== undefined) return { verifiers: given.map(parseVkey), text: given.join(' ') };
  const file = await reader.read('vkey', VKEY_BYTES_MAX);
  if (file === undefined) return { verifiers: [], broken: 'no key was given, and the log publishes none' };
  const text = file.toString('utf8').replace(/\n$/, '');
  try {
    return { verifiers: [parseVkey(text)], text };
  } catch {
    return { verifiers: [], broken: 'the log’s vkey file holds no key' };
  }
}
