export { OfficersDesk } from './officers-desk.js';
export type { OfficersDeskOptions } from './officers-desk.js';
