/**
 * A page: a part of the trie in flat arrays. Its items are sorted by key: leaves on the lowest height, above that
 * the pages below, each by the lowest key of its region. Between neighbours stands the first bit in which their
 * keys differ; the smallest of these in a range is the bit that the range's top node tests, so the nodes need no
 * pointers: the node between items i - 1 and i has its bit and its hash at i.
 *
 * A node without keys on one side is left out: it has the hash of its other side. So hashes depend on keys and values
 * alone, and not on where pages were cut.
 */
import { LedgerError } from '../errors.js';
import { HASH_BYTES } from '../log/index.js';
import { hashInner, hashLeaf, INNER_BYTES, INNER_PREFIX } from './hashing.js';
import { bitOf } from './proof.js';
import type { StateProofEnd, StateProofStep } from './proof.js';

/** Most items of a page: a leaf page then is a row of about 3 KB, and a change rewrites no more than that. */
export const PAGE_ITEMS_MAX = 64;

/** A key and its value, side by side. */
export const RECORD_BYTES = 2 * HASH_BYTES;

/** Bytes of an item in memory: key, value, node hash, node bit, epoch of the page below. */
const ITEM_BYTES = 3 * HASH_BYTES + 1 + 4;
/** Memory of a page that is not being cut. */
export const PAGE_BYTES = PAGE_ITEMS_MAX * ITEM_BYTES;

/** Row: version, height, depth as u16-BE, count as u16-BE; then keys, values and, above leaves, epochs as u32-BE. */
const HEAD_BYTES = 6;
const ROW_VERSION = 1;

/** A node's input, one for each level of recursion; a key has 256 bits, so no path is longer. */
const inputs: Buffer[] = [];
const rootBytes = Buffer.alloc(HASH_BYTES);

function inputAt(level: number): Buffer {
  return (inputs[level] ??= Buffer.alloc(INNER_BYTES, INNER_PREFIX));
}

/** Where a page's region begins: its height above the leaf pages, its count of leading bits, its lowest key. */
export interface Region {
  readonly height: number;
  readonly depth: number;
  /** 32 bytes. */
  readonly low: Buffer;
}

/** See the top of the file. Changed in place by its map alone. */
export class Page {
  readonly region: Region;
  /** Epoch of its stored row; 0 while it was never stored. */
  epoch: number;
  /** Hash of its part of the trie; zero bytes where it has no keys. */
  readonly hash: Buffer = Buffer.alloc(HASH_BYTES);
  readonly #data: Buffer;
  readonly #capacity: number;
  readonly #bits: Uint8Array;
  #count = 0;

  /** @param data - {@link PAGE_BYTES}, or more for a page that is about to be cut. */
  constructor(region: Region, epoch: number, data: Buffer) {
    this.region = region;
    this.epoch = epoch;
    this.#data = data;
    this.#capacity = Math.floor(data.length / ITEM_BYTES);
    this.#bits = data.subarray(3 * this.#capacity * HASH_BYTES, (3 * HASH_BYTES + 1) * this.#capacity);
  }

  /** Count of items. */
  get count(): number {
    return this.#count;
  }

  /** Its memory, to be used again once the page is no longer. */
  get data(): Buffer {
    return this.#data;
  }

