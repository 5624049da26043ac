import { randomBytes } from 'node:crypto';

const KEY_BYTES = 32;
const ROWS_START = 1024;
/** Fuller tables are doubled: probes grow long. */
const LOAD_MAX = 0.7;

/**
 * A map from 32-byte names to a small number, in two flat arrays: 33 bytes a row, where a `Map` of strings takes
 * three times that and ends at 16.7 million. Open addressing with linear probes.
 */
export class HandleTable {
  #keys = Buffer.alloc(ROWS_START * KEY_BYTES);
  /** 0 means that the row is free. */
  #values = new Uint8Array(ROWS_START);
  #count = 0;
  /** Whoever writes a log does not know it, so cannot choose names that collide. */
  readonly #seed = randomBytes(8);

  /** Names in the table. */
  get size(): number {
    return this.#count;
  }

  /** The number of a name; 0 when it is not there. @param name - base64url of 32 bytes. */
  get(name: string): number {
    return this.#values[this.#find(Buffer.from(name, 'base64url'))] ?? 0;
  }

  /** Gives a name its number. @param value - 1 to 255. */
  set(name: string, value: number): void {
    const key = Buffer.from(name, 'base64url');
    const row = this.#find(key);
    if (this.#values[row] === 0) {
      key.copy(this.#keys, row * KEY_BYTES);
      this.#count += 1;
    }
    this.#values[row] = value;
    if (this.#count > this.#values.length * LOAD_MAX) this.#grow();
  }

  /** Row of a key, or the free row where it belongs. */
  #find(key: Buffer): number {
    const mask = this.#values.length - 1;
    for (let row = this.#hash(key) & mask; ; row = (row + 1) & mask) {
      if (this.#values[row] === 0) return row;
      const start = row * KEY_BYTES;
      if (key.compare(this.#keys, start, start + KEY_BYTES) === 0) return row;
    }
  }

  #hash(key: Buffer): number {
    let mixed = this.#seed.readUInt32LE(0);
    const factor = this.#seed.readUInt32LE(4) | 1;
    for (let i = 0; i + 4 <= key.length; i += 4) {
      mixed = Math.imul(mixed ^ key.readUInt32LE(i), factor);
      mixed ^= mixed >>> 15;
    }
    return mixed >>> 0;
  }

  #grow(): void {
    const keys = this.#keys;
    const values = this.#values;
    this.#keys = Buffer.alloc(keys.length * 2);
    this.#values = new Uint8Array(values.length * 2);
    for (const [row, value] of values.entries()) {
      if (value === 0) continue;
      const key = keys.subarray(row * KEY_BYTES, (row + 1) * KEY_BYTES);
      const free = this.#find(key);
      key.copy(this.#keys, free * KEY_BYTES);
      this.#values[free] = value;
    }
  }
}
