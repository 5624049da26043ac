import { LedgerError } from '../errors.js';
import { NOTE_BYTES_MAX, openCheckpoint, parseCheckpoint, parseVkey, splitNote } from '../log/index.js';
import type { Checkpoint, NoteVerifier } from '../log/index.js';
import { EntryRules } from './entry-rules.js';
import { openHasher } from './hash-thread.js';
import { NewEntryRules } from './new-entry-rules.js';
import { Openings } from './openings.js';
import type { VaultView } from './openings.js';
import type { LogReader } from './reader.js';
import { followRotations, SeenRotations } from './rotations.js';
import type { KeyChain } from './rotations.js';
import { Checks } from './report.js';
import type { Failure, FailureCode, VerifyReport } from './report.js';
import { startAt } from './since.js';
import { SnapshotReader } from './snapshot.js';
import { decodeState, encodeState } from './state-file.js';
import { verifyTree } from './verify-tree.js';
import type { TreeStart } from './verify-tree.js';

/** What to verify with. */
export interface VerifyOptions {
  /** Trusted keys of the log; without any, the log's own `vkey` file is believed, and the report says so. */
  readonly vkeys?: readonly string[];
  /** The verifier's clock, ms since the epoch: entries of the future are then refused. */
  readonly nowMs?: number;
  /** Told after each bundle. */
  readonly onProgress?: (checked: number, size: number) => void;
  /**
   * A signed checkpoint that was verified before: only what is new is read. What new entries mean by those before
   * cannot be judged so, and the report says so.
   */
  readonly since?: Buffer;
  /** The state of an earlier verification, from `onState`: only what is new is read, and all of it is judged. */
  readonly state?: Buffer;
  /** Takes the state of a verification that found nothing wrong: parts, to be written one after the other. */
  readonly onState?: (parts: readonly Buffer[]) => void;
  /** The vault that belongs to the log: records are compared with it, by a verification from the first entry on. */
  readonly vault?: VaultView;
}

/** A vkey has some hundred bytes. */
const VKEY_BYTES_MAX = 4096;

/**
 * Verifies a log: signature, tree, entries; from its first entry on, or what is new since an earlier verification.
 *
 * @returns `ok: false` for anything that does not fit, with the first failure of each check. Memory grows with
 * the count of handles and tags (33 bytes a row), not with the log's bytes.
 * @throws LedgerError LEDGER_UNREADABLE when there is no checkpoint or reading fails, LEDGER_BAD_KEY for a
 * malformed key in the options, LEDGER_CORRUPT for a damaged state.
 * @see https://c2sp.org/tlog-tiles
 */
export async function verifyLog(reader: LogReader, options: VerifyOptions = {}): Promise<VerifyReport> {
  const checks = new Checks();
  const note = await reader.read('checkpoint', NOTE_BYTES_MAX);
  if (note === undefined) throw new LedgerError('LEDGER_UNREADABLE', 'there is no checkpoint: not a log');
  const keys = await knownKeys(reader, options.vkeys);
  // Without the entries before, a rotation among them could not be borne out: the present key must then be given.
  const isWhole = options.since === undefined && options.state === undefined;
  const chain: KeyChain = isWhole
    ? await followRotations(reader, keys.verifiers)
    : { inForce: keys.verifiers, links: [] };
  const opened = openCheckpoint(note, chain.inForce);
  if (chain.broken !== undefined) checks.expect('checkpoint', false, chain.broken);
  if (opened.ok) checks.count('checkpoint');
  else checks.expect('checkpoint', false, refusal(note, keys.broken, opened.code));
  // A body whose signature fails is still compared with the tree: that may tell what was changed.
  const checkpoint = opened.ok ? opened.checkpoint : parseCheckpoint(splitNote(note)?.text ?? '');
  let since: number | undefined;
  let countsByType: VerifyReport['countsByType'] = {};
  const rotations = new SeenRotations();
  if (checkpoint !== undefined) {
    const state = options.state === undefined ? undefined : decodeState(options.state);
    const start = await startAt(reader, checkpoint, checks, keys.verifiers, { note: options.since, state });
    if (start !== undefined) {
      if (options.since !== undefined || state !== undefined) since = start.size;
      countsByType = await verifyEntries(reader, checkpoint, checks, {
        ...options,
        start,
        rules: state?.rules,
        rotations,
      });
      if (opened.ok)
        await rotations.judge(reader, { note, checkpoint, signedBy: opened.signedBy }, chain.links, checks);
    }
  } else checks.fail('root', { path: 'checkpoint', rule: 'there is no root to compare with' });
  const results = checks.results();
  const vkey = keys.text === undefined ? {} : { vkey: keys.text };
  return {
    ok: results.every((result) => result.ok),
    origin: checkpoint?.origin ?? '',
    size: checkpoint?.size ?? 0,
    root: checkpoint?.root.toString('base64') ?? '',
    ...(since === undefined ? {} : { since }),
    ...vkey,
    vkeyTrust: options.vkeys === undefined ? 'first-sight' : 'given',
    checks: results,
    countsByType,
  };
}

