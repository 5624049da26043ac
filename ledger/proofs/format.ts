/**
 * The proof file: one JSON object in UTF-8 that holds all a check needs, save the keys to trust. Bytes and hashes are
 * base64url without padding.
 */
import { textOf, utf8 } from './bytes.js';
import { isObject } from './canonical.js';
import { isBounded } from './json-bounds.js';
import type { JsonBounds } from './json-bounds.js';
import { hasNamesOnce } from './json-names.js';
import { Malformed, membersOf } from './members.js';
import { NOTE_CHARS_MAX } from './note.js';
import { RECORD_MEMBERS, recordJson, toRecordProof } from './record-format.js';
import type { RecordProof } from './record-format.js';
import { fileMembersOf, isStatementKind, statementJson, toStatementFile } from './statement-format.js';
import type { StatementFile } from './statements.js';

/** Media type of a proof file. */
export const PROOF_MEDIA_TYPE = 'application/vnd.firebreak.proof+json';
/** Largest file that is read: a whole record of 64 MiB in base64url, with room for the rest. */
export const PROOF_BYTES_MAX = 96 * 1024 * 1024;

/**
 * What the values of a file are within: its own depth is 6, its objects have a dozen members at most, and most values
 * are hashes in 46 characters, of which the largest file has 2.2 million. A parser would fill gigabytes with what may
 * stand in 96 MiB otherwise.
 */
const BOUNDS: JsonBounds = { depthMax: 16, valuesMax: 3_000_000, membersMax: 32 };

/** A proof file, read. */
export type Proof = RecordProof | StatementFile;

/** Why a file is no proof file. */
export type FormatRefusal =
  | 'too-large'
  /** No JSON in UTF-8. */
  | 'not-json'
  /** An object names a member twice, which readers may read in two ways. */
  | 'duplicate-member'
  /** A statement of another kind: by a newer format, perhaps. */
  | 'unknown-kind'
  /** A member too many or too few, or beyond its bounds. */
  | 'malformed';

export type ReadProof =
  { readonly ok: true; readonly proof: Proof } | { readonly ok: false; readonly code: FormatRefusal };

/** First member of every proof file. */
export const PROOF_FORMAT = 'firebreak/proof/v1';
const SHARED_MEMBERS = ['format', 'statement', 'checkpoint'];

/** Reads a file's bytes; total. Members that the format does not know refuse it. */
export function readProof(bytes: Uint8Array): ReadProof {
  if (bytes.length > PROOF_BYTES_MAX) return { ok: false, code: 'too-large' };
  const text = textOf(bytes);
  if (text === undefined) return { ok: false, code: 'not-json' };
  if (!isBounded(text, BOUNDS)) return { ok: false, code: 'malformed' };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { ok: false, code: 'not-json' };
  }
  if (!hasNamesOnce(text)) return { ok: false, code: 'duplicate-member' };
  try {
    const kind = kindOf(value);
    if (kind !== 'record' && !isStatementKind(kind)) return { ok: false, code: 'unknown-kind' };
    return { ok: true, proof: toProof(value, kind) };
  } catch (error) {
    if (error instanceof Malformed) return { ok: false, code: 'malformed' };
    throw error;
  }
}

function kindOf(value: unknown): unknown {
  if (!isObject(value) || value['format'] !== PROOF_FORMAT || !isObject(value['statement']))
    throw new Malformed();
  return value['statement']['kind'];
}

function toProof(value: unknown, kind: Proof['kind']): Proof {
  const more = kind === 'record' ? RECORD_MEMBERS : fileMembersOf(kind);
  const file = membersOf(value, [...SHARED_MEMBERS, ...more]);
  const { checkpoint, statement } = file;
  if (typeof checkpoint !== 'string' || checkpoint.length > NOTE_CHARS_MAX) throw new Malformed();
  return kind === 'record'
    ? toRecordProof(file, statement, checkpoint)
    : toStatementFile(kind, file, statement, checkpoint);
}

/**
 * Bytes of a proof file, with a line feed at the end.
 *
 * @param encode - base64url without padding.
 */
export function writeProof(proof: Proof, encode: (bytes: Uint8Array) => string): Uint8Array {
  const rest =
    proof.kind === 'record'
      ? {
          statement: { kind: proof.kind, handle: proof.handle },
          checkpoint: proof.checkpoint,
          ...recordJson(proof, encode),
        }
      : statementJson(proof, encode);
  return utf8(`${JSON.stringify({ format: PROOF_FORMAT, ...rest })}\n`);
}
