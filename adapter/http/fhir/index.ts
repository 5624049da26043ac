export { mountFacade } from './routes.js';
export type { FacadeService } from './routes.js';
