export { Appender, GROUP_UNITS_MAX, tagCount, tagCountWrite, WAITING_UNITS_MAX } from './appender.js';
export type {
  AppenderOptions,
  AppendOutcome,
  ControlStaged,
  ControlType,
  ErasureOutcome,
  ErasureStaged,
  Signer,
  Stage,
  Staged,
  StagedDraft,
  StagedRows,
  TaggedSubject,
} from './appender.js';
export {
  consentEpoch,
  consentEpochWrite,
  consentsLostAt,
  consentsLostWrite,
  consentStanding,
  consentStatusWrite,
  stillStands,
} from './consent-status.js';
export type { ConsentStanding, ConsentStatus } from './consent-status.js';
export { ERASURE_DUTIES, ERASURE_REQUEST, orderByCustodian, orderByPatient } from './erasure-order.js';
export type {
  ErasureDuty,
  ErasureOrder,
  ErasureRefusal,
  ErasureRequest,
  ErasureTarget,
  SignedErasureRequest,
} from './erasure-order.js';
export { erasedKey, holdKey, isErased, isHeld } from './hold.js';
export { openLargePermitted, openPermitted } from './open.js';
export type { CarryOut, OpenedLargeRecord } from './open.js';
export { countEntries, entryTotals, totalsWrite } from './totals.js';
export type { EntryTotals } from './totals.js';
export { StateView } from './view.js';
