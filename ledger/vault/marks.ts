/** Names that say nothing to who lacks the key: marks against duplicates, and the ids that the facade gives. */
import { VaultError } from './errors.js';
import { hmac } from './hmac.js';

/**
 * 128 bits: marks are compared only with marks of the same instance, where two of 10^12 coincide by chance once in
 * 10^14; and who could try to make two coincide lacks the key. Shorter rows are worth it: there is one for every event
 * ever accepted.
 */
const MARK_BYTES = 16;
/** 160 bits: an id stands for a record towards the outside for ever. FHIR ids have at most 64 characters. */
const FACADE_BYTES = 20;
/** Under the `u` flag pairs are one character, so this finds lone surrogates only. */
const LONE_SURROGATE = /[\ud800-\udfff]/u;
const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';

/**
 * A mark for a sequence of texts, such as source, type, id and version. Each part goes in behind its length, so
 * `('a', 'bc')` and `('ab', 'c')` differ.
 *
 * @param markKey - 32 bytes.
 * @returns base64url, 22 characters: the first 128 bits.
 * @throws VaultError VAULT_BAD_INPUT for another key length, or text with a lone surrogate (UTF-8 would make two such
 * texts equal).
 * @see RFC 2104 section 5 on truncation
 */
export function mark(markKey: Uint8Array, ...parts: readonly string[]): string {
  return Buffer.from(hmac(markKey, prefixed(parts), 'binary'), 'binary').toString('base64url', 0, MARK_BYTES);
}

/**
 * The id under which the facade serves a source's resource: a valid FHIR id that tells neither source nor source id.
 *
 * @param facadeKey - 32 bytes.
 * @returns 32 characters of lower-case base32.
 * @throws VaultError VAULT_BAD_INPUT as {@link mark} does.
 * @see RFC 4648 section 6
 */
export function facadeId(facadeKey: Uint8Array, source: string, type: string, id: string): string {
  return base32(hmac(facadeKey, prefixed([source, type, id]), 'binary'), FACADE_BYTES);
}

function prefixed(parts: readonly string[]): string {
  let text = '';
  for (const part of parts) {
    if (LONE_SURROGATE.test(part)) throw new VaultError('VAULT_BAD_INPUT', 'text with a lone surrogate');
    text += `${part.length}:${part}`;
  }
  return text;
}

/** @param latin1 - A character a byte; the first `count` bytes, a multiple of five, are told. */
function base32(latin1: string, count: number): string {
  let text = '';
  for (let at = 0; at < count; at += 5) {
    const high =
      (latin1.charCodeAt(at) << 12) | (latin1.charCodeAt(at + 1) << 4) | (latin1.charCodeAt(at + 2) >> 4);
    const low =
      ((latin1.charCodeAt(at + 2) & 15) << 16) | (latin1.charCodeAt(at + 3) << 8) | latin1.charCodeAt(at + 4);
    text += BASE32.charAt(high >> 15) + BASE32.charAt((high >> 10) & 31);
    text += BASE32.charAt((high >> 5) & 31) + BASE32.charAt(high & 31);
    text += BASE32.charAt(low >> 15) + BASE32.charAt((low >> 10) & 31);
    text += BASE32.charAt((low >> 5) & 31) + BASE32.charAt(low & 31);
  }
  return text;
}
