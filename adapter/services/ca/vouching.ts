/**
 * Organisations that another authority has certified: with a certificate that leads to a trust anchor of the
 * configuration, name and group come from there and not from whoever asks. Our authority certifies the keys all the
 * same, under the profile that the log and its proofs know.
 */
import { verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import {
  allFromPem,
  fromPem,
  judgeByLists,
  LIST_BYTES_MAX,
  readCsr,
  readForeignList,
  verifyPath,
} from '../../../ledger/participants/index.js';
import type { ForeignList, ListVerdict } from '../../../ledger/participants/index.js';
import { rawPublicKey } from '../../../ledger/log/index.js';
import { AdapterError } from '../../errors.js';
import type { ClientGroup } from '../../instance/clients.js';

/** A certificate that is trusted to certify organisations of one group. */
export interface TrustAnchor {
  readonly group: ClientGroup;
  readonly der: Buffer;
}

/** What an organisation shows. */
export interface Vouching {
  /** PEM. */
  readonly certificate: string;
  /** PEM of what lies between it and the anchor; may be empty. */
  readonly chain: string;
  /** Of the certificate's key over the DER of the request, base64; not needed where both are of one key. */
  readonly signature?: string;
}

/** What follows from it. */
export interface Vouched {
  readonly name: string;
  readonly group: ClientGroup;
  /** SHA-256 of the anchor, base64url. */
  readonly anchor: string;
  readonly serialNumber: string;
  /** When that certificate ends, ms: ours ends no later. */
  readonly notAfter?: number;
}

/** What is known of other authorities. */
export interface Trusted {
  readonly anchors: readonly TrustAnchor[];
  /** Their revocation lists, read anew each time; `undefined` where none are configured. */
  readonly lists: () => readonly ForeignList[] | undefined;
}

const ANCHORS_MAX = 64;
const CHAIN_MAX = 8;
const LABEL = 'CERTIFICATE';

/**
 * Reads the trust anchors of the configuration.
 *
 * @param text - `group=file` pairs with commas between; a file holds one or more certificates in PEM.
 * @throws AdapterError ADAPTER_BAD_CONFIG
 */
export function readTrustAnchors(text: string | undefined): TrustAnchor[] {
  if (text === undefined) return [];
  return text.split(',').flatMap((pair) => {
    const [, group, path] = /^\s*(provider|authority|payer)=(\S.*?)\s*$/.exec(pair) ?? [];
    if (group === undefined || path === undefined)
      throw bad(`trustAnchors are group=file pairs, such as provider=health-ca.pem; not ${pair.trim()}`);
    let pem: string;
    try {
      pem = readFileSync(path, 'utf8');
    } catch (cause) {
      throw new AdapterError('ADAPTER_BAD_CONFIG', `trust anchor ${path} cannot be read`, { cause });
    }
    const found = allFromPem(LABEL, pem, ANCHORS_MAX) ?? [];
    if (found.length === 0) throw bad(`trust anchor ${path} holds no certificate, or too many`);
    return found.map((der) => ({ group: group as ClientGroup, der }));
  });
}

/**
 * Reads the revocation lists of the configuration, again whenever it is asked: their authorities put new ones there.
 *
 * @param text - Files with commas between, DER or PEM.
 * @throws AdapterError ADAPTER_BAD_CONFIG for a file that cannot be read, or is no whole list.
 */
export function readLists(text: string | undefined): ForeignList[] | undefined {
  if (text === undefined) return undefined;
  return text.split(',').map((name) => {
    const file = name.trim();
    try {
      if (statSync(file).size > LIST_BYTES_MAX * 2) throw new RangeError('too large');
      const bytes = readFileSync(file);
      const isPem = bytes.subarray(0, PEM_START.length).toString('latin1') === PEM_START;
      const pem = isPem ? fromPem('X509 CRL', bytes.toString('latin1')) : bytes;
      if (pem === undefined) throw new RangeError('not one list');
      return readForeignList(pem);
    } catch (cause) {
      throw new AdapterError('ADAPTER_BAD_CONFIG', `revocation list ${file} cannot be read`, { cause });
    }
  });
}

const PEM_START = '-----BEGIN';

/**
 * What the lists say of a path.
 *
 * @param path - DER from the certificate to the anchor.
 * @returns Of the worst of its certificates; `good` where no lists are configured.
 */
export function listedIn(
  lists: readonly ForeignList[] | undefined,
  path: readonly Uint8Array[],
  nowMs: number,
): ListVerdict {
  if (lists === undefined) return 'good';
  const verdicts = path
    .slice(0, -1)
    .map((der, i) => judgeByLists(lists, der, path[i + 1] ?? new Uint8Array(), nowMs));
  if (verdicts.includes('revoked')) return 'revoked';
  return verdicts.includes('no-list') ? 'no-list' : 'good';
}

/** Whether what an organisation has shown was revoked by its authority since. */
export function isRevokedThere(
  { certificate, chain }: Vouching,
  { anchors, lists }: Trusted,
  nowMs: number,
): boolean {
  const der = fromPem(LABEL, certificate);
  const between = allFromPem(LABEL, chain, CHAIN_MAX);
  if (der === undefined || between === undefined) return false;
  const ders = anchors.map((one) => one.der);
  const path = verifyPath({ certificate: der, chain: between, anchors: ders, nowMs });
  return path.ok && listedIn(lists(), path.path, nowMs) === 'revoked';
}

/**
 * Judges what an organisation shows.
 *
 * @param csr - PKCS#10, PEM: read already.
 * @throws AdapterError ADAPTER_FORBIDDEN when it does not lead to an anchor or is not shown by its holder;
 * ADAPTER_USAGE for what is no certificate.
 */
export async function judgeVouching(
  csr: string,
  { certificate, chain, signature }: Vouching,
  { anchors, lists }: Trusted,
  nowMs: number,
): Promise<Vouched> {
  if (anchors.length === 0)
    throw refused('no other authority is trusted here: see trustAnchors in the configuration');
  const der = fromPem(LABEL, certificate);
  const between = allFromPem(LABEL, chain, CHAIN_MAX);
  if (der === undefined || between === undefined)
    throw new AdapterError('ADAPTER_USAGE', 'send one certificate in PEM, and its chain in PEM');
  for (const group of ['provider', 'authority', 'payer'] as const) {
    const ofGroup = anchors.filter((one) => one.group === group).map((one) => one.der);
    if (ofGroup.length === 0) continue;
    const path = verifyPath({ certificate: der, chain: between, anchors: ofGroup, nowMs });
    if (!path.ok && path.code === 'untrusted') continue;
    if (!path.ok) throw refused(`the certificate does not count: ${path.code}`);
    const { publicKey } = await readCsr(csr);
    const isOfOneKey = rawPublicKey(path.publicKey)?.equals(publicKey) === true;
    if (!isOfOneKey && !isSigned(path.publicKey, csr, signature))
      throw refused('the request is not signed by the key of that certificate');
    const listed = listedIn(lists(), path.path, nowMs);
    if (listed !== 'good') throw refused(`the certificate does not count: ${listed}`);
    const { name, anchor, serialNumber, notAfter } = path;
    return { name, group, anchor, serialNumber, notAfter };
  }
  throw refused('the certificate does not count: untrusted');
}

/** As OpenSSL signs: over SHA-256 by RSA and ECDSA keys. */
function isSigned(key: KeyObject, csr: string, signature: string | undefined): boolean {
  if (signature === undefined) return false;
  const hash = key.asymmetricKeyType === 'ed25519' ? null : 'sha256';
  const der = fromPem('CERTIFICATE REQUEST', csr) ?? Buffer.alloc(0);
  try {
    return verify(hash, der, key, Buffer.from(signature, 'base64'));
  } catch {
    return false;
  }
}

function refused(message: string): AdapterError {
  return new AdapterError('ADAPTER_FORBIDDEN', message);
}

function bad(message: string): AdapterError {
  return new AdapterError('ADAPTER_BAD_CONFIG', message);
}
