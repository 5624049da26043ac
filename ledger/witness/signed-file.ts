/** What files of evidence and of findings have alike: canonical JSON, the log's keys, and heads signed under them. */
import { LedgerError } from '../errors.js';
import { encodeVkey, openCheckpoint, parseCanonical, parseVkey } from '../log/index.js';
import type { Checkpoint, JsonValue, NoteVerifier } from '../log/index.js';

/** Keys of the log that a file may name. */
export const VKEYS_MAX = 8;

/** A file's members, by name; `undefined` for what is larger, or no object in canonical JSON. */
export function membersOfFile(
  bytes: Buffer,
  bytesMax: number,
): Readonly<Record<string, JsonValue>> | undefined {
  if (bytes.length > bytesMax) return undefined;
  let value: JsonValue;
  try {
    value = parseCanonical(bytes);
  } catch (error) {
    if (error instanceof LedgerError) return undefined;
    throw error;
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return undefined;
  return value as Readonly<Record<string, JsonValue>>;
}

/** Whether a member is a list of texts. */
export function areTexts(value: JsonValue | undefined, max: number): value is readonly string[] {
  return Array.isArray(value) && value.length <= max && value.every((item) => typeof item === 'string');
}

/**
 * The keys to judge a file with.
 *
 * @param own - The file's, believed where none are given.
 * @returns `undefined` when one of the file's is malformed.
 * @throws LedgerError LEDGER_BAD_KEY for a malformed key in `trusted`.
 */
export function verifiersFor(
  own: readonly string[],
  trusted: readonly string[] | undefined,
): readonly NoteVerifier[] | undefined {
  try {
    return (trusted ?? own).map(parseVkey);
  } catch (error) {
    if (trusted !== undefined || !(error instanceof LedgerError)) throw error;
    return undefined;
  }
}

/** A head that a file shows, judged. */
export type JudgedHead =
  | {
      readonly ok: true;
      readonly checkpoint: Checkpoint;
      /** Keys under which it is signed. */
      readonly vkeys: readonly string[];
    }
  | { readonly ok: false; readonly code: 'key-not-trusted' | 'head-not-signed' | 'other-origin' };

/**
 * Judges a head that a file shows.
 *
 * @param areGiven - Whether the caller gave the keys.
 */
export function judgeHead(
  note: string,
  origin: string,
  verifiers: readonly NoteVerifier[],
  areGiven: boolean,
): JudgedHead {
  const opened = openCheckpoint(Buffer.from(note, 'utf8'), verifiers);
  if (!opened.ok) {
    const unknown = areGiven && opened.code === 'no-known-signature';
    return { ok: false, code: unknown ? 'key-not-trusted' : 'head-not-signed' };
  }
  const { checkpoint, signedBy } = opened;
  if (checkpoint.origin !== origin) return { ok: false, code: 'other-origin' };
  return { ok: true, checkpoint, vkeys: signedBy.map(({ name, publicKey }) => encodeVkey(name, publicKey)) };
}
