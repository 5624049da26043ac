/**
 * Writing over FHIR REST: addresses, headers and bounds. Every write is asynchronous, whether it is asked to be or not:
 * 202 once it is durable, with the address that tells what became of it.
 *
 * @see HL7 FHIR R4, RESTful API and Asynchronous pattern
 */
import express from 'express';
import type { Express, NextFunction, Request, RequestHandler, Response } from 'express';
import { isFhirId, isRecordType } from '../../../mappings/index.js';
import { AdapterError } from '../../errors.js';
import { conditional, readBundle, readDelete, readResource } from '../../services/push/index.js';
import type { Push, PushEntry, PushHeaders } from '../../services/push/index.js';
import type { LargeBodies } from '../../instance/large-bodies.js';
import { RateLimiter } from '../../services/tokens/index.js';
import type { Caller } from '../../services/tokens/index.js';
import { callerOf, requireCaller } from '../auth/index.js';
import { isJson } from '../media.js';
import { nativeBinary } from '../native-binary.js';
import { outcome } from '../outcome.js';
import { acceptsJson, readQueryText } from './headers.js';
import { preferencesOf } from './preferences.js';
import { isLargePush, readLargePush } from './large-push.js';
import type { PushTarget } from './large-push.js';

/** What the routes need. */
export interface PushService {
  readonly push: Pick<Push, 'requireSource' | 'requireScope' | 'take' | 'report'>;
  /** Whose token it is. */
  readonly callerOf: (token: string) => Caller | undefined;
  /** Address of the endpoint, without a slash at the end. */
  readonly baseUrl: () => string;
  readonly bodyBytesMax: number;
  /** Where images go that are too large to be held. */
  readonly bodies: LargeBodies;
  /** How long a body, or the next piece of an image, may take to come, ms. */
  readonly bodyMsMax: number;
  /** Of one client, in the long run. */
  readonly requestsPerSecond: number;
  readonly nowMs: () => number;
}

/** Path of tickets below the endpoint. */
export const PUSH_PATH = 'push';

const FHIR_JSON = 'application/fhir+json; charset=utf-8';
/** Requests at once, as seconds of the long run's. */
const BURST = 4;
/** Bodies of one client that are read or parsed at once; more would let it hold more than its share of memory. */
const AT_ONCE_MAX = 8;
/** What may follow an address without changing what is asked. */
const FORMATS: ReadonlySet<string> = new Set(['_format', '_pretty']);

type Handler = (request: Request, response: Response, caller: Caller) => Promise<void>;

