export { Erasures } from './erasures.js';
export type { EraseArgs, ErasureReport, ErasuresOptions } from './erasures.js';
export type { OrderInput } from './evidence.js';
export { Holds } from './holds.js';
export type { Hold, HoldAct } from './holds.js';
export { eraseAsAsked, eraseDue, listHolds, releaseHold, setHold } from './requests.js';
export type { EraseAnswer, EraseRequest, HoldRequest } from './requests.js';
export type { DueCounts } from './retention.js';
