/**
 * HTTP for the operator, on a unix socket that only this user can open: dead letters, sources, metrics. Being able to open
 * the socket is the permission; nothing here shows what a record says.
 */
import { chmodSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import express from 'express';
import type { Express, NextFunction, Request, Response } from 'express';
import { AdapterError } from '../errors.js';
import type {
  DeadLetterFilter,
  ListedDeadLetter,
  Replayed,
  ShownDeadLetter,
} from '../services/dead-letters.js';
import type { SourceHealth } from '../services/source-health.js';
import { outcomeOf } from './outcome.js';

export interface OperatorService {
  readonly list: (
    filter: DeadLetterFilter,
    page: { readonly after?: string; readonly limit: number },
  ) => Promise<ListedDeadLetter[]>;
  readonly show: (seq: string) => Promise<ShownDeadLetter>;
  readonly replay: (seqs: readonly string[], filter: DeadLetterFilter) => Promise<Replayed>;
  readonly discard: (
    seqs: readonly string[],
    filter: DeadLetterFilter,
  ) => Promise<{ readonly discarded: number }>;
  readonly sources: () => Promise<SourceHealth[]>;
  readonly metrics: () => Promise<{ readonly contentType: string; readonly body: string }>;
}

export interface OperatorServer {
  close(): Promise<void>;
}

const LIMIT_DEFAULT = 100;
const LIMIT_MAX = 10_000;
const FILTERS = ['source', 'code', 'type'] as const;
const TEXT = /^[\x20-\x7e]{1,128}$/;

/** Listens on the socket; a stale one of a crashed run is replaced, since the store's lock is ours. */
export async function listenOperator(path: string, service: OperatorService): Promise<OperatorServer> {
  rmSync(path, { force: true });
  const server = createServer(operatorApp(service));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => resolve());
  });
  chmodSync(path, 0o600);
  return {
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      rmSync(path, { force: true });
    },
  };
}

function operatorApp(service: OperatorService): Express {
  const app = express();
  app.disable('x-powered-by');
  app.set('query parser', 'simple');
  app.get('/dead-letters', async (request, response) => {
    const {
      after,
      limit = String(LIMIT_DEFAULT),
      ...filter
    } = queryOf(request, ['after', 'limit', ...FILTERS]);
    const count = Number(limit);
    if (!Number.isInteger(count) || count < 1 || count > LIMIT_MAX)
      throw new AdapterError('ADAPTER_BAD_REQUEST', `limit is a whole number from 1 to ${LIMIT_MAX}`);
    const found = await service.list(filter, { limit: count + 1, ...(after === undefined ? {} : { after }) });
    const deadLetters = found.slice(0, count);
    const last = deadLetters.at(-1)?.seq;
    response.json({ deadLetters, ...(found.length > count && last !== undefined ? { after: last } : {}) });
  });
  app.get('/dead-letters/:seq', async (request, response) => {
    queryOf(request, []);
    response.json(await service.show(request.params.seq));
  });
  app.post('/dead-letters/replay', async (request, response) => {
    response.json(await service.replay([], queryOf(request, FILTERS)));
  });
  app.post('/dead-letters/:seq/replay', async (request, response) => {
    queryOf(request, []);
    response.json(await service.replay([request.params.seq], {}));
  });
  app.delete('/dead-letters', async (request, response) => {
    response.json(await service.discard([], queryOf(request, FILTERS)));
  });
  app.delete('/dead-letters/:seq', async (request, response) => {
    queryOf(request, []);
    response.json(await service.discard([request.params.seq], {}));
  });
  app.get('/sources', async (_request, response) => {
    response.json(await service.sources());
  });
  app.get('/metrics', async (_request, response) => {
    const { contentType, body } = await service.metrics();
    response.type(contentType).send(body);
  });
  app.use((request, response) => {
    fail(response, new AdapterError('ADAPTER_NOT_FOUND', `nothing answers ${request.method} here`));
  });
  app.use((error: unknown, _request: Request, response: Response, next: NextFunction) => {
    if (response.headersSent) next(error);
    else fail(response, error);
  });
  return app;
}

function fail(response: Response, error: unknown): void {
  const { status, outcome } = outcomeOf(error);
  response.status(status).json({ error: outcome.issue[0]?.diagnostics ?? '' });
}

/** @throws AdapterError ADAPTER_BAD_REQUEST for a parameter that is not known: a filter that is dropped widens a deletion. */
function queryOf<K extends string>(request: Request, known: readonly K[]): Partial<Record<K, string>> {
  const read: Partial<Record<K, string>> = {};
  for (const [name, value] of Object.entries(request.query)) {
    const found = known.find((one) => one === name);
    if (found === undefined || typeof value !== 'string' || !TEXT.test(value)) {
      const taken = known.length === 0 ? 'nothing' : `each once: ${known.join(', ')}`;
      throw new AdapterError('ADAPTER_BAD_REQUEST', `this address takes ${taken}`);
    }
    read[found] = value;
  }
  return read;
}