export function mountPush(app: Express, service: PushService): void {
  const { push, nowMs } = service;
  const guard = requireCaller(service.callerOf);
  const limiter = new RateLimiter({
    perSecond: service.requestsPerSecond,
    burst: BURST * service.requestsPerSecond,
  });
  const atOnce = new Map<string, number>();
  const readBody = timed(express.raw({ type: () => true, limit: service.bodyBytesMax }), service.bodyMsMax);

  /** Who asks, whether it may push at all and not too often: before a byte of the body is read. */
  const admit = (request: Request, response: Response): Caller => {
    void guard(request, response, () => undefined);
    const caller = callerOf(request);
    response.set('Cache-Control', 'no-store').set('Vary', 'Accept, Authorization');
    response.set('X-Content-Type-Options', 'nosniff');
    const waitS = limiter.take(caller.clientId, nowMs());
    if (waitS > 0) throw tooMany(response, waitS);
    if (!acceptsJson(request.headers.accept))
      throw new AdapterError('ADAPTER_NOT_ACCEPTABLE', 'answers are application/fhir+json');
    return caller;
  };

  const write =
    (method: string, isOurs: (request: Request) => boolean, handle: Handler) =>
    async (request: Request, response: Response, next: NextFunction): Promise<void> => {
      if (!isOurs(request)) {
        next();
        return;
      }
      const caller = admit(request, response);
      try {
        push.requireSource(caller);
      } catch (error) {
        if (error instanceof AdapterError && error.code === 'ADAPTER_TOO_MANY_REQUESTS')
          throw tooMany(response, 5);
        throw error;
      }
      requirePlain(request);
      const running = atOnce.get(caller.clientId) ?? 0;
      if (running >= AT_ONCE_MAX) throw tooMany(response, 1);
      const target = targetOf(request);
      const isStreamed = target !== undefined && isLargePush(target, request);
      const isNative = isStreamed && nativeBinary(request.headers, namedBy(target)) !== undefined;
      if (method !== 'DELETE' && !isNative && !isJson(request.headers['content-type']))
        throw new AdapterError('ADAPTER_UNSUPPORTED_MEDIA', 'send application/fhir+json in UTF-8');
      atOnce.set(caller.clientId, running + 1);
      try {
        if (!isStreamed) await readBody(request, response);
        await handle(request, response, caller);
      } finally {
        const left = (atOnce.get(caller.clientId) ?? 1) - 1;
        if (left > 0) atOnce.set(caller.clientId, left);
        else atOnce.delete(caller.clientId);
        // What is left of a refused body is not waited for.
        if (!request.complete && !response.headersSent) {
          response.set('Connection', 'close');
          request.on('error', () => undefined).resume();
        }
      }
    };

  const take = async (
    request: Request,
    response: Response,
    caller: Caller,
    kind: 'resource' | 'batch' | 'transaction',
    entries: readonly PushEntry[],
  ): Promise<void> => {
    const { ticket, accepted, settled, refused } = await push.take(caller, kind, entries);
    response.set('Content-Location', `${service.baseUrl()}/${PUSH_PATH}/${ticket}`);
    const wishes = preferencesOf(request.get('prefer'));
    const kept = wishes.has('respond-async') ? ['respond-async'] : [];
    const form = wishes.get('return');
    // What is not mapped yet cannot be shown: `return=representation` is left, and not said to be kept to.
    if (form === 'minimal' || form === 'OperationOutcome') kept.push(`return=${form}`);
    if (kept.length > 0) response.set('Preference-Applied', kept.join(', '));
    if (form === 'minimal') {
      response.status(202).end();
      return;
    }
    const text = `${accepted} accepted, ${settled} settled, ${refused} refused; the address in Content-Location tells more`;
    send(response, 202, outcome('information', 'informational', text));
  };

  const takeResource: Handler = async (request, response, caller) => {
    const target = targetOf(request);
    if (target === undefined) throw conditional();
    const { method, type, id } = target;
    push.requireScope(caller, type, method === 'PUT' ? 'u' : 'c');
    const headers = headersOf(request);
    const entry = isLargePush(target, request)
      ? await readLargePush(target, request, headers, service.bodies, service.bodyMsMax)
      : readResource(method, type, id, bodyOf(request), headers);
    try {
      await take(request, response, caller, 'resource', [entry]);
    } finally {
      if (entry.large !== undefined) await service.bodies.settle(entry.large.name);
    }
  };

  app.post(
    '/fhir',
    // Without a token it is a patient's consent, which is somebody else's.
    write('POST', hasToken, async (request, response, caller) => {
      const { ifMatch, ifNoneExist, ifNoneMatch, ifModifiedSince } = headersOf(request);
      if ([ifMatch, ifNoneExist, ifNoneMatch, ifModifiedSince].some((one) => one !== undefined))
        throw new AdapterError('ADAPTER_NOT_SUPPORTED', 'conditions stand in the entries of a Bundle');
      const { type, entries } = readBundle(bodyOf(request), (of, interaction) => {
        push.requireScope(caller, of, interaction as 'c' | 'u' | 'd');
      });
      await take(request, response, caller, type, entries);
    }),
  );
  app.post('/fhir/:type', write('POST', isOfType, takeResource));
  app.put('/fhir/:type/:id', write('PUT', isOfType, takeResource));
  app.delete(
    '/fhir/:type/:id',
    write('DELETE', isOfType, async (request, response, caller) => {
      const type = textOf(request, 'type');
      push.requireScope(caller, type, 'd');
      const entry = readDelete(type, idOf(request), headersOf(request));
      await take(request, response, caller, 'resource', [entry]);
    }),
  );
  // Conditional updates and deletes name no id.
  for (const method of ['put', 'delete'] as const)
    app[method](
      '/fhir/:type',
      write(method.toUpperCase(), isOfType, async () => {
        throw conditional();
      }),
    );
  app.patch('/fhir/:type/:id', (request, response, next) => {
    if (!isOfType(request)) {
      next();
      return;
    }
    response.set('Allow', 'GET, HEAD, PUT, DELETE');
    send(response, 405, outcome('error', 'not-supported', 'this address takes GET, HEAD, PUT, DELETE'));
  });

  app.get(`/fhir/${PUSH_PATH}/:ticket`, async (request, response) => {
    const caller = admit(request, response);
    const { atWork, total, bundle } = await push.report(caller, textOf(request, 'ticket'));
    if (atWork === 0) {
      send(response, 200, bundle);
      return;
    }
    const text = `${atWork} of ${total} at work`;
    response.set('X-Progress', text).set('Retry-After', '1');
    send(response, 202, outcome('information', 'informational', text));
  });
  app.all(`/fhir/${PUSH_PATH}/:ticket`, (_request, response) => {
    response.set('Allow', 'GET, HEAD');
    send(response, 405, outcome('error', 'not-supported', 'this address takes GET, HEAD'));
  });
}

