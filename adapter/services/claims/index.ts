export { Claims } from './claims.js';
export type { ClaimsOptions } from './claims.js';
export { ANSWERED_MAX, MISSED_MAX, triedOnce, VARIANTS_MAX, WINDOW_MS } from './limits.js';
export type { Tries } from './limits.js';
export { listClaims } from './list.js';
export type { ListedClaim } from './list.js';
