export { Account } from './account.js';
export type { AccountFilter, Disclosed } from './account.js';
export { accessLog } from './access-log.js';
export type { AccessLog, AccessLogArgs, LoggedAccess } from './access-log.js';
