/**
 * Proofs of what the state map says of a key, and their check. Nothing here is Node's: the hash is passed in, so
 * that a browser runs the same lines.
 */

/** SHA-256: 32 bytes. */
export type Sha256 = (bytes: Uint8Array) => Uint8Array;

/** Where the search for a key ends: at its own leaf, at another's (then it is absent), or nowhere. */
export type StateProofEnd =
  | { readonly kind: 'empty' }
  | { readonly kind: 'present'; readonly value: Uint8Array }
  | { readonly kind: 'other'; readonly key: Uint8Array; readonly value: Uint8Array };

/** A step from the root: the bit that the node tests, and the hash of the side not taken. */
export interface StateProofStep {
  readonly bit: number;
  readonly sibling: Uint8Array;
}

/** A proof, taken apart. */
export interface StateProof {
  readonly end: StateProofEnd;
  /** From the root down. */
  readonly path: readonly StateProofStep[];
}

/** Why a proof is refused: its bytes have no meaning, its path cannot be a search for this key, or its root differs. */
export type StateProofRefusal = 'malformed' | 'wrong-path' | 'wrong-root';

/** What a proof shows of a key. */
export type StateProofCheck =
  | { readonly ok: true; readonly present: true; readonly value: Uint8Array }
  | { readonly ok: true; readonly present: false }
  | { readonly ok: false; readonly code: StateProofRefusal };

const HASH = 32;
const STEP = 1 + HASH;
const EMPTY = 0;
const PRESENT = 1;
const OTHER = 2;
/** A key has 256 bits, each tested once at most. */
const STEPS_MAX = 256;

/**
 * Bytes of a proof: one of kind (0 empty, 1 present, 2 other), the value, or key and value of the other, then for
 * each step one byte of bit and 32 of hash. About 600 bytes at 100,000 keys, and 33 more when they double.
 */
export function encodeStateProof({ end, path }: StateProof): Uint8Array {
  const head = end.kind === 'empty' ? 1 : end.kind === 'present' ? 1 + HASH : 1 + 2 * HASH;
  const bytes = new Uint8Array(head + path.length * STEP);
  bytes[0] = end.kind === 'empty' ? EMPTY : end.kind === 'present' ? PRESENT : OTHER;
  if (end.kind === 'present') bytes.set(end.value, 1);
  if (end.kind === 'other') {
    bytes.set(end.key, 1);
    bytes.set(end.value, 1 + HASH);
  }
  for (const [i, { bit, sibling }] of path.entries()) {
    bytes[head + i * STEP] = bit;
    bytes.set(sibling, head + i * STEP + 1);
  }
  return bytes;
}

/** Inverse of {@link encodeStateProof}; `undefined` for bytes that no proof has. */
export function decodeStateProof(bytes: Uint8Array): StateProof | undefined {
  const kind = bytes[0];
  if (kind === EMPTY) return bytes.length === 1 ? { end: { kind: 'empty' }, path: [] } : undefined;
  const head = kind === PRESENT ? 1 + HASH : kind === OTHER ? 1 + 2 * HASH : undefined;
  if (head === undefined || bytes.length < head) return undefined;
  const steps = (bytes.length - head) / STEP;
  if (!Number.isInteger(steps) || steps > STEPS_MAX) return undefined;
  const path: StateProofStep[] = [];
  for (let at = head; at < bytes.length; at += STEP) {
    path.push({ bit: bytes[at] ?? 0, sibling: bytes.subarray(at + 1, at + STEP) });
  }
  const first = bytes.subarray(1, 1 + HASH);
  const end: StateProofEnd =
    kind === PRESENT
      ? { kind: 'present', value: first }
      : { kind: 'other', key: first, value: bytes.subarray(1 + HASH, head) };
  return { end, path };
}

/**
 * Judges a proof. A node's bit is under its hash, so the path shown is the one that any search for the key takes;
 * where it ends at another key's leaf, the key is in no other place either.
 *
 * @param root - 32 bytes, from an anchor.
 * @param key - 32 bytes, as `stateKey` makes it.
 * @param proof - Hostile bytes are refused, never thrown at.
 */
export function checkStateProof(
  root: Uint8Array,
  key: Uint8Array,
  proof: Uint8Array,
  sha256: Sha256,
): StateProofCheck {
  const decoded = decodeStateProof(proof);
  if (decoded === undefined || root.length !== HASH || key.length !== HASH) {
    return { ok: false, code: 'malformed' };
  }
  const { end, path } = decoded;
  if (end.kind === 'empty') {
    return same(sha256(new Uint8Array(0)), root)
      ? { ok: true, present: false }
      : { ok: false, code: 'wrong-root' };
  }
  const found = end.kind === 'present' ? key : end.key;
  if (end.kind === 'other' && same(found, key)) return { ok: false, code: 'wrong-path' };
  let last = -1;
  for (const { bit } of path) {
    if (bit <= last || bitOf(found, bit) !== bitOf(key, bit)) return { ok: false, code: 'wrong-path' };
    last = bit;
  }
  if (!same(rootOf(found, end.value, path, sha256), root)) return { ok: false, code: 'wrong-root' };
  return end.kind === 'present'
    ? { ok: true, present: true, value: end.value }
    : { ok: true, present: false };
}

function rootOf(
  key: Uint8Array,
  value: Uint8Array,
  path: readonly StateProofStep[],
  sha256: Sha256,
): Uint8Array {
  const leaf = new Uint8Array(1 + 2 * HASH);
  leaf[0] = 0x02;
  leaf.set(key, 1);
  leaf.set(value, 1 + HASH);
  let node = sha256(leaf);
  const inner = new Uint8Array(2 + 2 * HASH);
  inner[0] = 0x03;
  for (const { bit, sibling } of path.toReversed()) {
    const isRight = bitOf(key, bit) === 1;
    inner[1] = bit;
    inner.set(isRight ? sibling : node, 2);
    inner.set(isRight ? node : sibling, 2 + HASH);
    node = sha256(inner);
  }
  return node;
}

/** Bit of a key, the first byte's highest being bit 0. */
export function bitOf(key: Uint8Array, bit: number): 0 | 1 {
  return (((key[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1) === 1 ? 1 : 0;
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
