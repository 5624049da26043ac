/**
 * The signature of the hospital that a record came from: over the root of all that it signed together, in which this
 * record's bytes are one leaf. The others are hashes under salts that are not shown.
 */
import { concat, toBase64url, utf8 } from './bytes.js';
import { canonicalText } from './canonical.js';
import { CERTIFICATE_BYTES_MAX, judgeChain, readCertificate } from './certificate.js';
import { readJws } from './documents.js';
import { holderOf, require } from './judge.js';
import type { Judging } from './judge.js';
import { bytesOf, countOf, hashOf, membersOf, pathOf, textIn } from './members.js';
import { isIncluded, leafHash } from './tree.js';
import type { ReceivedFrom } from './verdict.js';

export interface RecordSignature {
  /** The source under whose name the hospital signed. */
  readonly source: string;
  /** Compact JWS with detached payload. */
  readonly jws: string;
  /** How many resources it covers, and which of them this is. */
  readonly count: number;
  readonly index: number;
  /** 32 bytes. */
  readonly salt: Uint8Array;
  readonly root: Uint8Array;
  readonly inclusion: readonly Uint8Array[];
  /** DER: the hospital's, by the same authority as the actor's. */
  readonly certificate: Uint8Array;
}

/** Of the document that is signed. */
const FORMAT = 'firebreak/push-signature/v1';
const COUNT_MAX = 1_000_000;
const PATH_MAX = 20;
const SOURCE_CHARS_MAX = 63;
const JWS_CHARS_MAX = 1024;
const MEMBERS = ['source', 'jws', 'count', 'index', 'salt', 'root', 'inclusion', 'certificate'];

/** @throws Malformed */
export function toRecordSignature(value: unknown): RecordSignature {
  const read = membersOf(value, MEMBERS);
  return {
    source: textIn(read['source'], SOURCE_CHARS_MAX),
    jws: textIn(read['jws'], JWS_CHARS_MAX),
    count: countOf(read['count'], COUNT_MAX),
    index: countOf(read['index'], COUNT_MAX - 1),
    // A salt of another length would let two readings fit one leaf.
    salt: hashOf(read['salt']),
    root: hashOf(read['root']),
    inclusion: pathOf(read['inclusion'], PATH_MAX),
    certificate: bytesOf(read['certificate'], CERTIFICATE_BYTES_MAX),
  };
}

export function recordSignatureJson(
  { source, jws, count, index, salt, root, inclusion, certificate }: RecordSignature,
  encode: (bytes: Uint8Array) => string,
): object {
  return {
    source,
    jws,
    count,
    index,
    salt: encode(salt),
    root: encode(root),
    inclusion: inclusion.map(encode),
    certificate: encode(certificate),
  };
}

/**
 * Judges it against the record's bytes.
 *
 * @param issuing - DER of the authority that issued the certificate.
 * @param atMs - When the record was logged.
 * @returns Who signed.
 * @throws Refused
 */
export function judgeRecordSignature(
  signature: RecordSignature,
  plaintext: Uint8Array,
  issuing: Uint8Array,
  atMs: number,
  { trust, head }: Judging,
): ReceivedFrom {
  const { crypto, root } = trust;
  const { source, count, index, salt, inclusion } = signature;
  const leaf = leafHash(crypto, concat(salt, crypto.sha256(plaintext)));
  const isCovered = isIncluded(crypto, leaf, { index, size: count, path: inclusion }, signature.root);
  require(isCovered, 'opening-signature');
  const actor = readCertificate(signature.certificate, crypto);
  const authority = readCertificate(issuing, crypto);
  require(actor !== undefined && authority !== undefined, 'certificate-malformed');
  const verdict = judgeChain({ actor, issuing: authority, root }, atMs, crypto);
  require(verdict === 'ok', verdict === 'ok' ? 'certificate-untrusted' : verdict);
  const jws = readJws(signature.jws);
  const text = canonicalText({
    format: FORMAT,
    origin: head.origin,
    source,
    count,
    root: toBase64url(signature.root),
  });
  require(jws !== undefined && text !== undefined, 'opening-signature');
  require(jws.kid === actor.fingerprint && actor.group === 'provider', 'opening-signature');
  const message = utf8(`${jws.header}.${toBase64url(utf8(text))}`);
  require(crypto.verifyEd25519(actor.key, message, jws.signature), 'opening-signature');
  return holderOf(actor);
}
