/** The request for a certificate: PKCS#10, signed by the wallet's own key. */
import { openingPublicKey, signingPublicKey, signWith } from './keys.js';
import type { WalletKeys } from './keys.js';
import { loadX509 } from './x509.js';

const ALGORITHM = { name: 'Ed25519' } as const;
/** DER before the 32 bytes of an OCTET STRING. */
const OCTETS_32 = [0x04, 32];
/** DER before the 32 bytes of an Ed25519 public key: SubjectPublicKeyInfo. @see RFC 8410 section 4 */
const PUBLIC_KEY_HEAD = [0x30, 42, 0x30, 5, 0x06, 3, 0x2b, 0x65, 0x70, 0x03, 33, 0];

/**
 * The request for both keys, without a name: who the certificate is for, the authority says.
 *
 * @param x25519Oid - Extension that carries the X25519 public key, as `/pki/profile` names it.
 * @returns PEM. The same keys give the same text, so that a wallet may ask again after a lost answer.
 * @see RFC 2986
 */
export async function certificateRequest(keys: WalletKeys, x25519Oid: string): Promise<string> {
  const { Extension, Pkcs10CertificateRequestGenerator } = await loadX509();
  const request = await Pkcs10CertificateRequestGenerator.create(
    {
      keys: {
        privateKey: { type: 'private', algorithm: ALGORITHM, extractable: false, usages: ['sign'] },
        publicKey: { type: 'public', algorithm: ALGORITHM, extractable: true, usages: ['verify'] },
      },
      signingAlgorithm: ALGORITHM,
      extensions: [
        new Extension(x25519Oid, false, Uint8Array.from([...OCTETS_32, ...openingPublicKey(keys)])),
      ],
    },
    engineOf(keys),
  );
  return `${request.toString('pem')}\n`;
}

/** All of a WebCrypto engine that the library calls here, over this wallet's key. */
function engineOf(keys: WalletKeys): Crypto {
  const subtle = {
    exportKey: async (): Promise<ArrayBuffer> =>
      Uint8Array.from([...PUBLIC_KEY_HEAD, ...signingPublicKey(keys)]).buffer,
    sign: async (_algorithm: unknown, _key: unknown, message: ArrayBuffer): Promise<ArrayBuffer> =>
      Uint8Array.from(signWith(keys, new Uint8Array(message))).buffer,
  };
  return { subtle } as unknown as Crypto;
}
