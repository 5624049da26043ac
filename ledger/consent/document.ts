/**
 * The signature under a signed document: a compact EdDSA JWS with detached payload over the RFC 8785 form of the
 * document without `id` and `meta`, which servers set after the signing.
 *
 * @see RFC 7515 section 7.1 and appendix F, RFC 8037 section 3.1, RFC 8785
 */
import type { KeyObject } from 'node:crypto';
import { LedgerError } from '../errors.js';
import type { JsonObject, JsonValue } from '../log/index.js';
import { canonicalBytes, sign, verify } from '../log/index.js';

/**
 * Why a signature is not taken.
 *
 * - `jws-form`: not `header..signature` in strict base64url, unpadded.
 * - `jws-attached`: it carries a payload of its own.
 * - `jws-header`: the header is no JSON object, or not written as compact JSON, or says more than `alg` and `kid`.
 * - `jws-alg`: another algorithm than EdDSA, `none` included.
 * - `jws-crit`: it asks for extensions to be understood.
 * - `jws-kid`: no key id, or another than the one expected.
 * - `document`: the document has no canonical form.
 * - `signature`: made with another key, or over another document.
 */
export type DocumentRefusal =
  'jws-form' | 'jws-attached' | 'jws-header' | 'jws-alg' | 'jws-crit' | 'jws-kid' | 'document' | 'signature';

export type SignatureVerdict = 'ok' | DocumentRefusal;

const ALGORITHM = 'EdDSA';
const SIGNATURE_BYTES = 64;
/** A header holds a 43-character fingerprint; more than this is none of ours. */
const JWS_CHARS_MAX = 1024;
const BASE64URL = /^[A-Za-z0-9_-]+$/;

interface Header {
  readonly kid: string;
  readonly headerPart: string;
  readonly signature: Buffer;
}

/**
 * The bytes that a document's signature covers.
 *
 * @param document - Its `id` and `meta`, if any, are left out; everything else, narrative included, counts.
 * @throws LedgerError LEDGER_NOT_CANONICAL when it has no RFC 8785 form.
 */
export function documentBytes(document: JsonObject): Buffer {
  const signed: Record<string, JsonValue> = {};
  for (const [name, value] of Object.entries(document))
    if (name !== 'id' && name !== 'meta') define(signed, name, value);
  return canonicalBytes(signed);
}

/**
 * What Ed25519 signs: the protected header and the document, both base64url, joined by a dot.
 *
 * @see RFC 7515 section 5.1
 */
export function signingInput(document: JsonObject, kid: string): Buffer {
  return input(headerOf(kid), document);
}

/**
 * Signs a document.
 *
 * @param key - The signer's raw Ed25519 seed, or its key object.
 * @param kid - base64url SHA-256 of the signer's DER certificate.
 * @returns `header..signature`
 * @throws LedgerError LEDGER_NOT_CANONICAL, LEDGER_BAD_KEY
 */
export function signDocument(document: JsonObject, key: Uint8Array | KeyObject, kid: string): string {
  const headerPart = headerOf(kid);
  return `${headerPart}..${sign(key, input(headerPart, document)).toString('base64url')}`;
}

/**
 * Checks a document's signature. That the key was certified, and safe, at that position is the caller's to check.
 *
 * @param key - The signer's Ed25519 public key, 32 raw bytes, or its key object.
 * @param kid - The certificate the signature must name; absent: any, for a key that was looked up by it.
 */
export function verifyDocument(
  document: JsonObject,
  jws: string,
  key: Uint8Array | KeyObject,
  kid?: string,
): SignatureVerdict {
  const header = readJws(jws);
  if (typeof header === 'string') return header;
  if (kid !== undefined && header.kid !== kid) return 'jws-kid';
  let message: Buffer;
  try {
    message = input(header.headerPart, document);
  } catch (error) {
    if (error instanceof LedgerError && error.code === 'LEDGER_NOT_CANONICAL') return 'document';
    throw error;
  }
  return verify(key, message, header.signature) ? 'ok' : 'signature';
}

/**
 * The certificate that a signature names, for looking its key up.
 *
 * @returns `undefined` for what is no signature of this kind.
 */
export function documentKid(jws: string): string | undefined {
  const header = readJws(jws);
  return typeof header === 'string' ? undefined : header.kid;
}

function readJws(jws: string): Header | DocumentRefusal {
  if (typeof jws !== 'string' || jws.length > JWS_CHARS_MAX) return 'jws-form';
  const [headerPart, payloadPart, signaturePart, ...more] = jws.split('.');
  if (
    headerPart === undefined ||
    payloadPart === undefined ||
    signaturePart === undefined ||
    more.length > 0
  ) {
    return 'jws-form';
  }
  if (payloadPart !== '') return 'jws-attached';
  const headerBytes = strictBase64url(headerPart);
  if (headerBytes === undefined) return 'jws-form';
  const kid = readHeader(headerBytes.toString('utf8'));
  if (typeof kid !== 'object') return kid;
  const signature = strictBase64url(signaturePart);
  if (signature?.length !== SIGNATURE_BYTES) return 'jws-form';
  return { ...kid, headerPart, signature };
}

function readHeader(text: string): { readonly kid: string } | DocumentRefusal {
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch {
    return 'jws-header';
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header)) return 'jws-header';
  // Also finds names given twice, of which JSON.parse keeps the last and others may keep the first.
  if (JSON.stringify(header) !== text) return 'jws-header';
  const { alg, kid, crit, ...more } = header as Record<string, unknown>;
  if (alg !== ALGORITHM) return 'jws-alg';
  if (crit !== undefined) return 'jws-crit';
  if (Object.keys(more).length > 0) return 'jws-header';
  return typeof kid === 'string' && kid !== '' ? { kid } : 'jws-kid';
}

/** Bytes of base64url text without padding, white space or stray bits at its end: one text for one value. */
function strictBase64url(text: string): Buffer | undefined {
  if (!BASE64URL.test(text)) return undefined;
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? bytes : undefined;
}

function headerOf(kid: string): string {
  return Buffer.from(JSON.stringify({ alg: ALGORITHM, kid }), 'utf8').toString('base64url');
}

function input(headerPart: string, document: JsonObject): Buffer {
  return Buffer.from(`${headerPart}.${documentBytes(document).toString('base64url')}`, 'latin1');
}

/** Assigning to `__proto__` would set the prototype and so leave it out of what is signed. */
function define(target: Record<string, JsonValue>, name: string, value: JsonValue): void {
  if (name === '__proto__') Object.defineProperty(target, name, { value, enumerable: true });
  else target[name] = value;
}
