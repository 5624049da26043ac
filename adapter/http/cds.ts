/** `/cds-services`: CDS Hooks 2.0. Each call is signed by its client, for this address and once. */
import express from 'express';
import type { Express, Request, Response } from 'express';
import { AdapterError } from '../errors.js';
import { CDS_SERVICES } from '../services/cds/index.js';
import type { CdsHooks } from '../services/cds/index.js';
import type { SignedCall } from '../services/tokens/index.js';

export interface CdsRoutes {
  readonly cds: CdsHooks;
  /** Who signed a call: by its JWT, the address that it was made for, and where it came from. */
  readonly callerOf: (jwt: string, audience: string, from: string) => Promise<SignedCall>;
  readonly baseUrl: () => string;
}

export const CDS_ALLOWED: readonly (readonly [path: string, allow: string])[] = [
  ['/cds-services', 'GET, HEAD'],
  ['/cds-services/:id', 'POST'],
  ['/cds-services/:id/feedback', 'POST'],
];

/** No prefetch is asked for, so a call is small; an EHR that sends some all the same has room. */
const BODY_BYTES_MAX = 1024 * 1024;
const BEARER = /^Bearer +([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)$/i;

export function mountCds(app: Express, { cds, callerOf, baseUrl }: CdsRoutes): void {
  const caller = async (request: Request, response: Response): Promise<SignedCall & { ok: true }> => {
    response.set('Cache-Control', 'no-store');
    const jwt = BEARER.exec(request.headers.authorization ?? '')?.[1];
    const call =
      jwt === undefined
        ? ({ ok: false } as const)
        : await callerOf(jwt, baseUrl() + request.path, request.socket.remoteAddress ?? '');
    if (call.ok) return call;
    if (call.retryAfterS !== undefined) {
      response.set('Retry-After', String(call.retryAfterS));
      throw new AdapterError('ADAPTER_TOO_MANY_REQUESTS', 'too many requests');
    }
    throw new AdapterError('ADAPTER_UNAUTHORIZED', 'a call is signed by a client, for this address and once');
  };
  const body = express.raw({ type: () => true, limit: BODY_BYTES_MAX });
  app.get('/cds-services', (_request, response) => {
    response.set('Cache-Control', 'max-age=300').json({ services: CDS_SERVICES });
  });
  app.post('/cds-services/:id', body, async (request: Request<{ id: string }>, response) => {
    const call = await caller(request, response);
    response.json(await cds.call(call.caller, request.params.id, bytesOf(request)));
  });
  app.post('/cds-services/:id/feedback', body, async (request: Request<{ id: string }>, response) => {
    await caller(request, response);
    response.json(cds.feedback(request.params.id, bytesOf(request)));
  });
}

function bytesOf(request: Request): Buffer {
  const body: unknown = request.body;
  return Buffer.isBuffer(body) ? body : Buffer.alloc(0);
}
