/** The hospital's desk over HTTP: what its staff see, and their signed acts. */
import express from 'express';
import type { Express, Request, Response } from 'express';
import type { HospitalDesk } from '../services/desk/index.js';
import { requirePerson } from './auth/index.js';
import type { PeopleService } from './auth/index.js';

export interface DeskService {
  readonly people: Pick<PeopleService, 'personOf'>;
  readonly desk: HospitalDesk;
}

/** Addresses and what they take. */
export const DESK_ALLOWED: readonly (readonly [path: string, allow: string])[] = [
  ['/desk/sources', 'GET, HEAD'],
  ['/desk/dead-letters', 'GET, HEAD, POST'],
  ['/desk/invitations', 'POST'],
];

const BODY_BYTES_MAX = 16 * 1024;

export function mountDesk(app: Express, { people, desk }: DeskService): void {
  const raw = express.raw({ type: () => true, limit: BODY_BYTES_MAX });
  app.get('/desk/sources', async (request, response) => {
    send(response, 200, await desk.sources(requirePerson(people, request)));
  });
  app.get('/desk/dead-letters', async (request, response) => {
    const { after } = request.query;
    const person = requirePerson(people, request);
    send(response, 200, await desk.deadLetters(person, typeof after === 'string' ? after : ''));
  });
  app.post('/desk/dead-letters', raw, async (request, response) => {
    send(response, 200, await desk.actOnLetter(bodyOf(request)));
  });
  app.post('/desk/invitations', raw, async (request, response) => {
    send(response, 201, await desk.invite(bodyOf(request)));
  });
}

function send(response: Response, status: number, answer: object): void {
  response.set('Cache-Control', 'no-store').status(status).json(answer);
}

function bodyOf(request: Request): Buffer {
  const body: unknown = request.body;
  return Buffer.isBuffer(body) ? body : Buffer.alloc(0);
}
