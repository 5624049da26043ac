/**
 * Exports of cohorts: `Group/{id}/$export` and what follows.
 *
 * @see HL7 FHIR Bulk Data Access 2.0
 */
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import express from 'express';
import type { Express, NextFunction, Request, Response } from 'express';
import { AdapterError, codeOf } from '../errors.js';
import { PROOF_MEDIA_TYPE } from '../../ledger/proofs/index.js';
import { pairsOfParameters, readKickOff } from '../services/cohorts/index.js';
import type { ExportFile, ExportRow } from '../services/cohorts/index.js';
import { preferencesOf } from './fhir/preferences.js';
import { isInScope, RateLimiter } from '../services/tokens/index.js';
import type { Caller } from '../services/tokens/index.js';
import { callerOf, requireCaller } from './auth/index.js';
import type { CohortsService } from './cohorts.js';
import { outcome } from './outcome.js';

/** Addresses and what they take. */
export const BULK_ALLOWED: readonly (readonly [path: string, allow: string])[] = [
  ['/fhir/Group/:id/$export', 'GET, POST'],
  ['/fhir/bulk/:id', 'GET, HEAD, DELETE'],
  ['/fhir/bulk/:id/:name', 'GET, HEAD'],
];

const BODY_BYTES_MAX = 64 * 1024;
const FHIR_JSON = 'application/fhir+json; charset=utf-8';
const NDJSON = 'application/fhir+ndjson';
/** Between two looks at a status, s. */
const RETRY_S = 1;
/** Made when they are asked for. */
const DELETED = 'deleted.ndjson';
const ERRORS = 'errors.ndjson';
const PROOF = 'proof.json';

type Id = Record<'id', string>;

