/** Why a file is refused, in words: by the part of it that fails. */
import type { ProofRefusal } from '../../../ledger/proofs/index.js';

const REASONS = [
  [/^(too-large|not-json|duplicate-member|unknown-kind|malformed)$/, 'check.why.file'],
  [/^checkpoint-(unknown-log|quorum)$/, 'check.why.log'],
  [/^checkpoint-/, 'check.why.head'],
  [/^(certificate|participant)-/, 'check.why.certificate'],
  [/^(opening|listing|document|documents)-/, 'check.why.content'],
  [/^consent-(not-active|not-valid|permits)$/, 'check.why.consent'],
  [/^consent-compiler-missing$/, 'check.why.tool'],
] as const;

/** Key of the catalogue's sentence for a refusal. */
export function reasonKey(code: ProofRefusal) {
  return REASONS.find(([pattern]) => pattern.test(code))?.[1] ?? 'check.why.entry';
}
