/** The built-in certification authority: a root that signs one issuing certificate, which signs participants'. */
import { hash, randomBytes } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { privateKeyObject, publicKey, sign } from '../log/index.js';
import { areChained, fingerprintOf, readAuthorityCertificate } from './certificate.js';
import { readCsr } from './csr.js';
import { bitStringDer, encodeDer, integerDer, Tag, timeDer, utf8Der } from './der.js';
import { ParticipantError } from './errors.js';
import { toPem } from './pem.js';
import {
  isName,
  ISSUING_VALIDITY_MS,
  OID_GROUP,
  OID_ROLE,
  OID_X25519,
  ROOT_VALIDITY_MS,
  toSubject,
} from './profile.js';
import type { SubjectClaim } from './profile.js';
import {
  basicConstraintsDer,
  ED25519_ALGORITHM,
  extensionDer,
  KeyUsage,
  keyUsageDer,
  nameDer,
  spkiDer,
} from './x509.js';
import type { Name } from './x509.js';

/** What an authority is made of. */
export interface AuthorityInput {
  /** Its name, at most 56 characters: the certificates add `root` and `issuing`. */
  readonly name: string;
  /** Ed25519 private keys, 32 raw bytes each. */
  readonly rootSeed: Uint8Array;
  readonly issuingSeed: Uint8Array;
  /** The certificates are valid from here on; milliseconds since the epoch. */
  readonly nowMs: number;
}

/** What an authority is opened from again. The root's key is not needed to issue. */
export interface StoredAuthority {
  readonly rootDer: Buffer;
  readonly issuingDer: Buffer;
  readonly issuingSeed: Uint8Array;
}

/** What to certify, of whom. The keys come from the request, all else from the authority. */
export interface IssueInput extends SubjectClaim {
  /** PKCS#10 request as PEM. */
  readonly csr: string;
  /** Milliseconds since the epoch; certificates tell whole seconds, so both are rounded down. */
  readonly notBefore: number;
  readonly notAfter: number;
}

/** A certificate, and its SHA-256 in base64url. */
export interface IssuedCertificate {
  readonly der: Buffer;
  readonly pem: string;
  readonly fingerprint: string;
}

/** An authority that can issue. */
export interface Authority {
  readonly root: Buffer;
  readonly issuing: Buffer;
  /** Of the issuing certificate: the authority as an actor in the log, whose key is the issuing one. */
  readonly fingerprint: string;
  /** When the issuing certificate ends, in milliseconds since the epoch: none that it issues may last longer. */
  readonly notAfter: number;
  /**
   * Certifies the keys of a request, after all checks of `readCsr`.
   *
   * @throws ParticipantError as `readCsr` does; PARTICIPANT_BAD_SUBJECT when group, role, name and id do not fit;
   * PARTICIPANT_BAD_VALIDITY when the validity is empty or outlives the issuing certificate.
   */
  issue(input: IssueInput): Promise<IssuedCertificate>;
}

/** Room for the longer of the two words behind an authority's name. */
const AUTHORITY_NAME_CHARS_MAX = 56;
/** The year 9000: certificates tell years in four digits. */
const NOW_MS_END = Date.UTC(9000, 0);

/**
 * Makes a root and an issuing certificate. The same seeds may be used again: each call draws new serial numbers.
 *
 * @throws ParticipantError PARTICIPANT_BAD_SUBJECT for a name that no certificate can carry; PARTICIPANT_BAD_VALIDITY for
 * a time that none can tell.
 * @throws LedgerError LEDGER_BAD_KEY unless both seeds have 32 bytes.
 * @see RFC 5280 section 4.2.1.9
 */
export async function createAuthority(input: AuthorityInput): Promise<Authority> {
  const { name, rootSeed, issuingSeed, nowMs } = input;
  if (!isName(name) || name.length > AUTHORITY_NAME_CHARS_MAX) {
    throw new ParticipantError(
      'PARTICIPANT_BAD_SUBJECT',
      `a name has up to ${AUTHORITY_NAME_CHARS_MAX} characters`,
    );
  }
  if (!(nowMs >= 0 && nowMs < NOW_MS_END)) {
    throw new ParticipantError('PARTICIPANT_BAD_VALIDITY', 'a time that no certificate can tell');
  }
  const issuer = toIssuer(`${name} root`, rootSeed);
  const signsOthers = KeyUsage.keyCertSign | KeyUsage.cRLSign;
  const common = { issuer, group: 'ca', notBefore: nowMs };
  const rootDer = certify({
    ...common,
    subject: { commonName: issuer.name },
    publicKey: publicKey(rootSeed),
    notAfter: nowMs + ROOT_VALIDITY_MS,
    pathLength: 1,
    usages: signsOthers,
  });
  const issuingDer = certify({
    ...common,
    subject: { commonName: `${name} issuing` },
    publicKey: publicKey(issuingSeed),
    notAfter: nowMs + ISSUING_VALIDITY_MS,
    pathLength: 0,
    // The authority signs its submissions to the log with this key too.
    usages: signsOthers | KeyUsage.digitalSignature,
  });
  return openAuthority({ rootDer, issuingDer, issuingSeed });
}

