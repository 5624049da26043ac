export { ACCESS_ACTORS, ACCESS_EVENTS, ACCESS_STATES, accessStep, isOver } from './states.js';
export type { AccessActor, AccessEvent, AccessRefusal, AccessState, AccessStep } from './states.js';
