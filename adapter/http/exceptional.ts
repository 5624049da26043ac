/** Emergencies and duties by law over HTTP: signed documents in, and what concerns who asks out. */
import express from 'express';
import type { Express, Request, Response } from 'express';
import type { Exceptional } from '../services/exceptional/index.js';
import { AdapterError } from '../errors.js';
import { requirePerson } from './auth/index.js';
import type { PeopleService } from './auth/index.js';

export interface ExceptionalService {
  readonly exceptional: Exceptional;
  readonly people: Pick<PeopleService, 'personOf'>;
}

/** Addresses and what they take. */
export const EXCEPTIONAL_ALLOWED: readonly (readonly [path: string, allow: string])[] = [
  ['/emergencies', 'GET, HEAD, POST'],
  ['/emergencies/reviews', 'POST'],
  ['/emergencies/:id', 'GET, HEAD'],
  ['/duties', 'GET, HEAD, POST'],
  ['/duties/ends', 'POST'],
];

const BODY_BYTES_MAX = 64 * 1024;

export function mountExceptional(app: Express, { exceptional, people }: ExceptionalService): void {
  const raw = express.raw({ type: () => true, limit: BODY_BYTES_MAX });
  const { emergencies, duties } = exceptional;
  app.post('/emergencies', raw, async (request, response) => {
    const opened = await emergencies.open(bodyOf(request));
    send(response, opened.outcome === 'known' ? 200 : 201, opened);
  });
  app.post('/emergencies/reviews', raw, async (request, response) => {
    send(response, 200, await emergencies.review(bodyOf(request)));
  });
  app.get('/emergencies', async (request, response) => {
    send(response, 200, { emergencies: await exceptional.emergenciesFor(requirePerson(people, request)) });
  });
  app.get('/emergencies/:id', async (request: Request<{ id: string }>, response) => {
    const shown = exceptional.emergencyFor(requirePerson(people, request), request.params.id);
    if (shown === undefined) throw new AdapterError('ADAPTER_NOT_FOUND', 'no such emergency');
    send(response, 200, shown);
  });
  app.post('/duties', raw, async (request, response) => {
    const opened = await duties.add(bodyOf(request));
    send(response, opened.outcome === 'known' ? 200 : 201, opened);
  });
  app.post('/duties/ends', raw, async (request, response) => {
    send(response, 200, await duties.end(bodyOf(request)));
  });
  app.get('/duties', (request, response) => {
    requirePerson(people, request);
    send(response, 200, { duties: exceptional.shownDuties() });
  });
}

function send(response: Response, status: number, answer: object): void {
  response.set('Cache-Control', 'no-store').status(status).json(answer);
}

function bodyOf(request: Request): Buffer {
  const body: unknown = request.body;
  return Buffer.isBuffer(body) ? body : Buffer.alloc(0);
}
