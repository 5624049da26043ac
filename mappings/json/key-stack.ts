import { MappingError } from '../errors.js';

/** Up to so many members a new key is compared with each one before it; beyond, a set keeps it linear. */
const LINEAR_KEYS_MAX = 32;

/** `__proto__`, latin1. */
const PROTO = Buffer.from('__proto__', 'latin1');

/**
 * The names of the members of all objects that are open at one place of a JSON text, innermost last: refuses a
 * name that its object has already, and `__proto__`.
 */
export class KeyStack {
  count = 0;
  readonly #bytes: Buffer;
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];
  readonly #hashes: number[] = [];
  /** Decoded text of a key written with escapes, by its place on the stack. */
  readonly #decoded = new Map<number, string>();
  /** Names seen so far in an object with many members, by the place of its first key. */
  readonly #large = new Map<number, Set<string>>();

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Adds a key to the object whose keys begin at `base`, and refuses it when it must not be there. */
  add(base: number, start: number, end: number, hash: number, escaped: boolean): void {
    const n = this.count;
    this.#starts[n] = start;
    this.#ends[n] = end;
    this.#hashes[n] = hash;
    if (escaped) this.#decoded.set(n, decodeKey(this.#bytes, start, end));
    if (this.#isProto(n)) throw new MappingError('MAPPING_JSON_PROTO', 'an object has a member __proto__');
    if (n - base > LINEAR_KEYS_MAX) this.#addToLarge(base, n);
    else if (this.#decoded.size > 0) this.#compareTexts(base, n);
    else this.#compareBytes(base, n);
    this.count = n + 1;
  }

  /** Forgets the keys of the object that ends. */
  truncate(base: number): void {
    if (this.#decoded.size > 0) for (let n = base; n < this.count; n++) this.#decoded.delete(n);
    if (this.#large.size > 0) this.#large.delete(base);
    this.count = base;
  }

  #compareBytes(base: number, n: number): void {
    const hashes = this.#hashes;
    const hash = hashes[n];
    for (let m = base; m < n; m++) {
      if (hashes[m] === hash && this.#text(m) === this.#text(n)) throw duplicate();
    }
  }

  #compareTexts(base: number, n: number): void {
    const text = this.#text(n);
    for (let m = base; m < n; m++) if (this.#text(m) === text) throw duplicate();
  }

  #addToLarge(base: number, n: number): void {
    let names = this.#large.get(base);
    if (names === undefined) {
      names = new Set();
      for (let m = base; m < n; m++) names.add(this.#text(m));
      this.#large.set(base, names);
    }
    const text = this.#text(n);
    if (names.has(text)) throw duplicate();
    names.add(text);
  }

  #isProto(n: number): boolean {
    const decoded = this.#decoded.size === 0 ? undefined : this.#decoded.get(n);
    if (decoded !== undefined) return decoded === '__proto__';
    const start = this.#starts[n] ?? 0;
    const end = this.#ends[n] ?? 0;
    return (
      end - start === PROTO.length &&
      this.#bytes[start] === 0x5f &&
      PROTO.compare(this.#bytes, start, end) === 0
    );
  }

  #text(n: number): string {
    return this.#decoded.get(n) ?? this.#bytes.toString('utf8', this.#starts[n] ?? 0, this.#ends[n] ?? 0);
  }
}

function decodeKey(bytes: Buffer, start: number, end: number): string {
  try {
    return JSON.parse(`"${bytes.toString('utf8', start, end)}"`) as string;
  } catch {
    throw new MappingError('MAPPING_NOT_JSON', 'the text is not JSON');
  }
}

function duplicate(): MappingError {
  return new MappingError('MAPPING_JSON_DUPLICATE_KEY', 'an object names a member twice');
}
