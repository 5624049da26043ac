/** PKCS#10 certificate requests: how a participant asks, and what the authority refuses. */
import { createPublicKey } from 'node:crypto';
import { isSafePublicKey, privateKeyObject, verify } from '../log/index.js';
import { isSafeX25519 } from '../vault/index.js';
import { ParticipantError } from './errors.js';
import type { ParticipantErrorCode } from './errors.js';
import {
  readAlternativeNames,
  readIsAuthority,
  readKeyUsages,
  shortContent,
  shortDer,
  Tag,
} from './extensions.js';
import { fromPem } from './pem.js';
import { isName, OID_GROUP, OID_ROLE, OID_X25519 } from './profile.js';
import { librarySigner } from './signing.js';
import {
  BOUNDS,
  isEd25519,
  nameOf,
  orBadDer,
  parseRequest,
  rawKeyOf,
  readName,
  requireSame,
  toExtensions,
  x509,
} from './x509.js';
import type { Extensions, RequestParts } from './x509.js';

const LABEL = 'CERTIFICATE REQUEST';
/** An RSA-4096 request with a dozen extensions has 3 KiB. */
const REQUEST_CHARS_MAX = 16_384;
const RSA_BITS_MIN = 2048;
const X25519_BYTES = 32;
const OID_EXTENSION_REQUEST = '1.2.840.113549.1.9.14';
/** Signature algorithms over MD2, MD5 and SHA-1: with RSA, ECDSA and DSA. */
const BROKEN: ReadonlySet<string> = new Set([
  '1.2.840.113549.1.1.2',
  '1.2.840.113549.1.1.4',
  '1.2.840.113549.1.1.5',
  '1.2.840.10045.4.1',
  '1.2.840.10040.4.3',
]);

/** What a request is made of. */
export interface CsrInput {
  /** Ed25519 private key, 32 raw bytes; it signs the request. */
  readonly seed: Uint8Array;
  /** 32 raw bytes. */
  readonly x25519Public: Uint8Array;
  /** For the authority to ignore; the participant id is of its making. Default: none. */
  readonly commonName?: string;
}

/** What a sound request asks to certify. */
export interface CertificateRequest {
  /** Ed25519, 32 raw bytes: canonical, not of small order, without torsion. */
  readonly publicKey: Buffer;
  /** 32 raw bytes: canonical and not of low order. */
  readonly x25519Public: Buffer;
  /** As asked; nothing is to be concluded from it. */
  readonly commonName: string | undefined;
}

/**
 * Makes a PKCS#10 request for an Ed25519 and an X25519 key.
 *
 * @returns PEM.
 * @throws ParticipantError PARTICIPANT_BAD_SUBJECT for a name that no certificate can carry; PARTICIPANT_BAD_X25519 for
 * an unsafe X25519 key.
 * @throws LedgerError LEDGER_BAD_KEY unless the seed has 32 bytes.
 * @see RFC 2986, RFC 8410
 */
export async function makeCsr(input: CsrInput): Promise<{ readonly pem: string }> {
  const { seed, x25519Public, commonName } = input;
  if (commonName !== undefined && !isName(commonName)) {
    throw refuse('PARTICIPANT_BAD_SUBJECT', 'a common name has 1 to 64 characters');
  }
  if (!isSafeX25519(x25519Public)) throw refuse('PARTICIPANT_BAD_X25519', 'an unsafe X25519 key');
  const { engine, keys } = librarySigner(privateKeyObject(seed));
  const request = await x509.Pkcs10CertificateRequestGenerator.create(
    {
      name: nameOf(commonName === undefined ? {} : { commonName }),
      keys,
      signingAlgorithm: keys.privateKey.algorithm,
      extensions: [new x509.Extension(OID_X25519, false, shortDer(Tag.octetString, x25519Public))],
    },
    engine,
  );
  return { pem: `${request.toString('pem')}\n` };
}

/**
 * Reads a request and checks all that the authority must know before it certifies the keys in it. Extensions other
 * than the X25519 key are never taken over; those that ask for power are refused.
 *
 * @param pem - One PEM block, at most 16 KiB. The X25519 key may be an OCTET STRING or its 32 bytes bare, for libraries
 * differ on whether they wrap it.
 * @throws ParticipantError PARTICIPANT_BAD_REQUEST, PARTICIPANT_WEAK_CRYPTO, PARTICIPANT_UNSUPPORTED_KEY,
 * PARTICIPANT_UNSAFE_KEY, PARTICIPANT_BAD_PROOF, PARTICIPANT_FORBIDDEN_REQUEST or PARTICIPANT_BAD_X25519.
 * @see RFC 2986 section 3
 */
export async function readCsr(pem: string): Promise<CertificateRequest> {
  const request = parse(pem);
  const publicKey = requireSoundKey(request);
  if (!verify(publicKey, request.signed, request.signature)) {
    throw refuse('PARTICIPANT_BAD_PROOF', 'not signed by the key it asks to certify');
  }
  requireModesty(request.extensions);
  return {
    publicKey,
    x25519Public: requireX25519(request.extensions),
    commonName: request.commonName,
  };
}

