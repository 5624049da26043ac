import { concat } from './bytes.js';
import type { ProofCrypto } from './crypto.js';

const BLOCK_BYTES = 64;

/**
 * HMAC-SHA-256 under a key, for any number of messages.
 *
 * @param key - At most 64 bytes.
 * @see RFC 2104
 */
export function hmacSha256(key: Uint8Array, { sha256 }: ProofCrypto): (message: Uint8Array) => Uint8Array {
  const inner = new Uint8Array(BLOCK_BYTES).fill(0x36);
  const outer = new Uint8Array(BLOCK_BYTES).fill(0x5c);
  for (const [i, byte] of key.entries()) {
    inner[i] = byte ^ 0x36;
    outer[i] = byte ^ 0x5c;
  }
  return (message) => sha256(concat(outer, sha256(concat(inner, message))));
}
