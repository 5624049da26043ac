/**
 * The hospital's own signature over what it pushes: a Provenance in the Bundle, whose targets are entries of it. Only
 * what such a signature covers counts as signed by the hospital; all else was received from it.
 *
 * What is signed is a document of five members, as all signed documents here are (a detached EdDSA JWS over its RFC 8785
 * form): `format`, `origin` of the log, `source`, `count` of the targets, and `root`, the RFC 6962 root over their leaves
 * in the order of `Provenance.target`. A leaf is salt ‖ SHA-256 of the resource's bytes as they stand in the Bundle, so
 * that each can be shown by itself and tells nothing of the others; its salt is HMAC-SHA-256 under the Provenance's.
 */
import { createHmac, hash } from 'node:crypto';
import { verifyDocument } from '../../../ledger/consent/index.js';
import { inclusionProof, leafHash, nodeHash, rootOf } from '../../../ledger/log/index.js';
import type { JsonObject as CanonicalObject } from '../../../ledger/log/index.js';
import { isJsonObject } from '../../../mappings/index.js';
import type { JsonObject, JsonValue } from '../../../mappings/index.js';
import { AdapterError } from '../../errors.js';
import type { HospitalSignature } from '../../inbound/event.js';
import type { PushEntry, PutEntry } from './entries.js';

/** Names the salt, and by it the Provenance that is meant: one that carries another signature is a record like others. */
export const SALT_URL = 'urn:firebreak:push-signature-salt';
export const SIGNATURE_FORMAT = 'firebreak/push-signature/v1';

const SALT_DERIVATION = 'firebreak/push-signature/salt/v1\n';
const SALT_BYTES = 32;
const SIG_FORMAT = 'application/jose';
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const JWS_CHARS_MAX = 4096;

/** Who may sign, and for what. */
export interface SignatureContext {
  readonly origin: string;
  readonly source: string;
  /** Handle of the custodian's enrolment. */
  readonly participant: string;
  /** base64url SHA-256 of its certificate. */
  readonly kid: string;
  /** Its certified Ed25519 key. */
  readonly publicKey: Buffer;
}

/** What a Bundle's signatures cover. */
export interface Signed {
  /** By the entry's place. */
  readonly signatures: ReadonlyMap<number, HospitalSignature>;
  /** Places of the entries that carry them: these are no records. */
  readonly carriers: ReadonlySet<number>;
}

/** The salt of one target's leaf. */
export function leafSalt(salt: Uint8Array, index: number): Buffer {
  return createHmac('sha256', salt).update(`${SALT_DERIVATION}${index}`).digest();
}

/** The leaf of one target, before RFC 6962 hashes it. */
export function signedLeaf(salt: Uint8Array, bytes: Uint8Array): Buffer {
  return Buffer.concat([salt, hash('sha256', bytes, 'buffer')]);
}

/** The document whose signature it is. */
export function signedDocument(
  { origin, source }: Pick<SignatureContext, 'origin' | 'source'>,
  count: number,
  root: Uint8Array,
): CanonicalObject {
  const text = Buffer.from(root).toString('base64url');
  return { format: SIGNATURE_FORMAT, origin, source, count, root: text };
}

/**
 * Checks the signatures of a Bundle. One that is not good refuses the whole push: whoever signs relies on it.
 *
 * @param context - `undefined` where the caller is not the custodian of its source.
 * @throws AdapterError ADAPTER_UNPROCESSABLE with the FHIRPath; ADAPTER_FORBIDDEN where nobody may sign.
 */
export function checkSignatures(
  entries: readonly PushEntry[],
  context: SignatureContext | undefined,
): Signed {
  const signatures = new Map<number, HospitalSignature>();
  const carriers = new Set<number>();
  let names: ReadonlyMap<string, number> | undefined;
  entries.forEach((entry, at) => {
    const salted = carrierOf(entry);
    if (salted === undefined || entry.kind !== 'put') return;
    carriers.add(at);
    const path = `Bundle.entry[${at}].resource`;
    if (context === undefined) {
      throw new AdapterError('ADAPTER_FORBIDDEN', 'only the custodian of the source signs its records', {
        expression: `${path}.signature`,
      });
    }
    names ??= namesOf(entries);
    const places = targetsOf(entry, entries, names, path);
    for (const [place, signature] of check(entry, places, entries, salted, context, path)) {
      if (signatures.has(place)) throw bad('an entry is signed twice', `${path}.target`);
      signatures.set(place, signature);
    }
  });
  return { signatures, carriers };
}

