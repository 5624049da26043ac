/**
 * Judging a proof file offline: it names the first thing that fails. Nothing in a file is believed but what hangs on
 * the keys that the caller trusts.
 *
 * @see DESIGN, invariant 8: a proof file verifies offline with three trusted keys
 */
import { concat, equal, fromBase64url, toBase64url, utf8 } from './bytes.js';
import { hasExactly, isObject, parseCanonical } from './canonical.js';
import type { Members } from './canonical.js';
import { judgeChain, readCertificate } from './certificate.js';
import type { Certificate, CertificateRefusal } from './certificate.js';
import { readProof } from './format.js';
import type { FormatRefusal, LeafProof, RecordOpening, RecordProof } from './format.js';
import { openHead } from './note.js';
import type { Head } from './note.js';
import { HASH_BYTES, isIncluded, leafHash } from './tree.js';
import type { ProofTrust } from './trust.js';

/** The first thing that fails, in the order of the checks. Stable. */
export type ProofRefusal =
  | FormatRefusal
  /** The checkpoint is none. */
  | 'checkpoint-malformed'
  /** A known key's signature on it fails. */
  | 'checkpoint-signature'
  /** No trusted log signed it under its own name. */
  | 'checkpoint-unknown-log'
  /** Too few of the policy's witnesses cosigned it. */
  | 'checkpoint-quorum'
  /** The entry is not in that tree at that place. */
  | 'entry-not-included'
  /** It is in the tree and no entry. */
  | 'entry-malformed'
  /** It is no record version, or another one than stated. */
  | 'statement-mismatch'
  | 'submission-not-included'
  | 'submission-malformed'
  /** It is not the one that signs for the entry: other actor, origin or place. */
  | 'submission-mismatch'
  /** The entry is not what was signed. */
  | 'submission-draft'
  | CertificateRefusal
  /** The certificate is not the actor's. */
  | 'certificate-mismatch'
  /** The actor did not sign. */
  | 'submission-signature'
  /** Salt and bytes do not give the entry's commitment. */
  | 'opening-commitment'
  /** The fact is not under the entry's root of facts, or is none. */
  | 'opening-fact';

/** Who put a record on the log. What came by a channel without signatures was received, and signed by nobody. */
export interface ReceivedFrom {
  /** base64url SHA-256 of the certificate. */
  readonly fingerprint: string;
  readonly id: string;
  readonly organisation?: string;
  readonly group: string;
  readonly role?: string;
}

/** What a good file shows of a record's content. */
export type ShownContent =
  | { readonly kind: 'none' }
  | { readonly kind: 'whole'; readonly plaintext: Uint8Array }
  | { readonly kind: 'fact'; readonly name: string; readonly value: unknown };

/** What {@link checkProof} found. */
export type ProofVerdict =
  | {
      readonly ok: true;
      /** This record version is on the log, unaltered. Says nothing on whether a later version replaced it. */
      readonly statement: { readonly kind: 'record'; readonly handle: string };
      readonly log: { readonly origin: string; readonly size: number; readonly root: string };
      /** Names of the policy's witnesses that cosigned. */
      readonly witnesses: readonly string[];
      /** `at`: when it was logged, ms since the epoch. */
      readonly entry: { readonly type: string; readonly index: number; readonly at: number };
      /** The instance that received the record and vouches for it. Its certificate was valid then; revocation is not judged. */
      readonly receivedFrom: ReceivedFrom;
      readonly content: ShownContent;
    }
  | { readonly ok: false; readonly code: ProofRefusal };

/** Entries that hold a record version: body members `handle`, `commitment`, `facts`. */
const RECORD_TYPES: ReadonlySet<unknown> = new Set(['record.stored', 'score.issued']);
const SUBMISSION_DOMAIN = 'firebreak/submission/v1\n';
const DRAFTS_MAX = 256;
const FACTS_MAX = 16;
const ENTRY_BYTES_MAX = 65_535;
/** `{"actor":"<43 characters>",`, behind which `at` stands. */
const AT_OFFSET = 55;

