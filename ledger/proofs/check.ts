/**
 * Judging a proof file offline: it names the first thing that fails. Nothing in a file is believed but what hangs on
 * the keys that the caller trusts.
 *
 * @see DESIGN, invariant 8: a proof file verifies offline with three trusted keys
 */
import { checkClaim } from './check-claim.js';
import { checkDenial, checkEntries } from './check-lists.js';
import { checkExport } from './check-export.js';
import { checkReconciliation } from './check-reconciliation.js';
import { checkRecord } from './check-record.js';
import {
  checkAbsence,
  checkConsent,
  checkDisclosure,
  checkParticipant,
  checkWithdrawal,
} from './check-statements.js';
import { readProof } from './format.js';
import type { Proof } from './format.js';
import { judgeHead, Refused } from './judge.js';
import type { Judging } from './judge.js';
import type { ProofTrust } from './trust.js';
import type { ProofFound, ProofVerdict } from './verdict.js';

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
    return judge(read.proof, judgeHead(read.proof.checkpoint, trust));
  } catch (error) {
    if (error instanceof Refused) return { ok: false, code: error.code };
    throw error;
  }
}

function judge(proof: Proof, judging: Judging): ProofFound {
  switch (proof.kind) {
    case 'record':
      return checkRecord(proof, judging);
    case 'consent':
      return checkConsent(proof, judging);
    case 'withdrawal':
      return checkWithdrawal(proof, judging);
    case 'absent':
      return checkAbsence(proof, judging);
    case 'disclosure':
      return checkDisclosure(proof, judging);
    case 'participant':
      return checkParticipant(proof, judging);
    case 'entries':
      return checkEntries(proof, judging);
    case 'reconciliation':
      return checkReconciliation(proof, judging);
    case 'export':
      return checkExport(proof, judging);
    case 'claim':
      return checkClaim(proof, judging);
    case 'denial':
      break;
  }
  return checkDenial(proof, judging);
}
