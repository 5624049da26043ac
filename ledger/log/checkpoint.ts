/**
 * Checkpoints: the signed statement of a log's size and root.
 *
 * @see https://c2sp.org/tlog-checkpoint
 */
import { LedgerError } from '../errors.js';
import { HASH_BYTES } from './merkle.js';
import { decodeBase64, isKeyName } from './note-key.js';
import type { NoteSigner, NoteVerifier } from './note-key.js';
import { openNote, signNote } from './note.js';
import type { NoteRefusal } from './note.js';

/** What a checkpoint states. */
export type Checkpoint = {
  readonly origin: string;
  /** Count of entries. */
  readonly size: number;
  /** 32 bytes. */
  readonly root: Buffer;
};

/**
 * The body: origin, decimal size, base64 root, a line each. Extension lines are never written.
 *
 * @throws LedgerError LEDGER_BAD_NOTE
 */
export function formatCheckpoint({ origin, size, root }: Checkpoint): string {
  if (!isKeyName(origin) || !Number.isSafeInteger(size) || size < 0 || root.length !== HASH_BYTES) {
    throw new LedgerError('LEDGER_BAD_NOTE', 'a checkpoint needs an origin, a size and a root');
  }
  return `${origin}\n${size}\n${root.toString('base64')}\n`;
}

/**
 * Reads a body; `undefined` when it is malformed. Extension lines, which others may write, are skipped.
 */
export function parseCheckpoint(text: string): Checkpoint | undefined {
  if (!text.endsWith('\n')) return undefined;
  const [origin = '', sizeText = '', rootText = '', ...extensions] = text.slice(0, -1).split('\n');
  const size = Number(sizeText);
  const root = decodeBase64(rootText);
  if (origin === '' || !/^(?:0|[1-9]\d{0,15})$/.test(sizeText) || !Number.isSafeInteger(size))
    return undefined;
  if (root?.length !== HASH_BYTES || extensions.includes('')) return undefined;
  return { origin, size, root };
}

/** The signed note of a checkpoint. @throws LedgerError LEDGER_BAD_NOTE */
export function signCheckpoint(checkpoint: Checkpoint, signers: readonly NoteSigner[]): Buffer {
  return signNote(formatCheckpoint(checkpoint), signers);
}

/** Why a checkpoint is refused. */
export type CheckpointRefusal = NoteRefusal | 'other-origin';

/** A checkpoint as read. */
export type OpenedCheckpoint =
  | { readonly ok: true; readonly checkpoint: Checkpoint; readonly signedBy: readonly NoteVerifier[] }
  | { readonly ok: false; readonly code: CheckpointRefusal };

/**
 * Reads a signed checkpoint. One of the known keys must be the log's own, which bears the origin's name.
 *
 * @param verifiers - Known keys of logs and witnesses.
 */
export function openCheckpoint(bytes: Buffer, verifiers: readonly NoteVerifier[]): OpenedCheckpoint {
  const note = openNote(bytes, verifiers);
  if (!note.ok) return note;
  const checkpoint = parseCheckpoint(note.text);
  if (checkpoint === undefined) return { ok: false, code: 'malformed' };
  if (!note.signedBy.some((verifier) => verifier.name === checkpoint.origin)) {
    return { ok: false, code: 'other-origin' };
  }
  return { ok: true, checkpoint, signedBy: note.signedBy };
}
