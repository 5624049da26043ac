/** Documents that are signed by themselves come without a token: whoever sends them makes us verify, and so is counted. */
import type { NextFunction, Request, Response } from 'express';
import { AdapterError } from '../../errors.js';
import { RateLimiter } from '../../services/tokens/index.js';

/** Addresses that take such documents of organisations and their people. */
const SIGNED: ReadonlySet<string> = new Set([
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
]);

/** By the sender's address: who signed is not known before the signature was verified. */
const LIMIT = { perSecond: 50, burst: 500 };

/**
 * Refuses what comes too fast before its body is read.
 *
 * @throws AdapterError ADAPTER_TOO_MANY_REQUESTS, with `Retry-After`.
 */
export function limitSigned(
  nowMs: () => number,
): (request: Request, response: Response, next: NextFunction) => void {
  const limiter = new RateLimiter(LIMIT);
  return (request, response, next) => {
    const isSigned = request.method === 'POST' && SIGNED.has(request.path.replace(/\/$/, ''));
    const waitS = isSigned ? limiter.take(request.socket.remoteAddress ?? '', nowMs()) : 0;
    if (waitS > 0) {
      response.set('Retry-After', String(waitS));
      throw new AdapterError('ADAPTER_TOO_MANY_REQUESTS', 'too many signed documents from this address');
    }
    next();
  };
}
