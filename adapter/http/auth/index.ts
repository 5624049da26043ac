export { callerOf, requireCaller, requireScope } from './caller.js';
export { AUTH_ALLOWED, mountAuth, TOKEN_PATH } from './routes.js';
export type { AuthService } from './routes.js';