interface ParsedRequest {
  readonly key: RequestParts['certificationRequestInfo']['subjectPKInfo'];
  readonly algorithm: RequestParts['signatureAlgorithm'];
  /** The bytes signed, and their signature. */
  readonly signed: Buffer;
  readonly signature: Buffer;
  readonly commonName: string | undefined;
  readonly extensions: Extensions;
}

function parse(pem: string): ParsedRequest {
  const bytes = pem.length <= REQUEST_CHARS_MAX ? fromPem(LABEL, pem) : undefined;
  if (bytes === undefined)
    throw refuse('PARTICIPANT_BAD_REQUEST', `not one PEM block of a ${LABEL.toLowerCase()}`);
  try {
    const {
      certificationRequestInfo: info,
      certificationRequestInfoRaw: signed,
      signatureAlgorithm: algorithm,
      signature,
    } = parseRequest(bytes);
    if (signed === undefined) throw refuse('PARTICIPANT_BAD_REQUEST', 'nothing is signed');
    return {
      key: info.subjectPKInfo,
      algorithm,
      signed: Buffer.from(signed),
      signature: Buffer.from(signature),
      commonName: readName(info.subject).commonName,
      extensions: requestedExtensions(info.attributes),
    };
  } catch (cause) {
    throw new ParticipantError('PARTICIPANT_BAD_REQUEST', 'not a certificate request', { cause });
  }
}

function requestedExtensions(attributes: RequestParts['certificationRequestInfo']['attributes']): Extensions {
  const [list, ...more] = attributes
    .filter(({ type }) => type === OID_EXTENSION_REQUEST)
    .flatMap(({ values }) => values);
  // With two lists it would depend on the reader which of them counts.
  if (more.length > 0) throw refuse('PARTICIPANT_BAD_REQUEST', 'two lists of extensions');
  if (list === undefined) return toExtensions([]);
  return orBadDer(() => {
    const { rawData } = new x509.Attribute(OID_EXTENSION_REQUEST, [list]);
    const { items } = new x509.ExtensionsAttribute(rawData, BOUNDS);
    requireSame(new x509.ExtensionsAttribute(items).rawData, new Uint8Array(rawData));
    return toExtensions(items);
  });
}

/** Comes before the proof, since under a key of small order a signature proves nothing. */
function requireSoundKey(request: ParsedRequest): Buffer {
  if (BROKEN.has(request.algorithm.algorithm)) {
    throw refuse('PARTICIPANT_WEAK_CRYPTO', 'signed over a broken hash');
  }
  const raw = rawKeyOf(request.key);
  if (raw === undefined) throw refuseKey(request.key);
  if (!isEd25519(request.algorithm)) {
    throw refuse('PARTICIPANT_BAD_PROOF', 'an algorithm that is not of its key');
  }
  if (!isSafePublicKey(raw))
    throw refuse('PARTICIPANT_UNSAFE_KEY', 'an Ed25519 key on which verifiers disagree');
  return raw;
}

function refuseKey(key: ParsedRequest['key']): ParticipantError {
  try {
    const spki = Buffer.from(new x509.PublicKey(key).rawData);
    const bits = createPublicKey({ key: spki, format: 'der', type: 'spki' }).asymmetricKeyDetails
      ?.modulusLength;
    return bits !== undefined && bits < RSA_BITS_MIN
      ? refuse('PARTICIPANT_WEAK_CRYPTO', `an RSA key has at least ${RSA_BITS_MIN} bits`)
      : refuse('PARTICIPANT_UNSUPPORTED_KEY', 'signatures are made with Ed25519 keys');
  } catch (cause) {
    return new ParticipantError('PARTICIPANT_BAD_REQUEST', 'not a public key', { cause });
  }
}

const SIGNS_OTHERS = x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign;

function refuseAsking(message: string): ParticipantError {
  return refuse('PARTICIPANT_FORBIDDEN_REQUEST', message);
}

function requireModesty(extensions: Extensions): void {
  if (extensions.has(OID_GROUP) || extensions.has(OID_ROLE))
    throw refuseAsking('group and role are given, not asked for');
  try {
    if (readIsAuthority(extensions)) throw refuseAsking('asks to be an authority');
    if ((readKeyUsages(extensions) & SIGNS_OTHERS) !== 0) throw refuseAsking('asks to sign certificates');
    if (readAlternativeNames(extensions).some((name) => name.includes('*')))
      throw refuseAsking('asks for a wildcard name');
  } catch (cause) {
    if (cause instanceof ParticipantError && cause.code !== 'PARTICIPANT_BAD_DER') throw cause;
    throw new ParticipantError('PARTICIPANT_BAD_REQUEST', 'an extension that cannot be read', { cause });
  }
}

function requireX25519(extensions: Extensions): Buffer {
  const value = extensions.get(OID_X25519)?.value;
  if (value === undefined) throw refuse('PARTICIPANT_BAD_X25519', 'a request certifies an X25519 key');
  const raw = value.length === X25519_BYTES ? value : shortContent(Tag.octetString, value);
  if (raw === undefined || !isSafeX25519(raw)) throw refuse('PARTICIPANT_BAD_X25519', 'an unsafe X25519 key');
  return Buffer.from(raw);
}

function refuse(code: ParticipantErrorCode, message: string): ParticipantError {
  return new ParticipantError(code, message);
}