/** The salt's text, for a Provenance that carries a signature of this kind. */
function carrierOf(entry: PushEntry): JsonValue | undefined {
  if (entry.kind !== 'put' || entry.type !== 'Provenance') return undefined;
  const { extension } = entry.resource;
  if (!Array.isArray(extension)) return undefined;
  const salts = (extension as readonly JsonValue[])
    .filter(isJsonObject)
    .filter(({ url }) => url === SALT_URL);
  return salts.length === 0 ? undefined : (salts[0]?.['valueBase64Binary'] ?? null);
}

/** What entries are called within the Bundle. */
function namesOf(entries: readonly PushEntry[]): Map<string, number> {
  const names = new Map<string, number>();
  entries.forEach((entry, at) => {
    if (entry.kind !== 'put') return;
    if (entry.fullUrl !== undefined) names.set(entry.fullUrl, at);
    if (entry.id !== undefined) names.set(`${entry.type}/${entry.id}`, at);
  });
  return names;
}

function targetsOf(
  { resource }: PutEntry,
  entries: readonly PushEntry[],
  names: ReadonlyMap<string, number>,
  path: string,
): number[] {
  const { target } = resource;
  if (!Array.isArray(target) || target.length === 0) throw bad('it has no target', `${path}.target`);
  return (target as readonly JsonValue[]).map((one, i) => {
    const reference = isJsonObject(one) ? one['reference'] : undefined;
    const place = typeof reference === 'string' ? names.get(reference) : undefined;
    const entry = place === undefined ? undefined : entries[place];
    if (place === undefined || entry === undefined || carrierOf(entry) !== undefined)
      throw bad('a target is a resource of the same Bundle', `${path}.target[${i}]`);
    return place;
  });
}

function check(
  carrier: PutEntry,
  places: readonly number[],
  entries: readonly PushEntry[],
  salted: JsonValue,
  context: SignatureContext,
  path: string,
): [number, HospitalSignature][] {
  const salt = typeof salted === 'string' ? decode(salted) : undefined;
  if (salt?.length !== SALT_BYTES)
    throw bad(`its salt is ${SALT_BYTES} bytes in base64`, `${path}.extension`);
  const jws = jwsOf(carrier.resource, path);
  const salts = places.map((_, i) => leafSalt(salt, i));
  const leaves = places.map((place, i) => {
    const entry = entries[place];
    if (entry?.kind !== 'put') throw bad('a target is a resource of the same Bundle', `${path}.target[${i}]`);
    return leafHash(signedLeaf(salts[i] ?? salt, entry.bytes));
  });
  const root = rootOf(leaves);
  const document = signedDocument(context, places.length, root);
  const verdict = verifyDocument(document, jws, context.publicKey, context.kid);
  if (verdict !== 'ok') throw bad(`its signature is not good: ${verdict}`, `${path}.signature[0].data`);
  const read = treeOf(leaves);
  return places.map((place, index) => [
    place,
    {
      participant: context.participant,
      jws,
      source: context.source,
      count: places.length,
      index,
      salt: (salts[index] ?? salt).toString('base64url'),
      root: root.toString('base64url'),
      inclusion: inclusionProof(index, places.length, read).map((one) => one.toString('base64url')),
    },
  ]);
}

function jwsOf(resource: JsonObject, path: string): string {
  const { signature } = resource;
  const one = Array.isArray(signature) && signature.length === 1 ? (signature as JsonValue[])[0] : undefined;
  if (!isJsonObject(one)) throw bad('it has one signature', `${path}.signature`);
  if (one['sigFormat'] !== SIG_FORMAT)
    throw bad(`its signature is ${SIG_FORMAT}`, `${path}.signature[0].sigFormat`);
  const data = one['data'];
  const text = typeof data === 'string' && data.length <= JWS_CHARS_MAX ? decode(data) : undefined;
  if (text === undefined) throw bad('its signature is base64', `${path}.signature[0].data`);
  return text.toString('latin1');
}

/** Nodes of complete subtrees, each computed once. */
function treeOf(leaves: readonly Buffer[]): (height: number, index: number) => Buffer {
  const levels: Buffer[][] = [[...leaves]];
  for (let below = levels[0]; below !== undefined && below.length > 1; below = levels.at(-1)) {
    const level: Buffer[] = [];
    for (let i = 0; i + 1 < below.length; i += 2) {
      const [left, right] = [below[i], below[i + 1]];
      if (left !== undefined && right !== undefined) level.push(nodeHash(left, right));
    }
    levels.push(level);
  }
  return (height, index) => {
    const node = levels[height]?.[index];
    if (node === undefined) throw new Error('a node beyond the tree');
    return node;
  };
}

/** Strict base64; one text for one value. */
function decode(text: string): Buffer | undefined {
  if (!BASE64.test(text)) return undefined;
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}

function bad(message: string, expression: string): AdapterError {
  return new AdapterError('ADAPTER_UNPROCESSABLE', `the signature cannot be taken: ${message}`, {
    expression,
  });
}
