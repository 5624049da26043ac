/** Bytes and their texts, with what Node and browsers share. Every decoder takes the one encoding of its bytes only. */

const URL_ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const STANDARD_ALPHABET = `${URL_ALPHABET.slice(0, 62)}+/`;
const NONE = 0xff;

const encoder = new TextEncoder();
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function valuesOf(alphabet: string): Uint8Array {
  const values = new Uint8Array(256).fill(NONE);
  for (let i = 0; i < alphabet.length; i++) values[alphabet.charCodeAt(i)] = i;
  return values;
}

const URL_VALUES = valuesOf(URL_ALPHABET);
const STANDARD_VALUES = valuesOf(STANDARD_ALPHABET);

/** UTF-8 of a text. */
export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** The text of UTF-8 bytes; `undefined` for anything else. */
export function textOf(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes);
  } catch {
    return undefined;
  }
}

/** base64url without padding. @see RFC 4648 section 5 */
export function toBase64url(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 3) {
    const rest = bytes.length - i;
    const bits = ((bytes[i] ?? 0) << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    text += URL_ALPHABET.charAt(bits >> 18) + URL_ALPHABET.charAt((bits >> 12) & 63);
    if (rest > 1) text += URL_ALPHABET.charAt((bits >> 6) & 63);
    if (rest > 2) text += URL_ALPHABET.charAt(bits & 63);
  }
  return text;
}

/** Bytes of base64url without padding, or `undefined`. @see RFC 4648 section 5 */
export function fromBase64url(text: string): Uint8Array | undefined {
  return decode(text, URL_VALUES);
}

/** Bytes of standard base64 with its padding, or `undefined`. @see RFC 4648 section 4 */
export function fromBase64(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0) return undefined;
  const bare = text.replace(/={1,2}$/, '');
  return (4 - (bare.length % 4)) % 4 === text.length - bare.length
    ? decode(bare, STANDARD_VALUES)
    : undefined;
}

function decode(text: string, values: Uint8Array): Uint8Array | undefined {
  const tail = text.length % 4;
  if (tail === 1) return undefined;
  const bytes = new Uint8Array(Math.floor((text.length * 3) / 4));
  let bits = 0;
  let at = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    const value = code < 256 ? (values[code] ?? NONE) : NONE;
    if (value === NONE) return undefined;
    bits = ((bits << 6) | value) & 0xffffff;
    if (i % 4 === 3) {
      bytes[at++] = bits >> 16;
      bytes[at++] = (bits >> 8) & 0xff;
      bytes[at++] = bits & 0xff;
    }
  }
  // Bits of the last character that no byte takes must be zero, or several texts would be one value.
  if (tail === 2) {
    if ((bits & 0x0f) !== 0) return undefined;
    bytes[at] = (bits >> 4) & 0xff;
  } else if (tail === 3) {
    if ((bits & 0x03) !== 0) return undefined;
    bytes[at++] = (bits >> 10) & 0xff;
    bytes[at] = (bits >> 2) & 0xff;
  }
  return bytes;
}

/** Lower-case hexadecimal. */
export function toHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
}

/** Parts, one behind the other. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const joined = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** Whether two are the same bytes. Takes no care of timing: nothing here is secret. */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
