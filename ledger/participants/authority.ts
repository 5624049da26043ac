/** The built-in certification authority: a root that signs one issuing certificate, which signs participants'. */
import { hash, randomBytes } from 'node:crypto';
import { privateKeyObject, publicKey, publicKeyObject, sign } from '../log/index.js';
import {
  areChained,
  fingerprintOf,
  readAuthorityCertificate,
  readCertificate,
  subjectNameOf,
} from './certificate.js';
import { readCsr } from './csr.js';
import { ParticipantError } from './errors.js';
import { shortDer, Tag } from './extensions.js';
import {
  isName,
  ISSUING_VALIDITY_MS,
  OID_GROUP,
  OID_ROLE,
  OID_X25519,
  ROOT_VALIDITY_MS,
  toSubject,
} from './profile.js';
import type { Subject, SubjectClaim } from './profile.js';
import { makeRevocationList } from './revocation-list.js';
import type { RevocationListInput } from './revocation-list.js';
import { librarySigner } from './signing.js';
import type { LibrarySigner } from './signing.js';
import { nameOf, x509 } from './x509.js';
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

/** What to certify for longer. */
export interface RenewInput {
  /** DER of a participant's certificate: its keys and its subject are certified again. */
  readonly certificate: Uint8Array;
  /** As of {@link IssueInput}. */
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
  /**
   * Certifies the same keys of the same participant for another time. Who holds the keys was proved when they were
   * first certified.
   *
   * @throws ParticipantError PARTICIPANT_BAD_CERTIFICATE for what is no participant's certificate;
   * PARTICIPANT_BAD_VALIDITY as {@link issue} does.
   */
  renew(input: RenewInput): Promise<IssuedCertificate>;
  /**
   * The signed list of what was revoked, as DER. Synchronous, so that it can be part of the batch that revokes.
   *
   * @throws ParticipantError as `makeRevocationList` does.
   * @see RFC 5280 section 5
   */
  revocationList(input: RevocationListInput): Buffer;
}

const { keyCertSign, cRLSign, digitalSignature } = x509.KeyUsageFlags;
const ROOT_POWERS = [
  new x509.BasicConstraintsExtension(true, 1, true),
  new x509.KeyUsagesExtension(keyCertSign | cRLSign, true),
];
/** The authority signs its submissions to the log with the issuing key too. */
const ISSUING_POWERS = [
  new x509.BasicConstraintsExtension(true, 0, true),
  new x509.KeyUsagesExtension(keyCertSign | cRLSign | digitalSignature, true),
];
const PARTICIPANT_POWERS = [
  new x509.BasicConstraintsExtension(false, undefined, true),
  new x509.KeyUsagesExtension(digitalSignature, true),
];

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
  const common = { issuer, group: 'ca', notBefore: nowMs };
  const root = await certify({
    ...common,
    subject: { commonName: issuer.name },
    publicKey: publicKey(rootSeed),
    notAfter: nowMs + ROOT_VALIDITY_MS,
    powers: ROOT_POWERS,
  });
  const issuing = await certify({
    ...common,
    subject: { commonName: `${name} issuing` },
    publicKey: publicKey(issuingSeed),
    notAfter: nowMs + ISSUING_VALIDITY_MS,
    powers: ISSUING_POWERS,
  });
  return openAuthority({ rootDer: toDer(root), issuingDer: toDer(issuing), issuingSeed });
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
  const listSigner = privateKeyObject(issuingSeed);
  const listIssuer = {
    name: subjectNameOf(issuingDer),
    keyId: keyId(certificate.publicKey),
    sign: (message: Buffer) => sign(listSigner, message),
  };
  const certifyKeys = async (
    keys: CertifiedKeys,
    subject: Subject,
    { notBefore, notAfter }: Pick<IssueInput, 'notBefore' | 'notAfter'>,
  ): Promise<IssuedCertificate> => {
    const issued = await certify({
      issuer,
      publicKey: keys.publicKey,
      x25519Public: keys.x25519Public,
      group: subject.group,
      ...(subject.group === 'patient'
        ? { subject: { commonName: subject.id } }
        : { subject: { commonName: subject.id, organisation: subject.organisation }, role: subject.role }),
      notBefore,
      notAfter,
      powers: PARTICIPANT_POWERS,
    });
    const der = toDer(issued);
    return { der, pem: `${issued.toString('pem')}\n`, fingerprint: fingerprintOf(der) };
  };
  const requireWithin = ({ notBefore, notAfter }: Pick<IssueInput, 'notBefore' | 'notAfter'>): void => {
    if (notBefore < notAfter && notBefore >= certificate.notBefore && notAfter <= certificate.notAfter)
      return;
    throw new ParticipantError(
      'PARTICIPANT_BAD_VALIDITY',
      'empty, or not within that of the issuing certificate',
    );
  };
  return {
    root: rootDer,
    issuing: issuingDer,
    fingerprint: certificate.fingerprint,
    notAfter: certificate.notAfter,
    async issue(input) {
      const subject = toSubject(input);
      requireWithin(input);
      return certifyKeys(await readCsr(input.csr), subject, input);
    },
    async renew(input) {
      const present = readCertificate(input.certificate);
      requireWithin(input);
      return certifyKeys(present, toSubject(present), input);
    },
    revocationList: (input) => makeRevocationList(input, listIssuer),
  };
}

