export { ASSERTION_ALGORITHMS, isAssertionKey, readAssertion } from './assertion.js';
export type { AssertionRefusal } from './assertion.js';
export { GROUP_PURPOSES, purposeCode, purposeCoding } from './purpose.js';
export { RateLimiter } from './rate-limit.js';
export type { RateLimit } from './rate-limit.js';
export { grantScopes, isInScope, parseScope, parseScopes, scopeText } from './scope.js';
export type { Interaction, Scope } from './scope.js';
export { TokenService } from './token-service.js';
export type { Caller, TokenAnswer, TokenError, TokenServiceOptions } from './token-service.js';
