/** Subject tags: what lets a patient, and no one else, find the own entries in the log. */
import { VaultError } from './errors.js';
import { hmac } from './hmac.js';

const counter = Buffer.alloc(8);

/**
 * Tag i of one patient at one custodian: HMAC-SHA-256(tag key, i as u64-BE).
 *
 * @param tagKey - 32 bytes.
 * @param i - Counts from 0 without gaps; an exact integer.
 * @returns base64url, 43 characters. Without the key no two tags can be linked.
 * @throws VaultError VAULT_BAD_INPUT for another key length or another `i`.
 * @see RFC 2104
 */
export function tag(tagKey: Uint8Array, i: number): string {
  if (!Number.isSafeInteger(i) || i < 0) throw new VaultError('VAULT_BAD_INPUT', 'a tag counts from 0');
  counter.writeUInt32BE(Math.floor(i / 2 ** 32), 0);
  counter.writeUInt32BE(i % 2 ** 32, 4);
  return hmac(tagKey, counter, 'base64url');
}
