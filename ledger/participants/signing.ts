/** How the certificate library signs: it asks a WebCrypto engine, and gets one over a single key of node:crypto. */
import { createPublicKey } from 'node:crypto';
import type { KeyObject, webcrypto } from 'node:crypto';
import { sign } from '../log/index.js';

/** Names the key to the library. What it signs with is the engine's own key. */
export interface LibrarySigner {
  readonly engine: webcrypto.Crypto;
  readonly keys: webcrypto.CryptoKeyPair;
}

const ALGORITHM = { name: 'Ed25519' } as const;

/**
 * Lets the library sign with an Ed25519 private key. Node's own WebCrypto would do, but signs on another thread after a
 * second import of the key, and says up to 20.19.2 on stderr that its Ed25519 is experimental.
 */
export function librarySigner(key: KeyObject): LibrarySigner {
  const subtle = {
    exportKey: async (): Promise<Buffer> => createPublicKey(key).export({ format: 'der', type: 'spki' }),
    sign: async (_algorithm: unknown, _key: unknown, message: ArrayBuffer): Promise<Buffer> =>
      sign(key, new Uint8Array(message)),
  };
  return {
    // All of an engine that the library calls to make requests and certificates.
    engine: { subtle } as unknown as webcrypto.Crypto,
    keys: {
      privateKey: { type: 'private', algorithm: ALGORITHM, extractable: false, usages: ['sign'] },
      publicKey: { type: 'public', algorithm: ALGORITHM, extractable: true, usages: ['verify'] },
    },
  };
}
