import { isAscii, isUtf8 } from 'node:buffer';
import { MappingError } from '../errors.js';
import { KeyStack } from './key-stack.js';
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

/**
 * Looks through JSON text once, before anything is built from it, for what `JSON.parse` would let pass: bytes
 * that are not UTF-8 or escapes that have no UTF-8 form, nesting without bound, a member `__proto__` however it is spelt, one member named twice.
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
              i = escapeEnd(bytes, i);
            }
          }
          awaitsKey = false;
          keys.add(base, start, i, hash, escaped);
        } else {
          for (; d !== QUOTE; d = bytes[++i]) {
            if (d === BACKSLASH) i = escapeEnd(bytes, i);
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

/**
 * Index of the last byte of the escape whose backslash is at `at`. Half of a surrogate pair has no UTF-8 form, so
 * a text with one could be neither hashed canonically nor written back (RFC 7493 section 2.1).
 */
function escapeEnd(bytes: Buffer, at: number): number {
  if (bytes[at + 1] !== 0x75) return at + 1;
  const half = surrogateHalf(bytes, at);
  if (half === 'none') return at + 1;
  if (half === 'low' || bytes[at + 6] !== BACKSLASH || surrogateHalf(bytes, at + 6) !== 'low') {
    throw new MappingError('MAPPING_NOT_UTF8', 'the text has half a surrogate pair');
  }
  return at + 11;
}

/** What the `\u` escape at `at` writes. */
function surrogateHalf(bytes: Buffer, at: number): 'none' | 'high' | 'low' {
  if (bytes[at + 1] !== 0x75 || ((bytes[at + 2] ?? 0) | 0x20) !== 0x64) return 'none';
  const digit = (bytes[at + 3] ?? 0) | 0x20;
  if (digit === 0x38 || digit === 0x39 || digit === 0x61 || digit === 0x62) return 'high';
  return digit >= 0x63 && digit <= 0x66 ? 'low' : 'none';
}

function unfinished(): MappingError {
  return new MappingError('MAPPING_NOT_JSON', 'the text is not JSON: a string or bracket is not closed');
}
