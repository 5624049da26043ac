import { MappingError } from '../errors.js';
import { JSON_DEPTH_MAX, parseJson } from '../json/index.js';
import type { JsonObject, JsonValue } from '../json/index.js';
import { slotOf, WRITTEN } from './projection.js';
import type { ProjectedMember, Projection } from './projection.js';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;

/** From here on a native search for the closing quote is faster than a loop. */
const NEAR_BYTES = 48;
/** Texts up to this length are looked up among those seen: codes, systems and units come again and again. */
const SEEN_BYTES_MAX = 64;
/** A power of two. */
const SEEN_SLOTS = 8192;
/** Powers of ten that are exact, so that digits / 10^n is rounded once. */
const TENS = Array.from({ length: 23 }, (_, n) => 10 ** n);
/** 1 for the bytes of a text that stand for themselves: ASCII but quote, backslash and control characters. */
const PLAIN = Uint8Array.from({ length: 256 }, (_, c) =>
  c >= 0x20 && c < 0x80 && c !== QUOTE && c !== BACKSLASH ? 1 : 0,
);
const NUMBER = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/;

/** What {@link ProjectedReader} read: nothing, where the text is a resource of another type. */
export type Projected = JsonObject | undefined;

/**
 * Reads of a JSON text only what a view names, and moves over the rest: no object, text or number is built that no
 * path looks at. What it moves over is measured, not checked: brackets and quotes must match there, no more.
 * Not for two texts at once.
 */
export class ProjectedReader {
  readonly #root: Projection;
  readonly #type: string | undefined;
  readonly #seen: (string | undefined)[] = Array.from({ length: SEEN_SLOTS }, () => undefined);
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  #end = 0;
  #depth = 0;

  /**
   * @param root - What to read; it must name `resourceType`.
   * @param type - Type of the resources that are read; others are left at the first sight of theirs. Left out, all are.
   */
  constructor(root: Projection, type?: string) {
    this.#root = root;
    this.#type = type;
  }

