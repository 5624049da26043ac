/** A wallet's keys, made in the wallet. Only public keys ever leave it. */
import { createPrivateKey, generateKeyPairSync, sign } from 'node:crypto';
import { der, oid, pem, TAG } from './der.js';

/** Private and public parts, base64url of 32 raw bytes each. */
export interface WalletKeys {
  readonly ed25519: { readonly d: string; readonly x: string };
  readonly x25519: { readonly d: string; readonly x: string };
}

const OID_COMMON_NAME = '2.5.4.3';
const OID_EXTENSION_REQUEST = '1.2.840.113549.1.9.14';
const OID_ED25519 = '1.3.101.112';
/** `[0]`, constructed: the attributes of a request. */
const TAG_ATTRIBUTES = 0xa0;

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
  const key = createPrivateKey({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', ...keys.ed25519 } });
  return sign(null, message, key);
}

/**
 * A certification request for the keys.
 *
 * @param x25519Oid - Extension that carries the X25519 public key, an OCTET STRING of 32 bytes.
 * @returns PKCS#10 as PEM.
 * @see RFC 2986, RFC 8410
 */
export function certificationRequest(keys: WalletKeys, commonName: string, x25519Oid: string): string {
  const algorithm = der(TAG.sequence, oid(OID_ED25519));
  const name = der(TAG.sequence, oid(OID_COMMON_NAME), der(TAG.utf8, Buffer.from(commonName)));
  const x25519 = der(TAG.octetString, Buffer.from(keys.x25519.x, 'base64url'));
  const extension = der(TAG.sequence, oid(x25519Oid), der(TAG.octetString, x25519));
  const extensions = der(TAG.sequence, extension);
  const attribute = der(TAG.sequence, oid(OID_EXTENSION_REQUEST), der(TAG.set, extensions));
  const info = der(
    TAG.sequence,
    der(TAG.integer, Buffer.of(0)),
    der(TAG.sequence, der(TAG.set, name)),
    der(TAG.sequence, algorithm, bitString(Buffer.from(keys.ed25519.x, 'base64url'))),
    der(TAG_ATTRIBUTES, attribute),
  );
  return pem('CERTIFICATE REQUEST', der(TAG.sequence, info, algorithm, bitString(signWith(keys, info))));
}

/** Whole bytes: no unused bits. */
function bitString(bytes: Uint8Array): Buffer {
  return der(TAG.bitString, Buffer.of(0), bytes);
}
