/** Documents that are signed by themselves need no token: whoever sends them makes us verify, and so is counted. */
import type { Express } from 'express';
import { AdapterError } from '../../errors.js';
import type { Caller } from '../../services/tokens/index.js';
import { RateLimiter } from '../../services/tokens/index.js';
import { tokenOf } from './caller.js';

/** Addresses that take such documents of organisations and their people. */
const SIGNED: readonly string[] = [
  '/requests',
  '/requests/decisions',
  '/requests/rules',
  '/cohorts/requests',
  '/cohorts/decisions',
  '/emergencies',
  '/emergencies/reviews',
  '/duties',
  '/duties/ends',
  '/webhooks',
  '/desk/dead-letters',
  '/desk/invitations',
  '/clinical/records',
  '/pki/applications',
  '/pki/authority/approvals',
  '/pki/authority/refusals',
  '/pki/authority/revocations',
];

/** Who signed is not known before the signature was verified: so by who sends it. */
const LIMIT = { perSecond: 50, burst: 500 };

export interface SignedLimit {
  /** Whose token it is; `undefined` for one that is not good. */
  readonly callerOf: (token: string) => Pick<Caller, 'clientId'> | undefined;
  readonly nowMs: () => number;
}

/**
 * Refuses what comes too fast before its body is read: counted by the client whose good token it bears, else by the address that it
 * comes from. To be mounted before the routes, whose own matching decides which they are.
 */
export function limitSigned(app: Express, { callerOf, nowMs }: SignedLimit): void {
  const limiter = new RateLimiter(LIMIT);
  app.post([...SIGNED], (request, response, next) => {
    const token = tokenOf(request);
    const client = token === undefined ? undefined : callerOf(token);
    const key =
      client === undefined ? `address ${request.socket.remoteAddress ?? ''}` : `client ${client.clientId}`;
    const waitS = limiter.take(key, nowMs());
    if (waitS > 0) {
      response.set('Retry-After', String(waitS));
      throw new AdapterError('ADAPTER_TOO_MANY_REQUESTS', 'too many signed documents from this sender');
    }
    next();
  });
}