export function mountBulkExport(app: Express, service: CohortsService): void {
  const { cohorts, exports, nowMs, fhirUrl } = service;
  const raw = express.raw({ type: () => true, limit: BODY_BYTES_MAX });
  const guard = requireCaller(service.callerOf);
  const polls = new RateLimiter({ perSecond: 2, burst: 4 });

  const kickOff = async (request: Request<Id>, response: Response): Promise<void> => {
    const caller = callerOf(request as Request);
    const prefer = preferencesOf(request.get('prefer'));
    if (!prefer.has('respond-async'))
      throw new AdapterError('ADAPTER_BAD_REQUEST', 'an export is asked for with Prefer: respond-async');
    const query = [...new URL(request.originalUrl, 'http://x').searchParams];
    const body: unknown = request.body;
    const pairs =
      request.method === 'POST' && Buffer.isBuffer(body) && body.length > 0
        ? [...query, ...pairsOfParameters(body)]
        : query;
    const { id } = request.params;
    const { definition } = cohorts.own(caller, id);
    const url = `${fhirUrl()}/Group/${id}/$export${new URL(request.originalUrl, 'http://x').search}`;
    const asked = readKickOff(pairs, url, prefer.get('handling') === 'lenient');
    // Without _type an export is of what the token reaches.
    const types = asked.types ?? definition.types.filter((type) => isInScope(caller.scopes, type, 'r'));
    if (types.length === 0 || !types.every((type) => isInScope(caller.scopes, type, 'r')))
      throw new AdapterError('ADAPTER_FORBIDDEN', 'the token’s scopes do not go so far');
    const isAll = types.length === definition.types.length && asked.types === undefined;
    const row = await exports.begin(caller, id, isAll ? asked : { ...asked, types });
    response.set('Content-Location', `${fhirUrl()}/bulk/${row.id}`);
    sendFhir(response, 202, outcome('information', 'informational', 'the export has begun'));
  };
  app.get('/fhir/Group/:id/$export', guard, kickOff);
  app.post('/fhir/Group/:id/$export', guard, raw, kickOff);

  app.get('/fhir/bulk/:id', guard, (request: Request<Id>, response: Response) => {
    const caller = callerOf(request as Request);
    const row = exports.own(caller, request.params.id);
    const waitS = polls.take(`${caller.clientId} ${row.id}`, nowMs());
    if (waitS > 0) {
      response.set('Retry-After', String(waitS + RETRY_S));
      throw new AdapterError('ADAPTER_TOO_MANY_REQUESTS', 'look less often');
    }
    response.set('Cache-Control', 'no-store');
    if (row.state === 'failed') throw new AdapterError('ADAPTER_UNPROCESSABLE', row.error ?? 'it failed');
    if (row.state !== 'done') {
      response
        .set('X-Progress', exports.progressOf(row.id))
        .set('Retry-After', String(RETRY_S))
        .status(202)
        .end();
      return;
    }
    response.set('Expires', new Date(row.expiresAt).toUTCString());
    response
      .status(200)
      .type('application/json')
      .send(JSON.stringify(manifest(row)));
  });

  app.delete('/fhir/bulk/:id', guard, async (request: Request<Id>, response: Response) => {
    await exports.remove(callerOf(request as Request), request.params.id);
    sendFhir(response, 202, outcome('information', 'informational', 'the export is gone'));
  });

  app.get(
    '/fhir/bulk/:id/:name',
    guard,
    async (request: Request<Record<'id' | 'name', string>>, response: Response, next: NextFunction) => {
      const caller = callerOf(request as Request);
      const { id, name } = request.params;
      response.set('Cache-Control', 'no-store').set('Vary', 'Accept-Encoding');
      response.set('X-Content-Type-Options', 'nosniff');
      if (name === PROOF) {
        const { handle } = exports.own(caller, id);
        if (handle === undefined) throw new AdapterError('ADAPTER_NOT_FOUND', 'it is not on the log yet');
        response.type(PROOF_MEDIA_TYPE).send(await service.prove(handle));
        return;
      }
      const lines = madeLines(caller, id, name);
      if (lines !== undefined) {
        response.type(NDJSON).send(lines);
        return;
      }
      const { file, body } = exports.file(caller, id, name);
      response
        .set('Content-Type', file.mediaType)
        .set('Content-Disposition', `attachment; filename="${file.name}"`);
      const isPacked = /\bgzip\b/.test(request.headers['accept-encoding'] ?? '');
      try {
        if (!isPacked) {
          response.set('Content-Length', String(file.bytes));
          await pipeline(body, response);
          return;
        }
        response.set('Content-Encoding', 'gzip');
        await pipeline(body, createGzip({ level: 1 }), response);
      } catch (error) {
        // Who broke off has heard enough; who is cut off must not take what came for all.
        if (codeOf(error) !== 'ERR_STREAM_PREMATURE_CLOSE') next(error);
      }
    },
  );

  function manifest(row: ExportRow): object {
    const at = (name: string): string => `${fhirUrl()}/bulk/${row.id}/${name}`;
    const files = (row.files ?? []).filter(({ mediaType }) => mediaType === NDJSON);
    const stopped = files.filter((file) => !exports.isOpen(row, file));
    const gone = [...(row.deleted ?? []), ...exports.withdrawn(row)];
    return {
      transactionTime: new Date(row.transactionTime ?? row.begunAt).toISOString(),
      request: row.asked.request,
      requiresAccessToken: true,
      output: files
        .filter((file) => !stopped.includes(file))
        .map(({ type, name, count }) => ({ type, url: at(name), count })),
      deleted: gone.length === 0 ? [] : [{ type: 'Bundle', url: at(DELETED), count: gone.length }],
      error: stopped.length === 0 ? [] : [{ type: 'OperationOutcome', url: at(ERRORS), count: 1 }],
      extension: {
        'urn:firebreak:export': {
          handle: row.handle,
          proof: at(PROOF),
          files: (row.files ?? [])
            .filter(({ mediaType }) => mediaType !== NDJSON)
            .map(({ name, type, mediaType }) => ({ type, mediaType, url: at(name) })),
        },
      },
    };
  }

  function madeLines(caller: Caller, id: string, name: string): string | undefined {
    if (name !== DELETED && name !== ERRORS) return undefined;
    const row = exports.own(caller, id);
    if (row.state !== 'done') return undefined;
    if (name === DELETED)
      return [...(row.deleted ?? []), ...exports.withdrawn(row)].map((one) => line(deletion(one))).join('');
    const stopped = (row.files ?? []).filter((file: ExportFile) => !exports.isOpen(row, file)).length;
    return stopped === 0
      ? ''
      : line(
          outcome(
            'error',
            'deleted',
            `${stopped} files hold somebody who permits it no more: export anew to have the others`,
          ),
        );
  }
}

function deletion(pseudonym: string): object {
  const url = `Patient/${pseudonym}`;
  return { resourceType: 'Bundle', type: 'transaction', entry: [{ request: { method: 'DELETE', url } }] };
}

function line(value: object): string {
  return `${JSON.stringify(value)}\n`;
}

function sendFhir(response: Response, status: number, body: object): void {
  response
    .status(status)
    .set('Content-Type', FHIR_JSON)
    .send(Buffer.from(JSON.stringify(body), 'utf8'));
}