/**
 * Judges a proof file. Total: whatever the bytes are, it answers.
 *
 * @param file - The file's bytes.
 * @param trust - From `proofTrust`; may be used again.
 */
export function checkProof(file: Uint8Array, trust: ProofTrust): ProofVerdict {
  const read = readProof(file);
  if (!read.ok) return read;
  try {
    return judge(read.proof, trust);
  } catch (error) {
    if (error instanceof Refused) return { ok: false, code: error.code };
    throw error;
  }
}

/** Ends a check; stays inside of this file. */
class Refused extends Error {
  readonly code: ProofRefusal;

  constructor(code: ProofRefusal) {
    super(code);
    this.code = code;
  }
}

function require(condition: boolean, code: ProofRefusal): asserts condition {
  if (!condition) throw new Refused(code);
}

function judge(proof: RecordProof, trust: ProofTrust): ProofVerdict {
  const { head, witnesses } = judgeHead(proof.checkpoint, trust);
  require(isInLog(proof.entry, head, trust), 'entry-not-included');
  const entry = readEntry(proof.entry.bytes, 'entry-malformed');
  const { handle, commitment, facts } = entry.body;
  require(RECORD_TYPES.has(entry.type) && handle === proof.handle, 'statement-mismatch');
  const actor = judgeSubmission(proof, entry, head, trust);
  const content = judgeOpening(proof.opening, hashOf(commitment), hashOf(facts), trust);
  const { fingerprint, commonName, organisation, group, role } = actor;
  return {
    ok: true,
    statement: { kind: 'record', handle: proof.handle },
    log: { origin: head.origin, size: head.size, root: toBase64url(head.root) },
    witnesses,
    entry: { type: entry.type, index: proof.entry.index, at: entry.at },
    receivedFrom: {
      fingerprint,
      id: commonName,
      ...(organisation === undefined ? {} : { organisation }),
      group,
      ...(role === undefined ? {} : { role }),
    },
    content,
  };
}

function judgeHead(checkpoint: string, trust: ProofTrust): { head: Head; witnesses: string[] } {
  const opened = openHead(checkpoint, [...trust.logs, ...trust.witnesses.keys()], trust.crypto);
  if (!opened.ok) throw new Refused(opened.code);
  const { head, signedBy } = opened;
  require(trust.logs.some((log) => log.name === head.origin && signedBy.has(log)), 'checkpoint-unknown-log');
  const witnesses = [...trust.witnesses].filter(([key]) => signedBy.has(key)).map(([, name]) => name);
  require(trust.isQuorum(witnesses), 'checkpoint-quorum');
  return { head, witnesses };
}

function isInLog(
  { index, bytes, inclusion }: LeafProof,
  { size, root }: Head,
  { crypto }: ProofTrust,
): boolean {
  return isIncluded(crypto, leafHash(crypto, bytes), { index, size, path: inclusion }, root);
}

interface Entry {
  readonly type: string;
  readonly actor: string;
  readonly at: number;
  readonly body: Members;
}

const ENTRY_MEMBERS = ['actor', 'at', 'body', 'nonce', 'tags', 'type', 'v'];

/** What all entries share. @see DESIGN "The log" */
function readEntry(bytes: Uint8Array, code: ProofRefusal): Entry {
  require(bytes.length <= ENTRY_BYTES_MAX, code);
  const value = parseCanonical(bytes);
  require(isObject(value) && hasExactly(value, ENTRY_MEMBERS), code);
  const { type, actor, at, body, v } = value;
  require(v === 1 && typeof type === 'string' && isObject(body), code);
  require(typeof actor === 'string' && hashOf(actor) !== undefined, code);
  require(typeof at === 'number' && Number.isSafeInteger(at) && at >= 0, code);
  return { type, actor, at, body };
}

