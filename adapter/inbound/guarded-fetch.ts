/**
 * A guard around what `fhir-kit-client` fetches. That library calls the global `fetch`, follows absolute links
 * anywhere with the bearer token on, knows no time-out and keeps no bytes; so inside {@link withGuard}, and only
 * there, each request is held to one origin, to addresses that may be connected to, a time and a size; credentials are
 * put on after that was checked, and the exact bytes are kept.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Readable } from 'node:stream';
import { AdapterError, messageOf } from '../errors.js';
import type { Connections } from './connections.js';

export interface Guard {
  /** The only origin that may be asked, such as `https://fhir.example:443`. */
  readonly origin: string;
  /** For the whole answer, ms. */
  readonly timeoutMs: number;
  /** Largest answer, bytes after decompression. */
  readonly bytesMax: number;
  readonly connections: Connections;
  /** Value of the `Authorization` header. */
  readonly authorization?: string | undefined;
  /** Ends the request early. */
  readonly signal?: AbortSignal | undefined;
}

/** What came back, byte for byte. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Buffer;
}

/** There was no answer in the time it had. */
export class NoAnswerInTime extends Error {
  constructor() {
    super('no answer in time');
    this.name = 'NoAnswerInTime';
  }
}

interface Guarded extends Guard {
  answer: RawAnswer | undefined;
  failure: unknown;
}

const guards = new AsyncLocalStorage<Guarded>();
const bareFetch = globalThis.fetch;

globalThis.fetch = (input, init) => {
  const guard = guards.getStore();
  return guard === undefined ? bareFetch(input, init) : guardedFetch(guard, new Request(input, init));
};

/** Statuses whose `Response` must have no body. */
const BODILESS = new Set([101, 204, 205, 304]);

async function guardedFetch(guard: Guarded, request: Request): Promise<Response> {
  const url = new URL(request.url);
  if (url.origin !== guard.origin) {
    throw new AdapterError('ADAPTER_SOURCE_REFUSED', 'the source points to another origin; not followed');
  }
  const body = request.body === null ? undefined : Buffer.from(await request.arrayBuffer());
  // By hand: a combined signal whose time-out nobody else holds can be collected before it fires.
  const abort = new AbortController();
  const onAbort = (): void => abort.abort(guard.signal?.reason ?? request.signal.reason);
  request.signal.addEventListener('abort', onAbort, { once: true });
  guard.signal?.addEventListener('abort', onAbort, { once: true });
  if (guard.signal?.aborted === true) onAbort();
  const timer = setTimeout(() => abort.abort(new NoAnswerInTime()), guard.timeoutMs);
  const headers = Object.fromEntries(request.headers);
  if (guard.authorization !== undefined) headers['authorization'] = guard.authorization;
  try {
    const open = await guard.connections.open({
      method: request.method,
      url,
      headers,
      body,
      signal: abort.signal,
    });
    try {
      refuseRedirect(open.status);
      refuseLength(open.headers, guard.bytesMax);
      const bytes = await readBounded(open.body, guard.bytesMax);
      guard.answer = { status: open.status, headers: open.headers, bytes };
    } catch (error) {
      open.body.on('error', () => undefined).destroy();
      throw error instanceof AdapterError || !abort.signal.aborted ? error : abort.signal.reason;
    }
    const { status, bytes } = guard.answer;
    const shown = new Headers(open.headers);
    // The bytes are decompressed already.
    shown.delete('content-encoding');
    shown.delete('content-length');
    return new Response(BODILESS.has(status) ? null : new Uint8Array(bytes), { status, headers: shown });
  } catch (error) {
    guard.failure = error;
    throw error;
  } finally {
    clearTimeout(timer);
    request.signal.removeEventListener('abort', onAbort);
    guard.signal?.removeEventListener('abort', onAbort);
  }
}

/** @throws AdapterError ADAPTER_SOURCE_REFUSED for a status that sends elsewhere. */
export function refuseRedirect(status: number): void {
  if (status < 300 || status >= 400 || status === 304) return;
  throw new AdapterError('ADAPTER_SOURCE_REFUSED', `the source redirects (${status}); not followed`);
}

function refuseLength(headers: Headers, bytesMax: number): void {
  if (headers.has('content-encoding')) return;
  if (Number(headers.get('content-length') ?? '0') > bytesMax) throw tooLarge(bytesMax);
}

function tooLarge(bytesMax: number): AdapterError {
  return new AdapterError('ADAPTER_SOURCE_REFUSED', `the source's answer is over ${bytesMax} bytes`);
}

/** Reads a body to its end, or to where it is too large. */
async function readBounded(body: Readable, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of bounded(body, bytesMax)) chunks.push(chunk);
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
}

/**
 * The chunks of a body, until it is over a size.
 *
 * @throws AdapterError ADAPTER_SOURCE_REFUSED
 */
export async function* bounded(body: Readable, bytesMax: number): AsyncGenerator<Buffer> {
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > bytesMax) throw tooLarge(bytesMax);
    yield chunk;
  }
}

/**
 * Runs one request of `fhir-kit-client` under a guard.
 *
 * @returns The exact answer, whatever its status.
 * @throws AdapterError ADAPTER_SOURCE_REFUSED when the guard was hit, ADAPTER_SOURCE_UNREACHABLE when there was no
 * answer.
 */
export async function withGuard(guard: Guard, request: () => Promise<unknown>): Promise<RawAnswer> {
  const guarded: Guarded = { ...guard, answer: undefined, failure: undefined };
  let failure: unknown;
  try {
    await guards.run(guarded, request);
  } catch (error) {
    failure = error;
  }
  // The library throws on 4xx and 5xx; the answer itself tells callers more.
  if (guarded.answer !== undefined) return guarded.answer;
  const cause = guarded.failure ?? failure;
  if (cause instanceof AdapterError) throw cause;
  throw new AdapterError('ADAPTER_SOURCE_UNREACHABLE', `the source did not answer: ${messageOf(cause)}`, {
    cause,
  });
}
