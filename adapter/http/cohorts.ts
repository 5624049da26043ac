/** Cohorts over HTTP: definitions, requests and decisions in; noisy counts and what concerns who asks out. */
import express from 'express';
import type { Express, Request, Response } from 'express';
import { AdapterError } from '../errors.js';
import { cohortSchema } from '../services/cohorts/index.js';
import type { Aggregates, CohortExports, Cohorts } from '../services/cohorts/index.js';
import type { Caller } from '../services/tokens/index.js';
import { callerOf, requireCaller } from './auth/index.js';

export interface CohortsService {
  readonly cohorts: Cohorts;
  readonly aggregates: Aggregates;
  readonly exports: CohortExports;
  readonly callerOf: (token: string) => Caller | undefined;
  readonly limit: { take(client: string, nowMs: number): number };
  readonly fhirUrl: () => string;
  /** A proof file of an export. @param handle - Of `cohort.exported`. */
  readonly prove: (handle: string) => Promise<string>;
  readonly nowMs: () => number;
}

/** Addresses and what they take. */
export const COHORTS_ALLOWED: readonly (readonly [path: string, allow: string])[] = [
  ['/cohorts', 'GET, HEAD, POST'],
  ['/cohorts/schema', 'GET, HEAD'],
  ['/cohorts/requests', 'POST'],
  ['/cohorts/decisions', 'POST'],
  ['/cohorts/:id', 'GET, HEAD'],
  ['/cohorts/:id/feasibility', 'POST'],
  ['/cohorts/:id/aggregate', 'POST'],
];

const BODY_BYTES_MAX = 1024 * 1024;

type Handler<P> = (request: Request<P>, response: Response, caller: Caller) => Promise<void>;

export function mountCohorts(app: Express, service: CohortsService): void {
  const { cohorts, aggregates, nowMs, limit } = service;
  const raw = express.raw({ type: () => true, limit: BODY_BYTES_MAX });
  const guard = requireCaller(service.callerOf);
  const withCaller =
    <P>(handle: Handler<P>) =>
    async (request: Request<P>, response: Response): Promise<void> => {
      const caller = callerOf(request as unknown as Request);
      const waitS = limit.take(caller.clientId, nowMs());
      if (waitS > 0) {
        response.set('Retry-After', String(waitS));
        throw new AdapterError('ADAPTER_TOO_MANY_REQUESTS', 'this client asks too often');
      }
      await handle(request, response, caller);
    };
  app.get('/cohorts/schema', (_request, response) => {
    response
      .set('Cache-Control', 'max-age=300')
      .type('application/schema+json')
      .send(JSON.stringify(cohortSchema));
  });
  // Signed by themselves: who sends them does not matter.
  app.post('/cohorts/requests', raw, async (request, response) => {
    send(response, 202, await cohorts.request(bodyOf(request)));
  });
  app.post('/cohorts/decisions', raw, async (request, response) => {
    send(response, 200, await cohorts.decide(bodyOf(request)));
  });
  app.post(
    '/cohorts',
    guard,
    raw,
    withCaller(async (request, response, caller) => {
      send(response, 201, await cohorts.define(caller, bodyOf(request)));
    }),
  );
  app.get(
    '/cohorts',
    guard,
    withCaller(async (_request, response, caller) => {
      send(response, 200, { cohorts: await cohorts.list(caller) });
    }),
  );
  app.get(
    '/cohorts/:id',
    guard,
    withCaller<Record<'id', string>>(async (request, response, caller) => {
      send(response, 200, await cohorts.shown(caller, request.params.id));
    }),
  );
  app.post(
    '/cohorts/:id/feasibility',
    guard,
    withCaller<Record<'id', string>>(async (request, response, caller) => {
      send(response, 200, await aggregates.feasibility(caller, request.params.id));
    }),
  );
  app.post(
    '/cohorts/:id/aggregate',
    guard,
    raw,
    withCaller<Record<'id', string>>(async (request, response, caller) => {
      send(response, 200, await aggregates.ask(caller, request.params.id, bodyOf(request)));
    }),
  );
}

function send(response: Response, status: number, answer: object): void {
  response.set('Cache-Control', 'no-store').status(status).json(answer);
}

function bodyOf(request: { readonly body: unknown }): Buffer {
  const { body } = request;
  return Buffer.isBuffer(body) ? body : Buffer.alloc(0);
}
