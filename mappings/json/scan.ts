import { isAscii, isUtf8 } from 'node:buffer';
import { MappingError } from '../errors.js';
import type { JsonValue } from './value.js';

/**
 * Deepest nesting taken. R4 resources stay below 20, deep Questionnaires included, and a Bundle adds three; what
 * is deeper is meant to exhaust somebody's stack.
 */
export const JSON_DEPTH_MAX = 64;

/** How strictly JSON is read. */
export interface JsonOptions {
  /** Deepest nesting of objects and arrays together. Default {@link JSON_DEPTH_MAX}. */
  readonly depthMax?: number;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;

/** Up to so many members a new key is compared with each one before it; beyond, a set keeps it linear. */
const LINEAR_KEYS_MAX = 32;

/** `__proto__`, latin1. */
const PROTO = Buffer.from('__proto__', 'latin1');

/**
 * Looks through JSON text once, before anything is built from it, for what `JSON.parse` would let pass: bytes
 * that are not UTF-8, nesting without bound, a member `__proto__` however it is spelt, one member named twice.
 * It does not prove that the text is JSON; {@link parseJson} does both.
 *
 * @throws MappingError MAPPING_NOT_UTF8, MAPPING_JSON_BOM, MAPPING_JSON_DEPTH, MAPPING_JSON_PROTO,
 * MAPPING_JSON_DUPLICATE_KEY; MAPPING_NOT_JSON where brackets or quotes do not match.
 * @see RFC 8259 section 8.1 (UTF-8, no byte order mark); RFC 7493 section 2.3 (names occur once)
 */
export function checkJson(bytes: Buffer, options: JsonOptions = {}): void {
  if (!isUtf8(bytes)) throw new MappingError('MAPPING_NOT_UTF8', 'the bytes are not UTF-8');
  if (hasBom(bytes)) {
    throw new MappingError('MAPPING_JSON_BOM', 'the text begins with a byte order mark');
  }
  scan(bytes, options.depthMax ?? JSON_DEPTH_MAX);
}

/**
 * {@link checkJson}, then `JSON.parse`.
 *
 * @throws MappingError as checkJson; MAPPING_NOT_JSON.
 */
export function parseJson(bytes: Buffer, options: JsonOptions = {}): JsonValue {
  checkJson(bytes, options);
  try {
    return JSON.parse(isAscii(bytes) ? bytes.toString('latin1') : bytes.toString('utf8')) as JsonValue;
  } catch {
    // The parser's own message quotes the text, which may be a patient's: it goes no further, not as a cause either.
    throw new MappingError('MAPPING_NOT_JSON', 'the text is not JSON');
  }
}

/**
 * The text without a byte order mark at its head. Senders must not write one, readers may pass over it (RFC 8259
 * section 8.1): files that were edited on the way have it. What is hashed and kept is then the rest.
 */
export function stripBom(bytes: Buffer): Buffer {
  return hasBom(bytes) ? bytes.subarray(3) : bytes;
}

function hasBom(bytes: Buffer): boolean {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
}

/**
 * One pass. Keys of the open objects lie on one stack of (start, end, hash); `bases[depth]` says where the
 * innermost object's keys begin, -1 for an array. A string is a key when its object awaits one, which a flag
 * tells: set by `{` and by `,` in an object, cleared by the key itself.
 */
function scan(bytes: Buffer, depthMax: number): void {
  const length = bytes.length;
  const keys = new KeyStack(bytes);
  const bases: number[] = [];
  let depth = 0;
  let base = -1;
  let awaitsKey = false;
  let i = 0;
  while (i < length) {
    const c = bytes[i++] as number;
    switch (c) {
      case QUOTE: {
        const start = i;
        let escaped = false;
        let hash = 0;
        let d = bytes[i];
        if (awaitsKey) {
          for (; d !== QUOTE; d = bytes[++i]) {
            if (d === undefined) throw unfinished();
            hash = (Math.imul(hash, 31) + d) | 0;
            if (d === BACKSLASH) {
              escaped = true;
              i++;
            }
          }
          awaitsKey = false;
          keys.add(base, start, i, hash, escaped);
        } else {
          for (; d !== QUOTE; d = bytes[++i]) {
            if (d === BACKSLASH) i++;
            else if (d === undefined) throw unfinished();
          }
        }
        i++;
        break;
      }
      case OPEN_OBJECT:
      case OPEN_ARRAY:
        if (depth === depthMax) {
          throw new MappingError('MAPPING_JSON_DEPTH', `the text is nested deeper than ${depthMax} levels`);
        }
        bases[depth++] = base;
        awaitsKey = c === OPEN_OBJECT;
        base = awaitsKey ? keys.count : -1;
        break;
      case CLOSE_OBJECT:
      case CLOSE_ARRAY:
        if (depth === 0) throw unfinished();
        if (base >= 0) keys.truncate(base);
        base = bases[--depth] ?? -1;
        awaitsKey = false;
        break;
      case 0x2c:
        awaitsKey = base >= 0;
        break;
      default:
        break;
    }
  }
  if (depth !== 0) throw unfinished();
}

/** The keys of all open objects, innermost last. */
class KeyStack {
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

function unfinished(): MappingError {
  return new MappingError('MAPPING_NOT_JSON', 'the text is not JSON: a string or bracket is not closed');
}

function duplicate(): MappingError {
  return new MappingError('MAPPING_JSON_DUPLICATE_KEY', 'an object names a member twice');
}
