/**
 * Certificates of authorities that are not ours: whether a path leads from one to an anchor that is trusted. What such
 * a certificate vouches for is who an organisation is; what is signed on the log is signed under our own profile.
 *
 * @see RFC 5280 section 6.1
 */
import { X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { fingerprintOf } from './certificate.js';
import { readIsAuthority, readKeyUsages, readPathLength } from './extensions.js';
import { parseCertificate, readForeignName, toExtensions, x509 } from './x509.js';
import type { Extensions } from './x509.js';

export interface PathInput {
  /** DER of the certificate that is asked about. */
  readonly certificate: Uint8Array;
  /** DER of what may lie between, in any order. */
  readonly chain: readonly Uint8Array[];
  /** DER of what is trusted. */
  readonly anchors: readonly Uint8Array[];
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
}

/** Why a certificate does not count. */
export type PathRefusal =
  /** Not DER of a certificate, or more of them than a path has. */
  | 'malformed'
  /** No path leads to an anchor. */
  | 'untrusted'
  /** It, or one of its path, is not valid at that time. */
  | 'not-valid'
  /** One of its path may not certify, or not so far down; or it is an authority's itself. */
  | 'not-permitted'
  /** An RSA key under 2048 bits, or a signature over MD5 or SHA-1. */
  | 'weak-crypto'
  /** A critical extension, or a constraint on names, that is not judged here. */
  | 'not-judged';

export type PathCheck =
  | {
      readonly ok: true;
      /** SHA-256 of the anchor, base64url. */
      readonly anchor: string;
      /** O of the subject; without one, its CN. */
      readonly name: string;
      readonly publicKey: KeyObject;
      readonly serialNumber: string;
      /** When it ends, ms. */
      readonly notAfter: number;
      /** DER from the certificate to the anchor. */
      readonly path: readonly Uint8Array[];
    }
  | { readonly ok: false; readonly code: PathRefusal };

/** Anchor, three between, and the certificate: public hierarchies have fewer. */
const PATH_MAX = 5;
const CHAIN_MAX = 8;
const BYTES_MAX = 16_384;
const RSA_BITS_MIN = 2048;
const NAME_CONSTRAINTS = '2.5.29.30';
const JUDGED: ReadonlySet<string> = new Set(['2.5.29.15', '2.5.29.19', '2.5.29.17', '2.5.29.37']);
/** Over MD2, MD5 and SHA-1, with RSA, ECDSA and DSA. */
const BROKEN: ReadonlySet<string> = new Set([
  '1.2.840.113549.1.1.2',
  '1.2.840.113549.1.1.4',
  '1.2.840.113549.1.1.5',
  '1.2.840.10045.4.1',
  '1.2.840.10040.4.3',
]);

interface Link {
  readonly der: Uint8Array;
  readonly x509: X509Certificate;
  readonly extensions: Extensions;
  readonly algorithm: string;
}

/** Looks for a path to an anchor and judges it; revocation is another question. */
export function verifyPath({ certificate, chain, anchors, nowMs }: PathInput): PathCheck {
  try {
    if (chain.length > CHAIN_MAX) return { ok: false, code: 'malformed' };
    const path = findPath([read(certificate)], chain.map(read), anchors.map(read));
    if (path === undefined) return { ok: false, code: 'untrusted' };
    const code = refusalOf(path, nowMs);
    if (code !== undefined) return { ok: false, code };
    const [first] = path;
    const anchor = path.at(-1);
    const name = readForeignName(parseCertificate(certificate).tbsCertificate.subject);
    if (first === undefined || anchor === undefined || name === undefined)
      return { ok: false, code: 'malformed' };
    return {
      ok: true,
      anchor: fingerprintOf(anchor.der),
      name,
      publicKey: first.x509.publicKey,
      serialNumber: first.x509.serialNumber.toLowerCase(),
      notAfter: Date.parse(first.x509.validTo),
      path: path.map(({ der }) => der),
    };
  } catch {
    // Parsing throws, and so does each getter of a certificate that is broken further in.
    return { ok: false, code: 'malformed' };
  }
}

/** From the certificate up; an anchor is preferred to what merely lies between. */
function findPath(
  path: readonly Link[],
  between: readonly Link[],
  anchors: readonly Link[],
): readonly Link[] | undefined {
  const last = path.at(-1);
  if (last === undefined || path.length === PATH_MAX) return undefined;
  const anchor = anchors.find((one) => isIssuedBy(last, one));
  if (anchor !== undefined) return [...path, anchor];
  for (const next of between) {
    if (path.includes(next) || !isIssuedBy(last, next)) continue;
    const found = findPath([...path, next], between, anchors);
    if (found !== undefined) return found;
  }
  return undefined;
}

function refusalOf(path: readonly Link[], nowMs: number): PathRefusal | undefined {
  for (const [i, link] of path.entries()) {
    const { extensions, algorithm } = link;
    const isAnchor = i === path.length - 1;
    if (extensions.has(NAME_CONSTRAINTS)) return 'not-judged';
    for (const [oid, { critical }] of extensions) if (critical && !JUDGED.has(oid)) return 'not-judged';
    // An anchor is trusted as it is: nobody relies on its own signature.
    if ((!isAnchor && BROKEN.has(algorithm)) || isWeak(link.x509.publicKey)) return 'weak-crypto';
    if (nowMs < Date.parse(link.x509.validFrom) || nowMs >= Date.parse(link.x509.validTo) + 1000)
      return 'not-valid';
    const usages = extensions.has('2.5.29.15') ? readKeyUsages(extensions) : undefined;
    if (i === 0) {
      const mayNotSign = usages !== undefined && (usages & x509.KeyUsageFlags.digitalSignature) === 0;
      if (readIsAuthority(extensions) || mayNotSign) return 'not-permitted';
      continue;
    }
    const mayNotCertify = usages !== undefined && (usages & x509.KeyUsageFlags.keyCertSign) === 0;
    const below = path.slice(1, i).filter(({ x509: one }) => one.subject !== one.issuer).length;
    if (!readIsAuthority(extensions) || mayNotCertify || below > (readPathLength(extensions) ?? below))
      return 'not-permitted';
  }
  return undefined;
}

function isWeak(key: KeyObject): boolean {
  const bits = key.asymmetricKeyDetails?.modulusLength;
  return bits !== undefined && bits < RSA_BITS_MIN;
}

function isIssuedBy({ x509: one }: Link, { x509: by }: Link): boolean {
  return one.checkIssued(by) && one.verify(by.publicKey);
}

function read(der: Uint8Array): Link {
  if (der.length > BYTES_MAX) throw new RangeError('too large');
  const { tbsCertificate, signatureAlgorithm } = parseCertificate(der);
  const extensions = toExtensions(
    (tbsCertificate.extensions ?? []).map(({ extnID, critical, extnValue }) => ({
      type: extnID,
      critical,
      value: extnValue.buffer,
    })),
  );
  return { der, x509: new X509Certificate(der), extensions, algorithm: signatureAlgorithm.algorithm };
}
