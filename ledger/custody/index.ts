export { Appender, GROUP_UNITS_MAX, tagCount, WAITING_UNITS_MAX } from './appender.js';
export type {
  AppenderOptions,
  AppendOutcome,
  ControlStaged,
  ControlType,
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
  consentStanding,
  consentStatusWrite,
  stillStands,
} from './consent-status.js';
export type { ConsentStanding, ConsentStatus } from './consent-status.js';
export { openPermitted } from './open.js';
export { countEntries, entryTotals } from './totals.js';
export type { EntryTotals } from './totals.js';
export { StateView } from './view.js';
