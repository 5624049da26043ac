export {
  addDuty,
  endDuty,
  listDuties,
  listEmergencies,
  logOrigin,
  openEmergency,
  reviewEmergency,
} from './admin.js';
export type { ExceptionalOptions } from './context.js';
export { DUTY_END_KIND, DUTY_KIND, EMERGENCY_KIND, REVIEW_KIND, signedForm } from './documents.js';
export type {
  DutyDocument,
  DutyEndDocument,
  EmergencyDocument,
  ExceptionalDocument,
  ReviewDocument,
} from './documents.js';
export type { EndedDuty, OpenedDuty } from './duties.js';
export type { OpenedEmergency, ReviewedEmergency } from './emergencies.js';
export { Exceptional } from './exceptional.js';
export { personReference } from './rows.js';
export type { ShownDuty, ShownEmergency } from '../../http/contract/index.js';
export type { DutyRow, EmergencyRow } from './rows.js';
