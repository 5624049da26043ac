import { randomBytes } from 'node:crypto';
import type { SnapshotReader, SnapshotWriter } from './snapshot.js';

const KEY_BYTES = 32;
const KEY_WORDS = KEY_BYTES / 4;
const ROWS_START = 1024;
/** Fuller tables are doubled: probes grow long. */
const LOAD_MAX = 0.7;

/** The name in hand, as bytes and as words. Reused: nothing here waits. */
const name = Buffer.alloc(KEY_BYTES);
const words = new Int32Array(name.buffer, name.byteOffset, KEY_WORDS);

/**
 * A map from 32-byte names to a small number, in two flat arrays: 33 bytes a row, where a `Map` of strings takes
 * three times that and ends at 16.7 million. Open addressing with linear probes.
 */
export class HandleTable {
  #keys = new Int32Array(ROWS_START * KEY_WORDS);
  /** 0 means that the row is free. */
  #values = new Uint8Array(ROWS_START);
  #count = 0;
  /** Whoever writes a log does not know it, so cannot choose names that collide. */
  readonly #seed = randomBytes(8);

  /** Names in the table. */
  get size(): number {
    return this.#count;
  }

  /** The number of a name; 0 when it is not there. @param text - base64url of 32 bytes. */
  get(text: string): number {
    name.write(text, 'base64url');
    return this.#values[this.#find()] ?? 0;
  }

  /** Gives a name its number. @param value - 1 to 255. */
  set(text: string, value: number): void {
    name.write(text, 'base64url');
    this.#put(value);
  }

  /**
   * Gives a name a number unless it has one.
   *
   * @param bytes - 32 bytes.
   * @returns Whether it had none.
   */
  add(bytes: Uint8Array, value: number): boolean {
    name.set(bytes);
    if (this.#values[this.#find()] !== 0) return false;
    this.#put(value);
    return true;
  }

  /** Writes all names with their numbers. */
  save(out: SnapshotWriter): void {
    const rows = Buffer.alloc(this.#count * (KEY_BYTES + 1));
    let at = 0;
    for (const [row, value] of this.#values.entries()) {
      if (value === 0) continue;
      words.set(this.#keys.subarray(row * KEY_WORDS, (row + 1) * KEY_WORDS));
      name.copy(rows, at);
      rows[at + KEY_BYTES] = value;
      at += KEY_BYTES + 1;
    }
    out.bytes(rows);
  }

  /** Adds what {@link save} has written. @throws LedgerError LEDGER_CORRUPT */
  restore(from: SnapshotReader): void {
    const rows = from.bytes();
    for (let at = 0; at + KEY_BYTES < rows.length; at += KEY_BYTES + 1) {
      rows.copy(name, 0, at, at + KEY_BYTES);
      this.#put(rows[at + KEY_BYTES] ?? 0);
    }
  }

  /** Gives the name in hand its number. */
  #put(value: number): void {
    const row = this.#find();
    if (this.#values[row] === 0) {
      this.#keys.set(words, row * KEY_WORDS);
      this.#count += 1;
    }
    this.#values[row] = value;
    if (this.#count > this.#values.length * LOAD_MAX) this.#grow();
  }

  /** Row of the name in hand, or the free row where it belongs. */
  #find(): number {
    const mask = this.#values.length - 1;
    for (let row = this.#hash() & mask; ; row = (row + 1) & mask) {
      if (this.#values[row] === 0) return row;
      const start = row * KEY_WORDS;
      let i = 0;
      while (i < KEY_WORDS && this.#keys[start + i] === words[i]) i += 1;
      if (i === KEY_WORDS) return row;
    }
  }

  #hash(): number {
    let mixed = this.#seed.readInt32LE(0);
    const factor = this.#seed.readInt32LE(4) | 1;
    for (let i = 0; i < KEY_WORDS; i++) {
      mixed = Math.imul(mixed ^ (words[i] ?? 0), factor);
      mixed ^= mixed >>> 15;
    }
    return mixed >>> 0;
  }

  #grow(): void {
    const keys = this.#keys;
    const values = this.#values;
    this.#keys = new Int32Array(keys.length * 2);
    this.#values = new Uint8Array(values.length * 2);
    for (let row = 0; row < values.length; row++) {
      const value = values[row] ?? 0;
      if (value === 0) continue;
      for (let i = 0; i < KEY_WORDS; i++) words[i] = keys[row * KEY_WORDS + i] ?? 0;
      const free = this.#find();
      this.#keys.set(words, free * KEY_WORDS);
      this.#values[free] = value;
    }
  }
}
