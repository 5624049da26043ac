/**
 * The state map's root, computed from its keys and values in the plainest way: sorted records in buckets by their
 * first bits, and a binary tree of hashes over the buckets.
 */
import { HASH_BYTES, sha256 } from '../log/index.js';
import type { SnapshotReader, SnapshotWriter } from './snapshot.js';

const RECORD = 2 * HASH_BYTES;
/** Bits that choose a bucket: at a million keys a bucket has some sixty, all hashed again when one of them changed. */
const BUCKET_BITS = 14;
const BUCKETS = 2 ** BUCKET_BITS;

/** Keys with values, all of 32 bytes. */
export class StateTree {
  readonly #buckets = new Map<number, Buffer>();
  readonly #changed = new Set<number>();
  /** Hashes of nodes: 1 is the root, i has the children 2i and 2i + 1; zero where there is no key below. */
  readonly #nodes = Buffer.alloc(2 * BUCKETS * HASH_BYTES);
  #keys = 0;

  /** Count of keys. */
  get keys(): number {
    return this.#keys;
  }

  /** Gives a key its value. */
  set(key: Buffer, value: Buffer): void {
    const index = bucketOf(key);
    const bucket = this.#buckets.get(index) ?? Buffer.alloc(0);
    this.#changed.add(index);
    let low = 0;
    let high = bucket.length / RECORD;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (keyAt(bucket, middle).compare(key) < 0) low = middle + 1;
      else high = middle;
    }
    const at = low * RECORD;
    if (at < bucket.length && keyAt(bucket, low).equals(key)) {
      value.copy(bucket, at + HASH_BYTES);
      return;
    }
    this.#buckets.set(index, Buffer.concat([bucket.subarray(0, at), key, value, bucket.subarray(at)]));
    this.#keys += 1;
  }

  /** Writes all keys and values, in the order of the keys. */
  save(out: SnapshotWriter): void {
    const indices = [...this.#buckets.keys()].toSorted((a, b) => a - b);
    out.bytes(Buffer.concat(indices.map((index) => this.#buckets.get(index) ?? Buffer.alloc(0))));
  }

  /** Takes what {@link save} has written, into an empty tree. @throws LedgerError LEDGER_CORRUPT */
  restore(from: SnapshotReader): void {
    const records = from.bytes();
    for (let start = 0, end = 0; start < records.length; start = end) {
      const index = bucketOf(records.subarray(start));
      while (end < records.length && bucketOf(records.subarray(end)) === index) end += RECORD;
      this.#buckets.set(index, Buffer.from(records.subarray(start, end)));
      this.#changed.add(index);
      this.#keys += (end - start) / RECORD;
    }
  }

  /** Root over all keys: 32 bytes. */
  root(): Buffer {
    if (this.#keys === 0) return sha256(new Uint8Array(0));
    let level = new Set<number>();
    for (const index of this.#changed) {
      const bucket = this.#buckets.get(index) ?? Buffer.alloc(0);
      this.#node(BUCKETS + index).set(subtree(bucket));
      level.add((BUCKETS + index) >> 1);
    }
    this.#changed.clear();
    for (let bit = BUCKET_BITS - 1; bit >= 0; bit--) {
      const above = new Set<number>();
      for (const index of level) {
        this.#node(index).set(inner(bit, this.#node(2 * index), this.#node(2 * index + 1)));
        above.add(index >> 1);
      }
      level = above;
    }
    return Buffer.from(this.#node(1));
  }

  #node(index: number): Buffer {
    return this.#nodes.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES);
  }
}

function bucketOf(key: Buffer): number {
  return key.readUInt16BE(0) >> (16 - BUCKET_BITS);
}

/** Hash over at least one sorted record: split at the first bit in which the outermost keys differ. */
function subtree(records: Buffer): Buffer {
  const count = records.length / RECORD;
  if (count === 1) return sha256(Buffer.concat([Buffer.of(0x02), records]));
  const first = keyAt(records, 0);
  const last = keyAt(records, count - 1);
  let bit = 0;
  while (bitOf(first, bit) === bitOf(last, bit)) bit += 1;
  let middle = 1;
  while (bitOf(keyAt(records, middle), bit) === 0) middle += 1;
  return inner(
    bit,
    subtree(records.subarray(0, middle * RECORD)),
    subtree(records.subarray(middle * RECORD)),
  );
}

/** A node that has keys on one side only is that side. */
function inner(bit: number, left: Buffer, right: Buffer): Buffer {
  if (isNothing(left)) return right;
  if (isNothing(right)) return left;
  return sha256(Buffer.concat([Buffer.of(0x03, bit), left, right]));
}

function isNothing(node: Buffer): boolean {
  return node.every((byte) => byte === 0);
}

function keyAt(records: Buffer, i: number): Buffer {
  return records.subarray(i * RECORD, i * RECORD + HASH_BYTES);
}

function bitOf(key: Buffer, bit: number): number {
  return ((key[bit >> 3] ?? 0) >> (7 - (bit % 8))) & 1;
}
