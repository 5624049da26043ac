/**
 * Ed25519 over raw 32-byte keys, by node:crypto: its signatures equal those of any RFC 8032 implementation.
 */
import { createPrivateKey, createPublicKey, KeyObject, randomBytes, sign as signOneShot } from 'node:crypto';
import { verify as verifyOneShot } from 'node:crypto';
import { ed25519 } from '@noble/curves/ed25519.js';
import { LedgerError } from '../errors.js';

/** DER before the raw seed in PKCS#8. @see RFC 8410 section 7 */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
/** DER before the raw public key in SubjectPublicKeyInfo. @see RFC 8410 section 4 */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;

/** A fresh random seed (the private key of RFC 8032): 32 bytes. */
export function generateSeed(): Buffer {
  return randomBytes(KEY_BYTES);
}

/**
 * The private key object of a raw seed. Making it costs more than a signature: keep it.
 *
 * @throws LedgerError LEDGER_BAD_KEY unless the seed has 32 bytes.
 */
export function privateKeyObject(seed: Uint8Array): KeyObject {
  requireLength(seed);
  return createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' });
}

/**
 * The public key object of 32 raw bytes. Says nothing on whether the key is safe: see {@link isSafePublicKey}.
 *
 * @throws LedgerError LEDGER_BAD_KEY unless there are 32 bytes.
 */
export function publicKeyObject(raw: Uint8Array): KeyObject {
  requireLength(raw);
  return createPublicKey({ key: Buffer.concat([SPKI_PREFIX, raw]), format: 'der', type: 'spki' });
}

/** The 32 raw bytes of an Ed25519 public key object, or `undefined` for a key of another kind. */
export function rawPublicKey(key: KeyObject): Buffer | undefined {
  if (key.asymmetricKeyType !== 'ed25519') return undefined;
  const spki = (key.type === 'private' ? createPublicKey(key) : key).export({ format: 'der', type: 'spki' });
  return spki.subarray(SPKI_PREFIX.length);
}

/**
 * The public key of a seed.
 *
 * @returns 32 bytes.
 * @throws LedgerError LEDGER_BAD_KEY unless the seed has 32 bytes.
 * @see RFC 8032 section 5.1.5
 */
export function publicKey(seed: Uint8Array): Buffer {
  const raw = rawPublicKey(privateKeyObject(seed));
  if (raw === undefined) throw new LedgerError('LEDGER_BAD_KEY', 'not an Ed25519 key');
  return raw;
}

/**
 * Signs a message.
 *
 * @param key - A raw seed, or (faster) its object from {@link privateKeyObject}.
 * @returns 64 bytes.
 * @throws LedgerError LEDGER_BAD_KEY unless the seed has 32 bytes.
 * @see RFC 8032 section 5.1.6
 */
export function sign(key: Uint8Array | KeyObject, message: Uint8Array): Buffer {
  return signOneShot(null, message, key instanceof KeyObject ? key : privateKeyObject(key));
}

/**
 * Whether a signature is good. Keys and signatures of a wrong length are just not good.
 *
 * @param key - 32 raw bytes, or (faster) their object from {@link publicKeyObject}.
 * @see RFC 8032 section 5.1.7
 */
export function verify(key: Uint8Array | KeyObject, message: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== SIGNATURE_BYTES) return false;
  if (key instanceof KeyObject) {
    return key.asymmetricKeyType === 'ed25519' && verifyOneShot(null, message, key, signature);
  }
  return key.length === KEY_BYTES && verifyOneShot(null, message, publicKeyObject(key), signature);
}

/**
 * Whether 32 bytes are a key on which all verifiers agree: canonically encoded, on the curve, not of small order
 * and free of torsion. Verifiers disagree on signatures under other keys, so no participant may have one.
 *
 * @see ZIP 215, and RFC 8032 section 5.1.3 for the canonical encoding
 */
export function isSafePublicKey(raw: Uint8Array): boolean {
  if (raw.length !== KEY_BYTES) return false;
  try {
    // Without ZIP 215's leniency `fromBytes` refuses y >= p, and a sign bit on x = 0.
    const point = ed25519.Point.fromBytes(Uint8Array.from(raw), false);
    return !point.isSmallOrder() && point.isTorsionFree();
  } catch {
    return false;
  }
}

function requireLength(bytes: Uint8Array): void {
  if (bytes.length !== KEY_BYTES) throw new LedgerError('LEDGER_BAD_KEY', 'an Ed25519 key has 32 bytes');
}
