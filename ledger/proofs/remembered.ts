import { concat, toBase64url } from './bytes.js';
import type { ProofCrypto } from './crypto.js';

/** Signatures remembered: those of certificates and checkpoints come again with every file. */
const GOOD_MAX = 1024;
const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;

/**
 * The same primitives, which check a good signature once. Only good ones are kept: a bad one costs the same each time,
 * and what a hostile file leaves behind is nothing.
 */
export function remembered(crypto: ProofCrypto): ProofCrypto {
  const good = new Set<string>();
  return {
    sha256: crypto.sha256,
    verifyEd25519: (key, message, signature) => {
      // Of other lengths the parts could be told otherwise, and no signature is good.
      if (key.length !== KEY_BYTES || signature.length !== SIGNATURE_BYTES) return false;
      const name = toBase64url(crypto.sha256(concat(key, signature, message)));
      if (good.has(name)) return true;
      if (!crypto.verifyEd25519(key, message, signature)) return false;
      if (good.size >= GOOD_MAX) good.clear();
      good.add(name);
      return true;
    },
  };
}