  /**
   * Reads one resource.
   *
   * @param bytes - UTF-8, checked by the caller; the text is what lies from `start` to `end`.
   * @returns the resource with what the projection names; `undefined` for one of another type.
   * @throws MappingError MAPPING_NOT_JSON, MAPPING_NOT_A_RESOURCE, MAPPING_JSON_DEPTH.
   */
  read(bytes: Buffer, start: number, end: number): Projected {
    this.#bytes = bytes;
    this.#end = end;
    this.#depth = 0;
    this.#at = spaceEnd(bytes, start);
    if (bytes[this.#at] !== OPEN_OBJECT) throw notAResource();
    const root = this.#root.whole ? this.#wholeRoot() : this.#object(this.#root, this.#type);
    if (root === undefined) return undefined;
    if (spaceEnd(bytes, this.#at) < end) throw notJson();
    if (this.#at > end) throw notJson();
    const type = root['resourceType'];
    if (typeof type !== 'string') throw notAResource();
    return this.#type === undefined || type === this.#type ? root : undefined;
  }

  #wholeRoot(): JsonObject {
    const value = parseJson(this.#bytes.subarray(this.#at, this.#end));
    this.#at = this.#end;
    // It begins with a brace.
    return value as JsonObject;
  }

  /** Reads the object at `#at`; gives it up when it is the root and of another type than `type`. */
  #object(projection: Projection, type?: string): JsonObject | undefined {
    const bytes = this.#bytes;
    const textEnd = this.#end;
    const found: Record<string, JsonValue> = {};
    let at = spaceEnd(bytes, this.#at + 1);
    if (bytes[at] === CLOSE_OBJECT) {
      this.#at = at + 1;
      return found;
    }
    for (;;) {
      if (bytes[at] !== QUOTE) throw notJson();
      const start = at + 1;
      let end = start;
      let isEscaped = false;
      for (; end < textEnd && bytes[end] !== QUOTE; end++) {
        if (bytes[end] !== BACKSLASH) continue;
        isEscaped = true;
        end++;
      }
      at = bytes[end + 1] === COLON ? end + 1 : spaceEnd(bytes, end + 1);
      if (end >= textEnd || bytes[at] !== COLON) throw notJson();
      at = spaceEnd(bytes, at + 1);
      const member = isEscaped
        ? projection.members.get(parseJson(bytes.subarray(start - 1, end + 1)) as string)
        : memberAt(projection, bytes, start, end);
      if (member === undefined) at = skipEnd(bytes, at, textEnd);
      else {
        const { name, value: wanted } = member;
        if (found[name] !== undefined) {
          throw new MappingError('MAPPING_JSON_DUPLICATE_KEY', 'an object names a member twice');
        }
        this.#at = at;
        const value = this.#value(wanted);
        found[name] = value;
        if (type !== undefined && value !== type && name === 'resourceType') {
          if (typeof value !== 'string') throw notAResource();
          return undefined;
        }
        if (wanted.asWritten && typeof value === 'number') {
          found[name + WRITTEN] = bytes.toString('latin1', at, this.#at);
        }
        at = this.#at;
      }
      at = spaceEnd(bytes, at);
      const c = bytes[at];
      if (c === COMMA) at = spaceEnd(bytes, at + 1);
      else if (c === CLOSE_OBJECT) {
        this.#at = at + 1;
        return found;
      } else throw notJson();
    }
  }

  #value(projection: Projection): JsonValue {
    const c = this.#bytes[this.#at];
    switch (c) {
      case QUOTE:
        if (projection.whole) return this.#string();
        this.#at = skipEnd(this.#bytes, this.#at, this.#end);
        return '';
      case OPEN_OBJECT:
      case OPEN_ARRAY: {
        if (++this.#depth > JSON_DEPTH_MAX) {
          throw new MappingError('MAPPING_JSON_DEPTH', `nested deeper than ${JSON_DEPTH_MAX} levels`);
        }
        const value =
          c === OPEN_ARRAY
            ? this.#array(projection)
            : projection.whole
              ? this.#wholeObject()
              : (this.#object(projection) ?? {});
        this.#depth -= 1;
        return value;
      }
      case 0x74:
        return this.#word('true', true);
      case 0x66:
        return this.#word('false', false);
      case 0x6e:
        return this.#word('null', null);
      default:
        return this.#number();
    }
  }

  #array(projection: Projection): JsonValue {
    const bytes = this.#bytes;
    const found: JsonValue[] = [];
    this.#at = spaceEnd(bytes, this.#at + 1);
    if (bytes[this.#at] === CLOSE_ARRAY) {
      this.#at += 1;
      return found;
    }
    for (;;) {
      found.push(this.#value(projection));
      const at = spaceEnd(bytes, this.#at);
      const c = bytes[at];
      if (c === CLOSE_ARRAY) {
        this.#at = at + 1;
        return found;
      }
      if (c !== COMMA) throw notJson();
      this.#at = spaceEnd(bytes, at + 1);
    }
  }

  /** An object that goes into the result as it is: so it is checked as all that is taken whole. */
  #wholeObject(): JsonValue {
    const start = this.#at;
    this.#at = skipEnd(this.#bytes, this.#at, this.#end);
    return parseJson(this.#bytes.subarray(start, this.#at));
  }

  #string(): string {
    const bytes = this.#bytes;
    const start = this.#at + 1;
    let i = start;
    while (PLAIN[bytes[i] ?? 0] === 1) i++;
    if (bytes[i] !== QUOTE) return this.#hardString(start, i);
    if (i >= this.#end) throw notJson();
    this.#at = i + 1;
    const length = i - start;
    if (length === 0) return '';
    if (length > SEEN_BYTES_MAX) return bytes.toString('latin1', start, i);
    const slot = seenSlot(bytes, start, length);
    const seen = this.#seen[slot];
    if (seen !== undefined && isSame(seen, bytes, start, length)) return seen;
    const text = bytes.toString('latin1', start, i);
    this.#seen[slot] = text;
    return text;
  }

  /** A string with escapes or letters beyond ASCII. `at` is the first byte that is either. */
  #hardString(start: number, at: number): string {
    const end = stringEnd(this.#bytes, at, this.#end);
    this.#at = end + 1;
    const bytes = this.#bytes;
    let escaped = false;
    for (let i = at; i < end; i++) {
      const c = bytes[i] ?? 0;
      if (c < 0x20) throw notJson();
      if (c === BACKSLASH) escaped = true;
    }
    // The strict reader knows escapes, and those that have no UTF-8 form.
    if (escaped) return parseJson(bytes.subarray(start - 1, end + 1)) as string;
    return bytes.toString('utf8', start, end);
  }

  #number(): number {
    const bytes = this.#bytes;
    const start = this.#at;
    let i = start;
    const negative = bytes[i] === 0x2d;
    if (negative) i++;
    const first = i;
    let digits = 0;
    let point = -1;
    let c = bytes[i] ?? 0;
    for (; (c >= 0x30 && c <= 0x39) || (c === 0x2e && point < 0); c = bytes[++i] ?? 0) {
      if (c === 0x2e) point = i;
      else digits = digits * 10 + (c - 0x30);
    }
    const count = i - first;
    const places = point < 0 ? 0 : i - point - 1;
    const leadingZero = bytes[first] === 0x30 && count > 1 && point !== first + 1;
    const isPlain = c === COMMA || c === CLOSE_OBJECT || c === CLOSE_ARRAY || c <= 0x20;
    if (isPlain && count > 0 && count <= 15 && !leadingZero && point !== first && point !== i - 1) {
      this.#at = i;
      const value = places === 0 ? digits : digits / (TENS[places] ?? 1);
      return negative ? -value : value;
    }
    return this.#hardNumber(start);
  }

  /** Exponents, many digits, and what is no number at all. */
  #hardNumber(start: number): number {
    this.#at = skipEnd(this.#bytes, this.#at, this.#end);
    const text = this.#bytes.toString('latin1', start, this.#at);
    if (!NUMBER.test(text)) throw notJson();
    return Number(text);
  }

  #word<T>(word: string, value: T): T {
    const end = this.#at + word.length;
    if (end > this.#end || this.#bytes.toString('latin1', this.#at, end) !== word) throw notJson();
    this.#at = end;
    return value;
  }
}

/** Index behind the white space at `at`. */
function spaceEnd(bytes: Buffer, at: number): number {
  let c = bytes[at];
  while (c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09) c = bytes[++at];
  return at;
}

/** Index behind the value at `at`, which ends before `end`. */
function skipEnd(bytes: Buffer, at: number, end: number): number {
  const first = bytes[at];
  if (first === QUOTE) return stringEnd(bytes, at + 1, end) + 1;
  if (first !== OPEN_OBJECT && first !== OPEN_ARRAY) return scalarEnd(bytes, at, end);
  let depth = 0;
  while (at < end) {
    const c = bytes[at++] ?? 0;
    if (c === QUOTE) {
      at = stringEnd(bytes, at, end) + 1;
      // An opening or a closing bracket, of either kind.
    } else if ((c | 0x20) === OPEN_OBJECT) depth++;
    else if ((c | 0x20) === CLOSE_OBJECT && --depth === 0) return at;
  }
  throw notJson();
}

function scalarEnd(bytes: Buffer, at: number, end: number): number {
  const start = at;
  while (at < end) {
    const c = bytes[at] ?? 0;
    if (c === COMMA || c === CLOSE_OBJECT || c === CLOSE_ARRAY || c <= 0x20) break;
    at++;
  }
  if (at === start) throw notJson();
  return at;
}

/** Index of the quote that closes the string whose first byte is at `at`. */
function stringEnd(bytes: Buffer, at: number, end: number): number {
  const near = at + NEAR_BYTES < end ? at + NEAR_BYTES : end;
  for (; at < near; at++) {
    const c = bytes[at];
    if (c === QUOTE) return at;
    if (c === BACKSLASH) at++;
  }
  for (;;) {
    const quote = bytes.indexOf(QUOTE, at);
    if (quote === -1 || quote >= end) throw notJson();
    let before = quote - 1;
    while (before >= at && bytes[before] === BACKSLASH) before--;
    // An even count of backslashes: they escape each other, and not the quote.
    if (((quote - before) & 1) === 1) return quote;
    at = quote + 1;
  }
}

/** Place of a text among those seen, by its length and its first and last bytes. */
function seenSlot(bytes: Buffer, start: number, length: number): number {
  const last = start + length - 1;
  let hash = Math.imul(length, 0x9e3779b1) ^ (bytes[start] ?? 0);
  const from = last - start > 7 ? last - 7 : start;
  for (let i = from; i <= last; i++) hash = Math.imul(hash, 31) + (bytes[i] ?? 0);
  return (hash ^ (hash >>> 13)) & (SEEN_SLOTS - 1);
}

function memberAt(
  projection: Projection,
  bytes: Buffer,
  start: number,
  end: number,
): ProjectedMember | undefined {
  const length = end - start;
  const list = projection.slots[slotOf(length, bytes[start] ?? 0, bytes[end - 1] ?? 0)];
  if (list !== undefined) {
    for (let n = 0; n < list.length; n++) {
      const member = list[n];
      if (member !== undefined && areBytes(member.bytes, bytes, start, length)) return member;
    }
  }
  return undefined;
}

function areBytes(name: Uint8Array, bytes: Buffer, start: number, length: number): boolean {
  if (name.length !== length) return false;
  for (let i = 0; i < length; i++) if (name[i] !== bytes[start + i]) return false;
  return true;
}

function isSame(text: string, bytes: Buffer, start: number, length: number): boolean {
  if (text.length !== length) return false;
  for (let i = 0; i < length; i++) if (text.charCodeAt(i) !== bytes[start + i]) return false;
  return true;
}

function notJson(): MappingError {
  return new MappingError('MAPPING_NOT_JSON', 'the text is not JSON');
}

function notAResource(): MappingError {
  return new MappingError('MAPPING_NOT_A_RESOURCE', 'the text is no FHIR resource');
}
