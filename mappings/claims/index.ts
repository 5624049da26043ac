export type {
  ClaimedAmount,
  ClaimedDates,
  ClaimedLine,
  ClaimedQuantity,
  ClaimRefusal,
  LineKind,
  ReadClaim,
  ReadClaimAnswer,
} from './claim.js';
export { claimResponse } from './claim-response.js';
export type { ClaimAnswerInput } from './claim-response.js';
export { EXPENSE_RECORD_TYPES, expensesFault, judgeExpenses } from './expenses.js';
export type { ExpenseRecord, ExpensesAsked, ExpensesFault, ExpensesFound } from './expenses.js';
export { CLAIM_RECORD_TYPES, judgeClaim } from './judge-line.js';
export type { Aspect, JudgedLine, LineVerdict, RecordToJudge, Truth } from './judge-line.js';
export { openableFacts } from './openable.js';
export type { OpenableFact } from './openable.js';
export { LINES_MAX, readClaim } from './read-claim.js';
export { isCurrency } from './values.js';
