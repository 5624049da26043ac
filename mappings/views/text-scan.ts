import { MappingError } from '../errors.js';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN = 0x7b;
const CLOSE = 0x7d;

/** The same byte four times over. */
const QUOTES = 0x22222222;
const BACKSLASHES = 0x5c5c5c5c;
const ONES = 0x01010101;
const HIGH_BITS = 0x80808080 | 0;

/**
 * Moves over JSON text. Strings make up most of a resource; they are searched four bytes at a time: a word less 1 in
 * each byte, where the word itself has no high bit, gets one only from a byte that was 0, and what is sought is made 0
 * by an exclusive or.
 */
export class TextScan {
  readonly bytes: Buffer;
  readonly #words: Int32Array;
  /** Bytes between the beginning of the words and that of the text. */
  readonly #shift: number;
  /** From here on to {@link #backslash}, that one left out, there is none. */
  #lookedFrom = 0;
  #backslash = -1;

  /** @param bytes - Any part of a longer memory; not copied. */
  constructor(bytes: Buffer) {
    this.bytes = bytes;
    this.#shift = bytes.byteOffset & 3;
    const from = bytes.byteOffset - this.#shift;
    this.#words = new Int32Array(bytes.buffer, from, (bytes.byteOffset + bytes.length - from) >> 2);
  }

  /** Whether a backslash lies from `start` to `end`. Cheap where `start` rises from call to call. */
  hasBackslash(start: number, end: number): boolean {
    if (start < this.#lookedFrom || this.#backslash < start) {
      const next = this.bytes.indexOf(BACKSLASH, start);
      this.#backslash = next === -1 ? Number.POSITIVE_INFINITY : next;
      this.#lookedFrom = start;
    }
    return this.#backslash < end;
  }

  /** Index behind the white space at `at`. */
  spaceEnd(at: number): number {
    const { bytes } = this;
    let c = bytes[at];
    while (c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09) c = bytes[++at];
    return at;
  }

  /**
   * Index of the quote that closes the string whose first byte is at `at`.
   *
   * @throws MappingError MAPPING_NOT_JSON when there is none before `end`.
   */
  stringEnd(at: number, end: number): number {
    const { bytes } = this;
    const words = this.#words;
    const shift = this.#shift;
    while (at < end) {
      const c = bytes[at];
      if (c === QUOTE) return at;
      if (c === BACKSLASH) at += 2;
      else {
        at += 1;
        if (((at + shift) & 3) !== 0) continue;
        let w = (at + shift) >> 2;
        for (; w < words.length; w++) {
          const word = words[w] ?? 0;
          const q = word ^ QUOTES;
          const b = word ^ BACKSLASHES;
          if (((((q - ONES) & ~q) | ((b - ONES) & ~b)) & HIGH_BITS) !== 0) break;
        }
        at = (w << 2) - shift;
      }
    }
    throw notJson();
  }

  /**
   * Index behind the value that begins at `at`. Of what lies in it only strings and brackets are looked at.
   *
   * @throws MappingError MAPPING_NOT_JSON when it does not end before `end`.
   */
  valueEnd(at: number, end: number): number {
    const { bytes } = this;
    const first = bytes[at] ?? 0;
    if (first === QUOTE) return this.stringEnd(at + 1, end) + 1;
    // Either kind of bracket differs from the other by this bit alone.
    if ((first | 0x20) !== OPEN) return this.#scalarEnd(at, end);
    let depth = 0;
    while (at < end) {
      const c = bytes[at++] ?? 0;
      if (c === QUOTE) at = this.stringEnd(at, end) + 1;
      else if ((c | 0x20) === OPEN) depth++;
      else if ((c | 0x20) === CLOSE && --depth === 0) return at;
    }
    throw notJson();
  }

  #scalarEnd(at: number, end: number): number {
    const start = at;
    while (at < end) {
      const c = this.bytes[at] ?? 0;
      if (c === COMMA || (c | 0x20) === CLOSE || c <= 0x20) break;
      at++;
    }
    if (at === start) throw notJson();
    return at;
  }
}

/** The error for text that is not JSON. It never quotes the text. */
export function notJson(): MappingError {
  return new MappingError('MAPPING_NOT_JSON', 'the text is not JSON');
}
