/** `/me/…`: what a patient who is signed in is told of the own record. */
import express from 'express';
import type { Express, Request, Response } from 'express';
import { AdapterError } from '../errors.js';
import type { Person } from '../services/people/index.js';
import { requirePerson } from './auth/index.js';
import type {
  OwnAccesses,
  OwnConsent,
  OwnErasure,
  OwnExplained,
  OwnHome,
  OwnRepresentatives,
  OwnWaitingList,
} from './contract/index.js';
import { PROOF_MEDIA_TYPE } from '../../ledger/proofs/index.js';

/** What the routes need. */
export interface OwnService {
  readonly personOf: (token: string) => Person | undefined;
  readonly home: (person: Person) => Promise<OwnHome>;
  readonly consents: (person: Person) => Promise<{ consents: OwnConsent[] }>;
  readonly accesses: (person: Person) => Promise<OwnAccesses>;
  readonly accessProof: (person: Person, handle: string) => Promise<string>;
  /** A file that proves an export which the patient is in, with the patient's own lines opened. */
  readonly exportProof: (person: Person, handle: string) => Promise<string>;
  readonly waiting: (person: Person) => Promise<OwnWaitingList>;
  /** Dry run of a consent or an approval. */
  readonly explain: (person: Person, body: Buffer) => Promise<OwnExplained>;
  readonly representatives: (person: Person) => Promise<OwnRepresentatives>;
  /** What an erasure of all would destroy. */
  readonly erasure: (person: Person) => Promise<OwnErasure>;
  /** Destroys all, on the patient's signed request. */
  readonly erase: (person: Person, body: Buffer) => Promise<OwnErasure>;
  /** Takes one request of somebody: seconds to wait, 0 when it may go on. */
  readonly limit: { take(key: string, nowMs: number): number };
  readonly nowMs: () => number;
}

/** Addresses and what they take. */
export const OWN_ALLOWED: readonly (readonly [path: string, allow: string])[] = [
  ['/me', 'GET, HEAD'],
  ['/me/erasure', 'GET, HEAD, POST'],
  ['/me/explain', 'POST'],
  ['/me/*path', 'GET, HEAD'],
];

/** Of a signed request to erase. */
const ERASURE_BYTES_MAX = 16_384;
/** Of a dry run with its consent. */
const EXPLAIN_BYTES_MAX = 262_144;
const HANDLE = /^[A-Za-z0-9_-]{43}$/;

export function mountOwn(app: Express, service: OwnService): void {
  const personOf = (request: Request, response: Response): Person => {
    response.set('Cache-Control', 'no-store');
    const person = requirePerson(service, request);
    const waitS = service.limit.take(person.participant, service.nowMs());
    if (waitS > 0) {
      response.set('Retry-After', String(waitS));
      throw new AdapterError('ADAPTER_TOO_MANY_REQUESTS', 'too many requests');
    }
    return person;
  };
  app.get('/me', async (request, response) => {
    response.json(await service.home(personOf(request, response)));
  });
  app.get('/me/consents', async (request, response) => {
    response.json(await service.consents(personOf(request, response)));
  });
  app.get('/me/accesses', async (request, response) => {
    response.json(await service.accesses(personOf(request, response)));
  });
  app.get('/me/accesses/:handle/proof', async (request: Request<{ handle: string }>, response) => {
    const person = personOf(request, response);
    const { handle } = request.params;
    if (!HANDLE.test(handle))
      throw new AdapterError('ADAPTER_NOT_FOUND', 'no such access is in your account');
    const file = await service.accessProof(person, handle);
    response.type(PROOF_MEDIA_TYPE).set('Content-Disposition', 'attachment').send(file);
  });
  app.get('/me/exports/:handle/proof', async (request: Request<{ handle: string }>, response) => {
    const person = personOf(request, response);
    const { handle } = request.params;
    if (!HANDLE.test(handle)) throw new AdapterError('ADAPTER_NOT_FOUND', 'you are in no such export');
    const file = await service.exportProof(person, handle);
    response.type(PROOF_MEDIA_TYPE).set('Content-Disposition', 'attachment').send(file);
  });
  app.get('/me/erasure', async (request, response) => {
    response.json(await service.erasure(personOf(request, response)));
  });
  /** Who asks is known before a byte of the body is read. */
  const posted = (
    path: string,
    limit: number,
    act: (person: Person, body: Buffer) => Promise<object>,
  ): void => {
    app.post(
      path,
      (request, response, next) => {
        personOf(request, response);
        next();
      },
      express.raw({ type: () => true, limit }),
      async (request, response) => {
        const body: unknown = request.body;
        const person = requirePerson(service, request);
        response.json(await act(person, Buffer.isBuffer(body) ? body : Buffer.alloc(0)));
      },
    );
  };
  posted('/me/erasure', ERASURE_BYTES_MAX, service.erase);
  posted('/me/explain', EXPLAIN_BYTES_MAX, service.explain);
  app.get('/me/representatives', async (request, response) => {
    response.json(await service.representatives(personOf(request, response)));
  });
  app.get('/me/waiting', async (request, response) => {
    response.json(await service.waiting(personOf(request, response)));
  });
}
