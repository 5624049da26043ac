/** A certificate that the authority gave for this wallet's keys. */
import { sha256 } from '@noble/hashes/sha2.js';
import { toBase64url } from '../../../ledger/proofs/index.js';
import { signingPublicKey } from './keys.js';
import type { WalletKeys } from './keys.js';
import type { MemberCertificate } from './wallet.js';
import { loadX509 } from './x509.js';

const PEM = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/;
const KEY_BYTES = 32;
const GROUPS = ['provider', 'authority', 'payer'] as const;

/**
 * Reads a PEM certificate of a member; `undefined` unless it certifies the wallet's signing key for a group. That the
 * authority signed it, the server judges.
 *
 * @param profile - Extensions of group and role, as `/pki/profile` names them.
 */
export async function memberCertificate(
  text: string,
  keys: WalletKeys,
  { groupOid, roleOid }: { readonly groupOid: string; readonly roleOid: string },
): Promise<MemberCertificate | undefined> {
  const pem = PEM.exec(text)?.[0];
  if (pem === undefined) return undefined;
  const { X509Certificate } = await loadX509();
  try {
    const certificate = new X509Certificate(pem);
    const key = new Uint8Array(certificate.publicKey.rawData).slice(-KEY_BYTES);
    if (!signingPublicKey(keys).every((byte, i) => byte === key[i])) return undefined;
    const names = certificate.subjectName;
    const [id = ''] = names.getField('CN');
    const [organisation = ''] = names.getField('O');
    const textIn = (oid: string): string => {
      const value = certificate.getExtension(oid)?.value;
      return value === undefined ? '' : new TextDecoder().decode(new Uint8Array(value).slice(2));
    };
    const group = GROUPS.find((one) => one === textIn(groupOid));
    const role = textIn(roleOid);
    if (group === undefined || id === '') return undefined;
    const fingerprint = toBase64url(sha256(new Uint8Array(certificate.rawData)));
    return { pem: `${pem}\n`, fingerprint, id, group, organisation, ...(role === '' ? {} : { role }) };
  } catch {
    return undefined;
  }
}
