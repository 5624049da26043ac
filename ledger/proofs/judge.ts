/** What the checks of all statements share: heads, leaves, entries, and who signed them. */
import { concat, equal, fromBase64url, toBase64url, utf8 } from './bytes.js';
import { hasExactly, isObject, parseCanonical } from './canonical.js';
import type { Members } from './canonical.js';
import type { CertificateBook } from './certificate-book.js';
import type { Certificate } from './certificate.js';
import { ENTRY_BYTES_MAX } from './members.js';
import type { LeafProof, SignedLeaf } from './members.js';
import { openHead } from './note.js';
import type { Head } from './note.js';
import type { Opening } from './statements.js';
import { HASH_BYTES, isIncluded, leafHash } from './tree.js';
import type { ProofTrust } from './trust.js';
import type { FoundEntry, ProofFound, ProofRefusal, ReceivedFrom } from './verdict.js';

/** Ends a check; stays inside of this folder. */
export class Refused extends Error {
  readonly code: ProofRefusal;

  constructor(code: ProofRefusal) {
    super(code);
    this.code = code;
  }
}

/** @throws Refused */
export function require(condition: boolean, code: ProofRefusal): asserts condition {
  if (!condition) throw new Refused(code);
}

/** What a check has in hand once the checkpoint is good. */
export interface Judging {
  readonly trust: ProofTrust;
  readonly head: Head;
  readonly witnesses: readonly string[];
}

/** The checkpoint under the trusted keys. @throws Refused */
export function judgeHead(checkpoint: string, trust: ProofTrust): Judging {
  const opened = openHead(checkpoint, [...trust.logs, ...trust.witnesses.keys()], trust.crypto);
  if (!opened.ok) throw new Refused(opened.code);
  const { head, signedBy } = opened;
  require(trust.logs.some((log) => log.name === head.origin && signedBy.has(log)), 'checkpoint-unknown-log');
  const witnesses = [...trust.witnesses].filter(([key]) => signedBy.has(key)).map(([, name]) => name);
  require(trust.isQuorum(witnesses), 'checkpoint-quorum');
  return { trust, head, witnesses };
}

/** What every good verdict says. */
export function foundOn({ head, witnesses }: Judging): Pick<ProofFound, 'ok' | 'log' | 'witnesses'> {
  return {
    ok: true,
    log: { origin: head.origin, size: head.size, root: toBase64url(head.root) },
    witnesses,
  };
}

/** Whether a leaf is in the tree. */
export function isInLog({ index, bytes, inclusion }: LeafProof, { head, trust }: Judging): boolean {
  const { size, root } = head;
  return isIncluded(trust.crypto, leafHash(trust.crypto, bytes), { index, size, path: inclusion }, root);
}

/** An entry as far as proofs read it. */
export interface Entry {
  readonly type: string;
  readonly actor: string;
  readonly at: number;
  readonly tags: readonly unknown[];
  readonly body: Members;
}

const ENTRY_MEMBERS = ['actor', 'at', 'body', 'nonce', 'tags', 'type', 'v'];
const SUBMISSION_DOMAIN = 'firebreak/submission/v1\n';
const DRAFTS_MAX = 256;
/** `{"actor":"<43 characters>",`, behind which `at` stands. */
const AT_OFFSET = 55;

/** What all entries share. @throws Refused @see DESIGN "The log" */
export function readEntry(bytes: Uint8Array, code: ProofRefusal): Entry {
  require(bytes.length <= ENTRY_BYTES_MAX, code);
  const value = parseCanonical(bytes);
  require(isObject(value) && hasExactly(value, ENTRY_MEMBERS), code);
  const { type, actor, at, body, tags, v } = value;
  require(v === 1 && typeof type === 'string' && isObject(body) && Array.isArray(tags), code);
  require(typeof actor === 'string' && hashIn(actor) !== undefined, code);
  require(typeof at === 'number' && Number.isSafeInteger(at) && at >= 0, code);
  return { type, actor, at, tags, body };
}

