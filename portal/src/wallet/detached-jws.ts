/** Signing by the wallet: compact JWS with the payload left out. @see RFC 7515 appendix F, RFC 8037 */
import { canonicalText, toBase64url, utf8 } from '../../../ledger/proofs/index.js';
import { signWith } from './keys.js';
import type { WalletKeys } from './keys.js';

/** @param fingerprint - Of the signer's certificate. @param payload - What is signed, to the byte. */
export function detachedJws(keys: WalletKeys, fingerprint: string, payload: Uint8Array): string {
  const header = toBase64url(utf8(JSON.stringify({ alg: 'EdDSA', kid: fingerprint })));
  const signature = signWith(keys, utf8(`${header}.${toBase64url(payload)}`));
  return `${header}..${toBase64url(signature)}`;
}

/** The RFC 8785 form of a document, which is what is signed of it. */
export function documentBytes(document: object): Uint8Array {
  const text = canonicalText(document);
  if (text === undefined) throw new TypeError('the document has no canonical form');
  return utf8(text);
}
