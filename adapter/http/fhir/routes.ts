/**
 * Reading over FHIR REST: addresses and headers. What may be seen is not decided here.
 *
 * @see HL7 FHIR R4, RESTful API
 */
import { pipeline } from 'node:stream/promises';
import express from 'express';
import type { Express, NextFunction, Request, Response } from 'express';
import { isFhirId, isRecordType } from '../../../mappings/index.js';
import { AdapterError } from '../../errors.js';
import { asksProof, PAGE_PATH, PROOF_PARAMETER } from '../../services/facade/index.js';
import type { Conditions, Facade, FacadeAnswer, Pairs } from '../../services/facade/index.js';
import type { Caller } from '../../services/tokens/index.js';
import { callerOf, requireCaller, requireScope } from '../auth/index.js';
import { acceptsJson, acceptsSealed, conditionsOf, readForm, readQueryText, withProof } from './headers.js';
import { gathered, isSealed, sendBytes } from './sealed.js';

/** What the routes need. */
export interface FacadeService {
  readonly facade: Pick<Facade, 'read' | 'vread' | 'history' | 'search' | 'everything' | 'page'>;
  /** Whose token it is. */
  readonly callerOf: (token: string) => Caller | undefined;
  /** Takes one request of a client: seconds to wait, 0 when it may go on. */
  readonly limit: { take(client: string, nowMs: number): number };
  readonly nowMs: () => number;
}

type Handler = (request: Request, response: Response, caller: Caller) => Promise<void>;
/** What a reading answers, once the caller's scope covers the address's type. */
type Reading = (request: Request, caller: Caller, type: string) => Promise<FacadeAnswer>;

const FORM_BYTES_MAX = 64 * 1024;
const VARY = 'Accept, Authorization, Firebreak-Proof';
const FHIR_JSON = 'application/fhir+json; charset=utf-8';

export function mountFacade(app: Express, { facade, callerOf: find, limit, nowMs }: FacadeService): void {
  const guard = requireCaller(find);
  const form = express.raw({ type: () => true, limit: FORM_BYTES_MAX });
  /** Only for addresses that begin with a type; others are somebody else's. */
  const ofType =
    (handle: Handler) =>
    async (request: Request, response: Response, next: NextFunction): Promise<void> => {
      const type = request.params['type'];
      if (type !== undefined && (typeof type !== 'string' || !isRecordType(type))) {
        next();
        return;
      }
      void guard(request, response, () => undefined);
      const caller = callerOf(request);
      const waitS = limit.take(caller.clientId, nowMs());
      if (waitS > 0) {
        response.set('Retry-After', String(waitS));
        throw new AdapterError('ADAPTER_TOO_MANY_REQUESTS', 'this client asks too often');
      }
      response.set('Cache-Control', 'private, no-cache').set('Vary', VARY);
      response.set('X-Content-Type-Options', 'nosniff');
      await handle(request, response, caller);
    };
  const reading = (right: 'r' | 's', read: Reading) =>
    ofType(async (request, response, caller) => {
      const type = textOf(request, 'type');
      requireScope(caller, type, right);
      await send(response, await read(request, caller, type));
    });

  app.get(
    `/fhir/${PAGE_PATH}/:token`,
    ofType(async (request, response, caller) => {
      // Whether there are proofs, the link says.
      queryOf(request, [PROOF_PARAMETER]);
      await send(response, await facade.page(caller, textOf(request, 'token')));
    }),
  );
  app.get(
    '/fhir/Patient/:id/$everything',
    ofType(async (request, response, caller) => {
      requireScope(caller, 'Patient', 'r');
      await send(response, await facade.everything(caller, idOf(request, 'id'), queryOf(request)));
    }),
  );
  app.post(
    '/fhir/:type/_search',
    form,
    reading('s', async (request, caller, type) => {
      const parameters = [...readQueryText(request.originalUrl), ...readForm(request)];
      return facade.search(caller, type, withoutFormat(parameters, request));
    }),
  );
  app.get(
    '/fhir/:type',
    reading('s', async (request, caller, type) => facade.search(caller, type, queryOf(request))),
  );
  app.get(
    '/fhir/:type/_history',
    reading('r', async (request, caller, type) => facade.history(caller, type, undefined, queryOf(request))),
  );
  app.get(
    '/fhir/:type/:id',
    reading('r', async (request, caller, type) => {
      return facade.read(caller, type, idOf(request, 'id'), conditionsIn(request));
    }),
  );
  app.get(
    '/fhir/:type/:id/_history',
    reading('r', async (request, caller, type) =>
      facade.history(caller, type, idOf(request, 'id'), queryOf(request)),
    ),
  );
  app.get(
    '/fhir/:type/:id/_history/:version',
    reading('r', async (request, caller, type) => {
      const [id, version] = [idOf(request, 'id'), idOf(request, 'version')];
      return facade.vread(caller, type, id, version, conditionsIn(request));
    }),
  );
}

