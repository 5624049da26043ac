import { LedgerError } from '../errors.js';
import {
  AT_OFFSET,
  DRAFT_BYTES_MAX,
  draftBytes,
  isBuilt,
  SUBMISSION_DRAFTS_MAX,
  submissionRoot,
} from '../log/index.js';
import type { Submission } from '../log/index.js';
import type { EngineBatch } from './engine.js';

/** Key prefix of the engine's own rows, which no caller may touch. */
const LOG_PREFIX = 'log/';

const DRAFT_START = Buffer.from('{"actor":"', 'latin1');
const DRAFT_ACTOR_END = Buffer.from('",', 'latin1');

/** Leaves that a batch will add. */
export function leafCount(batch: EngineBatch | undefined): number {
  return (batch?.submissions ?? []).reduce((sum, { draftBytes: drafts }) => sum + 1 + drafts.length, 0);
}

/**
 * Refuses what would spoil the log for good: a leaf that does not fit its drafts, bytes that `at` cannot be
 * inserted into, entries too large. Signatures and certificates are not judged here: the engine knows no keys.
 *
 * @throws LedgerError LEDGER_BAD_SUBMISSION, LEDGER_BAD_ENTRY, LEDGER_ENTRY_TOO_LARGE
 */
export function checkBatch(origin: string, batch: EngineBatch): void {
  for (const submission of batch.submissions) checkSubmission(origin, submission);
  for (const { key } of batch.writes) {
    if (key.startsWith(LOG_PREFIX)) throw new LedgerError('LEDGER_BAD_SUBMISSION', 'a row of the log itself');
  }
}

function checkSubmission(origin: string, submission: Submission): void {
  const { leaf, leafBytes, draftBytes: drafts, root } = submission;
  // What was built here fits; to compute its hashes once more would be a tenth of an append.
  if (isBuilt(submission) && leaf.body['origin'] === origin) return;
  const fits =
    leaf.type === 'submission' &&
    leaf.body['origin'] === origin &&
    leaf.body['count'] === drafts.length &&
    leaf.body['root'] === root.toString('base64url') &&
    drafts.length >= 1 &&
    drafts.length <= SUBMISSION_DRAFTS_MAX &&
    draftBytes(leaf).equals(leafBytes) &&
    submissionRoot(drafts).equals(root);
  if (!fits)
    throw new LedgerError('LEDGER_BAD_SUBMISSION', 'a submission that does not fit its drafts or this log');
  for (const draft of drafts) checkDraft(draft);
}

function checkDraft(draft: Buffer): void {
  if (draft.length > DRAFT_BYTES_MAX) {
    throw new LedgerError('LEDGER_ENTRY_TOO_LARGE', `a draft has at most ${DRAFT_BYTES_MAX} bytes`);
  }
  const start = draft.subarray(0, DRAFT_START.length);
  const end = draft.subarray(AT_OFFSET - DRAFT_ACTOR_END.length, AT_OFFSET);
  if (!start.equals(DRAFT_START) || !end.equals(DRAFT_ACTOR_END)) {
    throw new LedgerError('LEDGER_BAD_ENTRY', 'a draft that does not begin with its actor');
  }
}
