/** `/webhooks`: who is signed in, or a system with its token, has its own server told of what happens. */
import express from 'express';
import type { Express, Request, Response } from 'express';
import { AdapterError } from '../errors.js';
import { isJsonObject, parseJson } from '../../mappings/index.js';
import type { Webhooks } from '../services/webhooks/index.js';

export interface WebhooksService {
  /** Handle of whose feed a token hears; `undefined` for one that is not good. */
  readonly participantOf: (token: string) => string | undefined;
  readonly webhooks: Webhooks;
}

/** Addresses and what they take. */
export const WEBHOOKS_ALLOWED: readonly (readonly [path: string, allow: string])[] = [
  ['/webhooks', 'GET, HEAD, POST'],
  ['/webhooks/:id', 'DELETE'],
];

const BEARER = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i;
const BODY_BYTES_MAX = 4096;

export function mountWebhooks(app: Express, { participantOf, webhooks }: WebhooksService): void {
  const raw = express.raw({ type: () => true, limit: BODY_BYTES_MAX });
  const participant = (request: Pick<Request, 'headers'>, response: Response): string => {
    response.set('Cache-Control', 'no-store');
    const found = participantOf(BEARER.exec(request.headers.authorization ?? '')?.[1] ?? '');
    if (found === undefined) throw new AdapterError('ADAPTER_UNAUTHORIZED', 'sign in first');
    return found;
  };
  app.post('/webhooks', raw, async (request, response) => {
    const of = participant(request, response);
    const body: unknown = request.body;
    const value = parseJson(Buffer.isBuffer(body) ? body : Buffer.alloc(0));
    const url = isJsonObject(value) ? value['url'] : undefined;
    if (typeof url !== 'string' || Object.keys(value as object).length > 1)
      throw new AdapterError('ADAPTER_UNPROCESSABLE', 'send {"url": "https://…"}', { expression: 'url' });
    response.status(201).json(await webhooks.add({ participant: of, url }));
  });
  app.get('/webhooks', (request, response) => {
    const of = participant(request, response);
    response.json({ webhooks: webhooks.of(of).map((row) => webhooks.show(row)) });
  });
  app.delete('/webhooks/:id', async (request: Request<{ id: string }>, response) => {
    const of = participant(request, response);
    // Another's is answered as none.
    if (!(await webhooks.remove(of, request.params.id)))
      throw new AdapterError('ADAPTER_NOT_FOUND', 'no such webhook');
    response.status(204).end();
  });
}