  /**
   * Reads a row, and computes every hash in it anew.
   *
   * @param hash - What the page must hash to.
   * @throws LedgerError LEDGER_CORRUPT when it does not, or is no row of this region.
   */
  static decode(row: Buffer, region: Region, epoch: number, hash: Buffer, data: Buffer): Page {
    const page = new Page(region, epoch, data);
    const count = row.length < HEAD_BYTES ? 0 : row.readUInt16BE(4);
    const itemBytes = region.height === 0 ? RECORD_BYTES : RECORD_BYTES + 4;
    const fits =
      row.length === HEAD_BYTES + count * itemBytes &&
      count <= PAGE_ITEMS_MAX &&
      row[0] === ROW_VERSION &&
      row[1] === region.height &&
      row.readUInt16BE(2) === region.depth;
    if (!fits) throw new LedgerError('LEDGER_CORRUPT', 'a row of the state map is malformed');
    const keysEnd = HEAD_BYTES + count * HASH_BYTES;
    row.copy(data, 0, HEAD_BYTES, keysEnd);
    row.copy(data, page.#valueAt(0), keysEnd, keysEnd + count * HASH_BYTES);
    if (region.height > 0) row.copy(data, page.#epochAt(0), keysEnd + count * HASH_BYTES);
    page.#count = count;
    for (let i = 1; i < count; i++) {
      if (
        data.compare(data, (i - 1) * HASH_BYTES, i * HASH_BYTES, i * HASH_BYTES, (i + 1) * HASH_BYTES) <= 0
      ) {
        throw new LedgerError('LEDGER_CORRUPT', 'a row of the state map is out of order');
      }
      page.#setBit(i);
    }
    page.rehash(allItems(count));
    if (!page.hash.equals(hash)) {
      throw new LedgerError('LEDGER_CORRUPT', 'a row of the state map does not give its hash');
    }
    return page;
  }

  /** The page's row. */
  encode(): Buffer {
    const { height, depth } = this.region;
    const count = this.#count;
    const bytes = HEAD_BYTES + count * (height === 0 ? RECORD_BYTES : RECORD_BYTES + 4);
    const row = Buffer.allocUnsafeSlow(bytes);
    row[0] = ROW_VERSION;
    row[1] = height;
    row.writeUInt16BE(depth, 2);
    row.writeUInt16BE(count, 4);
    const keysEnd = HEAD_BYTES + count * HASH_BYTES;
    this.#data.copy(row, HEAD_BYTES, 0, count * HASH_BYTES);
    this.#data.copy(row, keysEnd, this.#valueAt(0), this.#valueAt(count));
    if (height > 0) {
      this.#data.copy(row, keysEnd + count * HASH_BYTES, this.#epochAt(0), this.#epochAt(count));
    }
    return row;
  }

  /** Item under which a key belongs: the last whose key is not above it. */
  itemOf(key: Buffer, at: number): number {
    return this.#lowerBound(key, at, 0, true) - 1;
  }

  /** First record from `from` on whose key belongs to a later item than `item`. */
  recordsEnd(records: Buffer, from: number, to: number, item: number): number {
    if (item + 1 >= this.#count) return to;
    const next = (item + 1) * HASH_BYTES;
    let end = from + 1;
    while (
      end < to &&
      this.#data.compare(
        records,
        end * RECORD_BYTES,
        end * RECORD_BYTES + HASH_BYTES,
        next,
        next + HASH_BYTES,
      ) > 0
    ) {
      end += 1;
    }
    return end;
  }

  /** The page below an item: its lowest key and hash as views, and its epoch. */
  child(item: number): { readonly low: Buffer; readonly hash: Buffer; readonly epoch: number } {
    return {
      low: Buffer.from(this.#data.subarray(item * HASH_BYTES, (item + 1) * HASH_BYTES)),
      hash: Buffer.from(this.#data.subarray(this.#valueAt(item), this.#valueAt(item + 1))),
      epoch: this.#data.readUInt32BE(this.#epochAt(item)),
    };
  }

  /**
   * How many leading bits the region below an item has: those that tell it from its neighbours.
   */
  childDepth(item: number): number {
    const before = item > 0 ? (this.#bits[item] ?? 0) + 1 : 0;
    const after = item + 1 < this.#count ? (this.#bits[item + 1] ?? 0) + 1 : 0;
    return Math.max(this.region.depth, before, after);
  }

  /**
   * Puts records in: a known key gets the new value, another a place of its own.
   *
   * @param records - Sorted by key, no key twice; those from `from` to `to` are taken.
   * @param epoch - For the pages below: the epoch in which the new ones are stored.
   * @returns This page, or a larger one in its place; its new items, and how many keys were added.
   */
  merge(records: Buffer, from: number, to: number, epoch: number): Merged {
    const places = new Int32Array(to - from);
    const touched = new Int32Array(to - from);
    let added = 0;
    let place = 0;
    for (let j = from; j < to; j++) {
      place = this.#lowerBound(records, j * RECORD_BYTES, place, false);
      const isKnown = place < this.#count && this.#hasKey(place, records, j * RECORD_BYTES);
      touched[j - from] = place + added;
      // A new key is told from a known one by the sign.
      places[j - from] = isKnown ? place : -1 - place;
      if (!isKnown) added += 1;
    }
    const count = this.#count + added;
    const page = count <= this.#capacity ? this : this.#enlarged(count);
    let end = this.#count;
    let shift = added;
    for (let i = places.length - 1; i >= 0 && shift > 0; i--) {
      const coded = places[i] ?? 0;
      if (coded >= 0) continue;
      page.#move(-1 - coded, end, shift);
      end = -1 - coded;
      shift -= 1;
    }
    page.#count = count;
    for (let i = 0; i < touched.length; i++) page.#put(touched[i] ?? 0, records, from + i, epoch);
    for (let i = 0; i < touched.length; i++) {
      const item = touched[i] ?? 0;
      if ((places[i] ?? 0) >= 0) continue;
      if (item > 0) page.#setBit(item);
      if (item + 1 < count) page.#setBit(item + 1);
    }
    return { page, touched, added };
  }

  /**
   * Cuts a page that is too large in two at the first bit behind its region's, and each half again while it is.
   *
   * @param allocate - Gives {@link PAGE_BYTES} of memory.
   * @returns Pages that cover the region, with the new items of each; the first of them takes the page's place.
   */
  cut(touched: Int32Array, allocate: () => Buffer): { page: Page; touched: Int32Array }[] {
    const parts: { page: Page; touched: Int32Array }[] = [];
    const part = (region: Region, from: number, to: number): void => {
      if (to - from > PAGE_ITEMS_MAX) {
        const depth = region.depth + 1;
        let middle = from;
        while (middle < to && this.#keyBit(middle, region.depth) === 0) middle += 1;
        const low = Buffer.from(region.low);
        low[region.depth >> 3] = (low[region.depth >> 3] ?? 0) | (0x80 >> (region.depth & 7));
        part({ ...region, depth }, from, middle);
        part({ ...region, depth, low }, middle, to);
        return;
      }
      const isFirst = parts.length === 0;
      const page = new Page(region, isFirst ? this.epoch : 0, allocate());
      this.#copyTo(page, from, to);
      const own = touched.filter((item) => item >= from && item < to).map((item) => item - from);
      parts.push({ page, touched: own });
    };
    part(this.region, 0, this.#count);
    return parts;
  }

  /** Computes the hashes over changed items. @param touched - Their indexes, in order. */
  rehash(touched: Int32Array): void {
    if (this.#count === 0) this.hash.fill(0);
    else {
      this.#hashRange(0, this.#count - 1, touched, 0, touched.length, rootBytes, 0, 0);
      rootBytes.copy(this.hash);
    }
  }

  /**
   * Searches for a key, and notes the steps.
   *
   * @returns The item where the search ends, which need not be the key's.
   */
  search(key: Buffer, path: StateProofStep[]): number {
    let low = 0;
    let high = this.#count - 1;
    while (low < high) {
      const gap = this.#topGap(low, high);
      const bit = this.#bits[gap] ?? 0;
      const left = Buffer.alloc(HASH_BYTES);
      const right = Buffer.alloc(HASH_BYTES);
      this.#hashOf(low, gap - 1, left, 0);
      this.#hashOf(gap, high, right, 0);
      const isSplit = !isZero(left, 0) && !isZero(right, 0);
      const goRight = isSplit ? bitOf(key, bit) === 1 : isZero(left, 0);
      if (isSplit) path.push({ bit, sibling: goRight ? left : right });
      if (goRight) low = gap;
      else high = gap - 1;
    }
    return low;
  }

  /** Where a search ends on a leaf. */
  leaf(item: number, key: Buffer): StateProofEnd {
    const value = Buffer.from(this.#data.subarray(this.#valueAt(item), this.#valueAt(item + 1)));
    if (this.#hasKey(item, key, 0)) return { kind: 'present', value };
    return {
      kind: 'other',
      key: Buffer.from(this.#data.subarray(item * HASH_BYTES, (item + 1) * HASH_BYTES)),
      value,
    };
  }

  #hashRange(
    low: number,
    high: number,
    touched: Int32Array,
    from: number,
    to: number,
    out: Buffer,
    at: number,
    level: number,
  ): void {
    if (low === high || from === to) {
      this.#hashOf(low, high, out, at);
      return;
    }
    const gap = this.#topGap(low, high);
    let middle = from;
    while (middle < to && (touched[middle] ?? 0) < gap) middle += 1;
    const input = inputAt(level);
    this.#hashRange(low, gap - 1, touched, from, middle, input, 2, level + 1);
    this.#hashRange(gap, high, touched, middle, to, input, 2 + HASH_BYTES, level + 1);
    const node = this.#nodeAt(gap);
    if (this.region.height > 0 && isZero(input, 2)) input.copy(this.#data, node, 2 + HASH_BYTES);
    else if (this.region.height > 0 && isZero(input, 2 + HASH_BYTES)) {
      input.copy(this.#data, node, 2, 2 + HASH_BYTES);
    } else {
      input[1] = this.#bits[gap] ?? 0;
      this.#data.write(hashInner(input), node, 'latin1');
    }
    this.#data.copy(out, at, node, node + HASH_BYTES);
  }

  /** Hash over a range that has not changed, or over one item. */
  #hashOf(low: number, high: number, out: Buffer, at: number): void {
    if (low < high) {
      const node = this.#nodeAt(this.#topGap(low, high));
      this.#data.copy(out, at, node, node + HASH_BYTES);
    } else if (this.region.height === 0) {
      hashLeaf(this.#data, low * HASH_BYTES, this.#valueAt(low), out, at);
    } else this.#data.copy(out, at, this.#valueAt(low), this.#valueAt(low + 1));
  }

  /** The gap of a range's top node: the one of the smallest bit, which occurs once. */
  #topGap(low: number, high: number): number {
    const bits = this.#bits;
    let gap = low + 1;
    let least = bits[gap] ?? 0;
    for (let i = low + 2; i <= high; i++) {
      const bit = bits[i] ?? 0;
      if (bit < least) {
        least = bit;
        gap = i;
      }
    }
    return gap;
  }

  /** First item from `from` on whose key is not below (`above`: is above) the one given. */
  #lowerBound(key: Buffer, at: number, from: number, above: boolean): number {
    let low = from;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const start = middle * HASH_BYTES;
      const order = this.#data.compare(key, at, at + HASH_BYTES, start, start + HASH_BYTES);
      if (order < 0 || (above && order === 0)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #hasKey(item: number, key: Buffer, at: number): boolean {
    const start = item * HASH_BYTES;
    return this.#data.compare(key, at, at + HASH_BYTES, start, start + HASH_BYTES) === 0;
  }

  #keyBit(item: number, bit: number): number {
    return ((this.#data[item * HASH_BYTES + (bit >> 3)] ?? 0) >> (7 - (bit & 7))) & 1;
  }

  #put(item: number, records: Buffer, j: number, epoch: number): void {
    const start = j * RECORD_BYTES;
    records.copy(this.#data, item * HASH_BYTES, start, start + HASH_BYTES);
    records.copy(this.#data, this.#valueAt(item), start + HASH_BYTES, start + RECORD_BYTES);
    if (this.region.height > 0) this.#data.writeUInt32BE(epoch, this.#epochAt(item));
  }

  #setBit(item: number): void {
    const data = this.#data;
    let a = (item - 1) * HASH_BYTES;
    let b = item * HASH_BYTES;
    while (data[a] === data[b]) {
      a += 1;
      b += 1;
    }
    const differing = (data[a] ?? 0) ^ (data[b] ?? 0);
    this.#bits[item] = (b - item * HASH_BYTES) * 8 + Math.clz32(differing) - 24;
  }

  #move(from: number, to: number, by: number): void {
    if (from === to) return;
    const data = this.#data;
    data.copyWithin((from + by) * HASH_BYTES, from * HASH_BYTES, to * HASH_BYTES);
    data.copyWithin(this.#valueAt(from + by), this.#valueAt(from), this.#valueAt(to));
    data.copyWithin(this.#nodeAt(from + by), this.#nodeAt(from), this.#nodeAt(to));
    this.#bits.copyWithin(from + by, from, to);
    if (this.region.height > 0)
      data.copyWithin(this.#epochAt(from + by), this.#epochAt(from), this.#epochAt(to));
  }

  #enlarged(count: number): Page {
    const page = new Page(this.region, this.epoch, Buffer.allocUnsafe(count * ITEM_BYTES));
    this.#copyTo(page, 0, this.#count);
    return page;
  }

  #copyTo(page: Page, from: number, to: number): void {
    const data = this.#data;
    data.copy(page.#data, 0, from * HASH_BYTES, to * HASH_BYTES);
    data.copy(page.#data, page.#valueAt(0), this.#valueAt(from), this.#valueAt(to));
    data.copy(page.#data, page.#nodeAt(0), this.#nodeAt(from), this.#nodeAt(to));
    page.#bits.set(this.#bits.subarray(from, to));
    data.copy(page.#data, page.#epochAt(0), this.#epochAt(from), this.#epochAt(to));
    page.#count = to - from;
  }

  #valueAt(item: number): number {
    return (this.#capacity + item) * HASH_BYTES;
  }

  #nodeAt(item: number): number {
    return (2 * this.#capacity + item) * HASH_BYTES;
  }

  #epochAt(item: number): number {
    return this.#capacity * (3 * HASH_BYTES + 1) + item * 4;
  }
}

/** What {@link Page.merge} gives. */
export interface Merged {
  readonly page: Page;
  /** Indexes of the items put in, in order. */
  readonly touched: Int32Array;
  readonly added: number;
}

function allItems(count: number): Int32Array {
  return Int32Array.from({ length: count }, (_, i) => i);
}

function isZero(bytes: Buffer, at: number): boolean {
  for (let i = at; i < at + HASH_BYTES; i++) if (bytes[i] !== 0) return false;
  return true;
}
