/**
 * A guard around what `fhir-kit-client` fetches. That library calls the global `fetch`, follows absolute links
 * anywhere with the bearer token on, knows no time-out and keeps no bytes; so inside {@link withGuard}, and only
 * there, each request is held to one origin, a time and a size, and its exact bytes are kept.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { AdapterError, messageOf } from '../errors.js';

export interface Guard {
  /** The only origin that may be asked, such as `https://fhir.example:443`. */
  readonly origin: string;
  /** For the whole answer, ms. */
  readonly timeoutMs: number;
  /** Largest answer, bytes after decompression. */
  readonly bytesMax: number;
}

/** What came back, byte for byte. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Buffer;
}

interface Guarded extends Guard {
  answer: RawAnswer | undefined;
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
  if (new URL(request.url).origin !== guard.origin) {
    throw new AdapterError('ADAPTER_SOURCE_REFUSED', 'the source points to another origin; not followed');
  }
  // By hand: a combined signal whose time-out nobody else holds can be collected before it fires.
  const abort = new AbortController();
  const onAbort = (): void => abort.abort(request.signal.reason);
  request.signal.addEventListener('abort', onAbort, { once: true });
  const timer = setTimeout(() => abort.abort(new Error('no answer in time')), guard.timeoutMs);
  try {
    const response = await bareFetch(new Request(request, { redirect: 'manual', signal: abort.signal }));
    if (response.status >= 300 && response.status < 400 && response.status !== 304) {
      await response.body?.cancel();
      throw new AdapterError(
        'ADAPTER_SOURCE_REFUSED',
        `the source redirects (${response.status}); not followed`,
      );
    }
    const bytes = await readBounded(response, guard.bytesMax);
    guard.answer = { status: response.status, headers: response.headers, bytes };
    return new Response(BODILESS.has(response.status) ? null : new Uint8Array(bytes), {
      status: response.status,
      headers: response.headers,
    });
  } finally {
    clearTimeout(timer);
    request.signal.removeEventListener('abort', onAbort);
  }
}

async function readBounded(response: Response, bytesMax: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = response.body?.getReader();
  if (reader === undefined) return Buffer.alloc(0);
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return Buffer.concat(chunks, size);
    size += value.length;
    if (size > bytesMax) {
      await reader.cancel();
      throw new AdapterError('ADAPTER_SOURCE_REFUSED', `the source's answer is over ${bytesMax} bytes`);
    }
    chunks.push(value);
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
  const guarded: Guarded = { ...guard, answer: undefined };
  let failure: unknown;
  try {
    await guards.run(guarded, request);
  } catch (error) {
    failure = error;
  }
  // The library throws on 4xx and 5xx; the answer itself tells callers more.
  if (guarded.answer !== undefined) return guarded.answer;
  if (failure instanceof AdapterError) throw failure;
  throw new AdapterError('ADAPTER_SOURCE_UNREACHABLE', `the source did not answer: ${messageOf(failure)}`, {
    cause: failure,
  });
}
