/** A wallet's keys, made in the wallet. Only public keys ever leave it. */
// oxlint-disable-next-line import/no-unassigned-import -- the library below does not load without it
import 'reflect-metadata';
import { createPrivateKey, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import type { KeyObject, webcrypto } from 'node:crypto';
import { Extension, Name, Pkcs10CertificateRequestGenerator } from '@peculiar/x509';

/** Private and public parts, base64url of 32 raw bytes each. */
export interface WalletKeys {
  readonly ed25519: { readonly d: string; readonly x: string };
  readonly x25519: { readonly d: string; readonly x: string };
}

const OID_COMMON_NAME = '2.5.4.3';
const ALGORITHM = { name: 'Ed25519' } as const;
/** DER before the 32 bytes of an OCTET STRING. */
const OCTETS_32 = Buffer.of(0x04, 32);

/** Fresh keys from the system's randomness: a demo's keys are secrets of their own all the same. */
export function makeKeys(): WalletKeys {
  return {
    ed25519: part(generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' })),
    x25519: part(generateKeyPairSync('x25519').privateKey.export({ format: 'jwk' })),
  };
}

function part(jwk: { d?: string | undefined; x?: string | undefined }): { d: string; x: string } {
  return { d: jwk.d ?? '', x: jwk.x ?? '' };
}

/** Ed25519 signature, 64 bytes. */
export function signWith(keys: WalletKeys, message: Uint8Array): Buffer {
  return sign(null, message, signingKey(keys));
}

function signingKey({ ed25519 }: WalletKeys): KeyObject {
  return createPrivateKey({ format: 'jwk', key: { kty: 'OKP', crv: ALGORITHM.name, ...ed25519 } });
}

/**
 * A certification request for the keys.
 *
 * @param x25519Oid - Extension that carries the X25519 public key, an OCTET STRING of 32 bytes.
 * @returns PKCS#10 as PEM. The same keys and name give the same text, so that a wallet may ask again.
 * @see RFC 2986, RFC 8410
 */
export async function certificationRequest(
  keys: WalletKeys,
  commonName: string,
  x25519Oid: string,
): Promise<string> {
  const x25519 = Buffer.concat([OCTETS_32, Buffer.from(keys.x25519.x, 'base64url')]);
  const request = await Pkcs10CertificateRequestGenerator.create(
    {
      name: new Name([{ [OID_COMMON_NAME]: [{ utf8String: commonName }] }]),
      keys: {
        privateKey: { type: 'private', algorithm: ALGORITHM, extractable: false, usages: ['sign'] },
        publicKey: { type: 'public', algorithm: ALGORITHM, extractable: true, usages: ['verify'] },
      },
      signingAlgorithm: ALGORITHM,
      extensions: [new Extension(x25519Oid, false, x25519)],
    },
    engineOf(signingKey(keys)),
  );
  return `${request.toString('pem')}\n`;
}

/** All of a WebCrypto engine that the library calls here, over node:crypto: Node's own imports each key once more. */
function engineOf(key: KeyObject): webcrypto.Crypto {
  const subtle = {
    exportKey: async (): Promise<Buffer> => createPublicKey(key).export({ format: 'der', type: 'spki' }),
    sign: async (_algorithm: unknown, _key: unknown, message: ArrayBuffer): Promise<Buffer> =>
      sign(null, new Uint8Array(message), key),
  };
  return { subtle } as unknown as webcrypto.Crypto;
}
