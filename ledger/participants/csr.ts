/** PKCS#10 certificate requests: how a participant asks, and what the authority refuses. */
import { createPublicKey } from 'node:crypto';
import { isSafePublicKey, privateKeyObject, rawPublicKey, sign, verify } from '../log/index.js';
import { isSafeX25519 } from '../vault/index.js';
import { bitStringDer, childrenOf, encodeDer, expect, integerDer, oidDer, readDer, Tag } from './der.js';
import type { DerValue } from './der.js';
import { ParticipantError } from './errors.js';
import type { ParticipantErrorCode } from './errors.js';
import { fromPem, toPem } from './pem.js';
import { isName, OID_GROUP, OID_ROLE, OID_X25519 } from './profile.js';
import {
  ED25519_ALGORITHM,
  extensionDer,
  KeyUsage,
  nameDer,
  oidKey,
  rawKeyOf,
  readExtensions,
  readIsAuthority,
  readKeyUsage,
  readName,
  spkiDer,
} from './x509.js';
import type { Extensions } from './x509.js';

const LABEL = 'CERTIFICATE REQUEST';
/** An RSA-4096 request with a dozen extensions has 3 KiB. */
const REQUEST_CHARS_MAX = 16_384;
const RSA_BITS_MIN = 2048;
const X25519_BYTES = 32;
/** The attributes' tag: [0], implicit. @see RFC 2986 section 4.1 */
const ATTRIBUTES = 0xa0;
const OID_EXTENSION_REQUEST = oidDer('1.2.840.113549.1.9.14');
/** Signature algorithms over MD2, MD5 and SHA-1: with RSA, ECDSA and DSA. */
const BROKEN = new Set(
  [
    '1.2.840.113549.1.1.2',
    '1.2.840.113549.1.1.4',
    '1.2.840.113549.1.1.5',
    '1.2.840.10045.4.1',
    '1.2.840.10040.4.3',
  ].map(oidKey),
);

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
  const key = privateKeyObject(seed);
  const extensions = encodeDer(
    Tag.sequence,
    extensionDer(OID_X25519, encodeDer(Tag.octetString, x25519Public)),
  );
  const info = encodeDer(
    Tag.sequence,
    integerDer(Buffer.of(0)),
    nameDer(commonName === undefined ? {} : { commonName }),
    spkiDer(rawPublicKey(key) ?? Buffer.alloc(0)),
    encodeDer(ATTRIBUTES, encodeDer(Tag.sequence, OID_EXTENSION_REQUEST, encodeDer(Tag.set, extensions))),
  );
  return {
    pem: toPem(LABEL, encodeDer(Tag.sequence, info, ED25519_ALGORITHM, bitStringDer(sign(key, info)))),
  };
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
  const { info, signature } = request;
  if (signature.content[0] !== 0 || !verify(publicKey, info.raw, signature.content.subarray(1))) {
    throw refuse('PARTICIPANT_BAD_PROOF', 'not signed by the key it asks to certify');
  }
  requireModesty(request.extensions);
  return {
    publicKey: Buffer.from(publicKey),
    x25519Public: requireX25519(request.extensions),
    commonName: request.commonName,
  };
}

interface ParsedRequest {
  readonly info: DerValue;
  readonly spki: DerValue;
  readonly algorithm: DerValue;
  /** The algorithm's OID, as `oidKey` gives it. */
  readonly algorithmKey: string;
  readonly signature: DerValue;
  readonly commonName: string | undefined;
  readonly extensions: Extensions;
}

function parse(pem: string): ParsedRequest {
  const bytes = pem.length <= REQUEST_CHARS_MAX ? fromPem(LABEL, pem) : undefined;
  if (bytes === undefined)
    throw refuse('PARTICIPANT_BAD_REQUEST', `not one PEM block of a ${LABEL.toLowerCase()}`);
  try {
    const parts = childrenOf(expect(readDer(bytes), Tag.sequence));
    const info = expect(parts[0], Tag.sequence);
    const algorithm = expect(parts[1], Tag.sequence);
    const [version, subject, spki, attributes, ...more] = childrenOf(info);
    expect(version, Tag.integer);
    if (parts.length !== 3 || more.length > 0)
      throw refuse('PARTICIPANT_BAD_REQUEST', 'more than a request has');
    const { commonName } = readName(subject);
    return {
      info,
      spki: expect(spki, Tag.sequence),
      algorithm,
      algorithmKey: expect(childrenOf(algorithm)[0], Tag.oid).raw.toString('hex'),
      signature: expect(parts[2], Tag.bitString),
      commonName,
      extensions: requestedExtensions(attributes),
    };
  } catch (cause) {
    throw new ParticipantError('PARTICIPANT_BAD_REQUEST', 'not a certificate request', { cause });
  }
}

