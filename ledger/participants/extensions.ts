/** The extensions that the authority judges or gives: what they say, and our own ones' bytes. */
import { BOUNDS, orBadDer, requireSame, x509 } from './x509.js';
import type { Extensions } from './x509.js';

const BASIC_CONSTRAINTS = '2.5.29.19';
const KEY_USAGE = '2.5.29.15';
const ALTERNATIVE_NAMES = '2.5.29.17';
const ISSUER_KEY_ID = '2.5.29.35';

/** The critical extensions that we judge; any other critical one refuses a certificate. @see RFC 5280 section 4.2 */
export const JUDGED: ReadonlySet<string> = new Set([KEY_USAGE, BASIC_CONSTRAINTS]);

/** Tags of the strings in our own extensions. */
export const Tag = { octetString: 0x04, utf8String: 0x0c } as const;

/** The DER of a string of fewer than 128 bytes, as the values of our extensions are. @see ITU-T X.690 section 8.1.3.4 */
export function shortDer(tag: number, content: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(tag, content.length), content]);
}

/** The content of such a string; `undefined` for anything else. */
export function shortContent(tag: number, der: Buffer): Buffer | undefined {
  return der.length >= 2 && der.length < 0x82 && der[0] === tag && der[1] === der.length - 2
    ? der.subarray(2)
    : undefined;
}

/**
 * Whether basicConstraints say CA:TRUE; absent, they do not.
 *
 * @throws ParticipantError PARTICIPANT_BAD_DER
 * @see RFC 5280 section 4.2.1.9
 */
export function readIsAuthority(extensions: Extensions): boolean {
  const read = readAs(extensions, BASIC_CONSTRAINTS, x509.BasicConstraintsExtension);
  if (read === undefined) return false;
  requireSame(new x509.BasicConstraintsExtension(read.ca, read.pathLength).value, new Uint8Array(read.value));
  return read.ca;
}

/**
 * How many authorities may stand below; `undefined` for any number.
 *
 * @throws ParticipantError PARTICIPANT_BAD_DER
 * @see RFC 5280 section 4.2.1.9
 */
export function readPathLength(extensions: Extensions): number | undefined {
  return readAs(extensions, BASIC_CONSTRAINTS, x509.BasicConstraintsExtension)?.pathLength;
}

/**
 * The flags of keyUsage, sums of the library's; absent, none.
 *
 * @throws ParticipantError PARTICIPANT_BAD_DER
 * @see RFC 5280 section 4.2.1.3
 */
export function readKeyUsages(extensions: Extensions): number {
  const read = readAs(extensions, KEY_USAGE, x509.KeyUsagesExtension);
  if (read === undefined) return 0;
  requireSame(new x509.KeyUsagesExtension(read.usages).value, new Uint8Array(read.value));
  return read.usages;
}

/**
 * The issuer's key identifier in lower-case hexadecimal; empty when there is none.
 *
 * @throws ParticipantError PARTICIPANT_BAD_DER
 * @see RFC 5280 section 4.2.1.1
 */
export function readIssuerKeyId(extensions: Extensions): string {
  const read = readAs(extensions, ISSUER_KEY_ID, x509.AuthorityKeyIdentifierExtension);
  const { keyId = '', certId, value } = read ?? {};
  if (value === undefined) return '';
  const bytes = Buffer.from(value);
  // The library writes a key identifier or the issuer's name and number, but not both, which other authorities give.
  if (certId !== undefined) requireWhole(bytes);
  else requireSame(new x509.AuthorityKeyIdentifierExtension(keyId).value, bytes);
  return keyId;
}

/** @throws ParticipantError PARTICIPANT_BAD_DER for bytes behind the value, which the library does not see. */
function requireWhole(der: Buffer): void {
  const first = der[1] ?? 0;
  const lengthBytes = first < 0x80 ? 0 : first - 0x80;
  orBadDer(() => {
    const length = lengthBytes === 0 ? first : der.readUIntBE(2, lengthBytes);
    if (der.length !== 2 + lengthBytes + length) throw new RangeError('bytes behind the value');
  });
}

/**
 * The alternative names as text.
 *
 * @throws ParticipantError PARTICIPANT_BAD_DER also for a name of a kind that cannot be shown, for it cannot be judged.
 * @see RFC 5280 section 4.2.1.6
 */
export function readAlternativeNames(extensions: Extensions): readonly string[] {
  const value = extensions.get(ALTERNATIVE_NAMES)?.value;
  if (value === undefined) return [];
  return orBadDer(() => {
    const names = new AlternativeNames(value, BOUNDS);
    requireSame(names.again, value);
    return names.texts;
  });
}

class AlternativeNames extends x509.GeneralNames {
  get again(): ArrayBuffer {
    return new x509.GeneralNames(this.asn).rawData;
  }
  get texts(): string[] {
    // The library leaves out what it cannot show.
    if (this.items.length !== this.asn.length) throw new RangeError('a name of an unknown kind');
    return this.items.map(({ value }) => value);
  }
}

function readAs<T>(extensions: Extensions, oid: string, As: new (raw: ArrayBuffer) => T): T | undefined {
  const extension = extensions.get(oid);
  if (extension === undefined) return undefined;
  return orBadDer(() => new As(new x509.Extension(oid, extension.critical, extension.value).rawData));
}
