/** DER, read strictly: as much as certificates need. @see ITU-T X.690 sections 8 and 10 */
import { textOf } from './bytes.js';

/** One value as it stands in the bytes. */
export interface Der {
  readonly tag: number;
  readonly content: Uint8Array;
  /** Header and content. */
  readonly raw: Uint8Array;
}

/** What is no DER, or not what was expected of it; stays inside of this folder. */
export class DerError extends Error {}

const CHILDREN_MAX = 64;

/** Bytes that are exactly one value. @throws DerError */
export function readDer(bytes: Uint8Array, tag: number): Der {
  const value = readAt(bytes, 0);
  if (value.raw.length !== bytes.length) throw new DerError('bytes behind the value');
  return expect(value, tag);
}

/** That value, if it has that tag. @throws DerError */
export function expect(value: Der | undefined, tag: number): Der {
  if (value?.tag !== tag) throw new DerError('another value than expected');
  return value;
}

/** The values inside a constructed one. @throws DerError */
export function childrenOf({ tag, content }: Der): readonly Der[] {
  if ((tag & 0x20) === 0) throw new DerError('nothing inside');
  const children: Der[] = [];
  for (let at = 0; at < content.length;) {
    if (children.length === CHILDREN_MAX) throw new DerError('too many values');
    const child = readAt(content, at);
    children.push(child);
    at += child.raw.length;
  }
  return children;
}

/** A UTCTime or GeneralizedTime in the form of certificates, ms. @throws DerError @see RFC 5280 section 4.1.2.5 */
export function timeOf(value: Der | undefined): number {
  const text = textOf(value?.content ?? new Uint8Array()) ?? '';
  const isShort = value?.tag === 0x17;
  if (!isShort && value?.tag !== 0x18) throw new DerError('not a time');
  const full = isShort ? `${Number(text.slice(0, 2)) >= 50 ? '19' : '20'}${text}` : text;
  const iso = full.replace(/^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6.000Z');
  const ms = iso === full ? NaN : Date.parse(iso);
  // Days that do not exist roll over and then differ; years before 2050 belong into the short form.
  if (Number.isNaN(ms) || new Date(ms).toISOString() !== iso || isShort !== (iso >= '1950' && iso < '2050'))
    throw new DerError('not a time');
  return ms;
}

function readAt(bytes: Uint8Array, at: number): Der {
  const tag = bytes[at];
  const first = bytes[at + 1];
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) throw new DerError('no value');
  let length = first;
  let start = at + 2;
  if (first >= 0x80) {
    const count = first - 0x80;
    if (count < 1 || count > 2 || start + count > bytes.length) throw new DerError('no length');
    length = count === 1 ? (bytes[start] ?? 0) : ((bytes[start] ?? 0) << 8) | (bytes[start + 1] ?? 0);
    start += count;
    if (length < (count === 1 ? 0x80 : 0x100)) throw new DerError('a length in too many bytes');
  }
  const end = start + length;
  if (end > bytes.length) throw new DerError('a value that is cut off');
  return { tag, content: bytes.subarray(start, end), raw: bytes.subarray(at, end) };
}