function tooMany(response: Response, seconds: number): AdapterError {
  response.set('Retry-After', String(seconds));
  return new AdapterError(
    'ADAPTER_TOO_MANY_REQUESTS',
    `more than is taken at once; send it again in ${seconds} s`,
  );
}

/** Reads a body, but not for ever: one that trickles in holds memory and a connection. */
function timed(read: RequestHandler, msMax: number): (request: Request, response: Response) => Promise<void> {
  return (request, response) =>
    new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(
          new AdapterError('ADAPTER_SLOW_BODY', `the body did not come within ${Math.ceil(msMax / 1000)} s`),
        );
      }, msMax);
      void read(request, response, (error?: unknown) => {
        clearTimeout(timer);
        if (error === undefined) resolve();
        else reject(error);
      });
    });
}

/** @throws AdapterError ADAPTER_NOT_SUPPORTED for parameters: a conditional write, or what nobody would heed. */
function requirePlain(request: Request): void {
  if (readQueryText(request.originalUrl).some(([name]) => !FORMATS.has(name))) throw conditional();
}

function hasToken(request: Request): boolean {
  return request.headers.authorization !== undefined;
}

function isOfType(request: Request): boolean {
  return isRecordType(textOf(request, 'type'));
}

/** The resource that a PUT names, or the type that a POST does. */
function targetOf(request: Request): PushTarget | undefined {
  const type = textOf(request, 'type');
  if (request.method === 'POST' && type !== '') return { method: 'POST', type };
  return request.method === 'PUT' && request.params['id'] !== undefined
    ? { method: 'PUT', type, id: idOf(request) }
    : undefined;
}

function namedBy({ type, id }: PushTarget): { type: string; id: string } | undefined {
  return id === undefined ? undefined : { type, id };
}

function headersOf({ headers }: Request): PushHeaders {
  const ifNoneExist = headers['if-none-exist'];
  return {
    ifMatch: headers['if-match'],
    ifNoneMatch: headers['if-none-match'],
    ifModifiedSince: headers['if-modified-since'],
    ifNoneExist: Array.isArray(ifNoneExist) ? ifNoneExist.join(',') : ifNoneExist,
  };
}

/** @throws AdapterError ADAPTER_BAD_REQUEST for what is no FHIR id. */
function idOf(request: Request): string {
  const id = textOf(request, 'id');
  if (!isFhirId(id)) throw new AdapterError('ADAPTER_BAD_REQUEST', 'that is no id');
  return id;
}

function textOf(request: Request, name: string): string {
  const value = request.params[name];
  return typeof value === 'string' ? value : '';
}

function bodyOf(request: Request): Buffer {
  const body: unknown = request.body;
  return Buffer.isBuffer(body) ? body : Buffer.alloc(0);
}

function send(response: Response, status: number, body: object): void {
  response
    .status(status)
    .set('Content-Type', FHIR_JSON)
    .send(Buffer.from(JSON.stringify(body), 'utf8'));
}