function requestedExtensions(attributes: DerValue | undefined): Extensions {
  const requests: DerValue[] = [];
  for (const attribute of attributes === undefined ? [] : childrenOf(expect(attributes, ATTRIBUTES))) {
    const [oid, values] = childrenOf(expect(attribute, Tag.sequence));
    if (expect(oid, Tag.oid).raw.equals(OID_EXTENSION_REQUEST))
      requests.push(...childrenOf(expect(values, Tag.set)));
  }
  // With two lists it would depend on the reader which of them counts.
  if (requests.length > 1) throw refuse('PARTICIPANT_BAD_REQUEST', 'two lists of extensions');
  return requests.length === 0 ? new Map() : readExtensions(requests[0]);
}

/** Comes before the proof, since under a key of small order a signature proves nothing. */
function requireSoundKey(request: ParsedRequest): Buffer {
  if (BROKEN.has(request.algorithmKey)) {
    throw refuse('PARTICIPANT_WEAK_CRYPTO', 'signed over a broken hash');
  }
  const raw = rawKeyOf(request.spki);
  if (raw === undefined) throw refuseKey(request.spki);
  if (!request.algorithm.raw.equals(ED25519_ALGORITHM)) {
    throw refuse('PARTICIPANT_BAD_PROOF', 'an algorithm that is not of its key');
  }
  if (!isSafePublicKey(raw))
    throw refuse('PARTICIPANT_UNSAFE_KEY', 'an Ed25519 key on which verifiers disagree');
  return raw;
}

function refuseKey(spki: DerValue): ParticipantError {
  try {
    const bits = createPublicKey({ key: spki.raw, format: 'der', type: 'spki' }).asymmetricKeyDetails
      ?.modulusLength;
    return bits !== undefined && bits < RSA_BITS_MIN
      ? refuse('PARTICIPANT_WEAK_CRYPTO', `an RSA key has at least ${RSA_BITS_MIN} bits`)
      : refuse('PARTICIPANT_UNSUPPORTED_KEY', 'signatures are made with Ed25519 keys');
  } catch (cause) {
    return new ParticipantError('PARTICIPANT_BAD_REQUEST', 'not a public key', { cause });
  }
}

const GROUP = oidKey(OID_GROUP);
const ROLE = oidKey(OID_ROLE);
const X25519 = oidKey(OID_X25519);
const BASIC_CONSTRAINTS = oidKey('2.5.29.19');
const KEY_USAGE = oidKey('2.5.29.15');
const ALTERNATIVE_NAME = oidKey('2.5.29.17');
const SIGNS_OTHERS = KeyUsage.keyCertSign | KeyUsage.cRLSign;

function refuseAsking(message: string): ParticipantError {
  return refuse('PARTICIPANT_FORBIDDEN_REQUEST', message);
}

function requireModesty(extensions: Extensions): void {
  if (extensions.has(GROUP) || extensions.has(ROLE))
    throw refuseAsking('group and role are given, not asked for');
  const constraints = extensions.get(BASIC_CONSTRAINTS);
  const usage = extensions.get(KEY_USAGE);
  const names = extensions.get(ALTERNATIVE_NAME);
  try {
    if (constraints !== undefined && readIsAuthority(constraints.value))
      throw refuseAsking('asks to be an authority');
    if (usage !== undefined && (readKeyUsage(usage.value) & SIGNS_OTHERS) !== 0) {
      throw refuseAsking('asks to sign certificates');
    }
    for (const name of names === undefined ? [] : childrenOf(readDer(names.value))) {
      if (name.content.includes('*')) throw refuseAsking('asks for a wildcard name');
    }
  } catch (cause) {
    if (cause instanceof ParticipantError && cause.code !== 'PARTICIPANT_BAD_DER') throw cause;
    throw new ParticipantError('PARTICIPANT_BAD_REQUEST', 'an extension that cannot be read', { cause });
  }
}

function requireX25519(extensions: Extensions): Buffer {
  const value = extensions.get(X25519)?.value;
  const wrapped = encodeDer(Tag.octetString, value?.subarray(-X25519_BYTES) ?? Buffer.alloc(0));
  const raw =
    value?.length === X25519_BYTES || value?.equals(wrapped) === true
      ? value.subarray(-X25519_BYTES)
      : undefined;
  if (raw === undefined) throw refuse('PARTICIPANT_BAD_X25519', 'a request certifies an X25519 key');
  if (!isSafeX25519(raw)) throw refuse('PARTICIPANT_BAD_X25519', 'an unsafe X25519 key');
  return Buffer.from(raw);
}

function refuse(code: ParticipantErrorCode, message: string): ParticipantError {
  return new ParticipantError(code, message);
}
