/** Reading certificates of our profile, and checking who issued them. */
import { hash } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { publicKeyObject, verify } from '../log/index.js';
import { childrenOf, encodeDer, expect, integerDer, readDer, Tag, timeOf } from './der.js';
import { ParticipantError } from './errors.js';
import { OID_GROUP, OID_ROLE, OID_X25519, toSubject } from './profile.js';
import type { Group, Role } from './profile.js';
import {
  ED25519_ALGORITHM,
  KeyUsage,
  oidKey,
  rawKeyOf,
  readExtensions,
  readIsAuthority,
  readKeyUsage,
  readName,
} from './x509.js';
import type { Extensions } from './x509.js';

/** What all certificates of the profile tell. Times are milliseconds since the epoch, in whole seconds. */
interface CertificateFacts {
  /** Ed25519, 32 raw bytes. */
  readonly publicKey: Buffer;
  readonly notBefore: number;
  /** The last moment of validity. */
  readonly notAfter: number;
  /** SHA-256 of the DER, base64url: the `actor` of entries and the `kid` of signatures. */
  readonly fingerprint: string;
  /** Of its bytes, in lower-case hexadecimal. */
  readonly serialNumber: string;
  /** Key identifier of the issuer in lower-case hexadecimal; empty when there is none. */
  readonly issuerKeyId: string;
}

/** A participant's certificate. */
export interface ParticipantCertificate extends CertificateFacts {
  readonly id: string;
  readonly group: Exclude<Group, 'ca'>;
  /** Organisations only. */
  readonly role?: Role;
  /** The organisation's name; organisations only. */
  readonly organisation?: string;
  /** 32 raw bytes. */
  readonly x25519Public: Buffer;
}

/** The certificate of a root or of an issuing authority. */
export interface AuthorityCertificate extends CertificateFacts {
  readonly group: 'ca';
  readonly name: string;
}

/** A certificate of the profile has about 600 bytes; an external authority's may carry policies and addresses. */
const CERTIFICATE_BYTES_MAX = 16_384;
/** Tags of the version and of the extensions: [0] and [3], explicit. */
const VERSION = 0xa0;
const EXTENSIONS = 0xa3;
/** Version 3, which the extensions need. */
const VERSION_3 = encodeDer(VERSION, integerDer(Buffer.of(2)));
const SIGNATURE_BYTES = 64;
const X25519_BYTES = 32;
const KEY_USAGE = oidKey('2.5.29.15');
const BASIC_CONSTRAINTS = oidKey('2.5.29.19');
const ISSUER_KEY_ID = oidKey('2.5.29.35');
const GROUP = oidKey(OID_GROUP);
const ROLE = oidKey(OID_ROLE);
const X25519 = oidKey(OID_X25519);
/** The critical extensions that we judge; any other critical one refuses the certificate. @see RFC 5280 section 4.2 */
const JUDGED = new Set([KEY_USAGE, BASIC_CONSTRAINTS]);

/** SHA-256 of a certificate's DER, base64url. */
export function fingerprintOf(der: Uint8Array): string {
  return hash('sha256', der, 'base64url');
}

/**
 * Reads a participant's certificate. Says nothing on who issued it: see {@link verifyChain}. Takes some tens of
 * microseconds.
 *
 * @param der - DER, with nothing before or after it.
 * @throws ParticipantError PARTICIPANT_BAD_CERTIFICATE when it is not of the profile, an authority's included.
 * @see RFC 5280 section 4, RFC 8410
 */
export function readCertificate(der: Uint8Array): ParticipantCertificate {
  return toParticipant(parse(der));
}

function toParticipant({ facts, subject, extensions, powers }: Parsed): ParticipantCertificate {
  if (powers !== 'signs') throw refuse('not the certificate of a participant');
  const { commonName, organisation, exact } = subject;
  const x25519Public = contentOf(extensions, X25519, Tag.octetString);
  if (x25519Public?.length !== X25519_BYTES) throw refuse('certifies no X25519 key');
  if (!exact || commonName === undefined) throw refuse('its subject is not one of the profile');
  try {
    const group = contentOf(extensions, GROUP, Tag.utf8String)?.toString('utf8') ?? '';
    const role = contentOf(extensions, ROLE, Tag.utf8String)?.toString('utf8');
    return { ...facts, ...toSubject({ id: commonName, group, role, organisation }), x25519Public };
  } catch (cause) {
    throw new ParticipantError('PARTICIPANT_BAD_CERTIFICATE', 'its subject is not one of the profile', {
      cause,
    });
  }
}

