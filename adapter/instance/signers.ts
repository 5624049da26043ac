import type { Signer } from '../../ledger/custody/index.js';
import { privateKeyObject, sign } from '../../ledger/log/index.js';

/**
 * Signs with an Ed25519 seed; its key object is made once, since that costs as much as several signatures.
 *
 * @param actor - base64url SHA-256 of the DER certificate of the seed's key.
 */
export function seedSigner(actor: string, seed: Buffer): { actor: string; readonly sign: Signer['sign'] } {
  const key = privateKeyObject(seed);
  return { actor, sign: (message) => sign(key, message) };
}
