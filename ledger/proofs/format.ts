/**
 * The proof file: one JSON object in UTF-8 that holds all a check needs, save the keys to trust. Bytes and hashes are
 * base64url without padding.
 */
import { fromBase64url, textOf, utf8 } from './bytes.js';
import { hasExactly, isObject } from './canonical.js';
import type { Members } from './canonical.js';
import { NOTE_CHARS_MAX } from './note.js';
import { HASH_BYTES, PATH_MAX } from './tree.js';

/** Media type of a proof file. */
export const PROOF_MEDIA_TYPE = 'application/vnd.firebreak.proof+json';
/** Largest file that is read: a whole record of 64 MiB in base64url, with room for the rest. */
export const PROOF_BYTES_MAX = 96 * 1024 * 1024;

/** A leaf and its way up to the checkpoint's root. */
export interface LeafProof {
  readonly index: number;
  /** The entry's canonical bytes. */
  readonly bytes: Uint8Array;
  /** Sibling hashes from the leaf up. */
  readonly inclusion: readonly Uint8Array[];
}

/** What is shown of a record beside its leaf. */
export type RecordOpening =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'whole';
      /** 32 bytes. */
      readonly salt: Uint8Array;
      /** The exact bytes received. */
      readonly plaintext: Uint8Array;
    }
  | {
      readonly kind: 'fact';
      /** RFC 8785 form of {name, salt, value}. */
      readonly leaf: Uint8Array;
      readonly index: number;
      readonly count: number;
      readonly inclusion: readonly Uint8Array[];
    };

/** A proof that a record version is on the log, unaltered. */
export interface RecordProof {
  readonly kind: 'record';
  /** Of the record version. */
  readonly handle: string;
  /** The signed note. */
  readonly checkpoint: string;
  readonly entry: LeafProof;
  /** The leaf that signs for the entry, and the entry's draft within what it signs. */
  readonly submission: LeafProof & { readonly draftInclusion: readonly Uint8Array[] };
  /** DER: the actor's, and that of the authority which issued it. */
  readonly certificates: { readonly actor: Uint8Array; readonly issuing: Uint8Array };
  readonly opening: RecordOpening;
}

/** Why a file is no proof file. */
export type FormatRefusal = 'too-large' | 'not-json' | 'malformed';

export type ReadProof =
  { readonly ok: true; readonly proof: RecordProof } | { readonly ok: false; readonly code: FormatRefusal };

const FORMAT = 'firebreak/proof/v1';
/** A draft is among at most 256, a fact among at most 16. */
const DRAFT_PATH_MAX = 8;
const FACT_PATH_MAX = 4;

/** Reads a file's bytes; total. Members that the format does not know refuse it. */
export function readProof(bytes: Uint8Array): ReadProof {
  if (bytes.length > PROOF_BYTES_MAX) return { ok: false, code: 'too-large' };
  const text = textOf(bytes);
  if (text === undefined) return { ok: false, code: 'not-json' };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { ok: false, code: 'not-json' };
  }
  try {
    return { ok: true, proof: toProof(value) };
  } catch (error) {
    if (error instanceof Malformed) return { ok: false, code: 'malformed' };
    throw error;
  }
}

/** A form that the format does not know; stays inside of this file. */
class Malformed extends Error {}

function toProof(value: unknown): RecordProof {
  const file = members(value, [
    'format',
    'statement',
    'checkpoint',
    'entry',
    'submission',
    'certificates',
    'opening',
  ]);
  const statement = members(file['statement'], ['kind', 'handle']);
  const { checkpoint } = file;
  const { handle } = statement;
  if (file['format'] !== FORMAT || statement['kind'] !== 'record') throw new Malformed();
  if (typeof checkpoint !== 'string' || checkpoint.length > NOTE_CHARS_MAX) throw new Malformed();
  if (typeof handle !== 'string' || bytesOf(handle).length !== HASH_BYTES) throw new Malformed();
  const submission = members(file['submission'], ['index', 'bytes', 'inclusion', 'draftInclusion']);
  const certificates = members(file['certificates'], ['actor', 'issuing']);
  return {
    kind: 'record',
    handle,
    checkpoint,
    entry: toLeaf(members(file['entry'], ['index', 'bytes', 'inclusion'])),
    submission: {
      ...toLeaf(submission),
      draftInclusion: pathOf(submission['draftInclusion'], DRAFT_PATH_MAX),
    },
    certificates: { actor: bytesOf(certificates['actor']), issuing: bytesOf(certificates['issuing']) },
    opening: toOpening(file['opening']),
  };
}

