export { listConsents, showConsent } from './consent-list.js';
export type { ListedConsent, ShownConsent } from './consent-list.js';
export { explainAccess } from './explain-access.js';
export type { ExplainArgs, ExplainedAccess, ExplainedRecord, IfSigned } from './explain-access.js';
