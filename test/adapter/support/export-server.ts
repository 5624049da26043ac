/** A FHIR server that exports: as the specification says, as HAPI does, or as a test makes it misbehave. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { EXPORT_PATIENCE } from '../../../adapter/inbound/bulk/index.js';
import type { ExportPatience } from '../../../adapter/inbound/bulk/index.js';
import type { Instance } from '../../../adapter/instance/instance.js';
import type { Source, SourceChannel } from '../../../adapter/instance/sources.js';
import { sendJson, startLocalServer } from './local-server.js';

/** A test waits for nothing longer than it must. */
export const HURRIED: ExportPatience = {
  ...EXPORT_PATIENCE,
  pollMsMax: 5,
  backOffMs: () => 5,
};

export interface OfferedFile {
  readonly kind?: 'output' | 'deleted' | 'error';
  readonly type: string;
  /** Resources, or lines as they are. */
  readonly lines: readonly (object | string | Buffer)[];
  readonly count?: number;
  /** An address of the test's own. */
  readonly url?: string;
}

/** What is exported at a time. */
export interface Offer {
  files: readonly OfferedFile[];
  transactionTime: string;
  requiresAccessToken: boolean;
  /** Answers of 202 before it is ready. */
  looks: number;
  /** Seconds that those answers ask for. */
  retryAfter: string;
  /** Members of the manifest that a test makes itself. */
  manifest: Readonly<Record<string, unknown>>;
  /** Headers of the manifest. */
  headers: Readonly<Record<string, string>>;
}

export interface ExportServer {
  readonly base: string;
  readonly port: number;
  /** `METHOD /path` of each request. */
  readonly asked: string[];
  /** With each request for a file: its number, and what `Authorization` it had. */
  readonly fetched: { readonly file: number; readonly authorization: string | undefined }[];
  /** `_since` and `_type` of each export that was asked for. */
  readonly exports: { readonly since: string | null; readonly types: string | null; readonly path: string }[];
  /** Exports that were ended by DELETE. */
  ended: number;
  readonly held: Map<string, object>;
  offer: Offer;
  /** May answer in the server's place; true when it did. */
  instead: (request: IncomingMessage, response: ServerResponse, path: string) => boolean;
  close(): Promise<void>;
}