function toOpening(value: unknown): RecordOpening {
  const kind: unknown = isObject(value) ? value['kind'] : undefined;
  if (kind === 'none') {
    members(value, ['kind']);
    return { kind };
  }
  if (kind === 'whole') {
    const { salt, plaintext } = members(value, ['kind', 'salt', 'plaintext']);
    const opening = { kind, salt: bytesOf(salt), plaintext: bytesOf(plaintext) } as const;
    // A salt of another length would let two openings fit one commitment.
    if (opening.salt.length !== HASH_BYTES) throw new Malformed();
    return opening;
  }
  if (kind !== 'fact') throw new Malformed();
  const { leaf, index, count, inclusion } = members(value, ['kind', 'leaf', 'index', 'count', 'inclusion']);
  const path = pathOf(inclusion, FACT_PATH_MAX);
  return { kind, leaf: bytesOf(leaf), index: countOf(index), count: countOf(count), inclusion: path };
}

function toLeaf(leaf: Members): LeafProof {
  return {
    index: countOf(leaf['index']),
    bytes: bytesOf(leaf['bytes']),
    inclusion: pathOf(leaf['inclusion'], PATH_MAX),
  };
}

function members(value: unknown, names: readonly string[]): Members {
  if (!isObject(value) || !hasExactly(value, names)) throw new Malformed();
  return value;
}

function countOf(value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0 || Object.is(value, -0))
    throw new Malformed();
  return value;
}

function bytesOf(value: unknown): Uint8Array {
  const bytes = typeof value === 'string' ? fromBase64url(value) : undefined;
  if (bytes === undefined) throw new Malformed();
  return bytes;
}

function pathOf(value: unknown, max: number): readonly Uint8Array[] {
  if (!Array.isArray(value) || value.length > max) throw new Malformed();
  return value.map((item: unknown) => {
    const hash = bytesOf(item);
    if (hash.length !== HASH_BYTES) throw new Malformed();
    return hash;
  });
}

/**
 * Bytes of a proof file, with a line feed at the end.
 *
 * @param encode - base64url without padding.
 */
export function writeProof(proof: RecordProof, encode: (bytes: Uint8Array) => string): Uint8Array {
  const leaf = ({ index, bytes, inclusion }: LeafProof) => ({
    index,
    bytes: encode(bytes),
    inclusion: inclusion.map(encode),
  });
  const { submission, certificates, opening } = proof;
  const file = {
    format: FORMAT,
    statement: { kind: proof.kind, handle: proof.handle },
    checkpoint: proof.checkpoint,
    entry: leaf(proof.entry),
    submission: { ...leaf(submission), draftInclusion: submission.draftInclusion.map(encode) },
    certificates: { actor: encode(certificates.actor), issuing: encode(certificates.issuing) },
    opening: openingJson(opening, encode),
  };
  return utf8(`${JSON.stringify(file)}\n`);
}

function openingJson(opening: RecordOpening, encode: (bytes: Uint8Array) => string): object {
  switch (opening.kind) {
    case 'none':
      return opening;
    case 'whole':
      return { kind: 'whole', salt: encode(opening.salt), plaintext: encode(opening.plaintext) };
    case 'fact':
      break;
  }
  const { kind, leaf, index, count, inclusion } = opening;
  return { kind, leaf: encode(leaf), index, count, inclusion: inclusion.map(encode) };
}