/**
 * Opens an authority from its stored certificates.
 *
 * @throws ParticipantError PARTICIPANT_BAD_AUTHORITY when key and certificates do not belong together;
 * PARTICIPANT_BAD_CERTIFICATE when the issuing certificate is not one of the profile.
 */
export function openAuthority(stored: StoredAuthority): Authority {
  const { rootDer, issuingDer, issuingSeed } = stored;
  const certificate = readAuthorityCertificate(issuingDer);
  if (
    !areChained({ root: rootDer, issuing: issuingDer }) ||
    !certificate.publicKey.equals(publicKey(issuingSeed))
  ) {
    throw new ParticipantError('PARTICIPANT_BAD_AUTHORITY', 'key and certificates do not belong together');
  }
  const issuer = toIssuer(certificate.name, issuingSeed);
  return {
    root: rootDer,
    issuing: issuingDer,
    fingerprint: certificate.fingerprint,
    notAfter: certificate.notAfter,
    async issue(input) {
      const subject = toSubject(input);
      const { notBefore, notAfter } = input;
      if (!(notBefore < notAfter && notBefore >= certificate.notBefore && notAfter <= certificate.notAfter)) {
        throw new ParticipantError(
          'PARTICIPANT_BAD_VALIDITY',
          'empty, or not within that of the issuing certificate',
        );
      }
      const request = await readCsr(input.csr);
      const bytes = certify({
        issuer,
        ...request,
        group: subject.group,
        ...(subject.group === 'patient'
          ? { subject: { commonName: subject.id } }
          : { subject: { commonName: subject.id, organisation: subject.organisation }, role: subject.role }),
        notBefore,
        notAfter,
        usages: KeyUsage.digitalSignature,
      });
      return { der: bytes, pem: toPem('CERTIFICATE', bytes), fingerprint: fingerprintOf(bytes) };
    },
  };
}

interface Issuer {
  readonly name: string;
  readonly key: KeyObject;
  readonly keyId: Buffer;
}

function toIssuer(name: string, seed: Uint8Array): Issuer {
  return { name, key: privateKeyObject(seed), keyId: keyId(publicKey(seed)) };
}

interface CertificateInput {
  readonly issuer: Issuer;
  readonly subject: Name;
  readonly group: string;
  readonly role?: string;
  readonly publicKey: Buffer;
  readonly x25519Public?: Buffer;
  readonly notBefore: number;
  readonly notAfter: number;
  /** Authorities only. */
  readonly pathLength?: number;
  readonly usages: number;
}

/** Version 3, as [0] explicit. */
const VERSION_3 = encodeDer(0xa0, integerDer(Buffer.of(2)));
/** Tag of the extensions: [3] explicit. */
const EXTENSIONS = 0xa3;

/** @see RFC 5280 section 4.1 */
function certify(input: CertificateInput): Buffer {
  const { issuer, role, x25519Public } = input;
  const extensions = [
    extensionDer('2.5.29.19', basicConstraintsDer(input.pathLength), true),
    extensionDer('2.5.29.15', keyUsageDer(input.usages), true),
    extensionDer('2.5.29.14', encodeDer(Tag.octetString, keyId(input.publicKey))),
    extensionDer('2.5.29.35', encodeDer(Tag.sequence, encodeDer(0x80, issuer.keyId))),
    extensionDer(OID_GROUP, utf8Der(input.group)),
  ];
  if (role !== undefined) extensions.push(extensionDer(OID_ROLE, utf8Der(role)));
  if (x25519Public !== undefined)
    extensions.push(extensionDer(OID_X25519, encodeDer(Tag.octetString, x25519Public)));
  const signed = encodeDer(
    Tag.sequence,
    VERSION_3,
    integerDer(newSerialNumber()),
    ED25519_ALGORITHM,
    nameDer({ commonName: issuer.name }),
    encodeDer(Tag.sequence, timeDer(input.notBefore), timeDer(input.notAfter)),
    nameDer(input.subject),
    spkiDer(input.publicKey),
    encodeDer(EXTENSIONS, encodeDer(Tag.sequence, ...extensions)),
  );
  return encodeDer(Tag.sequence, signed, ED25519_ALGORITHM, bitStringDer(sign(issuer.key, signed)));
}

/** 126 random bits in 16 bytes: positive, and of one length. @see RFC 5280 section 4.1.2.2 */
function newSerialNumber(): Buffer {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes;
}

/** The leftmost 160 bits of SHA-256 over the key. @see RFC 7093 section 2, method 1 */
function keyId(raw: Buffer): Buffer {
  return hash('sha256', raw, 'buffer').subarray(0, 20);
}
