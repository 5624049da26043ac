/** Signing in of people: a challenge, a session for its signature, its end. */
import express from 'express';
import type { Express, Request, Response } from 'express';
import type { PersonAnswer, SignedIn, SignInChallenge } from '../contract/index.js';
import { AdapterError } from '../../errors.js';
import type { Person, SlowDown } from '../../services/people/index.js';

/** What the routes need. */
export interface PeopleService {
  readonly challenge: (address: string) => SignInChallenge | SlowDown;
  readonly open: (body: Buffer, address: string) => Promise<SignedIn | SlowDown>;
  readonly personOf: (token: string) => Person | undefined;
  readonly answerOf: (person: Person) => PersonAnswer;
  readonly end: (token: string) => Promise<void>;
}

/** Addresses and what they take. */
export const PEOPLE_ALLOWED: readonly (readonly [path: string, allow: string])[] = [
  ['/auth/challenge', 'POST'],
  ['/auth/session', 'GET, HEAD, POST, DELETE'],
];

const BODY_BYTES_MAX = 16 * 1024;
const BEARER = /^Bearer +([A-Za-z0-9_-]{43})$/i;

export function mountPeople(app: Express, service: PeopleService): void {
  const raw = express.raw({ type: () => true, limit: BODY_BYTES_MAX });
  app.post('/auth/challenge', raw, (request, response) => {
    send(response, 200, service.challenge(addressOf(request)));
  });
  app.post('/auth/session', raw, async (request, response) => {
    const body: unknown = request.body;
    const bytes = Buffer.isBuffer(body) ? body : Buffer.alloc(0);
    send(response, 201, await service.open(bytes, addressOf(request)));
  });
  app.get('/auth/session', (request, response) => {
    send(response, 200, service.answerOf(requirePerson(service, request)));
  });
  app.delete('/auth/session', async (request, response) => {
    await service.end(sessionTokenOf(request) ?? '');
    response.set('Cache-Control', 'no-store').status(204).end();
  });
}

/** The person whose session the request carries. @throws AdapterError ADAPTER_UNAUTHORIZED */
export function requirePerson({ personOf }: Pick<PeopleService, 'personOf'>, request: Request): Person {
  const token = sessionTokenOf(request);
  const person = token === undefined ? undefined : personOf(token);
  if (person === undefined) throw new AdapterError('ADAPTER_UNAUTHORIZED', 'sign in first');
  return person;
}

function sessionTokenOf(request: Request): string | undefined {
  return BEARER.exec(request.headers.authorization ?? '')?.[1];
}

function send(response: Response, status: number, answer: object): void {
  response.set('Cache-Control', 'no-store');
  if ('retryAfterS' in answer) {
    response.set('Retry-After', String(answer.retryAfterS));
    throw new AdapterError('ADAPTER_TOO_MANY_REQUESTS', 'too many sign-ins from this address');
  }
  response.status(status).json(answer);
}

function addressOf(request: Request): string {
  return request.socket.remoteAddress ?? '';
}
