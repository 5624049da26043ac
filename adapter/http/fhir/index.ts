export { mountPush, PUSH_PATH } from './push.js';
export type { PushService } from './push.js';
export { mountFacade } from './routes.js';
export type { FacadeService } from './routes.js';
