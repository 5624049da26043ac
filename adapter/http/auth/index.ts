export { callerOf, requireCaller, requireScope } from './caller.js';
export { mountPeople, PEOPLE_ALLOWED, requirePerson } from './people.js';
export type { PeopleService } from './people.js';
export { AUTH_ALLOWED, mountAuth, TOKEN_PATH } from './routes.js';
export type { AuthService } from './routes.js';
export { limitSigned } from './signed-limit.js';
