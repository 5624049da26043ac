/** Certificates of the profile, and who issued them. @see RFC 5280 sections 4 and 6.1, RFC 8410 */
import { equal, textOf, toBase64url, toHex } from './bytes.js';
import { isSafeKey } from './crypto.js';
import type { ProofCrypto } from './crypto.js';
import { childrenOf, DerError, expect, readDer, timeOf } from './der.js';
import type { Der } from './der.js';

/** A certificate as far as a proof needs it. */
export interface Certificate {
  /** SHA-256 of the DER, base64url: the `actor` of entries. */
  readonly fingerprint: string;
  /** Ed25519, 32 raw bytes. */
  readonly key: Uint8Array;
  readonly notBefore: number;
  /** First millisecond at which it is over. */
  readonly endMs: number;
  readonly isAuthority: boolean;
  readonly commonName: string;
  readonly organisation?: string;
  readonly group: string;
  readonly role?: string;
  readonly subject: Uint8Array;
  readonly issuer: Uint8Array;
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
}

/** Why an actor's certificate does not count. */
export type CertificateRefusal =
  'certificate-malformed' | 'certificate-untrusted' | 'certificate-not-valid' | 'certificate-authority';

/** Larger ones are refused unread. */
export const CERTIFICATE_BYTES_MAX = 16_384;

const SEQUENCE = 0x30;
const SET = 0x31;
const OCTETS = 0x04;
const BITS = 0x03;
const OID = 0x06;
const UTF8 = 0x0c;
const PRINTABLE = 0x13;
const EXTENSIONS = 0xa3;
/** DER of: [0] version 3; id-Ed25519; a SubjectPublicKeyInfo up to its key; TRUE. */
const VERSION_3 = 'a003020102';
const ED25519 = '300506032b6570';
const SPKI = '302a300506032b6570032100';
const TRUE = '0101ff';
const COMMON_NAME = '550403';
const ORGANISATION = '55040a';
const KEY_USAGE = '551d0f';
const BASIC_CONSTRAINTS = '551d13';
/** The extensions of our profile: a group, and an organisation's role. */
const GROUP = '2a864886f71401be40937a828b0882c22f828f2f818b7d828b3c84a18d4685ddb95f01';
const ROLE = '2a864886f71401be40937a828b0882c22f828f2f818b7d828b3c84a18d4685ddb95f02';
/** The critical extensions that are judged here; any other critical one refuses. */
const JUDGED: ReadonlySet<string> = new Set([KEY_USAGE, BASIC_CONSTRAINTS]);
const DIGITAL_SIGNATURE = 0x80;
const CERTIFIES = 0x04;

type Extensions = ReadonlyMap<string, { readonly critical: boolean; readonly value: Uint8Array }>;

/** Reads a certificate of the profile; `undefined` for anything else. Says nothing on who issued it. */
export function readCertificate(der: Uint8Array, crypto: ProofCrypto): Certificate | undefined {
  if (der.length > CERTIFICATE_BYTES_MAX) return undefined;
  try {
    return parse(der, crypto);
  } catch (error) {
    if (error instanceof DerError) return undefined;
    throw error;
  }
}

/**
 * Judges an actor's certificate.
 *
 * @param actor - Of an organisation, or the issuing authority itself.
 * @param issuing - As it stands in the file: only its signature by the root makes it count.
 * @param root - Trusted.
 * @param atMs - When the actor signed.
 */
export function judgeChain(
  chain: { readonly actor: Certificate; readonly issuing: Certificate; readonly root: Certificate },
  atMs: number,
  crypto: ProofCrypto,
): 'ok' | CertificateRefusal {
  const { actor, issuing, root } = chain;
  if (!issuing.isAuthority || !isIssuedBy(issuing, root, crypto)) return 'certificate-authority';
  if (!isValidAt(root, atMs) || !isValidAt(issuing, atMs)) return 'certificate-authority';
  const isIssuing = actor.fingerprint === issuing.fingerprint;
  if (!isIssuing && (actor.isAuthority || !isIssuedBy(actor, issuing, crypto)))
    return 'certificate-untrusted';
  return isValidAt(actor, atMs) ? 'ok' : 'certificate-not-valid';
}

/** Whether a certificate is an authority's that signed itself. */
export function isRoot(root: Certificate, crypto: ProofCrypto): boolean {
  return root.isAuthority && isIssuedBy(root, root, crypto);
}

function isIssuedBy(certificate: Certificate, by: Certificate, crypto: ProofCrypto): boolean {
  const isNamed = equal(certificate.issuer, by.subject);
  return (
    isNamed &&
    isSafeKey(certificate.key) &&
    crypto.verifyEd25519(by.key, certificate.signed, certificate.signature)
  );
}

