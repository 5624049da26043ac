export { mountAuditEvents } from './audit-events.js';
export type { AuditEventsService } from './audit-events.js';
export { mountPush, PUSH_PATH } from './push.js';
export type { PushService } from './push.js';
export { mountFacade } from './routes.js';
export type { FacadeService } from './routes.js';
