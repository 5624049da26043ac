/**
 * Revocation lists of authorities that are not ours: whether one names a certificate that such an authority issued.
 *
 * @see RFC 5280 sections 5 and 6.3
 */
import { verify, X509Certificate } from 'node:crypto';
import { orBadDer, x509 } from './x509.js';

/** A list, read and not yet believed: whose it is shows when an issuer's key is there. */
export interface ForeignList {
  /** Subject of the issuer, as {@link X509Certificate} writes names of one form. */
  readonly issuer: string;
  readonly thisUpdate: number;
  /** From this moment on it says nothing more, ms. */
  readonly nextUpdate: number;
  /** Serial numbers, hexadecimal. */
  readonly revoked: ReadonlySet<string>;
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
  readonly algorithm: string;
}

/** What lists say of a certificate. */
export type ListVerdict =
  | 'good'
  | 'revoked'
  /** There is none by its issuer that is in time. */
  | 'no-list';

/** Public authorities have lists of some megabytes. */
export const LIST_BYTES_MAX = 16 * 1024 * 1024;
const NODES_MAX = 4_000_000;
/** By signature algorithm; Ed25519 hashes by itself. */
const HASHES: Readonly<Record<string, string | null>> = {
  '1.2.840.113549.1.1.11': 'sha256',
  '1.2.840.113549.1.1.12': 'sha384',
  '1.2.840.113549.1.1.13': 'sha512',
  '1.2.840.10045.4.3.2': 'sha256',
  '1.2.840.10045.4.3.3': 'sha384',
  '1.2.840.10045.4.3.4': 'sha512',
  '1.3.101.112': null,
};

class ReadList extends x509.X509Crl {
  get parts(): typeof this.asn {
    return this.asn;
  }
}

/**
 * Reads a list.
 *
 * @throws ParticipantError PARTICIPANT_BAD_DER for what is none, or one that tells a part only.
 */
export function readForeignList(der: Uint8Array): ForeignList {
  return orBadDer(() => {
    if (der.length > LIST_BYTES_MAX) throw new RangeError('too large');
    const list = new ReadList(Uint8Array.from(der), { berOptions: { maxNodes: NODES_MAX } });
    const { signature, signatureAlgorithm } = list.parts;
    if (list.extensions.some(({ critical }) => critical)) throw new RangeError('a critical extension');
    return {
      issuer: list.issuer,
      thisUpdate: list.thisUpdate.getTime(),
      nextUpdate: list.nextUpdate?.getTime() ?? Number.NaN,
      revoked: new Set(list.entries.map(({ serialNumber }) => plain(serialNumber))),
      signed: firstWithin(der),
      signature: new Uint8Array(signature),
      algorithm: signatureAlgorithm.algorithm,
    };
  });
}

/**
 * What lists say of a certificate.
 *
 * @param certificate - DER.
 * @param issuer - DER of the certificate whose key issued it.
 * @param nowMs - Milliseconds since the epoch.
 */
export function judgeByLists(
  lists: readonly ForeignList[],
  certificate: Uint8Array,
  issuer: Uint8Array,
  nowMs: number,
): ListVerdict {
  const { subject } = new x509.X509Certificate(Uint8Array.from(issuer));
  const { publicKey } = new X509Certificate(issuer);
  const serial = plain(new X509Certificate(certificate).serialNumber);
  const believed = lists.filter((list) => {
    const { thisUpdate, nextUpdate, algorithm, signed, signature } = list;
    if (list.issuer !== subject || !(thisUpdate <= nowMs && nowMs < nextUpdate)) return false;
    if (!Object.hasOwn(HASHES, algorithm)) return false;
    try {
      return verify(HASHES[algorithm] ?? null, signed, publicKey, signature);
    } catch {
      return false;
    }
  });
  if (believed.some(({ revoked }) => revoked.has(serial))) return 'revoked';
  return believed.length === 0 ? 'no-list' : 'good';
}

/** One text for one number. */
function plain(serialNumber: string): string {
  return serialNumber.toLowerCase().replace(/^0+(?=.)/, '');
}

/** The first value within a SEQUENCE, as it was written: what a list's signature covers. */
function firstWithin(der: Uint8Array): Uint8Array {
  const start = headerAt(der, 0).content;
  const { content, length } = headerAt(der, start);
  return der.subarray(start, content + length);
}

/** @see X.690 section 8.1.3 */
function headerAt(der: Uint8Array, at: number): { readonly content: number; readonly length: number } {
  const first = der[at + 1] ?? 0;
  if (first < 0x80) return { content: at + 2, length: first };
  const count = first & 0x7f;
  let length = 0;
  for (let i = 0; i < count; i++) length = length * 256 + (der[at + 2 + i] ?? 0);
  if (count === 0 || count > 4 || at + 2 + count + length > der.length)
    throw new RangeError('a length that is none');
  return { content: at + 2 + count, length };
}