function textOf(request: Request, name: string): string {
  const value = request.params[name];
  return typeof value === 'string' ? value : '';
}

/** @throws AdapterError ADAPTER_BAD_REQUEST for what is no FHIR id. */
function idOf(request: Request, name: string): string {
  const id = textOf(request, name);
  if (!isFhirId(id)) throw new AdapterError('ADAPTER_BAD_REQUEST', 'that is no id');
  return id;
}

/** What a caller has already, and whether it asks for the proof. */
function conditionsIn(request: Request): Conditions {
  const isProofWanted = asksProof(queryOf(request, [PROOF_PARAMETER]));
  return { ...conditionsOf(request.headers), isProofWanted };
}

/** @param allowed - Where given, no other parameters are taken. */
function queryOf(request: Request, allowed?: readonly string[]): Pairs {
  const parameters = withoutFormat(readQueryText(request.originalUrl), request);
  if (allowed !== undefined && parameters.some(([name]) => !allowed.includes(name)))
    throw new AdapterError('ADAPTER_BAD_REQUEST', 'this address takes no parameters');
  return parameters;
}

const JSON_FORMATS: ReadonlySet<string> = new Set(['json', 'application/json', 'application/fhir+json']);

/** @throws AdapterError ADAPTER_NOT_ACCEPTABLE for another format than the one there is. */
function withoutFormat(given: Pairs, request: Request): Pairs {
  const parameters = withProof(given, request.headers);
  const formats = parameters.filter(([name]) => name === '_format').map(([, value]) => value);
  const isTaken =
    formats.length === 0
      ? acceptsJson(request.headers.accept) || acceptsSealed(request.headers.accept)
      : formats.every((one) => JSON_FORMATS.has(one));
  if (!isTaken)
    throw new AdapterError(
      'ADAPTER_NOT_ACCEPTABLE',
      'there is application/fhir+json, and sealed application/jose',
    );
  return parameters.filter(([name]) => name !== '_format');
}

async function send(response: Response, answer: FacadeAnswer): Promise<void> {
  switch (answer.kind) {
    case 'resource':
    case 'unchanged': {
      setVersion(response, answer);
      if (answer.kind === 'unchanged') response.status(304).end();
      else await sendBytes(response.status(200), answer.bytes, FHIR_JSON);
      return;
    }
    case 'content': {
      setVersion(response, answer);
      if (isSealed(response)) {
        await sendBytes(response, await gathered(answer), answer.contentType ?? FHIR_JSON);
        return;
      }
      response.set('Content-Type', answer.contentType ?? FHIR_JSON);
      // Whatever it is, a browser that is shown it must not run it.
      response.set('Content-Security-Policy', "sandbox; default-src 'none'");
      response.set('Content-Disposition', 'attachment');
      if (response.req.method === 'HEAD') response.end();
      else await pipeline(answer.body, response);
      return;
    }
    case 'bundle':
      await sendBytes(response.status(200), answer.bytes, FHIR_JSON);
      return;
    case 'gone':
      throw new AdapterError('ADAPTER_GONE', 'it was deleted');
    case 'precondition-failed':
      throw new AdapterError('ADAPTER_PRECONDITION_FAILED', 'it has another version');
    case 'forbidden':
      throw new AdapterError('ADAPTER_FORBIDDEN', 'nothing of this may be shown to you now');
    case 'none':
      // The same for what is hidden, what is another's and what never was.
      throw new AdapterError('ADAPTER_NOT_FOUND', 'nothing of that name is to be had');
  }
}

function setVersion(
  response: Response,
  { versionId, lastUpdatedMs }: { readonly versionId: string; readonly lastUpdatedMs: number },
): void {
  response.set('ETag', `W/"${versionId}"`).set('Last-Modified', new Date(lastUpdatedMs).toUTCString());
}
