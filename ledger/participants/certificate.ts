/** Reading certificates of our profile, and checking who issued them. */
import { hash } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { publicKeyObject, verify } from '../log/index.js';
import { ParticipantError } from './errors.js';
import { JUDGED, readIsAuthority, readIssuerKeyId, readKeyUsages, shortContent, Tag } from './extensions.js';
import { OID_GROUP, OID_ROLE, OID_X25519, toSubject } from './profile.js';
import type { Group, Role } from './profile.js';
import { isEd25519, nameBytes, parseCertificate, rawKeyOf, readName, toExtensions, x509 } from './x509.js';
import type { CertificateParts, Extensions } from './x509.js';

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
/** Certificates kept as read: some megabytes. The busiest are those of an instance and of the organisations. */
const CERTIFICATES_KEPT_MAX = 2048;
/** Version 3, which the extensions need. */
const VERSION_3 = 2;
const SIGNATURE_BYTES = 64;
const X25519_BYTES = 32;
/** From this year on certificates tell times as GeneralizedTime, before it as UTCTime. @see RFC 5280 section 4.1.2.5 */
const GENERALIZED_TIME_YEAR = 2050;

/** SHA-256 of a certificate's DER, base64url. */
export function fingerprintOf(der: Uint8Array): string {
  return hash('sha256', der, 'base64url');
}

/**
 * Reads a participant's certificate. Says nothing on who issued it: see {@link verifyChain}. Takes about a
 * millisecond the first time, and microseconds when the same bytes were read lately.
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
  const x25519Public = contentOf(extensions, OID_X25519, Tag.octetString);
  if (x25519Public?.length !== X25519_BYTES) throw refuse('certifies no X25519 key');
  if (!exact || commonName === undefined) throw refuse('its subject is not one of the profile');
  try {
    const group = contentOf(extensions, OID_GROUP, Tag.utf8String)?.toString('utf8') ?? '';
    const role = contentOf(extensions, OID_ROLE, Tag.utf8String)?.toString('utf8');
    return {
      ...handOut(facts),
      ...toSubject({ id: commonName, group, role, organisation }),
      x25519Public,
    };
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
  const isEnrolled = contentOf(extensions, OID_GROUP, Tag.utf8String)?.toString('utf8') === 'ca';
  if (powers !== 'certifies' || !isEnrolled || subject.commonName === undefined) {
    throw refuse('not the certificate of an authority');
  }
  return { ...handOut(facts), group: 'ca', name: subject.commonName };
}

/** DER of the subject of a certificate, as it stands there. @throws ParticipantError PARTICIPANT_BAD_CERTIFICATE */
export function subjectNameOf(der: Uint8Array): Buffer {
  return Buffer.from(parse(der).subjectName);
}

/** What was read is kept, so that no caller may be able to change it. */
function handOut(facts: CertificateFacts): CertificateFacts {
  return { ...facts, publicKey: Buffer.from(facts.publicKey) };
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

/** By fingerprint, hence the same for whoever asks; the eldest go first. */
const kept = new Map<string, Parsed>();

function parse(bytes: Uint8Array): Parsed {
  if (bytes.length > CERTIFICATE_BYTES_MAX) throw refuse('too large');
  const fingerprint = fingerprintOf(bytes);
  const known = kept.get(fingerprint);
  if (known !== undefined) return known;
  let parsed: Parsed;
  try {
    parsed = read(parseCertificate(bytes), fingerprint);
  } catch (cause) {
    if (cause instanceof ParticipantError && cause.code === 'PARTICIPANT_BAD_CERTIFICATE') throw cause;
    throw new ParticipantError('PARTICIPANT_BAD_CERTIFICATE', 'not an X.509 certificate', { cause });
  }
  const [eldest] = kept.keys();
  if (kept.size === CERTIFICATES_KEPT_MAX && eldest !== undefined) kept.delete(eldest);
  kept.set(fingerprint, parsed);
  return parsed;
}

function read(certificate: CertificateParts, fingerprint: string): Parsed {
  const {
    tbsCertificate: content,
    tbsCertificateRaw: signed,
    signatureAlgorithm,
    signatureValue,
  } = certificate;
  const version: number = content.version;
  // Nothing outside of the signed bytes is left free: one certificate has one fingerprint.
  if (
    signed === undefined ||
    version !== VERSION_3 ||
    content.issuerUniqueID !== undefined ||
    content.subjectUniqueID !== undefined ||
    !isEd25519(signatureAlgorithm) ||
    !isEd25519(content.signature) ||
    signatureValue.byteLength !== SIGNATURE_BYTES
  ) {
    throw refuse('not of the profile');
  }
  const publicKey = rawKeyOf(content.subjectPublicKeyInfo);
  if (publicKey === undefined) throw refuse('not of an Ed25519 key');
  const extensions = toExtensions(
    (content.extensions ?? []).map(({ extnID, critical, extnValue }) => ({
      type: extnID,
      critical,
      value: extnValue.buffer,
    })),
  );
  for (const [oid, { critical }] of extensions) {
    if (critical && !JUDGED.has(oid)) throw refuse('an unknown critical extension');
  }
  return {
    facts: {
      publicKey,
      notBefore: timeOf(content.validity.notBefore),
      notAfter: timeOf(content.validity.notAfter),
      fingerprint,
      serialNumber: Buffer.from(content.serialNumber).toString('hex'),
      issuerKeyId: readIssuerKeyId(extensions),
    },
    subject: readName(content.subject),
    extensions,
    powers: readPowers(extensions),
    subjectName: nameBytes(content.subject),
    issuerName: nameBytes(content.issuer),
    signed: Buffer.from(signed),
    signature: Buffer.from(signatureValue),
  };
}

function timeOf({
  utcTime,
  generalTime,
}: CertificateParts['tbsCertificate']['validity']['notBefore']): number {
  const time = utcTime ?? generalTime;
  const ms = time?.getTime();
  const isGeneralized = time !== undefined && time.getUTCFullYear() >= GENERALIZED_TIME_YEAR;
  if (ms === undefined || ms % 1000 !== 0 || isGeneralized !== (utcTime === undefined)) {
    throw refuse('a time in a form that certificates do not have');
  }
  return ms;
}

function readPowers(extensions: Extensions): Parsed['powers'] {
  const usages = readKeyUsages(extensions);
  if (readIsAuthority(extensions)) {
    return (usages & x509.KeyUsageFlags.keyCertSign) === 0 ? 'neither' : 'certifies';
  }
  return (usages & x509.KeyUsageFlags.digitalSignature) === 0 ? 'neither' : 'signs';
}

/** A copy. @throws ParticipantError PARTICIPANT_BAD_CERTIFICATE when the extension is there and of another kind. */
function contentOf(extensions: Extensions, oid: string, tag: number): Buffer | undefined {
  const extension = extensions.get(oid);
  if (extension === undefined) return undefined;
  const content = shortContent(tag, extension.value);
  if (content === undefined) throw refuse('an extension of another kind than expected');
  return Buffer.from(content);
}

function refuse(message: string): ParticipantError {
  return new ParticipantError('PARTICIPANT_BAD_CERTIFICATE', message);
}
