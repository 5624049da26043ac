/**
 * A published log, read by its tiles: entries, and the paths that prove them. What comes is judged by the caller, against
 * a signed head: nothing here believes the server.
 *
 * @see https://c2sp.org/tlog-tiles
 */
import { concat } from './bytes.js';
import type { ProofCrypto } from './crypto.js';
import { ProofError } from './errors.js';
import { HASH_BYTES } from './tree.js';

/** Bytes of a published file, such as `tile/0/000.p/7`; rejects when there are none. */
export type ReadTile = (path: string) => Promise<Uint8Array>;

const WIDTH = 256;
const LEVELS = 8;
const LENGTH_BYTES = 2;
const NODE = Uint8Array.of(1);

/** A log of one size. Tiles are asked for once each. */
export class TiledLog {
  readonly size: number;
  readonly #crypto: ProofCrypto;
  readonly #read: ReadTile;
  readonly #tiles = new Map<string, Promise<Uint8Array>>();

  /** @param size - Entries, by a head that is signed. */
  constructor(crypto: ProofCrypto, size: number, read: ReadTile) {
    this.#crypto = crypto;
    this.size = size;
    this.#read = read;
  }

  /**
   * Canonical bytes of the entries of a bundle.
   *
   * @param bundle - Entries 256 · bundle and following.
   * @throws ProofError PROOF_BAD_TILE for a file that is no such bundle; what the reader throws.
   */
  async entries(bundle: number): Promise<Uint8Array[]> {
    const count = Math.min(WIDTH, this.size - bundle * WIDTH);
    const bytes = await this.#file(`tile/entries/${pathOf(bundle)}${suffix(count)}`);
    const entries: Uint8Array[] = [];
    let at = 0;
    while (at < bytes.length) {
      const length = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
      const end = at + LENGTH_BYTES + length;
      if (end > bytes.length) throw badTile('a bundle of entries is cut short');
      entries.push(bytes.subarray(at + LENGTH_BYTES, end));
      at = end;
    }
    if (entries.length !== count) throw badTile('a bundle holds another number of entries');
    return entries;
  }

  /**
   * Hashes from a leaf's sibling up to the root.
   *
   * @throws ProofError PROOF_BAD_TILE; RangeError for a leaf that the log does not have.
   * @see RFC 9162 section 2.1.3.1
   */
  async inclusion(leaf: number): Promise<Uint8Array[]> {
    if (!Number.isSafeInteger(leaf) || leaf < 0 || leaf >= this.size) throw new RangeError('no such leaf');
    const path: Promise<Uint8Array>[] = [];
    let [start, end] = [0, this.size];
    while (end - start > 1) {
      const middle = start + largestPowerBelow(end - start);
      if (leaf < middle) {
        path.unshift(this.#range(middle, end));
        end = middle;
      } else {
        path.unshift(this.#range(start, middle));
        start = middle;
      }
    }
    return Promise.all(path);
  }

  /**
   * Hashes that lead from an earlier size to this one.
   *
   * @throws ProofError PROOF_BAD_TILE; RangeError for a size that this log has not passed.
   * @see RFC 9162 section 2.1.4.1
   */
  async consistency(from: number): Promise<Uint8Array[]> {
    if (!Number.isSafeInteger(from) || from < 0 || from > this.size) throw new RangeError('no such size');
    if (from === 0 || from === this.size) return [];
    const path: Promise<Uint8Array>[] = [];
    let [start, end] = [0, this.size];
    let isLeftEdge = true;
    while (end !== from) {
      const middle = start + largestPowerBelow(end - start);
      if (from <= middle) {
        path.unshift(this.#range(middle, end));
        end = middle;
      } else {
        path.unshift(this.#range(start, middle));
        start = middle;
        isLeftEdge = false;
      }
    }
    if (!isLeftEdge) path.unshift(this.#range(start, end));
    return Promise.all(path);
  }

  /** Root of a stretch of leaves. */
  async #range(start: number, end: number): Promise<Uint8Array> {
    const count = end - start;
    const height = Math.log2(count);
    if (Number.isInteger(height) && start % count === 0) return this.#node(height, start / count);
    const middle = start + largestPowerBelow(count);
    const [left, right] = await Promise.all([this.#range(start, middle), this.#range(middle, end)]);
    return this.#join(left, right);
  }

  /** Root of the full subtree of 2^height leaves. */
  async #node(height: number, index: number): Promise<Uint8Array> {
    const level = Math.floor(height / LEVELS);
    const count = 2 ** (height % LEVELS);
    const first = index * count;
    const tile = Math.floor(first / WIDTH);
    const width = Math.min(WIDTH, Math.floor(this.size / WIDTH ** level) - tile * WIDTH);
    const bytes = await this.#file(`tile/${level}/${pathOf(tile)}${suffix(width)}`);
    if (bytes.length !== width * HASH_BYTES) throw badTile('a tile holds another number of hashes');
    let row: Uint8Array[] = [];
    for (let i = 0; i < count; i++) {
      const at = ((first % WIDTH) + i) * HASH_BYTES;
      row.push(bytes.subarray(at, at + HASH_BYTES));
    }
    while (row.length > 1) {
      const above: Uint8Array[] = [];
      for (let i = 0; i < row.length; i += 2)
        above.push(this.#join(row[i] ?? new Uint8Array(), row[i + 1] ?? new Uint8Array()));
      row = above;
    }
    return row[0] ?? new Uint8Array();
  }

  #join(left: Uint8Array, right: Uint8Array): Uint8Array {
    return this.#crypto.sha256(concat(NODE, left, right));
  }

  #file(path: string): Promise<Uint8Array> {
    const known = this.#tiles.get(path);
    if (known !== undefined) return known;
    const reading = this.#read(path);
    this.#tiles.set(path, reading);
    // What failed is asked for again the next time.
    reading.catch(() => this.#tiles.delete(path));
    return reading;
  }
}

/** The largest power of two that is smaller than a count of two or more. */
function largestPowerBelow(count: number): number {
  let power = 1;
  while (power * 2 < count) power *= 2;
  return power;
}

/** Groups of three digits, all but the last marked. */
function pathOf(index: number): string {
  const groups = [String(index % 1000).padStart(3, '0')];
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000))
    groups.unshift(`x${String(rest % 1000).padStart(3, '0')}`);
  return groups.join('/');
}

const suffix = (width: number): string => (width < WIDTH ? `.p/${width}` : '');

function badTile(message: string): ProofError {
  return new ProofError('PROOF_BAD_TILE', message);
}
