export type { Conditions, FacadeAnswer } from './answer.js';
export type { FacadeOptions } from './context.js';
export { Facade } from './facade.js';
export type { Pairs } from './listing.js';
export { PAGE_PATH } from './pages.js';
export { asksProof, PROOF_PARAMETER } from './proving.js';
export { SCORE } from './severity.js';