/** Whether the actor signed the entry as it stands; returns the actor. */
function judgeSubmission(proof: RecordProof, entry: Entry, head: Head, trust: ProofTrust): Certificate {
  const { crypto } = trust;
  const { submission } = proof;
  require(isInLog(submission, head, trust), 'submission-not-included');
  const leaf = readEntry(submission.bytes, 'submission-malformed');
  const { certificate, count, origin, root, signature } = leaf.body;
  const signed = typeof signature === 'string' ? fromBase64url(signature) : undefined;
  const draftsRoot = hashOf(root);
  require(leaf.type === 'submission' &&
    signed !== undefined &&
    draftsRoot !== undefined, 'submission-malformed');
  require(typeof count === 'number' && count >= 1 && count <= DRAFTS_MAX, 'submission-malformed');
  const place = proof.entry.index - submission.index - 1;
  require(leaf.actor === entry.actor && certificate === leaf.actor, 'submission-mismatch');
  require(origin === head.origin && place >= 0 && place < count, 'submission-mismatch');
  // `at` is the sequencer's: what the actor signed is the entry without it.
  const draft = concat(
    proof.entry.bytes.subarray(0, AT_OFFSET),
    proof.entry.bytes.subarray(AT_OFFSET + `"at":${entry.at},`.length),
  );
  const inDrafts = { index: place, size: count, path: submission.draftInclusion };
  require(isIncluded(crypto, leafHash(crypto, draft), inDrafts, draftsRoot), 'submission-draft');
  const actor = judgeActor(proof, entry, leaf.at, trust);
  const claim = { actor: leaf.actor, count, origin, root };
  const message = utf8(SUBMISSION_DOMAIN + JSON.stringify(claim));
  require(crypto.verifyEd25519(actor.key, message, signed), 'submission-signature');
  return actor;
}

function judgeActor(
  { certificates }: RecordProof,
  entry: Entry,
  atMs: number,
  trust: ProofTrust,
): Certificate {
  const { crypto, root } = trust;
  const actor = readCertificate(certificates.actor, crypto);
  const issuing = readCertificate(certificates.issuing, crypto);
  require(actor !== undefined && issuing !== undefined, 'certificate-malformed');
  require(actor.fingerprint === entry.actor, 'certificate-mismatch');
  const verdict = judgeChain({ actor, issuing, root }, atMs, crypto);
  require(verdict === 'ok', verdict === 'ok' ? 'certificate-untrusted' : verdict);
  return actor;
}

function judgeOpening(
  opening: RecordOpening,
  commitment: Uint8Array | undefined,
  facts: Uint8Array | undefined,
  { crypto }: ProofTrust,
): ShownContent {
  switch (opening.kind) {
    case 'none':
      return opening;
    case 'whole': {
      const { salt, plaintext } = opening;
      const found = crypto.sha256(concat(salt, crypto.sha256(plaintext)));
      require(commitment !== undefined && equal(found, commitment), 'opening-commitment');
      return { kind: 'whole', plaintext };
    }
    case 'fact':
      break;
  }
  const { leaf, index, count, inclusion } = opening;
  const place = { index, size: count, path: inclusion };
  const isFact = facts !== undefined && count <= FACTS_MAX;
  require(isFact && isIncluded(crypto, leafHash(crypto, leaf), place, facts), 'opening-fact');
  const fact = parseCanonical(leaf);
  require(isObject(fact) && hasExactly(fact, ['name', 'salt', 'value']), 'opening-fact');
  const { name, salt, value } = fact;
  require(typeof name === 'string' && hashOf(salt) !== undefined, 'opening-fact');
  return { kind: 'fact', name, value };
}

/** 32 bytes of base64url, or `undefined`. */
function hashOf(value: unknown): Uint8Array | undefined {
  const bytes = typeof value === 'string' ? fromBase64url(value) : undefined;
  return bytes?.length === HASH_BYTES ? bytes : undefined;
}
