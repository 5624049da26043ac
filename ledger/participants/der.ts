/**
 * DER, the one encoding of ASN.1 values that signatures are made over: as much of it as X.509 needs, read strictly. What
 * has another form, a length told in too many bytes or something behind it is refused, so that no two texts are one
 * value.
 *
 * @see ITU-T X.690 sections 8 and 10
 */
import { isUtf8 } from 'node:buffer';
import { ParticipantError } from './errors.js';

/** The identifier octets used here. */
export const Tag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** Requests and certificates have up to a dozen extensions, and names fewer attributes. */
const CHILDREN_MAX = 64;
/** Tags of more than one byte are not used by X.509. */
const LONG_TAG = 0x1f;
/** Two bytes of length reach 64 KiB, far more than a certificate has. */
const LENGTH_BYTES_MAX = 2;

/** One value as it stands in the bytes. */
export interface DerValue {
  readonly tag: number;
  readonly content: Buffer;
  /** Header and content. */
  readonly raw: Buffer;
}

/**
 * Reads bytes that are exactly one value.
 *
 * @throws ParticipantError PARTICIPANT_BAD_DER
 */
export function readDer(bytes: Uint8Array): DerValue {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const value = readAt(buffer, 0);
  if (value.raw.length !== buffer.length) throw refuse('bytes behind the value');
  return value;
}

/**
 * The values inside a constructed one, at most 64.
 *
 * @throws ParticipantError PARTICIPANT_BAD_DER
 */
export function childrenOf(value: DerValue): readonly DerValue[] {
  if ((value.tag & 0x20) === 0) throw refuse('nothing inside');
  const children: DerValue[] = [];
  for (let at = 0; at < value.content.length;) {
    if (children.length === CHILDREN_MAX) throw refuse('too many values');
    const child = readAt(value.content, at);
    children.push(child);
    at += child.raw.length;
  }
  return children;
}

/**
 * That value, if it has that tag.
 *
 * @throws ParticipantError PARTICIPANT_BAD_DER when it has not, or is not there.
 */
export function expect(value: DerValue | undefined, tag: number): DerValue {
  if (value?.tag !== tag) throw refuse('a value of another kind than expected');
  return value;
}

/** The text of a UTF8String or PrintableString; `undefined` for anything else. */
export function textOf(value: DerValue): string | undefined {
  if (value.tag !== Tag.utf8String && value.tag !== Tag.printableString) return undefined;
  return isUtf8(value.content) ? value.content.toString('utf8') : undefined;
}

/**
 * A UTCTime or GeneralizedTime as milliseconds since the epoch.
 *
 * @throws ParticipantError PARTICIPANT_BAD_DER unless it has the one form that certificates allow.
 * @see RFC 5280 section 4.1.2.5
 */
export function timeOf(value: DerValue | undefined): number {
  const text = value?.content.toString('latin1') ?? '';
  const year = Number(text.slice(0, 2));
  const full = value?.tag === Tag.utcTime ? `${year >= 50 ? '19' : '20'}${text}` : text;
  const match = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(full);
  if (value === undefined || match === null) throw refuse('not a time');
  const [years, month, day, hour, minute, second] = match.slice(1).map(Number) as TimeParts;
  const ms = Date.UTC(years, month - 1, day, hour, minute, second);
  // Days such as 31 February roll over and then differ; so does a year told in the wrong one of the two types.
  if (!timeDer(ms).equals(value.raw)) throw refuse('not a time');
  return ms;
}

type TimeParts = [year: number, month: number, day: number, hour: number, minute: number, second: number];

/** A value from its parts. */
export function encodeDer(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  let length = 0;
  for (const part of parts) length += part.length;
  return Buffer.concat([header(tag, length), ...parts]);
}

/** An INTEGER from big-endian bytes whose first bit is not set. */
export function integerDer(bytes: Uint8Array): Buffer {
  return encodeDer(Tag.integer, bytes);
}

/** An OBJECT IDENTIFIER from its dotted form. */
export function oidDer(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes: number[] = [];
  for (const arc of [first * 40 + second, ...rest]) {
    const digits = [arc % 128];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128))
      digits.unshift((left % 128) | 0x80);
    bytes.push(...digits);
  }
  return encodeDer(Tag.oid, Buffer.from(bytes));
}

/** A BIT STRING of whole bytes. */
export function bitStringDer(bytes: Uint8Array): Buffer {
  return encodeDer(Tag.bitString, Buffer.of(0), bytes);
}

/** A UTF8String. */
export function utf8Der(text: string): Buffer {
  return encodeDer(Tag.utf8String, Buffer.from(text, 'utf8'));
}

/** A time in whole seconds: UTCTime up to 2049, GeneralizedTime from 2050 on. @see RFC 5280 section 4.1.2.5 */
export function timeDer(ms: number): Buffer {
  const digits = new Date(ms).toISOString().slice(0, 19).replace(/[-:T]/g, '');
  const inUtcTime = digits >= '1950' && digits < '2050';
  return inUtcTime
    ? encodeDer(Tag.utcTime, Buffer.from(`${digits.slice(2)}Z`))
    : encodeDer(Tag.generalizedTime, Buffer.from(`${digits}Z`));
}

function header(tag: number, length: number): Buffer {
  if (length < 0x80) return Buffer.of(tag, length);
  if (length < 0x100) return Buffer.of(tag, 0x81, length);
  return Buffer.of(tag, 0x82, length >> 8, length & 0xff);
}

function readAt(bytes: Buffer, at: number): DerValue {
  const tag = bytes[at];
  const first = bytes[at + 1];
  if (tag === undefined || first === undefined || (tag & LONG_TAG) === LONG_TAG) throw refuse('no value');
  let length = first;
  let contentAt = at + 2;
  if (first >= 0x80) {
    const count = first - 0x80;
    if (count < 1 || count > LENGTH_BYTES_MAX || contentAt + count > bytes.length) throw refuse('no length');
    length = bytes.readUIntBE(contentAt, count);
    contentAt += count;
    if (length < (count === 1 ? 0x80 : 0x100)) throw refuse('a length in too many bytes');
  }
  const end = contentAt + length;
  if (end > bytes.length) throw refuse('a value that is cut off');
  return { tag, content: bytes.subarray(contentAt, end), raw: bytes.subarray(at, end) };
}

function refuse(message: string): ParticipantError {
  return new ParticipantError('PARTICIPANT_BAD_DER', message);
}