/**
 * Reads the certificate of a root or issuing authority.
 *
 * @param der - DER, with nothing before or after it.
 * @throws ParticipantError PARTICIPANT_BAD_CERTIFICATE when it is not of the profile, a participant's included.
 * @see RFC 5280 section 4
 */
export function readAuthorityCertificate(der: Uint8Array): AuthorityCertificate {
  return toAuthority(parse(der));
}

function toAuthority({ facts, subject, extensions, powers }: Parsed): AuthorityCertificate {
  const isEnrolled = contentOf(extensions, GROUP, Tag.utf8String)?.toString('utf8') === 'ca';
  if (powers !== 'certifies' || !isEnrolled || subject.commonName === undefined) {
    throw refuse('not the certificate of an authority');
  }
  return { ...facts, group: 'ca', name: subject.commonName };
}

/** The authority's certificates, as DER. */
export interface TrustAnchors {
  readonly issuing: Buffer;
  readonly root: Buffer;
}

/** Why a certificate does not count. */
export type ChainRefusal =
  /** No certificate of the profile. */
  | 'malformed'
  /** Not issued by this authority, or altered. */
  | 'untrusted'
  | 'not-yet-valid'
  | 'expired'
  /** The issuing or root certificate was not valid at that time, or the two do not belong together. */
  | 'authority-not-valid';

/** What {@link verifyChain} found. Whether the certificate was revoked is another question. */
export type ChainCheck =
  | { readonly ok: true; readonly certificate: ParticipantCertificate; readonly issuerFingerprint: string }
  | { readonly ok: false; readonly code: ChainRefusal };

/**
 * Whether a participant's certificate was issued by the authority and is valid at a time. Total over `der`.
 *
 * @param der - The participant's certificate.
 * @param anchors - Trusted as given; what is found of them is kept for as long as the object lives.
 * @param atMs - Milliseconds since the epoch.
 * @see RFC 5280 section 6.1
 */
export function verifyChain(der: Uint8Array, anchors: TrustAnchors, atMs: number): ChainCheck {
  const authority = readAnchors(anchors);
  if (authority === undefined || !isValidAt(authority.root, atMs) || !isValidAt(authority.issuing, atMs)) {
    return { ok: false, code: 'authority-not-valid' };
  }
  let parsed: Parsed;
  let certificate: ParticipantCertificate;
  try {
    parsed = parse(der);
    certificate = toParticipant(parsed);
  } catch {
    return { ok: false, code: 'malformed' };
  }
  if (!isIssuedBy(parsed, authority.issuer)) return { ok: false, code: 'untrusted' };
  if (atMs < certificate.notBefore) return { ok: false, code: 'not-yet-valid' };
  if (!isValidAt(certificate, atMs)) return { ok: false, code: 'expired' };
  return { ok: true, certificate, issuerFingerprint: authority.issuing.fingerprint };
}

/** Whether the issuing certificate is under the root, the root under itself, and both of the profile. */
export function areChained(anchors: TrustAnchors): boolean {
  return readAnchors(anchors) !== undefined;
}

/** @returns Whether `notBefore <= atMs <= notAfter`, the last second included whole. */
function isValidAt(facts: CertificateFacts, atMs: number): boolean {
  return atMs >= facts.notBefore && atMs < facts.notAfter + 1000;
}

interface Anchors {
  readonly issuer: Issuer;
  readonly issuing: AuthorityCertificate;
  readonly root: AuthorityCertificate;
}

/** Of the issuer, what tells its certificates. */
interface Issuer {
  readonly key: KeyObject;
  /** DER of its subject. */
  readonly name: Buffer;
}

const anchorsRead = new WeakMap<TrustAnchors, Anchors | undefined>();

function readAnchors(anchors: TrustAnchors): Anchors | undefined {
  if (!anchorsRead.has(anchors)) anchorsRead.set(anchors, checkAnchors(anchors));
  return anchorsRead.get(anchors);
}

function checkAnchors(anchors: TrustAnchors): Anchors | undefined {
  try {
    const top = parse(anchors.root);
    const under = parse(anchors.issuing);
    const isChained = isIssuedBy(top, toIssuer(top)) && isIssuedBy(under, toIssuer(top));
    const [root, issuing] = [toAuthority(top), toAuthority(under)];
    return isChained ? { issuer: toIssuer(under), issuing, root } : undefined;
  } catch {
    return undefined;
  }
}

function toIssuer(parsed: Parsed): Issuer {
  return { key: publicKeyObject(parsed.facts.publicKey), name: parsed.subjectName };
}

