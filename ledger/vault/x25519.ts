/** X25519 keys as 32 raw bytes. @see RFC 7748, RFC 8410 */
import { createPrivateKey, createPublicKey, diffieHellman } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { requireKey } from './hmac.js';
import { randomBuffer } from './random.js';

/** DER before the raw private key in PKCS#8. @see RFC 8410 section 7 */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b656e04220420', 'hex');
/** DER before the raw public key in SubjectPublicKeyInfo. @see RFC 8410 section 4 */
const SPKI_PREFIX = Buffer.from('302a300506032b656e032100', 'hex');

/** The field's prime. */
const PRIME = 2n ** 255n - 19n;
/** Any private key does for the low-order test; this one is no secret. */
const PROBE = x25519PrivateKey(Buffer.alloc(32, 8));

/** A fresh random private key: 32 bytes. */
export function generateX25519(): Buffer {
  return randomBuffer(32);
}

/**
 * The key object of a raw private key.
 *
 * @throws VaultError VAULT_BAD_INPUT unless it has 32 bytes.
 */
export function x25519PrivateKey(raw: Uint8Array): KeyObject {
  requireKey(raw);
  return createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, raw]), format: 'der', type: 'pkcs8' });
}

/**
 * The key object of a raw public key. Says nothing on whether it is safe: see {@link isSafeX25519}.
 *
 * @throws VaultError VAULT_BAD_INPUT unless it has 32 bytes.
 */
export function x25519PublicKeyObject(raw: Uint8Array): KeyObject {
  requireKey(raw);
  return createPublicKey({ key: Buffer.concat([SPKI_PREFIX, raw]), format: 'der', type: 'spki' });
}

/**
 * The raw public key of a raw private key.
 *
 * @returns 32 bytes.
 * @throws VaultError VAULT_BAD_INPUT unless it has 32 bytes.
 * @see RFC 7748 section 6.1
 */
export function x25519PublicKey(raw: Uint8Array): Buffer {
  const spki = createPublicKey(x25519PrivateKey(raw)).export({ format: 'der', type: 'spki' });
  return Buffer.from(spki.subarray(SPKI_PREFIX.length));
}

/**
 * Whether 32 bytes are a public key worth wrapping for: the one encoding of its point, and not of low order (under
 * such a key every shared secret is zero, so anyone could open the wrap).
 *
 * @see RFC 7748 sections 5 and 6.1
 */
export function isSafeX25519(raw: Uint8Array): boolean {
  if (raw.length !== 32 || !isReduced(raw)) return false;
  try {
    // A scalar is a multiple of 8, so a low-order point gives the all-zero secret, which OpenSSL refuses.
    diffieHellman({ privateKey: PROBE, publicKey: x25519PublicKeyObject(raw) });
    return true;
  } catch {
    return false;
  }
}

/** Whether 32 little-endian bytes are less than the prime. */
function isReduced(raw: Uint8Array): boolean {
  return BigInt(`0x${Buffer.from(raw.toReversed()).toString('hex')}`) < PRIME;
}
