export { auditEventId, disclosureAudit, DISCLOSURE_TYPE, receiptHandle } from './audit-event.js';
export type { DisclosedFacts } from './audit-event.js';
