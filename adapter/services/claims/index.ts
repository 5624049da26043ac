export { Claims } from './claims.js';
export type { ClaimsOptions } from './claims.js';
export { Expenses } from './expenses.js';
export { OPEN_MS_MAX, questionHash } from './questions.js';
export { ANSWERED_MAX, MISSED_MAX, QUESTIONS_MAX, triedOnce, VARIANTS_MAX, WINDOW_MS } from './limits.js';
export type { Tries } from './limits.js';
export { listClaims } from './list.js';
export type { ListedClaim } from './list.js';
