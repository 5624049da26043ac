/** Who asks: found once a request, from its bearer token. */
import type { Request, RequestHandler } from 'express';
import { AdapterError } from '../../errors.js';
import { isInScope } from '../../services/tokens/index.js';
import type { Caller, Interaction } from '../../services/tokens/index.js';

const BEARER = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i;
const callers = new WeakMap<Request, Caller>();

/**
 * Lets only requests with a good token on.
 *
 * @param find - Whose token it is; `undefined` for one that is not good.
 * @throws AdapterError ADAPTER_UNAUTHORIZED, which is answered by 401, the same for all that may be wrong.
 */
export function requireCaller(find: (token: string) => Caller | undefined): RequestHandler {
  return (request, _response, next) => {
    const token = tokenOf(request);
    const caller = token === undefined ? undefined : find(token);
    if (caller === undefined) throw new AdapterError('ADAPTER_UNAUTHORIZED', 'a good access token is needed');
    callers.set(request, caller);
    next();
  };
}

/** The bearer token that a request brings, good or not. */
export function tokenOf({ headers }: Pick<Request, 'headers'>): string | undefined {
  return BEARER.exec(headers.authorization ?? '')?.[1];
}

/** The caller that {@link requireCaller} found. */
export function callerOf(request: Request): Caller {
  const caller = callers.get(request);
  if (caller === undefined) throw new Error('a route without its guard');
  return caller;
}

/** @throws AdapterError ADAPTER_FORBIDDEN when the token's scopes do not go so far. */
export function requireScope(caller: Caller, type: string, interaction: Interaction): void {
  if (!isInScope(caller.scopes, type, interaction))
    throw new AdapterError('ADAPTER_FORBIDDEN', 'the token’s scopes do not go so far');
}