function isValidAt({ notBefore, endMs }: Certificate, atMs: number): boolean {
  return atMs >= notBefore && atMs < endMs;
}

function parse(der: Uint8Array, crypto: ProofCrypto): Certificate | undefined {
  const parts = childrenOf(readDer(der, SEQUENCE));
  const [signed, algorithm, bits] = parts;
  const fields = childrenOf(expect(signed, SEQUENCE));
  const [version, , signedAlgorithm, issuer, validity, subject, spki, list] = fields;
  const signature = expect(bits, BITS).content;
  const spkiHex = toHex(expect(spki, SEQUENCE).raw);
  const isOfProfile =
    parts.length === 3 &&
    fields.length === 8 &&
    hexOf(version) === VERSION_3 &&
    hexOf(algorithm) === ED25519 &&
    hexOf(signedAlgorithm) === ED25519 &&
    signature[0] === 0 &&
    spkiHex.startsWith(SPKI) &&
    spkiHex.length === SPKI.length + 64;
  if (!isOfProfile) return undefined;
  const extensions = readExtensions(expect(list, EXTENSIONS));
  const [notBefore, notAfter] = childrenOf(expect(validity, SEQUENCE));
  const name = readName(expect(subject, SEQUENCE));
  const usage = extensions.get(KEY_USAGE);
  const usages = usage === undefined ? 0 : (readDer(usage.value, BITS).content[1] ?? 0);
  const isAuthority = saysAuthority(extensions);
  const group = textIn(extensions, GROUP);
  const role = textIn(extensions, ROLE);
  const common = name.get(COMMON_NAME);
  const organisation = name.get(ORGANISATION);
  if (group === undefined || common === undefined || isAuthority !== (group === 'ca')) return undefined;
  if ((usages & (isAuthority ? CERTIFIES : DIGITAL_SIGNATURE)) === 0) return undefined;
  return {
    fingerprint: toBase64url(crypto.sha256(der)),
    key: (spki?.raw ?? der).slice(-32),
    notBefore: timeOf(notBefore),
    // The last second is included whole.
    endMs: timeOf(notAfter) + 1000,
    isAuthority,
    commonName: common,
    ...(organisation === undefined ? {} : { organisation }),
    group,
    ...(role === undefined ? {} : { role }),
    subject: (subject ?? readDer(der, SEQUENCE)).raw,
    issuer: expect(issuer, SEQUENCE).raw,
    signed: expect(signed, SEQUENCE).raw,
    signature: signature.subarray(1),
  };
}

function hexOf(value: Der | undefined): string {
  return value === undefined ? '' : toHex(value.raw);
}

/** Texts of a name by the hexadecimal form of their OID's content. */
function readName(name: Der): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  for (const set of childrenOf(name)) {
    for (const attribute of childrenOf(expect(set, SET))) {
      const [oid, text] = childrenOf(expect(attribute, SEQUENCE));
      const key = toHex(expect(oid, OID).content);
      const value = text?.tag === UTF8 || text?.tag === PRINTABLE ? textOf(text.content) : undefined;
      if (value === undefined || texts.has(key)) throw new DerError('a name not of the profile');
      texts.set(key, value);
    }
  }
  return texts;
}

function readExtensions(list: Der): Extensions {
  const extensions = new Map<string, { critical: boolean; value: Uint8Array }>();
  const [all, ...more] = childrenOf(list);
  if (more.length > 0) throw new DerError('more than extensions');
  for (const one of childrenOf(expect(all, SEQUENCE))) {
    const parts = childrenOf(expect(one, SEQUENCE));
    const critical = parts.length === 3;
    if (parts.length < 2 || parts.length > 3 || (critical && hexOf(parts[1]) !== TRUE))
      throw new DerError('no extension');
    const key = toHex(expect(parts[0], OID).content);
    if (extensions.has(key) || (critical && !JUDGED.has(key)))
      throw new DerError('an extension not of the profile');
    extensions.set(key, { critical, value: expect(parts.at(-1), OCTETS).content });
  }
  return extensions;
}

function saysAuthority(extensions: Extensions): boolean {
  const constraints = extensions.get(BASIC_CONSTRAINTS);
  if (constraints === undefined) return false;
  return hexOf(childrenOf(readDer(constraints.value, SEQUENCE))[0]) === TRUE;
}

function textIn(extensions: Extensions, oid: string): string | undefined {
  const extension = extensions.get(oid);
  return extension === undefined ? undefined : textOf(readDer(extension.value, UTF8).content);
}
