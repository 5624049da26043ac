/** The authority for people: requests for certificates in, officers' signed acts in, and what officers see out. */
import express from 'express';
import type { Express, Request, Response } from 'express';
import type { OfficersDesk } from '../services/authority/index.js';
import { requirePerson } from './auth/index.js';
import type { PeopleService } from './auth/index.js';

export interface AuthorityService {
  readonly people: Pick<PeopleService, 'personOf'>;
  readonly officers: OfficersDesk;
}

/** Addresses and what they take. */
export const AUTHORITY_ALLOWED: readonly (readonly [path: string, allow: string])[] = [
  ['/pki/applications', 'POST'],
  ['/pki/organisations', 'GET, HEAD'],
  ['/pki/authority', 'GET, HEAD'],
  ['/pki/authority/approvals', 'POST'],
  ['/pki/authority/refusals', 'POST'],
  ['/pki/authority/revocations', 'POST'],
];

const BODY_BYTES_MAX = 64 * 1024;

export function mountAuthority(app: Express, { people, officers }: AuthorityService): void {
  const raw = express.raw({ type: () => true, limit: BODY_BYTES_MAX });
  app.post('/pki/applications', raw, async (request, response) => {
    send(response, await officers.apply(bodyOf(request), request.socket.remoteAddress ?? ''));
  });
  app.get('/pki/organisations', async (_request, response) => {
    send(response, await officers.organisations());
  });
  app.get('/pki/authority', async (request, response) => {
    send(response, await officers.shown(requirePerson(people, request)));
  });
  app.post('/pki/authority/approvals', raw, async (request, response) => {
    send(response, await officers.approve(bodyOf(request)));
  });
  app.post('/pki/authority/refusals', raw, async (request, response) => {
    send(response, await officers.refuse(bodyOf(request)));
  });
  app.post('/pki/authority/revocations', raw, async (request, response) => {
    send(response, await officers.revoke(bodyOf(request)));
  });
}

function send(response: Response, answer: object): void {
  response.set('Cache-Control', 'no-store').json(answer);
}

function bodyOf(request: Request): Buffer {
  const body: unknown = request.body;
  return Buffer.isBuffer(body) ? body : Buffer.alloc(0);
}
