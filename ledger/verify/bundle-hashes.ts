/** All hashes that a bundle of entries needs: pure work on bytes, so that another thread can do it. */
import { hash } from 'node:crypto';
import { HASH_BYTES, splitBundle, TILE_WIDTH } from '../log/index.js';

/** A bundle's entries, hashed. */
export interface BundleHashes {
  /** Leaf hashes of the entries that are there whole. */
  readonly leaves: Uint8Array;
  /** Leaf hashes of the drafts that they were made from; zeros where an entry has no `at` in its place. */
  readonly drafts: Uint8Array;
  /** RFC 6962 root over a full bundle's leaves. */
  readonly root: Uint8Array | undefined;
  /** Of all subject tags in a row: the tag, and its key in the state map. {@link TAG_ROW_BYTES} each. */
  readonly tags: Uint8Array;
  /** For each entry, how many tags end with it. */
  readonly tagEnds: Uint32Array;
}

/** A tag and its key in the state map. */
export const TAG_ROW_BYTES = 2 * HASH_BYTES;

/** What was computed of one entry. */
export interface EntryHashes {
  /** Leaf hash of the draft that it was made from. */
  readonly draft: Buffer;
  /** Each tag's bytes and its key in the state map, {@link TAG_ROW_BYTES} a tag. */
  readonly tags: Buffer;
}

/** Entries are copied behind the prefix that begins a leaf's hash. */
const scratch = Buffer.alloc(1 + 65_535);
const nodeInput = Buffer.alloc(1 + 2 * HASH_BYTES, 1);
const tagDomain = Buffer.from('firebreak/state/v1/tag\n');
const tagInput = Buffer.concat([tagDomain, Buffer.alloc(HASH_BYTES)]);

/** `{"actor":"<43 characters>",` is what stands before `"at":`. */
const AT_OFFSET = 55;
const AT_NAME = Buffer.from('"at":');
const COMMA = 0x2c;
/** Digits of the greatest safe integer. */
const AT_DIGITS_MAX = 16;
const TAGS_NAME = Buffer.from('"tags":[');
const TAG_CHARACTERS = 43;
const QUOTE = 0x22;

/**
 * Hashes each entry of a bundle, the draft it was made from, and its tags.
 *
 * @param width - Entries that should be in it.
 * @see RFC 6962 section 2.1
 */
export function hashBundle(bundle: Buffer, width: number): BundleHashes {
  const { found } = splitBundle(bundle, width);
  const leaves = Buffer.alloc(found.length * HASH_BYTES);
  const drafts = Buffer.alloc(found.length * HASH_BYTES);
  const tagEnds = new Uint32Array(found.length);
  const tags: Buffer[] = [];
  for (let i = 0; i < found.length; i++) {
    const entry = found[i] ?? scratch;
    const end = 1 + entry.length;
    scratch[0] = 0;
    entry.copy(scratch, 1);
    leaves.write(hash('sha256', scratch.subarray(0, end), 'binary'), i * HASH_BYTES, 'binary');
    takeTags(entry, tags);
    tagEnds[i] = tags.length;
    const length = atLength(entry);
    if (length === 0) continue;
    // What stands before `"at":…,` moves up over it: the entry becomes its draft.
    scratch.copyWithin(length, 0, 1 + AT_OFFSET);
    drafts.write(hash('sha256', scratch.subarray(length, end), 'binary'), i * HASH_BYTES, 'binary');
  }
  const root = found.length === TILE_WIDTH ? foldHashes(leaves) : undefined;
  return { leaves, drafts, root, tags: Buffer.concat(tags), tagEnds };
}

/** The part that belongs to one entry, as views. */
export function entryHashes({ drafts, tags, tagEnds }: BundleHashes, i: number): EntryHashes {
  const begin = i === 0 ? 0 : (tagEnds[i - 1] ?? 0);
  const count = (tagEnds[i] ?? 0) - begin;
  return {
    draft: Buffer.from(drafts.buffer, drafts.byteOffset + i * HASH_BYTES, HASH_BYTES),
    tags: Buffer.from(tags.buffer, tags.byteOffset + begin * TAG_ROW_BYTES, count * TAG_ROW_BYTES),
  };
}

/** Bytes of `"at":…,`; 0 where it is not in its place, so that this is no entry. */
function atLength(entry: Buffer): number {
  const digits = AT_OFFSET + AT_NAME.length;
  if (entry.length < digits) return 0;
  if (entry.compare(AT_NAME, 0, AT_NAME.length, AT_OFFSET, digits) !== 0) return 0;
  for (let at = digits; at <= digits + AT_DIGITS_MAX; at++) {
    if (entry[at] === COMMA) return at + 1 - AT_OFFSET;
  }
  return 0;
}

/** In an entry of good form the last `"tags":[` is the envelope's: within a string its quotes would be escaped. */
function takeTags(entry: Buffer, tags: Buffer[]): void {
  const start = entry.lastIndexOf(TAGS_NAME);
  if (start < 0) return;
  for (let at = start + TAGS_NAME.length; entry[at] === QUOTE; at += TAG_CHARACTERS + 3) {
    tagInput.write(entry.toString('latin1', at + 1, at + 1 + TAG_CHARACTERS), tagDomain.length, 'base64url');
    const row = Buffer.allocUnsafe(TAG_ROW_BYTES);
    tagInput.copy(row, 0, tagDomain.length);
    row.write(hash('sha256', tagInput, 'binary'), HASH_BYTES, 'binary');
    tags.push(row);
  }
}

/**
 * RFC 6962 root over leaf hashes side by side. Neighbours are paired, height by height; a last one without neighbour
 * rises as it is, for the left subtrees are the largest perfect ones.
 *
 * @param leaves - At least one.
 */
export function foldHashes(leaves: Buffer): Buffer {
  const nodes = Buffer.from(leaves);
  for (let count = nodes.length / HASH_BYTES; count > 1; count = Math.ceil(count / 2)) {
    const pairs = count >> 1;
    for (let i = 0; i < pairs; i++) {
      nodes.copy(nodeInput, 1, 2 * i * HASH_BYTES, (2 * i + 2) * HASH_BYTES);
      nodes.write(hash('sha256', nodeInput, 'binary'), i * HASH_BYTES, 'binary');
    }
    if (count % 2 === 1) nodes.copyWithin(pairs * HASH_BYTES, (count - 1) * HASH_BYTES, count * HASH_BYTES);
  }
  return Buffer.from(nodes.subarray(0, HASH_BYTES));
}