/**
 * The entry of a leaf and its actor, who signed it as it stands.
 *
 * @param certify - The certificate of a fingerprint, judged at a time; throws Refused.
 * @throws Refused
 */
export function judgeSubmission(
  leaf: LeafProof,
  submission: SignedLeaf['submission'],
  entry: Entry,
  judging: Judging,
  certify: (fingerprint: string, atMs: number) => Certificate,
): Certificate {
  const { crypto } = judging.trust;
  require(isInLog(submission, judging), 'submission-not-included');
  const signing = readEntry(submission.bytes, 'submission-malformed');
  const { certificate, count, origin, root, signature } = signing.body;
  const signed = typeof signature === 'string' ? fromBase64url(signature) : undefined;
  const draftsRoot = hashIn(root);
  require(signing.type === 'submission' &&
    signed !== undefined &&
    draftsRoot !== undefined, 'submission-malformed');
  require(typeof count === 'number' &&
    Number.isInteger(count) &&
    count >= 1 &&
    count <= DRAFTS_MAX, 'submission-malformed');
  const place = leaf.index - submission.index - 1;
  require(signing.actor === entry.actor && certificate === signing.actor, 'submission-mismatch');
  require(origin === judging.head.origin && place >= 0 && place < count, 'submission-mismatch');
  // `at` is the sequencer's: what the actor signed is the entry without it.
  const draft = concat(
    leaf.bytes.subarray(0, AT_OFFSET),
    leaf.bytes.subarray(AT_OFFSET + `"at":${entry.at},`.length),
  );
  const inDrafts = { index: place, size: count, path: submission.draftInclusion };
  require(isIncluded(crypto, leafHash(crypto, draft), inDrafts, draftsRoot), 'submission-draft');
  const actor = certify(entry.actor, signing.at);
  const message = utf8(SUBMISSION_DOMAIN + JSON.stringify({ actor: signing.actor, count, origin, root }));
  require(crypto.verifyEd25519(actor.key, message, signed), 'submission-signature');
  return actor;
}

/** An entry on the log that its actor signed. */
export interface SignedEntry {
  readonly entry: Entry;
  readonly found: FoundEntry;
  readonly actor: Certificate;
}

/** Judges a leaf with its submission, by the file's certificates. @throws Refused */
export function judgeSigned(leaf: SignedLeaf, judging: Judging, book: CertificateBook): SignedEntry {
  require(isInLog(leaf, judging), 'entry-not-included');
  const entry = readEntry(leaf.bytes, 'entry-malformed');
  const actor = judgeSubmission(leaf, leaf.submission, entry, judging, (name, atMs) =>
    book.certify(name, atMs),
  );
  return { entry, found: foundEntry(leaf, entry), actor };
}

/** An entry, named. */
export function foundEntry({ index }: LeafProof, { type, at }: Entry): FoundEntry {
  return { type, index, at };
}

/** A certificate's holder, named. */
export function holderOf({ fingerprint, commonName, organisation, group, role }: Certificate): ReceivedFrom {
  return {
    fingerprint,
    id: commonName,
    ...(organisation === undefined ? {} : { organisation }),
    group,
    ...(role === undefined ? {} : { role }),
  };
}

/** Whether an opening fits an entry's commitment. @throws Refused */
export function judgeOpening(
  { salt, bytes }: Opening,
  commitment: unknown,
  { trust: { crypto } }: Judging,
): void {
  const wanted = hashIn(commitment);
  const found = crypto.sha256(concat(salt, crypto.sha256(bytes)));
  require(wanted !== undefined && equal(found, wanted), 'opening-commitment');
}

/** 32 bytes of base64url, or `undefined`. */
export function hashIn(value: unknown): Uint8Array | undefined {
  const bytes = typeof value === 'string' ? fromBase64url(value) : undefined;
  return bytes?.length === HASH_BYTES ? bytes : undefined;
}
