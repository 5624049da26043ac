/**
 * Revocation lists, as their DER. Written here and not by the certificate library, which signs in another turn of the
 * loop: a list is signed in the very batch that writes the revocation, so no crash parts the two.
 *
 * @see RFC 5280 section 5
 */
import { ParticipantError } from './errors.js';

/** Reasons of a list's entries. `certificateHold` and `removeFromCRL` are none here: a revocation is for good. */
export const CRL_REASONS = {
  unspecified: 0,
  keyCompromise: 1,
  cACompromise: 2,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  privilegeWithdrawn: 9,
  aACompromise: 10,
} as const;
/** Why a certificate is on the list. @see RFC 5280 section 5.3.1 */
export type CrlReason = keyof typeof CRL_REASONS;

/** A certificate that is good for nothing new. */
export interface RevokedCertificate {
  /** Of its bytes, in lower-case hexadecimal, as certificates are read. */
  readonly serialNumber: string;
  /** Milliseconds since the epoch; rounded down to whole seconds. */
  readonly at: number;
  readonly reason: CrlReason;
}

/** What a list says. Times are milliseconds since the epoch, rounded down to whole seconds. */
export interface RevocationListInput {
  /** Above that of every list before it; up to 2^53 - 1. */
  readonly number: number;
  readonly thisUpdate: number;
  readonly nextUpdate: number;
  /** Each serial number once. */
  readonly revoked: readonly RevokedCertificate[];
}

/** Who signs it. */
export interface ListIssuer {
  /** DER of the subject of the issuing certificate. */
  readonly name: Buffer;
  /** Its subject key identifier in hexadecimal. */
  readonly keyId: string;
  /** Ed25519. */
  readonly sign: (message: Buffer) => Buffer;
}

const SEQUENCE = 0x30;
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const ENUMERATED = 0x0a;
const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;
/** `[0]` around the list's extensions, and around the key identifier inside of one. */
const EXPLICIT_0 = 0xa0;
const IMPLICIT_0 = 0x80;
/** From this year on times are told as GeneralizedTime. @see RFC 5280 section 5.1.2.4 */
const GENERALIZED_TIME_YEAR = 2050;
const SERIAL = /^(?:[0-9a-f]{2}){1,20}$/;

/** AlgorithmIdentifier of Ed25519. @see RFC 8410 section 3 */
const ED25519 = Buffer.from('300506032b6570', 'hex');
const OID_ISSUER_KEY_ID = Buffer.from('0603551d23', 'hex');
const OID_CRL_NUMBER = Buffer.from('0603551d14', 'hex');
const OID_REASON = Buffer.from('0603551d15', 'hex');
const VERSION_2 = Buffer.from('020101', 'hex');

/**
 * Makes and signs a list.
 *
 * @returns DER.
 * @throws ParticipantError PARTICIPANT_BAD_VALIDITY for a list that ends before it begins or a number that is none;
 * PARTICIPANT_BAD_CERTIFICATE for a serial number that is none, or stands twice.
 * @see RFC 5280 section 5.1
 */
export function makeRevocationList(input: RevocationListInput, issuer: ListIssuer): Buffer {
  const { number, thisUpdate, nextUpdate, revoked } = input;
  if (!(thisUpdate < nextUpdate) || !Number.isSafeInteger(number) || number < 0) {
    throw new ParticipantError('PARTICIPANT_BAD_VALIDITY', 'a revocation list of no validity or number');
  }
  if (new Set(revoked.map(({ serialNumber }) => serialNumber)).size !== revoked.length) {
    throw new ParticipantError('PARTICIPANT_BAD_CERTIFICATE', 'a serial number stands twice');
  }
  const entries = revoked.map(entryOf);
  const extensions = der(
    SEQUENCE,
    extension(OID_ISSUER_KEY_ID, der(SEQUENCE, der(IMPLICIT_0, Buffer.from(issuer.keyId, 'hex')))),
    extension(OID_CRL_NUMBER, integer(BigInt(number))),
  );
  const content = der(
    SEQUENCE,
    VERSION_2,
    ED25519,
    issuer.name,
    time(thisUpdate),
    time(nextUpdate),
    // An empty list is absent, not empty. @see RFC 5280 section 5.1.2.6
    ...(entries.length === 0 ? [] : [der(SEQUENCE, ...entries)]),
    der(EXPLICIT_0, extensions),
  );
  return der(SEQUENCE, content, ED25519, der(BIT_STRING, Buffer.of(0), issuer.sign(content)));
}

/** The reason `unspecified` is left out. @see RFC 5280 section 5.3.1 */
function entryOf({ serialNumber, at, reason }: RevokedCertificate): Buffer {
  if (!SERIAL.test(serialNumber))
    throw new ParticipantError('PARTICIPANT_BAD_CERTIFICATE', 'not a serial number');
  const code = CRL_REASONS[reason];
  const reasons = code === 0 ? [] : [der(SEQUENCE, extension(OID_REASON, der(ENUMERATED, Buffer.of(code))))];
  return der(SEQUENCE, der(INTEGER, Buffer.from(serialNumber, 'hex')), time(at), ...reasons);
}

function extension(oid: Buffer, value: Buffer): Buffer {
  return der(SEQUENCE, oid, der(OCTET_STRING, value));
}

/** @see RFC 5280 section 4.1.2.5 */
function time(ms: number): Buffer {
  const at = new Date(Math.floor(ms / 1000) * 1000);
  const digits = at.toISOString().replaceAll(/[-:T]|\.000/g, '');
  return at.getUTCFullYear() < GENERALIZED_TIME_YEAR
    ? der(UTC_TIME, Buffer.from(digits.slice(2), 'latin1'))
    : der(GENERALIZED_TIME, Buffer.from(digits, 'latin1'));
}

/** A number that is not negative, in as few bytes as it takes. */
function integer(value: bigint): Buffer {
  const hex = value.toString(16);
  const even = hex.length % 2 === 0 ? hex : `0${hex}`;
  const bytes = Buffer.from(even, 'hex');
  return der(INTEGER, (bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), bytes]) : bytes);
}

/** @see ITU-T X.690 section 8.1.3 */
function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  if (length < 0x80) return Buffer.concat([Buffer.of(tag, length), ...parts]);
  const hex = length.toString(16);
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
  return Buffer.concat([Buffer.of(tag, 0x80 + bytes.length), bytes, ...parts]);
}