function isIssuedBy(parsed: Parsed, issuer: Issuer): boolean {
  return parsed.issuerName.equals(issuer.name) && verify(issuer.key, parsed.signed, parsed.signature);
}

interface Parsed {
  readonly facts: CertificateFacts;
  readonly subject: ReturnType<typeof readName>;
  readonly extensions: Extensions;
  /** What its key may do: sign for its holder, certify others, or neither as the profile has it. */
  readonly powers: 'signs' | 'certifies' | 'neither';
  /** DER of the names, as they stand. */
  readonly subjectName: Buffer;
  readonly issuerName: Buffer;
  /** The bytes signed, and their signature. */
  readonly signed: Buffer;
  readonly signature: Buffer;
}

function parse(bytes: Uint8Array): Parsed {
  if (bytes.length > CERTIFICATE_BYTES_MAX) throw refuse('too large');
  try {
    // A copy of our own: what is read from it is handed out, and must not change with the caller's buffer.
    const parts = childrenOf(expect(readDer(Buffer.from(bytes)), Tag.sequence));
    const [signed, algorithm, bits] = parts;
    const [version, serial, signedAlgorithm, issuer, validity, subject, spki, extensionList, ...more] =
      childrenOf(expect(signed, Tag.sequence));
    const signature = expect(bits, Tag.bitString).content;
    // Nothing outside of the signed bytes is left free: one certificate has one fingerprint.
    if (
      signed === undefined ||
      parts.length !== 3 ||
      more.length > 0 ||
      version?.raw.equals(VERSION_3) !== true ||
      algorithm?.raw.equals(ED25519_ALGORITHM) !== true ||
      signedAlgorithm?.raw.equals(ED25519_ALGORITHM) !== true ||
      signature.length !== 1 + SIGNATURE_BYTES ||
      signature[0] !== 0
    ) {
      throw refuse('not of the profile');
    }
    const publicKey = rawKeyOf(expect(spki, Tag.sequence));
    if (publicKey === undefined) throw refuse('not of an Ed25519 key');
    const [notBefore, notAfter] = childrenOf(expect(validity, Tag.sequence));
    const extensions = readExtensions(childrenOf(expect(extensionList, EXTENSIONS))[0]);
    for (const [oid, { critical }] of extensions) {
      if (critical && !JUDGED.has(oid)) throw refuse('an unknown critical extension');
    }
    return {
      facts: {
        publicKey,
        notBefore: timeOf(notBefore),
        notAfter: timeOf(notAfter),
        fingerprint: fingerprintOf(bytes),
        serialNumber: expect(serial, Tag.integer).content.toString('hex'),
        issuerKeyId: readIssuerKeyId(extensions),
      },
      subject: readName(subject),
      extensions,
      powers: readPowers(extensions),
      subjectName: expect(subject, Tag.sequence).raw,
      issuerName: expect(issuer, Tag.sequence).raw,
      signed: signed.raw,
      signature: signature.subarray(1),
    };
  } catch (cause) {
    if (cause instanceof ParticipantError && cause.code === 'PARTICIPANT_BAD_CERTIFICATE') throw cause;
    throw new ParticipantError('PARTICIPANT_BAD_CERTIFICATE', 'not an X.509 certificate', { cause });
  }
}

function readPowers(extensions: Extensions): Parsed['powers'] {
  const constraints = extensions.get(BASIC_CONSTRAINTS);
  const usage = extensions.get(KEY_USAGE);
  const usages = usage === undefined ? 0 : readKeyUsage(usage.value);
  if (constraints !== undefined && readIsAuthority(constraints.value)) {
    return (usages & KeyUsage.keyCertSign) === 0 ? 'neither' : 'certifies';
  }
  return (usages & KeyUsage.digitalSignature) === 0 ? 'neither' : 'signs';
}

/** The first part of an authorityKeyIdentifier, [0] implicit. @see RFC 5280 section 4.2.1.1 */
function readIssuerKeyId(extensions: Extensions): string {
  const extension = extensions.get(ISSUER_KEY_ID);
  if (extension === undefined) return '';
  const [first] = childrenOf(expect(readDer(extension.value), Tag.sequence));
  return first?.tag === 0x80 ? first.content.toString('hex') : '';
}

/** @throws ParticipantError PARTICIPANT_BAD_DER when it is there and of another kind. */
function contentOf(extensions: Extensions, oid: string, tag: number): Buffer | undefined {
  const extension = extensions.get(oid);
  return extension === undefined ? undefined : expect(readDer(extension.value), tag).content;
}

function refuse(message: string): ParticipantError {
  return new ParticipantError('PARTICIPANT_BAD_CERTIFICATE', message);
}
