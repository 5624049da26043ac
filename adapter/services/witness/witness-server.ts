/**
 * A witness over HTTP: `POST /add-checkpoint`, a list of its logs at `/`, and the head it stands by of each.
 *
 * @see https://c2sp.org/tlog-witness
 */
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { REQUEST_BYTES_MAX } from '../../../ledger/witness/index.js';
import { AdapterError, codeOf } from '../../errors.js';
import type { Logger } from '../../logger.js';
import type { Witness, WitnessAnswer } from './witness.js';

export interface WitnessServer {
  /** Such as `http://127.0.0.1:8708`: the submission prefix. */
  readonly address: string;
  close(): Promise<void>;
}

const TEXT = 'text/plain; charset=utf-8';
const SIZE = 'text/x.tlog.size';
/** A request is one small body; slower ones hold a connection for nothing. */
const REQUEST_MS_MAX = 10_000;
const CONNECTIONS_MAX = 512;
/** Requests under way get this long to end when we stop, ms. */
const GRACE_MS = 2000;

interface Reply {
  readonly status: number;
  readonly type: string;
  readonly body: string | Buffer;
  readonly allow?: string;
}

/**
 * Starts listening.
 *
 * @throws AdapterError ADAPTER_PORT_IN_USE.
 */
export async function serveWitness(
  witness: Witness,
  options: { readonly host: string; readonly port: number; readonly logger: Logger },
): Promise<WitnessServer> {
  const { host, port, logger } = options;
  const server = createServer((request, response) => {
    reply(witness, request)
      .catch((error: unknown): Reply => {
        logger.error('request failed', { code: codeOf(error) });
        return { status: 500, type: TEXT, body: 'internal-error\n' };
      })
      .then((answer) => send(request, response, answer))
      .catch((error: unknown) => {
        logger.debug('answer not sent', { code: codeOf(error) });
        response.destroy();
      });
  });
  server.requestTimeout = REQUEST_MS_MAX;
  server.headersTimeout = REQUEST_MS_MAX;
  server.maxConnections = CONNECTIONS_MAX;
  await listen(server, host, port);
  const bound = server.address() as AddressInfo;
  const name = bound.family === 'IPv6' ? `[${bound.address}]` : bound.address;
  return { address: `http://${name}:${bound.port}`, close: () => stop(server) };
}

async function reply(witness: Witness, request: IncomingMessage): Promise<Reply> {
  const [path = ''] = (request.url ?? '').split('?');
  if (path === '/add-checkpoint') {
    if (request.method !== 'POST') return notAllowed('POST');
    const body = await readBody(request);
    if (body === undefined) return { status: 413, type: TEXT, body: 'too-large\n' };
    return replyOf(await witness.addCheckpoint(body));
  }
  const origin = path === '/' ? undefined : originOf(path);
  if (path !== '/' && origin === undefined) return { status: 404, type: TEXT, body: 'not-found\n' };
  if (request.method !== 'GET' && request.method !== 'HEAD') return notAllowed('GET, HEAD');
  if (origin === undefined)
    return { status: 200, type: 'application/json; charset=utf-8', body: list(witness) };
  const head = witness.listing().find((log) => log.origin === origin)?.head;
  return head === undefined
    ? { status: 404, type: TEXT, body: 'not-found\n' }
    : { status: 200, type: TEXT, body: head.note };
}

/** Status, type and body of each answer. */
function replyOf(answer: WitnessAnswer): Reply {
  if (answer.status === 200) return { status: 200, type: TEXT, body: `${answer.line}\n` };
  if (answer.status === 409) return { status: 409, type: SIZE, body: `${answer.size}\n` };
  return { status: answer.status, type: TEXT, body: `${answer.code}\n` };
}

function list(witness: Witness): string {
  const { name, vkey } = witness.cosigner;
  const logs = witness.listing().map(({ origin, head }) => ({
    origin,
    checkpoint: `${encodeURIComponent(origin)}/checkpoint`,
    ...(head === undefined
      ? { size: 0 }
      : {
          size: head.checkpoint.size,
          root: head.checkpoint.root.toString('base64'),
          cosignedAt: new Date(head.timeS * 1000).toISOString(),
        }),
  }));
  return `${JSON.stringify({ name, vkey, logs }, null, 2)}\n`;
}

/** The origin in `/<origin, percent-encoded>/checkpoint`. */
function originOf(path: string): string | undefined {
  const encoded = /^\/([^/]+)\/checkpoint$/.exec(path)?.[1];
  if (encoded === undefined) return undefined;
  try {
    return decodeURIComponent(encoded);
  } catch {
    return undefined;
  }
}

/** The body, or `undefined` once it exceeds its bound. */
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > REQUEST_BYTES_MAX) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function notAllowed(allow: string): Reply {
  return { status: 405, type: TEXT, body: 'method-not-allowed\n', allow };
}

function send(
  request: IncomingMessage,
  response: ServerResponse,
  { status, type, body, allow }: Reply,
): void {
  const bytes = typeof body === 'string' ? Buffer.from(body, 'utf8') : body;
  response.writeHead(status, {
    'Content-Type': type,
    'Content-Length': bytes.length,
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    ...(allow === undefined ? {} : { Allow: allow }),
    // What is left of a body that was too large is not read.
    ...(status === 413 ? { Connection: 'close' } : {}),
  });
  response.end(request.method === 'HEAD' ? undefined : bytes);
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => {
      const text = `port ${port} on ${host} is in use; choose another with --port`;
      const taken = codeOf(cause) === 'EADDRINUSE';
      reject(taken ? new AdapterError('ADAPTER_PORT_IN_USE', text, { cause }) : cause);
    });
    server.listen(port, host, () => resolve());
  });
}

async function stop(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), GRACE_MS);
  await closed;
  clearTimeout(timer);
}
