/** `POST /fhir/Claim/$submit` and `POST /claims/expenses` for payers, and `/me/claims` for the patient whom it is about. */
import express from 'express';
import type { Express, Request, Response } from 'express';
import { AdapterError } from '../errors.js';
import type { Claims, Expenses } from '../services/claims/index.js';
import type { Person } from '../services/people/index.js';
import type { Caller } from '../services/tokens/index.js';
import { callerOf, requireCaller, requirePerson } from './auth/index.js';

export interface ClaimsService {
  readonly claims: Pick<Claims, 'submit' | 'mine' | 'mineOne'>;
  readonly expenses: Pick<Expenses, 'ask'>;
  /** Whose token it is. */
  readonly callerOf: (token: string) => Caller | undefined;
  readonly personOf: (token: string) => Person | undefined;
  /** Takes one request of somebody: seconds to wait, 0 when it may go on. */
  readonly limit: { take(key: string, nowMs: number): number };
  readonly nowMs: () => number;
}

export const CLAIMS_ALLOWED: readonly (readonly [path: string, allow: string])[] = [
  ['/fhir/Claim/$submit', 'POST'],
  ['/claims/expenses', 'POST'],
];

/** 500 lines with their narrative are far smaller. */
const BODY_BYTES_MAX = 4 * 1024 * 1024;
/** A signed question is far smaller. */
const QUESTION_BYTES_MAX = 64 * 1024;
const FHIR_JSON = 'application/fhir+json; charset=utf-8';
const HANDLE = /^[A-Za-z0-9_-]{43}$/;

export function mountClaims(app: Express, service: ClaimsService): void {
  const { claims, expenses, limit, nowMs } = service;
  const taken = (request: Request, response: Response): Caller => {
    const caller = callerOf(request);
    const waitS = limit.take(caller.clientId, nowMs());
    if (waitS === 0) return caller;
    response.set('Retry-After', String(waitS));
    throw new AdapterError('ADAPTER_TOO_MANY_REQUESTS', 'this client asks too often');
  };
  app.post(
    '/fhir/Claim/$submit',
    requireCaller(service.callerOf),
    express.raw({ type: () => true, limit: BODY_BYTES_MAX }),
    async (request, response) => {
      const answer = await claims.submit(taken(request, response), bodyOf(request));
      response.set('Cache-Control', 'no-store').set('X-Content-Type-Options', 'nosniff');
      response.set('Content-Type', FHIR_JSON);
      response.send(Buffer.from(JSON.stringify(answer), 'utf8'));
    },
  );
  app.post(
    '/claims/expenses',
    requireCaller(service.callerOf),
    express.raw({ type: () => true, limit: QUESTION_BYTES_MAX }),
    async (request, response) => {
      const answer = await expenses.ask(taken(request, response), bodyOf(request));
      response.set('Cache-Control', 'no-store').json(answer);
    },
  );
  app.get('/me/claims', async (request, response) => {
    response.set('Cache-Control', 'no-store').json(await claims.mine(requirePerson(service, request)));
  });
  app.get('/me/claims/:handle', async (request: Request<{ handle: string }>, response) => {
    const person = requirePerson(service, request);
    const { handle } = request.params;
    if (!HANDLE.test(handle)) throw new AdapterError('ADAPTER_NOT_FOUND', 'no such claim is in your account');
    response.set('Cache-Control', 'no-store').json(await claims.mineOne(person, handle));
  });
}

function bodyOf({ body }: Request): Buffer {
  return Buffer.isBuffer(body) ? body : Buffer.alloc(0);
}