export async function startExportServer(): Promise<ExportServer> {
  let job = 0;
  let looksLeft = 0;
  const server = await startLocalServer((request, response) => {
    const { pathname, searchParams, search } = new URL(request.url ?? '/', 'http://localhost');
    const path = pathname.replace(/^\/fhir\//, '');
    if (state.instead(request, response, path + search)) return;
    if (path === 'metadata') return sendJson(response, CAPABILITY);
    if (path.endsWith('$export')) {
      if (request.headers.prefer !== 'respond-async') return void response.writeHead(400).end();
      job += 1;
      looksLeft = state.offer.looks;
      state.exports.push({ since: searchParams.get('_since'), types: searchParams.get('_type'), path });
      return void response
        .writeHead(202, { 'content-location': `${state.base}/$export-poll-status?_jobId=j${job}` })
        .end();
    }
    if (path === '$export-poll-status') {
      if (searchParams.get('_jobId') !== `j${job}`) return void response.writeHead(404).end();
      if (request.method === 'DELETE') {
        state.ended += 1;
        return void response.writeHead(202).end();
      }
      if (looksLeft > 0) {
        looksLeft -= 1;
        return void response
          .writeHead(202, { 'retry-after': state.offer.retryAfter, 'x-progress': 'Build in progress - 20%' })
          .end();
      }
      return sendJson(response, manifestOf(state.base, job, state.offer), 200, state.offer.headers);
    }
    const [, ofJob = '', index = ''] = /^files\/j(\d+)\/(\d+)$/.exec(path) ?? [];
    const file = state.offer.files[Number(index)];
    if (index !== '') {
      state.fetched.push({ file: Number(index), authorization: request.headers.authorization });
      if (ofJob !== String(job) || file === undefined) return void response.writeHead(404).end();
      return sendFile(request, response, bytesOf(file));
    }
    const resource = state.held.get(path);
    return sendJson(
      response,
      resource ?? { resourceType: 'OperationOutcome' },
      resource === undefined ? 404 : 200,
    );
  });
  const state: ExportServer = {
    base: `${server.url}/fhir`,
    port: server.port,
    asked: server.asked,
    fetched: [],
    exports: [],
    ended: 0,
    held: new Map(),
    offer: {
      files: [],
      transactionTime: '2026-11-01T00:00:00Z',
      requiresAccessToken: true,
      looks: 1,
      retryAfter: '120',
      manifest: {},
      headers: {},
    },
    instead: () => false,
    close: () => server.close(),
  };
  return state;
}

/** Bytes of a file: each line with its end. */
export function bytesOf({ lines }: Pick<OfferedFile, 'lines'>): Buffer {
  return Buffer.concat(
    lines.map((line) => {
      const bytes = Buffer.isBuffer(line)
        ? line
        : Buffer.from(typeof line === 'string' ? line : JSON.stringify(line), 'utf8');
      return Buffer.concat([bytes, Buffer.from('\n')]);
    }),
  );
}

/** Sends a file as a server would, packed where that is taken. */
export function sendFile(request: IncomingMessage, response: ServerResponse, bytes: Buffer): void {
  // HAPI's way: whoever takes JSON is given a Binary in JSON.
  if (request.headers.accept?.includes('json') === true) {
    return sendJson(response, { resourceType: 'Binary', data: bytes.toString('base64') });
  }
  const isPacked = request.headers['accept-encoding']?.includes('gzip') === true;
  response
    .writeHead(200, {
      'content-type': 'application/fhir+ndjson',
      ...(isPacked ? { 'content-encoding': 'gzip' } : {}),
    })
    .end(isPacked ? gzipSync(bytes) : bytes);
}

/** A deletion as a line of a `deleted` file. */
export function deletion(...names: readonly string[]): object {
  return {
    resourceType: 'Bundle',
    type: 'transaction',
    entry: names.map((url) => ({ request: { method: 'DELETE', url } })),
  };
}

/** Registers the server with an instance. */
export function addExportSource(
  instance: Instance,
  server: ExportServer,
  id: string,
  channels: readonly SourceChannel[] = ['hook', 'poll', 'bulk'],
): Promise<Source> {
  const { participant, id: custodian, name } = instance.organisation;
  return instance.sources.add(
    {
      id,
      kind: 'fhir',
      name: 'City',
      baseUrl: server.base,
      credential: { kind: 'bearer', token: 'shown-to-the-server-alone' },
      channels,
      requestsPerSecond: 100_000,
      custodian: { participant, id: custodian, name },
      allowResearch: true,
    },
    instance.nowMs(),
  );
}

function manifestOf(base: string, job: number, offer: Offer): object {
  const of = (wanted: string): object[] =>
    offer.files.flatMap(({ kind = 'output', type, count, url }, index) =>
      kind === wanted
        ? [
            {
              type,
              url: url ?? `${base}/files/j${job}/${index}`,
              ...(count === undefined ? {} : { count }),
            },
          ]
        : [],
    );
  return {
    transactionTime: offer.transactionTime,
    request: `${base}/$export`,
    requiresAccessToken: offer.requiresAccessToken,
    output: of('output'),
    deleted: of('deleted'),
    error: of('error'),
    ...offer.manifest,
  };
}

const CAPABILITY = {
  resourceType: 'CapabilityStatement',
  fhirVersion: '4.0.1',
  rest: [
    {
      mode: 'server',
      operation: [{ name: 'export', definition: 'http://x/OperationDefinition/-s-export' }],
      resource: ['Patient', 'Observation'].map((type) => ({
        type,
        interaction: [{ code: 'read' }, { code: 'search-type' }],
      })),
    },
  ],
};
