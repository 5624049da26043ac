/**
 * The two primitives that a check needs, as a port: by default in portable code, so that a browser runs them as they
 * are; a faster pair can be handed in.
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { sha256, sha512 } from '@noble/hashes/sha2.js';
import { concat, equal } from './bytes.js';

/** Hash and signature check. Both synchronous; neither throws on bytes of any content. */
export interface ProofCrypto {
  /** 32 bytes. @see FIPS 180-4 */
  readonly sha256: (bytes: Uint8Array) => Uint8Array;
  /**
   * Whether a signature is good, by the equation without cofactor; only ever asked under keys that {@link isSafeKey}
   * took, so that all implementations answer alike.
   *
   * @param key - 32 raw bytes.
   * @see RFC 8032 section 5.1.7
   */
  readonly verifyEd25519: (key: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean;
}

const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
const { Point } = ed25519;

/** Pure JavaScript, for Node and browsers alike. */
export const portableCrypto: ProofCrypto = {
  sha256: (bytes) => sha256(bytes),
  verifyEd25519: (key, message, signature) => {
    if (key.length !== KEY_BYTES || signature.length !== SIGNATURE_BYTES) return false;
    try {
      const first = signature.slice(0, KEY_BYTES);
      const s = littleEndian(signature.subarray(KEY_BYTES));
      if (s >= Point.Fn.ORDER) return false;
      const a = Point.fromBytes(Uint8Array.from(key), false);
      const k = littleEndian(sha512(concat(first, key, message))) % Point.Fn.ORDER;
      // R = [S]B - [k]A, compared as bytes: what other libraries do, which a cofactor would make more lenient.
      return equal(Point.BASE.multiplyUnsafe(s).subtract(a.multiplyUnsafe(k)).toBytes(), first);
    } catch {
      return false;
    }
  },
};

/** Keys found safe lately: the check costs as much as a signature, and the same few keys come again and again. */
const safe = new Set<string>();
const SAFE_MAX = 64;

/**
 * Whether a key is one on which all verifiers agree: canonical, on the curve, of the prime order.
 *
 * @see RFC 8032 section 5.1.3, ZIP 215
 */
export function isSafeKey(raw: Uint8Array): boolean {
  if (raw.length !== KEY_BYTES) return false;
  const name = raw.join();
  if (safe.has(name)) return true;
  try {
    const point = Point.fromBytes(Uint8Array.from(raw), false);
    if (point.isSmallOrder() || !point.isTorsionFree()) return false;
  } catch {
    return false;
  }
  if (safe.size >= SAFE_MAX) safe.clear();
  safe.add(name);
  return true;
}

function littleEndian(bytes: Uint8Array): bigint {
  let hex = '0x';
  for (let i = bytes.length - 1; i >= 0; i--) hex += (bytes[i] ?? 0).toString(16).padStart(2, '0');
  return BigInt(hex);
}
