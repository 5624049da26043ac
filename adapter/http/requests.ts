/** Access requests over HTTP: signed documents in, and what concerns who asks out. */
import express from 'express';
import type { Express, Request, Response } from 'express';
import type { AccessRequests } from '../services/access/index.js';
import { showAccess } from '../services/access/index.js';
import { AdapterError } from '../errors.js';
import type { Person } from '../services/people/index.js';
import { requirePerson } from './auth/index.js';
import type { PeopleService } from './auth/index.js';
import type { ShownAccess } from './contract/index.js';

export interface RequestsService {
  readonly requests: AccessRequests;
  readonly people: Pick<PeopleService, 'personOf'>;
  /** Ids of whom a person speaks for: the own organisation, or the one it works for. */
  readonly organisationOf: (person: Person) => string | undefined;
}

/** Addresses and what they take. */
export const REQUESTS_ALLOWED: readonly (readonly [path: string, allow: string])[] = [
  ['/requests', 'GET, HEAD, POST'],
  ['/requests/decisions', 'POST'],
  ['/requests/rules', 'GET, HEAD, POST'],
  ['/requests/:id', 'GET, HEAD'],
];

const BODY_BYTES_MAX = 64 * 1024;

export function mountRequests(app: Express, service: RequestsService): void {
  const raw = express.raw({ type: () => true, limit: BODY_BYTES_MAX });
  const { requests } = service;
  app.post('/requests', raw, async (request, response) => {
    const asked = await requests.ask(bodyOf(request));
    send(response, asked.outcome === 'known' ? 200 : 202, asked);
  });
  app.post('/requests/decisions', raw, async (request, response) => {
    send(response, 200, await requests.decide(bodyOf(request)));
  });
  app.post('/requests/rules', raw, async (request, response) => {
    const taken = await requests.rules.take(bodyOf(request));
    send(response, taken.outcome === 'taken' && taken.state === 'in-force' ? 201 : 200, taken);
  });
  app.get('/requests/rules', (request, response) => {
    const { patient } = requirePerson(service.people, request);
    send(response, 200, { rules: patient === undefined ? [] : requests.rules.shown(patient.subjectKey) });
  });
  app.get('/requests', async (request, response) => {
    send(response, 200, { requests: await concerning(service, request) });
  });
  app.get('/requests/:id', async (request: Request<{ id: string }>, response) => {
    const shown = (await concerning(service, request)).find(({ id }) => id === request.params.id);
    // Another's is answered as none.
    if (shown === undefined) throw new AdapterError('ADAPTER_NOT_FOUND', 'no such request');
    send(response, 200, shown);
  });
}

async function concerning(service: RequestsService, request: Request): Promise<ShownAccess[]> {
  const { requests, people, organisationOf } = service;
  const person = requirePerson(people, request);
  const organisation = organisationOf(person);
  const rows = await requests.concerning({
    participant: person.participant,
    ...(organisation === undefined ? {} : { organisation }),
    ...(person.patient === undefined ? {} : { subjectKey: person.patient.subjectKey }),
  });
  return rows.map((row) => showAccess(row, requests.stateOf(row), person.patient !== undefined));
}

function send(response: Response, status: number, answer: object): void {
  response.set('Cache-Control', 'no-store').status(status).json(answer);
}

function bodyOf(request: Request): Buffer {
  const body: unknown = request.body;
  return Buffer.isBuffer(body) ? body : Buffer.alloc(0);
}
