import { MappingError } from '../errors.js';
import { JSON_DEPTH_MAX, parseJson } from '../json/index.js';
import type { JsonObject, JsonValue } from '../json/index.js';
import { slotOf, WRITTEN } from './projection.js';
import type { ProjectedMember, Projection } from './projection.js';
import { notJson, TextScan } from './text-scan.js';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;

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
  readonly #met = new Int32Array(SEEN_SLOTS);
  #scan = new TextScan(Buffer.alloc(0));
  #bytes: Buffer = this.#scan.bytes;
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
    // A block of lines is one memory.
    if (bytes !== this.#bytes) this.#scan = new TextScan(bytes);
    this.#bytes = bytes;
    this.#end = end;
    this.#depth = 0;
    this.#at = this.#scan.spaceEnd(start);
    if (bytes[this.#at] !== OPEN_OBJECT) throw notAResource();
    const root = this.#root.whole ? this.#wholeRoot() : this.#object(this.#root, this.#type);
    if (root === undefined) return undefined;
    if (this.#scan.spaceEnd(this.#at) < end) throw notJson();
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
    const scan = this.#scan;
    const textEnd = this.#end;
    const found: Record<string, JsonValue> = {};
    let met = 0;
    let at = scan.spaceEnd(this.#at + 1);
    if (bytes[at] === CLOSE_OBJECT) {
      this.#at = at + 1;
      return found;
    }
    for (;;) {
      if (bytes[at] !== QUOTE) throw notJson();
      const start = at + 1;
      const end = scan.stringEnd(start, textEnd);
      at = bytes[end + 1] === COLON ? end + 1 : scan.spaceEnd(end + 1);
      if (bytes[at] !== COLON) throw notJson();
      at = scan.spaceEnd(at + 1);
      const member = scan.hasBackslash(start, end)
        ? projection.members.get(parseJson(bytes.subarray(start - 1, end + 1)) as string)
        : memberAt(projection, bytes, start, end);
      if (member === undefined) at = scan.valueEnd(at, textEnd);
      else {
        const { name, bit, value: wanted } = member;
        if (bit === 0 ? found[name] !== undefined : (met & bit) !== 0) {
          throw new MappingError('MAPPING_JSON_DUPLICATE_KEY', 'an object names a member twice');
        }
        met |= bit;
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
      at = scan.spaceEnd(at);
      const c = bytes[at];
      if (c === COMMA) at = scan.spaceEnd(at + 1);
      else if (c === CLOSE_OBJECT) {
        this.#at = at + 1;
        return found;
      } else throw notJson();
    }
  }

  #value(projection: Projection): JsonValue {
    const c = this.#bytes[this.#at] ?? 0;
    switch (c) {
      case QUOTE:
        if (projection.whole) return this.#string();
        this.#at = this.#scan.valueEnd(this.#at, this.#end);
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
    const scan = this.#scan;
    const found: JsonValue[] = [];
    this.#at = scan.spaceEnd(this.#at + 1);
    if (bytes[this.#at] === CLOSE_ARRAY) {
      this.#at += 1;
      return found;
    }
    for (;;) {
      found.push(this.#value(projection));
      const at = scan.spaceEnd(this.#at);
      const c = bytes[at];
      if (c === CLOSE_ARRAY) {
        this.#at = at + 1;
        return found;
      }
      if (c !== COMMA) throw notJson();
      this.#at = scan.spaceEnd(at + 1);
    }
  }

  /** An object that goes into the result as it is: so it is checked as all that is taken whole. */
  #wholeObject(): JsonValue {
    const start = this.#at;
    this.#at = this.#scan.valueEnd(this.#at, this.#end);
    return parseJson(this.#bytes.subarray(start, this.#at));
  }

  #string(): string {
    const bytes = this.#bytes;
    const start = this.#at + 1;
    const end = this.#scan.stringEnd(start, this.#end);
    this.#at = end + 1;
    const length = end - start;
    if (length > SEEN_BYTES_MAX || length === 0) return this.#newString(start, end);
    const hash = hashOf(bytes, start, length);
    const slot = (hash ^ (hash >>> 13)) & (SEEN_SLOTS - 1);
    const seen = this.#seen[slot];
    if (seen !== undefined && isSame(seen, bytes, start, length)) return seen;
    const text = this.#newString(start, end);
    // What is met for the first time may be an id, which never comes again: kept is what comes twice.
    if (this.#met[slot] === hash && text.length === length) this.#seen[slot] = text;
    else this.#met[slot] = hash;
    return text;
  }

  #newString(start: number, end: number): string {
    const bytes = this.#bytes;
    let i = start;
    while (i < end && PLAIN[bytes[i] ?? 0] === 1) i++;
    return i === end ? bytes.toString('latin1', start, end) : hardString(bytes, start, i, end);
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
    this.#at = this.#scan.valueEnd(this.#at, this.#end);
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

/** A string with escapes or letters beyond ASCII. `at` is the first byte that is either. */
function hardString(bytes: Buffer, start: number, at: number, end: number): string {
  let isEscaped = false;
  for (let i = at; i < end; i++) {
    const c = bytes[i] ?? 0;
    if (c < 0x20) throw notJson();
    if (c === BACKSLASH) isEscaped = true;
  }
  // The strict reader knows escapes, and those that have no UTF-8 form.
  if (isEscaped) return parseJson(bytes.subarray(start - 1, end + 1)) as string;
  return bytes.toString('utf8', start, end);
}

/** Hash of a text by its length, its first byte and its last eight, where ids and codes differ. */
function hashOf(bytes: Buffer, start: number, length: number): number {
  const end = start + length;
  let hash = Math.imul(length, 0x9e3779b1) ^ (bytes[start] ?? 0);
  for (let i = length > 8 ? end - 8 : start; i < end; i++) hash = (Math.imul(hash, 31) + (bytes[i] ?? 0)) | 0;
  return hash;
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

function notAResource(): MappingError {
  return new MappingError('MAPPING_NOT_A_RESOURCE', 'the text is no FHIR resource');
}
