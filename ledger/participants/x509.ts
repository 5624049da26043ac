/**
 * What requests and certificates share: the library that reads and writes them, and what it lets pass that one reading
 * must not. It reads BER, so whatever was read is written again and has to come out as the same bytes: then no two texts
 * are one value, and nothing hides where it does not look.
 *
 * @see RFC 5280 section 4, RFC 8410
 */
// oxlint-disable-next-line import/no-unassigned-import -- the library below does not load without it
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { ParticipantError } from './errors.js';

export { x509 };

/** Requests and certificates have up to a dozen extensions. */
const EXTENSIONS_MAX = 64;
/** Bounds on what is read: a request with a dozen extensions has some 150 values, 8 deep. */
export const BOUNDS: x509.ParseOptions = { berOptions: { maxNodes: 1000, maxDepth: 32 } };
/** First byte of whatever is a SEQUENCE, as both are: the library would try other bytes as text. */
const SEQUENCE = 0x30;
const ED25519_BYTES = 32;

class ReadCertificate extends x509.X509Certificate {
  /** As the library would write what it read. */
  get again(): ArrayBuffer {
    return new x509.X509Certificate(this.asn).rawData;
  }
  get parts(): typeof this.asn {
    return this.asn;
  }
}

class ReadRequest extends x509.Pkcs10CertificateRequest {
  get again(): ArrayBuffer {
    return new x509.Pkcs10CertificateRequest(this.asn).rawData;
  }
  get parts(): typeof this.asn {
    return this.asn;
  }
}

/** A certificate's parts under the names of RFC 5280. */
export type CertificateParts = ReadCertificate['parts'];
/** A request's parts under the names of RFC 2986. */
export type RequestParts = ReadRequest['parts'];

/**
 * Reads a certificate. Its parts are copies.
 *
 * @param der - DER, with nothing before or after it.
 * @throws ParticipantError PARTICIPANT_BAD_DER
 */
export function parseCertificate(der: Uint8Array): CertificateParts {
  return parseStrictly(der, (bytes) => new ReadCertificate(bytes, BOUNDS)).parts;
}

/**
 * Reads a request. Its parts are copies.
 *
 * @param der - DER, with nothing before or after it.
 * @throws ParticipantError PARTICIPANT_BAD_DER
 */
export function parseRequest(der: Uint8Array): RequestParts {
  return parseStrictly(der, (bytes) => new ReadRequest(bytes, BOUNDS)).parts;
}

function parseStrictly<T extends { readonly again: ArrayBuffer }>(
  der: Uint8Array,
  read: (bytes: Uint8Array) => T,
): T {
  return orBadDer(() => {
    if (der[0] !== SEQUENCE) throw badDer('not a SEQUENCE');
    const value = read(Uint8Array.from(der));
    requireSame(value.again, der);
    return value;
  });
}

/** Runs what calls the library, which throws errors of many kinds. @throws ParticipantError PARTICIPANT_BAD_DER */
export function orBadDer<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw cause instanceof ParticipantError ? cause : badDer('not of the structure expected', { cause });
  }
}

/** @throws ParticipantError PARTICIPANT_BAD_DER unless what was read is, written again, the same. */
export function requireSame(again: ArrayBuffer, read: Uint8Array): void {
  if (Buffer.compare(new Uint8Array(again), read) !== 0) throw badDer('not in the one form that DER has');
}

function badDer(message: string, options?: ErrorOptions): ParticipantError {
  return new ParticipantError('PARTICIPANT_BAD_DER', message, options);
}

type Algorithm = CertificateParts['signatureAlgorithm'];

/** Whether it is the one signature algorithm of the profile, which has no parameters. @see RFC 8410 section 3 */
export function isEd25519({ algorithm, parameters }: Algorithm): boolean {
  return algorithm === x509.idEd25519 && parameters === undefined;
}

/** The 32 raw bytes of an Ed25519 key; `undefined` for a key of another kind. @see RFC 8410 section 4 */
export function rawKeyOf(
  info: CertificateParts['tbsCertificate']['subjectPublicKeyInfo'],
): Buffer | undefined {
  const raw = Buffer.from(info.subjectPublicKey);
  return isEd25519(info.algorithm) && raw.length === ED25519_BYTES ? raw : undefined;
}

const OID_COMMON_NAME = '2.5.4.3';
const OID_ORGANISATION = '2.5.4.10';

/** The attributes of a name that the profile knows. */
export interface Name {
  readonly commonName?: string;
  readonly organisation?: string;
}

/** A name for the library: its common name, then its organisation, as they are. */
export function nameOf({ commonName, organisation }: Name): x509.Name {
  const attributes = [];
  if (commonName !== undefined) attributes.push({ [OID_COMMON_NAME]: [{ utf8String: commonName }] });
  if (organisation !== undefined) attributes.push({ [OID_ORGANISATION]: [{ utf8String: organisation }] });
  return new x509.Name(attributes);
}

type ReadName = CertificateParts['tbsCertificate']['subject'];

/** The DER of a name. */
export function nameBytes(name: ReadName): Buffer {
  return Buffer.from(new x509.Name(name).toArrayBuffer());
}

/** Reads a name: the attributes known, and whether there are no others (nor one twice, nor of an odd string type). */
export function readName(name: ReadName): Name & { readonly exact: boolean } {
  let exact = true;
  let commonName: string | undefined;
  let organisation: string | undefined;
  for (const attributes of name) {
    exact &&= attributes.length === 1;
    for (const { type, value } of attributes) {
      const text = value.utf8String ?? value.printableString;
      if (text !== undefined && commonName === undefined && type === OID_COMMON_NAME) commonName = text;
      else if (text !== undefined && organisation === undefined && type === OID_ORGANISATION)
        organisation = text;
      else exact = false;
    }
  }
  return {
    ...(commonName === undefined ? {} : { commonName }),
    ...(organisation === undefined ? {} : { organisation }),
    exact,
  };
}

/** The organisation of a name that has other attributes too; without one, its common name. The first of each counts. */
export function readForeignName(name: ReadName): string | undefined {
  const textOf = (wanted: string): string | undefined => {
    const found = name.flat().find(({ type }) => type === wanted)?.value;
    return found?.utf8String ?? found?.printableString;
  };
  return textOf(OID_ORGANISATION) ?? textOf(OID_COMMON_NAME);
}

/** One extension; `value` is the DER inside. */
export interface Extension {
  readonly critical: boolean;
  readonly value: Buffer;
}

/** Extensions by OID. */
export type Extensions = ReadonlyMap<string, Extension>;

/**
 * Extensions by OID, each of them once.
 *
 * @param list - `value` is the DER inside.
 * @throws ParticipantError PARTICIPANT_BAD_DER when one stands twice, or there are more than 64.
 */
export function toExtensions(
  list: readonly { readonly type: string; readonly critical: boolean; readonly value: ArrayBuffer }[],
): Extensions {
  const extensions = new Map<string, Extension>();
  for (const { type, critical, value } of list) {
    if (extensions.has(type) || extensions.size === EXTENSIONS_MAX) throw badDer('an extension too many');
    extensions.set(type, { critical, value: Buffer.from(value) });
  }
  return extensions;
}
