/** Reading canonical JSON: what is not in its one form could be read in two ways. */
import { textOf } from './bytes.js';

/** A JSON object as parsed; its members are still to be judged. */
export type Members = { readonly [name: string]: unknown };

/** Entries nest a few levels; this bounds what a made-up one can cost. */
const DEPTH_MAX = 64;

/** The value that bytes say if they are its RFC 8785 form; `undefined` otherwise. */
export function parseCanonical(bytes: Uint8Array): unknown {
  const text = textOf(bytes);
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return write(value, 0) === text ? value : undefined;
  } catch {
    return undefined;
  }
}

/** RFC 8785 form of a parsed value; `undefined` where it has none. */
export function canonicalText(value: unknown): string | undefined {
  try {
    return write(value, 0);
  } catch {
    return undefined;
  }
}

/** Whether a value is an object, and not a list. */
export function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether an object has these members and no others. */
export function hasExactly(object: Members, names: readonly string[]): boolean {
  return Object.keys(object).length === names.length && names.every((name) => Object.hasOwn(object, name));
}

function write(value: unknown, depth: number): string {
  if (depth > DEPTH_MAX) throw new RangeError('nested too deeply');
  if (Array.isArray(value)) return `[${value.map((item) => write(item, depth + 1)).join(',')}]`;
  if (!isObject(value)) {
    // A lone surrogate has no UTF-8: its escape would otherwise stand for itself.
    if (typeof value === 'string' && !isWellFormed(value)) throw new RangeError('a lone surrogate');
    return JSON.stringify(value);
  }
  // oxlint-disable-next-line require-array-sort-compare -- by UTF-16 code units, as RFC 8785 section 3.2.3 says
  const names = Object.keys(value).toSorted();
  return `{${names.map((name) => `${write(name, depth + 1)}:${write(value[name], depth + 1)}`).join(',')}}`;
}

function isWellFormed(text: string): boolean {
  return !/[\ud800-\udfff]/u.test(text);
}
