/**
 * Submissions: up to 256 drafts of one actor under one signature, and the leaf that holds it.
 */
import { LedgerError } from '../errors.js';
import { canonicalize } from './canonical-json.js';
import { verify } from './ed25519.js';
import { draftBytes } from './entry.js';
import type { Draft } from './entry.js';
import { rootOfEntries } from './merkle.js';
import type { KeyObject } from 'node:crypto';

/** Drafts in one submission: one bundle's worth, so that a signature is never far from its leaves. */
export const SUBMISSION_DRAFTS_MAX = 256;

/** First bytes of what is signed, so that no signature made for anything else can pass for one of these. */
export const SUBMISSION_DOMAIN = 'firebreak/submission/v1\n';

/** Drafts with their signed leaf, ready for an engine: its bytes no longer depend on clock or randomness. */
export type Submission = {
  /** Type `submission`; becomes the leaf before its drafts' leaves. */
  readonly leaf: Draft;
  readonly leafBytes: Buffer;
  readonly drafts: readonly Draft[];
  /** Canonical bytes of each draft. */
  readonly draftBytes: readonly Buffer[];
  /** RFC 6962 root over the drafts' bytes: 32 bytes. */
  readonly root: Buffer;
};

/** What {@link buildSubmission} takes. */
export type SubmissionInput = {
  /** Origin of the log it is meant for. */
  readonly origin: string;
  /** base64url SHA-256 of the signer's certificate; each draft's actor. */
  readonly actor: string;
  /** Signs with the certificate's Ed25519 key: 64 bytes. */
  readonly sign: (message: Buffer) => Buffer;
  /** 1 to {@link SUBMISSION_DRAFTS_MAX}. */
  readonly drafts: readonly Draft[];
  /** Nonce of the submission's leaf. */
  readonly nonce: string;
};

/** What is signed, as members of a canonical document. */
export type SubmissionClaim = {
  readonly actor: string;
  readonly count: number;
  readonly origin: string;
  /** base64url. */
  readonly root: string;
};

/**
 * The bytes under a submission's signature: the domain string, then the claim as canonical JSON.
 *
 * @throws LedgerError LEDGER_NOT_CANONICAL
 * @see RFC 8785
 */
export function submissionMessage(claim: SubmissionClaim): Buffer {
  const { actor, count, origin, root } = claim;
  return Buffer.from(SUBMISSION_DOMAIN + canonicalize({ actor, count, origin, root }), 'utf8');
}

/** RFC 6962 root over drafts' canonical bytes: 32 bytes. */
export function submissionRoot(drafts: readonly Buffer[]): Buffer {
  return rootOfEntries(drafts);
}

/**
 * Signs drafts as one submission.
 *
 * @throws LedgerError LEDGER_BAD_SUBMISSION for a wrong count, or a draft of another actor or of type
 * `submission`; and what {@link draftBytes} throws.
 */
export function buildSubmission(input: SubmissionInput): Submission {
  const { origin, actor, drafts, nonce } = input;
  if (drafts.length < 1 || drafts.length > SUBMISSION_DRAFTS_MAX) {
    throw new LedgerError('LEDGER_BAD_SUBMISSION', `a submission has 1 to ${SUBMISSION_DRAFTS_MAX} drafts`);
  }
  for (const draft of drafts) {
    if (draft.actor !== actor || draft.type === 'submission') {
      throw new LedgerError(
        'LEDGER_BAD_SUBMISSION',
        'a submission holds drafts of its one actor, no submissions',
      );
    }
  }
  const bytes = drafts.map(draftBytes);
  const root = submissionRoot(bytes);
  const claim = { actor, count: drafts.length, origin, root: root.toString('base64url') };
  const signature = input.sign(submissionMessage(claim)).toString('base64url');
  const leaf: Draft = {
    v: 1,
    type: 'submission',
    actor,
    tags: [],
    nonce,
    body: { certificate: actor, count: claim.count, origin, root: claim.root, signature },
  };
  const submission: Submission = Object.freeze({
    leaf,
    leafBytes: draftBytes(leaf),
    drafts,
    draftBytes: bytes,
    root,
  });
  built.add(submission);
  return submission;
}

const built = new WeakSet<Submission>();

/** Whether a submission came out of {@link buildSubmission} in this process, so that it fits its drafts. */
export function isBuilt(submission: Submission): boolean {
  return built.has(submission);
}

/** Why a submission does not hold. */
export type SubmissionRefusal = 'malformed' | 'origin' | 'certificate' | 'count' | 'root' | 'signature';

/** What {@link verifySubmission} takes. */
export type SubmissionCheck = {
  readonly origin: string;
  readonly leaf: Draft;
  /** Canonical bytes of the drafts that follow the leaf. */
  readonly draftBytes: readonly Buffer[];
  /** The actor's certified Ed25519 key: 32 raw bytes or a key object. */
  readonly publicKey: Uint8Array | KeyObject;
};

/**
 * Whether a submission's leaf fits its drafts and is signed by the key.
 *
 * @returns `ok`, or the first thing that does not fit.
 */
export function verifySubmission(check: SubmissionCheck): 'ok' | SubmissionRefusal {
  const { leaf } = check;
  const { certificate, count, origin, root, signature } = leaf.body;
  if (leaf.type !== 'submission' || typeof root !== 'string' || typeof signature !== 'string')
    return 'malformed';
  if (origin !== check.origin) return 'origin';
  if (certificate !== leaf.actor) return 'certificate';
  if (count !== check.draftBytes.length || count < 1 || count > SUBMISSION_DRAFTS_MAX) return 'count';
  if (submissionRoot(check.draftBytes).toString('base64url') !== root) return 'root';
  const message = submissionMessage({ actor: leaf.actor, count, origin, root });
  const bytes = Buffer.from(signature, 'base64url');
  // Decoding is lenient, so only the one encoding of these 64 bytes may pass.
  if (bytes.toString('base64url') !== signature) return 'signature';
  return verify(check.publicKey, message, bytes) ? 'ok' : 'signature';
}
