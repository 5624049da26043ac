export { callerOfPerson, readerOf } from './caller.js';
export { answerOf, Sessions } from './sessions.js';
export type { Person, SessionsOptions, SlowDown } from './sessions.js';
