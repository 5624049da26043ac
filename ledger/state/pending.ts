/**
 * Updates that are durable but not in the pages yet, in flat arrays: records in an arena, chained by the first bits of
 * their keys. They are taken in the order of keys, so that a page is visited once for all of its updates.
 */
import { RECORD_BYTES } from './page.js';

/** Chains, by the first 12 bits of the key. */
export const CHAINS = 4096;
const RECORDS_START = 1024;
const NONE = -1;

/** See the top of the file. */
export class Pending {
  #data = Buffer.alloc(RECORDS_START * RECORD_BYTES);
  /** Next record of the same chain, or of the free ones. */
  #next = new Int32Array(RECORDS_START);
  readonly #heads = new Int32Array(CHAINS).fill(NONE);
  #free = NONE;
  #used = 0;
  #count = 0;

  /** Count of records; a key updated twice counts twice until it is taken. */
  get count(): number {
    return this.#count;
  }

  /** Adds the records of a buffer, which is copied. */
  add(records: Buffer): void {
    for (let at = 0; at < records.length; at += RECORD_BYTES) {
      const slot = this.#slot();
      records.copy(this.#data, slot * RECORD_BYTES, at, at + RECORD_BYTES);
      const chain = records.readUInt16BE(at) >> 4;
      this.#next[slot] = this.#heads[chain] ?? NONE;
      this.#heads[chain] = slot;
      this.#count += 1;
    }
  }

  /**
   * Takes the records of chains `from` to `to` (excluded), ending early once `enough` have been taken.
   *
   * @returns The records sorted by key, of each key the one added last; the first chain not taken; how many went.
   */
  take(from: number, to: number, enough: number): Taken {
    const slots: number[] = [];
    let chain = from;
    let taken = 0;
    for (; chain < to && taken < enough; chain++) {
      const start = slots.length;
      for (let slot = this.#heads[chain] ?? NONE; slot !== NONE; slot = this.#next[slot] ?? NONE) {
        slots.push(slot);
        taken += 1;
      }
      this.#heads[chain] = NONE;
      if (slots.length - start > 1) this.#sortNewest(slots, start);
    }
    const records = Buffer.allocUnsafe(slots.length * RECORD_BYTES);
    for (const [i, slot] of slots.entries()) {
      this.#data.copy(records, i * RECORD_BYTES, slot * RECORD_BYTES, (slot + 1) * RECORD_BYTES);
      this.#release(slot);
    }
    this.#count -= taken;
    return { records, chain };
  }

  /** Sorts a chain from `start` on by key; of equal keys only the newest, which stands first in a chain, is kept. */
  #sortNewest(slots: number[], start: number): void {
    const chain = slots.splice(start);
    // A stable sort leaves equal keys newest first.
    chain.sort((a, b) => this.#compare(a, b));
    let last = NONE;
    for (const slot of chain) {
      if (last !== NONE && this.#compare(last, slot) === 0) this.#release(slot);
      else {
        slots.push(slot);
        last = slot;
      }
    }
  }

  #compare(a: number, b: number): number {
    const data = this.#data;
    const atA = a * RECORD_BYTES;
    const atB = b * RECORD_BYTES;
    // Within a chain the next bits nearly always tell keys apart.
    const first = data.readUInt32BE(atA + 1) - data.readUInt32BE(atB + 1);
    if (first !== 0) return first;
    const half = RECORD_BYTES / 2;
    return data.compare(data, atB, atB + half, atA, atA + half);
  }

  #slot(): number {
    if (this.#free !== NONE) {
      const slot = this.#free;
      this.#free = this.#next[slot] ?? NONE;
      return slot;
    }
    if (this.#used === this.#next.length) {
      this.#data = Buffer.concat([this.#data, Buffer.alloc(this.#data.length)]);
      const next = new Int32Array(2 * this.#next.length);
      next.set(this.#next);
      this.#next = next;
    }
    return this.#used++;
  }

  #release(slot: number): void {
    this.#next[slot] = this.#free;
    this.#free = slot;
  }
}

/** What {@link Pending.take} gives. */
export interface Taken {
  readonly records: Buffer;
  readonly chain: number;
}
