/** Reading the members of a proof file: every value has one form, every list a bound. */
import { fromBase64url } from './bytes.js';
import { hasExactly, isObject } from './canonical.js';
import type { Members } from './canonical.js';
import { HASH_BYTES, PATH_MAX } from './tree.js';

/** A form that the format does not know; stays inside of this folder. */
export class Malformed extends Error {}

/** A leaf and its way up to the checkpoint's root. */
export interface LeafProof {
  readonly index: number;
  /** The entry's canonical bytes. */
  readonly bytes: Uint8Array;
  /** Sibling hashes from the leaf up. */
  readonly inclusion: readonly Uint8Array[];
}

/** A leaf with the one that signs for it. */
export interface SignedLeaf extends LeafProof {
  /** The submission, and the entry's draft within what it signs. */
  readonly submission: LeafProof & { readonly draftInclusion: readonly Uint8Array[] };
}

/** A draft is among at most 256. */
const DRAFT_PATH_MAX = 8;
/** Entries are at most this long. */
export const ENTRY_BYTES_MAX = 65_535;
const LEAF_MEMBERS = ['index', 'bytes', 'inclusion'];

/** An object of exactly these members. @throws Malformed */
export function membersOf(value: unknown, names: readonly string[]): Members {
  if (!isObject(value) || !hasExactly(value, names)) throw new Malformed();
  return value;
}

/** A count or an index. @throws Malformed */
export function countOf(value: unknown, max = Number.MAX_SAFE_INTEGER): number {
  const isCount = typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
  if (!isCount || Object.is(value, -0) || value > max) throw new Malformed();
  return value;
}

/** Bytes of base64url. @throws Malformed */
export function bytesOf(value: unknown, max = Infinity): Uint8Array {
  // Before decoding: what is too long costs nothing.
  if (typeof value !== 'string' || value.length > Math.ceil((max * 4) / 3)) throw new Malformed();
  const bytes = fromBase64url(value);
  if (bytes === undefined || bytes.length > max) throw new Malformed();
  return bytes;
}

/** 32 bytes. @throws Malformed */
export function hashOf(value: unknown): Uint8Array {
  const bytes = bytesOf(value, HASH_BYTES);
  if (bytes.length !== HASH_BYTES) throw new Malformed();
  return bytes;
}

/** The text of 32 bytes: a handle, a tag, a fingerprint. @throws Malformed */
export function nameOf(value: unknown): string {
  hashOf(value);
  return value as string;
}

/** A text of 1 to `max` characters. @throws Malformed */
export function textIn(value: unknown, max: number): string {
  if (typeof value !== 'string' || value === '' || value.length > max) throw new Malformed();
  return value;
}

/** A list of at most `max`, each read. @throws Malformed */
export function listOf<T>(value: unknown, max: number, read: (item: unknown) => T): readonly T[] {
  if (!Array.isArray(value) || value.length > max) throw new Malformed();
  return value.map((item: unknown) => read(item));
}

/** Hashes of a path. @throws Malformed */
export function pathOf(value: unknown, max: number): readonly Uint8Array[] {
  return listOf(value, max, hashOf);
}

/** A leaf. @throws Malformed */
export function leafOf(value: unknown): LeafProof {
  return leafIn(membersOf(value, LEAF_MEMBERS));
}

/** A leaf with its submission as a member. @throws Malformed */
export function signedLeafOf(value: unknown): SignedLeaf {
  const leaf = membersOf(value, [...LEAF_MEMBERS, 'submission']);
  return { ...leafIn(leaf), submission: submissionOf(leaf['submission']) };
}

/** A leaf that signs for another. @throws Malformed */
export function submissionOf(value: unknown): SignedLeaf['submission'] {
  const submission = membersOf(value, [...LEAF_MEMBERS, 'draftInclusion']);
  return { ...leafIn(submission), draftInclusion: pathOf(submission['draftInclusion'], DRAFT_PATH_MAX) };
}

function leafIn({ index, bytes, inclusion }: Members): LeafProof {
  return {
    index: countOf(index),
    bytes: bytesOf(bytes, ENTRY_BYTES_MAX),
    inclusion: pathOf(inclusion, PATH_MAX),
  };
}