interface EntryOptions extends VerifyOptions {
  readonly start: TreeStart;
  /** The rules' part of a state. */
  readonly rules: Buffer | undefined;
  readonly rotations: SeenRotations;
}

/** @returns Entries by type. */
async function verifyEntries(
  reader: LogReader,
  checkpoint: Checkpoint,
  checks: Checks,
  { nowMs, onProgress, onState, rotations, rules: saved, start, vault }: EntryOptions,
): Promise<Record<string, number>> {
  const { origin, size } = checkpoint;
  const hasher = openHasher(size - start.size);
  try {
    const whole =
      start.size === 0 || saved !== undefined ? new EntryRules(checks, origin, nowMs, hasher) : undefined;
    if (saved !== undefined) whole?.restore(new SnapshotReader(saved));
    const rules = whole ?? new NewEntryRules(checks, origin, nowMs);
    const openings = vault === undefined || start.size > 0 ? undefined : new Openings();
    if (vault !== undefined && openings === undefined) {
      checks.leaveOut('openings', 'all of it: needs the entries before');
    }
    await verifyTree(
      { reader, hasher },
      checkpoint,
      checks,
      {
        onEntry: (leaf, bytes, hashes) => {
          const entry = rules.next(leaf, bytes, hashes);
          if (entry === undefined) return;
          openings?.next(leaf, entry);
          rotations.next(leaf, entry);
        },
        onEnd: () => rules.end(),
        onProgress: (checked) => onProgress?.(checked, size),
      },
      start,
    );
    await whole?.settle();
    if (openings !== undefined && vault !== undefined) await openings.compare(vault, size, checks);
    if (whole !== undefined && onState !== undefined && checks.results().every(({ ok }) => ok)) {
      onState(encodeState(checkpoint, whole));
    }
    return rules.countsByType;
  } finally {
    await hasher.close();
  }
}

function refusal(note: Buffer, broken: string | undefined, code: FailureCode): Failure {
  if (broken !== undefined) return { code: 'no-key', path: 'checkpoint', rule: broken };
  // Line ends of another system are what a file most often suffers.
  const hasControl = code === 'malformed' && note.some((byte) => byte < 0x20 && byte !== 0x0a);
  const said = hasControl ? 'control-character' : code;
  return { code: said, path: 'checkpoint', rule: `the checkpoint is refused: ${said}` };
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
    // Two lines while the key is rotated.
    return { verifiers: text.split('\n').map(parseVkey), text: text.replaceAll('\n', ' ') };
  } catch (error) {
    const why = error instanceof LedgerError ? `: ${error.message}` : '';
    return { verifiers: [], broken: `the log’s vkey file holds no key${why}` };
  }
}