/** 32 raw bytes each. */
interface CertifiedKeys {
  readonly publicKey: Buffer;
  readonly x25519Public: Buffer;
}

interface Issuer {
  readonly name: string;
  readonly signer: LibrarySigner;
  readonly keyId: x509.AuthorityKeyIdentifierExtension;
}

function toIssuer(name: string, seed: Uint8Array): Issuer {
  return {
    name,
    signer: librarySigner(privateKeyObject(seed)),
    keyId: new x509.AuthorityKeyIdentifierExtension(keyId(publicKey(seed))),
  };
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
  /** What the key may do. */
  readonly powers: readonly x509.Extension[];
}

/** @see RFC 5280 section 4.1 */
function certify(input: CertificateInput): Promise<x509.X509Certificate> {
  const { issuer, role, x25519Public } = input;
  const { engine, keys } = issuer.signer;
  const extensions = [
    ...input.powers,
    new x509.SubjectKeyIdentifierExtension(keyId(input.publicKey)),
    issuer.keyId,
    ownExtension(OID_GROUP, Tag.utf8String, Buffer.from(input.group)),
  ];
  if (role !== undefined) extensions.push(ownExtension(OID_ROLE, Tag.utf8String, Buffer.from(role)));
  if (x25519Public !== undefined) extensions.push(ownExtension(OID_X25519, Tag.octetString, x25519Public));
  return x509.X509CertificateGenerator.create(
    {
      serialNumber: newSerialNumber().toString('hex'),
      issuer: nameOf({ commonName: issuer.name }),
      subject: nameOf(input.subject),
      notBefore: new Date(input.notBefore),
      notAfter: new Date(input.notAfter),
      publicKey: publicKeyObject(input.publicKey).export({ format: 'der', type: 'spki' }),
      signingKey: keys.privateKey,
      signingAlgorithm: keys.privateKey.algorithm,
      extensions,
    },
    engine,
  );
}

function ownExtension(oid: string, tag: number, content: Uint8Array): x509.Extension {
  return new x509.Extension(oid, false, shortDer(tag, content));
}

function toDer(certificate: x509.X509Certificate): Buffer {
  return Buffer.from(certificate.rawData);
}

/** 126 random bits in 16 bytes: positive, and of one length. @see RFC 5280 section 4.1.2.2 */
function newSerialNumber(): Buffer {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes;
}

/** The leftmost 160 bits of SHA-256 over the key. @see RFC 7093 section 2, method 1 */
function keyId(raw: Buffer): string {
  return hash('sha256', raw, 'hex').slice(0, 40);
}
