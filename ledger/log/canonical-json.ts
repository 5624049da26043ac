/**
 * RFC 8785 (JCS) canonical JSON: one text for one value, so that a hash of the text is a hash of the value.
 */
import { isUtf8 } from 'node:buffer';
import { LedgerError } from '../errors.js';

/** What JSON can say. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;

/** A JSON object. */
export type JsonObject = { readonly [name: string]: JsonValue };

/** Deeper values are refused: the writer recurses, and 10,000 levels would exhaust the stack. */
const DEPTH_MAX = 512;

/** What a JSON string cannot hold verbatim, and every surrogate (paired ones are sorted out later). */
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const SPECIAL = /["\\\u0000-\u001f\ud800-\udfff]/;
/** Under the `u` flag pairs are one character, so this finds lone surrogates only. */
const LONE_SURROGATE = /[\ud800-\udfff]/u;

/**
 * The canonical text of a value.
 *
 * @throws LedgerError LEDGER_NOT_CANONICAL for undefined, functions, NaN, infinities, lone surrogates, sparse
 * arrays, objects that are not plain (class instances, Dates, Buffers …) and nesting deeper than 512.
 * @see RFC 8785 section 3.2
 */
export function canonicalize(value: JsonValue): string {
  return write(value, 0);
}

/**
 * The canonical text of a value that stands inside others.
 *
 * @param depth - How many objects and arrays are around it.
 * @throws LedgerError LEDGER_NOT_CANONICAL as {@link canonicalize} does.
 */
export function canonicalizeWithin(value: JsonValue, depth: number): string {
  return write(value, depth);
}

/**
 * The canonical text of a value as UTF-8.
 *
 * @throws LedgerError LEDGER_NOT_CANONICAL as {@link canonicalize} does.
 * @see RFC 8785 section 3.2.4
 */
export function canonicalBytes(value: JsonValue): Buffer {
  return Buffer.from(write(value, 0), 'utf8');
}

/**
 * Reads bytes that must be canonical: strict UTF-8, JSON, and equal to the canonical form of what they say (so
 * duplicate names, spaces, other number forms and other orders are refused).
 *
 * @throws LedgerError LEDGER_NOT_CANONICAL
 * @see RFC 8785 section 3.2
 */
export function parseCanonical(bytes: Buffer): JsonValue {
  if (!isUtf8(bytes)) throw refuse('not UTF-8');
  const text = bytes.toString('utf8');
  let value: JsonValue;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch (cause) {
    throw new LedgerError('LEDGER_NOT_CANONICAL', 'not JSON', { cause });
  }
  if (write(value, 0) !== text) throw refuse('JSON, but not in its canonical form');
  return value;
}

function write(value: unknown, depth: number): string {
  switch (typeof value) {
    case 'string':
      return quote(value);
    case 'number':
      if (!Number.isFinite(value)) throw refuse('a number that is not finite');
      // ECMAScript's own number form is the one that RFC 8785 section 3.2.2.3 prescribes; -0 becomes 0.
      return String(value);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'object':
      if (value === null) return 'null';
      if (depth >= DEPTH_MAX) throw refuse(`nested deeper than ${DEPTH_MAX}`);
      return Array.isArray(value) ? writeArray(value, depth) : writeObject(value, depth);
    case 'undefined':
    case 'function':
    case 'symbol':
    case 'bigint':
      break;
  }
  throw refuse(`a value of type ${typeof value}`);
}

function writeArray(items: readonly unknown[], depth: number): string {
  if (items.length === 0) return '[]';
  let text = '[';
  for (let i = 0; i < items.length; i++) {
    if (i > 0) text += ',';
    text += write(items[i], depth + 1);
  }
  return text + ']';
}

function writeObject(object: object, depth: number): string {
  const prototype: unknown = Object.getPrototypeOf(object);
  if (prototype !== Object.prototype && prototype !== null) throw refuse('an object that is not plain');
  const names = Object.keys(object);
  sortNames(names);
  const members = object as Readonly<Record<string, unknown>>;
  let text = '{';
  for (let i = 0; i < names.length; i++) {
    const name = names[i] ?? '';
    text += i > 0 ? ',' + quote(name) + ':' : quote(name) + ':';
    text += write(members[name], depth + 1);
  }
  return text + '}';
}

/** Sorts by UTF-16 code units, as `<` on strings does; most of our objects are small or in order already. */
function sortNames(names: string[]): void {
  for (let i = 1; i < names.length; i++) {
    if ((names[i - 1] ?? '') > (names[i] ?? '')) {
      // oxlint-disable-next-line require-array-sort-compare -- the default order is the one prescribed
      names.sort();
      return;
    }
  }
}

function quote(text: string): string {
  if (!SPECIAL.test(text)) return '"' + text + '"';
  if (LONE_SURROGATE.test(text)) throw refuse('a lone surrogate');
  // JSON.stringify escapes exactly what RFC 8785 section 3.2.2.2 wants, in the short and lower-case forms.
  return JSON.stringify(text);
}

function refuse(what: string): LedgerError {
  return new LedgerError('LEDGER_NOT_CANONICAL', `no canonical JSON: ${what}`);
}
