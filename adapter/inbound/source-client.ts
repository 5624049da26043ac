/** Reading a hospital's FHIR server through `fhir-kit-client`, held by a guard. */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'fhir-kit-client';
import { isJsonObject } from '../../mappings/index.js';
import type { JsonObject, JsonValue } from '../../mappings/index.js';
import { AdapterError, messageOf } from '../errors.js';
import type { Authorization } from './authorization.js';
import { Connections } from './connections.js';
import type { ResolveName } from './connections.js';
import { bounded, NoAnswerInTime, refuseRedirect, withGuard } from './guarded-fetch.js';
import type { RawAnswer } from './guarded-fetch.js';
import { backOffMs, Rest, retryAfterMs, TokenBucket } from './patience.js';

export interface SourceClientOptions {
  /** FHIR base, such as `https://fhir.example/fhir`. */
  readonly baseUrl: string;
  /** What we show to be let in; absent where the server asks for nothing. */
  readonly authorization?: Authorization | undefined;
  /** Ranges of private addresses that it may be found at. */
  readonly allowPrivate?: readonly string[] | undefined;
  /** Requests a second, default 100. */
  readonly requestsPerSecond?: number | undefined;
  /** Default: the system's resolver. */
  readonly resolveName?: ResolveName | undefined;
}

/** A resource read back: its exact bytes, or that it is not (or no longer) there. */
export type ReadBack = { readonly outcome: 'found'; readonly bytes: Buffer } | { readonly outcome: 'gone' };

/** One request to the source itself. */
export interface SourceRequest {
  /** Relative to the FHIR base, or absolute and of the same origin. */
  readonly url: string;
  /** Default GET. */
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Largest answer, bytes after decompression; default 64 MiB. */
  readonly bytesMax?: number;
  /** For one answer, default one minute. */
  readonly timeoutMs?: number;
  /** For all tries and the waits between them, default two minutes. */
  readonly patienceMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** A request whose answer is read as a stream. */
export interface StreamRequest {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Largest body, bytes after decompression. */
  readonly bytesMax: number;
  /** Longest silence, ms; default one minute. */
  readonly silenceMs?: number;
  /** Asks another origin, without our credentials: files that need none may lie anywhere public. */
  readonly elsewhere?: boolean;
  /** Shows no credentials to the source's own origin either: an address that was signed is refused with two of them. */
  readonly withoutCredentials?: boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface StreamedAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** Decompressed; to be read to its end, or ended by `return`. */
  readonly body: AsyncGenerator<Buffer>;
}

/** One answer may take this long, ms; slower servers page smaller. */
const TIMEOUT_MS = 60_000;
/** Reading one resource back holds up a queue, ms. */
const READ_TIMEOUT_MS = 15_000;
/** One answer may be this large: 500 resources of 128 KiB a page. */
const BYTES_MAX = 64 * 1024 * 1024;
const METADATA_BYTES_MAX = 16 * 1024 * 1024;
/** Tries of one request before its failure is the caller's. */
const TRIES_MAX = 4;
/** All of a request, waits included; who asks for more is asked again later, ms. */
const PATIENCE_MS = 120_000;
const READ_PATIENCE_MS = 20_000;
const REQUESTS_PER_SECOND = 100;
/** Pages of one search: 100,000 pages of 500 are 50 million resources of one type. */
const PAGES_MAX = 100_000;
/** Pages in a row without a resource; servers that filter late have some. */
const EMPTY_PAGES_MAX = 100;
const LINK_CHARS_MAX = 16_384;
/** Answers tell the time in whole seconds. */
const HALF_SECOND_MS = 500;
/** What may be sent twice without harm. */
const REPEATABLE = new Set(['GET', 'HEAD', 'PUT', 'DELETE']);

export class SourceClient {
  readonly baseUrl: string;
  readonly #client: Client;
  readonly #origin: string;
  readonly #authorization: Authorization | undefined;
  readonly #connections: Connections;
  readonly #bucket: TokenBucket;
  readonly #rest = new Rest();
  #clockAheadMs = 0;

  constructor(options: SourceClientOptions) {
    this.baseUrl = options.baseUrl.replace(/\/+$/, '');
    this.#origin = new URL(this.baseUrl).origin;
    this.#client = new Client({ baseUrl: this.baseUrl });
    this.#authorization = options.authorization;
    const { allowPrivate, resolveName } = options;
    this.#connections = new Connections({ baseUrl: this.baseUrl, allowPrivate, resolveName });
    this.#bucket = new TokenBucket(options.requestsPerSecond ?? REQUESTS_PER_SECOND);
  }

  /** The server's CapabilityStatement. */
  async capabilities(): Promise<JsonObject> {
    const answer = await this.#ask(() => this.#client.capabilityStatement(), {
      bytesMax: METADATA_BYTES_MAX,
    });
    expectOk(answer, 'CapabilityStatement');
    const found = parse(answer.bytes);
    if (!isJsonObject(found) || found['resourceType'] !== 'CapabilityStatement') {
      throw new AdapterError('ADAPTER_SOURCE_REFUSED', 'the address does not answer as a FHIR server does');
    }
    return found;
  }

  /** The types that the server's CapabilityStatement offers to search. */
  async searchableTypes(): Promise<string[]> {
    const statement = (await this.capabilities()) as {
      rest?: { resource?: { type?: string; interaction?: { code?: string }[] }[] }[];
    };
    return (statement.rest?.[0]?.resource ?? [])
      .filter(({ interaction }) => interaction?.some(({ code }) => code === 'search-type') === true)
      .flatMap(({ type }) => (type === undefined ? [] : [type]));
  }

  /** Reads the present version. 404 and 410 both mean gone. */
  async read(resourceType: string, id: string): Promise<ReadBack> {
    const limits = { timeoutMs: READ_TIMEOUT_MS, patienceMs: READ_PATIENCE_MS };
    const answer = await this.#ask(() => this.#client.read({ resourceType, id }), limits);
    if (answer.status === 404 || answer.status === 410) return { outcome: 'gone' };
    expectOk(answer, resourceType);
    return { outcome: 'found', bytes: answer.bytes };
  }

  /**
   * The pages of a search, each a searchset Bundle as received. `next` links of the same origin are followed; a
   * server that gives none is paged by `_offset`.
   *
   * @param params - Search parameters; `_count` is the page's size.
   * @throws AdapterError ADAPTER_SOURCE_REFUSED also for links that lead back, and pages that have no end.
   */
  async *search(resourceType: string, params: Readonly<Record<string, string>>): AsyncGenerator<Buffer> {
    const count = Number(params['_count'] ?? '500');
    const followed = new Set<string>();
    let next: string | undefined;
    let before = '';
    let empty = 0;
    for (let page = 0; page < PAGES_MAX; page++) {
      const url = next;
      const answer = await this.#ask(() =>
        url === undefined
          ? this.#client.resourceSearch({
              resourceType,
              searchParams: page === 0 ? params : { ...params, _offset: String(page * count) },
              options: { headers: { 'cache-control': 'no-cache' } },
            })
          : this.#client.request(url),
      );
      expectOk(answer, `search of ${resourceType}`);
      const { names, link } = pageOf(answer.bytes);
      const shown = digest(JSON.stringify(names));
      const isSame = names.length > 0 && shown === before;
      // A server that knows neither links nor offsets has said all it has.
      if (isSame && url === undefined) return;
      if (isSame) throw endless(resourceType);
      before = shown;
      empty = names.length === 0 ? empty + 1 : 0;
      if (names.length > 0) yield answer.bytes;
      if (link === undefined) {
        if (next !== undefined || names.length < count) return;
        continue;
      }
      next = this.#linkOf(link);
      const mark = digest(next);
      if (followed.has(mark) || empty > EMPTY_PAGES_MAX) throw endless(resourceType);
      followed.add(mark);
    }
    throw endless(resourceType);
  }

  /** Ids of the resources that a conditional reference such as `Patient?identifier=…` matches. */
  async match(resourceType: string, query: string): Promise<string[]> {
    const limits = { timeoutMs: READ_TIMEOUT_MS, patienceMs: READ_PATIENCE_MS };
    const answer = await this.#ask(() => this.#client.request(`${resourceType}?${query}`), limits);
    expectOk(answer, `search of ${resourceType}`);
    const bundle = parse(answer.bytes) as { entry?: { resource?: { resourceType?: string; id?: string } }[] };
    return (bundle.entry ?? []).flatMap(({ resource }) =>
      resource?.resourceType === resourceType && resource.id !== undefined ? [resource.id] : [],
    );
  }

  /**
   * Any other request, under the same guard, rate and credentials. What must not be sent twice is tried again only
   * after 429.
   *
   * @returns The answer, whatever its status.
   * @throws AdapterError ADAPTER_SOURCE_REFUSED, ADAPTER_SOURCE_UNREACHABLE
   */
  async request(request: SourceRequest): Promise<RawAnswer> {
    const url = this.#urlOf(request.url);
    const { method = 'GET', headers = {}, body } = request;
    return this.#ask(
      () =>
        fetch(url, {
          method,
          headers: { accept: 'application/fhir+json', ...headers },
          ...(body === undefined ? {} : { body }),
        }),
      { ...request, isRepeatable: REPEATABLE.has(method) },
    );
  }

  /**
   * A request whose answer is too large to be held. It is not tried again: the caller knows how far it came.
   *
   * @throws AdapterError ADAPTER_SOURCE_REFUSED, ADAPTER_SOURCE_UNREACHABLE, also while the body is read.
   */
  async stream(request: StreamRequest): Promise<StreamedAnswer> {
    const url = this.#urlOf(request.url);
    const isOwn = url.origin === this.#origin;
    if (!isOwn && request.elsewhere !== true) {
      throw new AdapterError('ADAPTER_SOURCE_REFUSED', 'the source points to another origin; not followed');
    }
    await this.#turn(PATIENCE_MS, request.signal);
    const isShown = isOwn && request.withoutCredentials !== true;
    const authorization = isShown ? await this.#authorization?.header(request.signal) : undefined;
    const abort = new AbortController();
    const onAbort = (): void => abort.abort(request.signal?.reason);
    request.signal?.addEventListener('abort', onAbort, { once: true });
    if (request.signal?.aborted === true) onAbort();
    const silence = new Silence(request.silenceMs ?? TIMEOUT_MS, abort);
    const end = (): void => {
      silence.pause();
      request.signal?.removeEventListener('abort', onAbort);
    };
    // Elsewhere may be https alone: the file's address came from the source.
    if (!isOwn && url.protocol !== 'https:') {
      end();
      throw new AdapterError('ADAPTER_SOURCE_REFUSED', `a file elsewhere is not read over ${url.protocol}`);
    }
    const headers = {
      ...request.headers,
      ...(authorization === undefined ? {} : { authorization }),
    };
    try {
      const open = await this.#connections.open({ method: 'GET', url, headers, signal: abort.signal });
      try {
        refuseRedirect(open.status);
      } catch (error) {
        open.body.on('error', () => undefined).destroy();
        throw error;
      }
      this.#rest.answered();
      if (open.status === 401 && authorization !== undefined) this.#authorization?.refused(authorization);
      const body = timed(bounded(open.body, request.bytesMax), silence, end, abort.signal);
      const stop = body.return.bind(body);
      // A generator that was never begun has nothing to run when it is ended: its socket and its timer would stay.
      body.return = (value) => {
        end();
        open.body.on('error', () => undefined).destroy();
        return stop(value);
      };
      return { status: open.status, headers: open.headers, body };
    } catch (error) {
      end();
      if (error instanceof NoAnswerInTime) this.#rest.silent();
      throw asUnreachable(error);
    }
  }

  /** What the source's clock shows, ms, to about a second, by its last answer; ours where it does not tell the time. */
  get clockMs(): number {
    return Date.now() + this.#clockAheadMs;
  }

  /** Ends the connections that are kept. */
  close(): void {
    this.#connections.close();
  }

  #readClock(headers: Headers): void {
    const theirs = Date.parse(headers.get('date') ?? '');
    if (!Number.isNaN(theirs)) this.#clockAheadMs = theirs + HALF_SECOND_MS - Date.now();
  }

  #urlOf(text: string): URL {
    const address = /^[a-z][a-z0-9+.-]*:/i.test(text) ? text : `${this.baseUrl}/${text.replace(/^\/+/, '')}`;
    if (address.length <= LINK_CHARS_MAX && URL.canParse(address)) {
      const url = new URL(address);
      if (['http:', 'https:'].includes(url.protocol)) return url;
    }
    throw new AdapterError('ADAPTER_SOURCE_REFUSED', 'the source gives a link that is no address');
  }

  #linkOf(link: string): string {
    if (link.length <= LINK_CHARS_MAX && URL.canParse(link, `${this.baseUrl}/`)) {
      const url = new URL(link, `${this.baseUrl}/`);
      // Here too: the library takes what does not begin with `http` for a path.
      if (url.origin === this.#origin && url.username === '' && url.password === '') return url.href;
      throw new AdapterError('ADAPTER_SOURCE_REFUSED', 'the source points to another origin; not followed');
    }
    throw new AdapterError('ADAPTER_SOURCE_REFUSED', 'the source gives a link that is no address');
  }

  /** Waits for the rate and for a rest that the source asked for, as far as patience goes. */
  async #turn(patienceMs: number, signal: AbortSignal | undefined): Promise<void> {
    const rest = this.#rest.leftMs;
    if (rest > patienceMs) {
      throw new AdapterError(
        'ADAPTER_SOURCE_UNREACHABLE',
        'the source does not answer; it is asked again later',
      );
    }
    if (rest > 0) await sleep(rest, undefined, signal === undefined ? {} : { signal });
    if (this.#bucket.waitMs > patienceMs) {
      throw new AdapterError('ADAPTER_SOURCE_UNREACHABLE', 'the source is asked more than its rate allows');
    }
    await this.#bucket.take(signal);
  }

  async #ask(
    request: () => Promise<unknown>,
    limits: {
      readonly timeoutMs?: number;
      readonly patienceMs?: number;
      readonly bytesMax?: number;
      readonly isRepeatable?: boolean;
      readonly signal?: AbortSignal | undefined;
    } = {},
  ): Promise<RawAnswer> {
    const { timeoutMs = TIMEOUT_MS, bytesMax = BYTES_MAX, isRepeatable = true, signal } = limits;
    const endsAt = performance.now() + (limits.patienceMs ?? PATIENCE_MS);
    let hasRenewed = false;
    for (let attempt = 1; ; attempt++) {
      await this.#turn(endsAt - performance.now(), signal);
      let authorization: string | undefined;
      let answer: RawAnswer | undefined;
      let failure: unknown;
      try {
        // Whoever gives us tokens is a part of the source: where that is silent, so is the source.
        authorization = await this.#authorization?.header(signal);
        const guard = { origin: this.#origin, timeoutMs, bytesMax, connections: this.#connections, signal };
        answer = await withGuard({ ...guard, authorization }, request);
        this.#rest.answered();
        this.#readClock(answer.headers);
      } catch (error) {
        signal?.throwIfAborted();
        if (error instanceof AdapterError && error.code === 'ADAPTER_SOURCE_REFUSED') throw error;
        if (error instanceof AdapterError && error.cause instanceof NoAnswerInTime) this.#rest.silent();
        failure = error;
      }
      if (answer?.status === 401 && authorization !== undefined && !hasRenewed) {
        hasRenewed = true;
        if (this.#authorization?.refused(authorization) === true) continue;
      }
      if (answer !== undefined && answer.status !== 429 && answer.status < 500) return answer;
      const asked = retryAfterMs(answer?.headers.get('retry-after') ?? null, Date.now());
      const waitMs = asked ?? backOffMs(attempt);
      // What it asks for holds for all that we ask it, not for this request alone.
      if (asked !== undefined) this.#rest.until(Math.min(asked, REST_ASKED_MS_MAX));
      const isAgain = isRepeatable || answer?.status === 429;
      if (attempt >= TRIES_MAX || !isAgain || performance.now() + waitMs >= endsAt) {
        if (answer !== undefined) return answer;
        throw failure;
      }
      if (asked === undefined) await sleep(waitMs, undefined, signal === undefined ? {} : { signal });
    }
  }
}

/** A source may ask to be left alone for no longer, ms: it is looked at again within the hour. */
const REST_ASKED_MS_MAX = 3_600_000;

/** Ends a request whose source says nothing for too long. */
class Silence {
  readonly #ms: number;
  readonly #abort: AbortController;
  #timer: NodeJS.Timeout | undefined;

  constructor(ms: number, abort: AbortController) {
    this.#ms = ms;
    this.#abort = abort;
    this.listen();
  }

  listen(): void {
    this.pause();
    this.#timer = setTimeout(() => this.#abort.abort(new NoAnswerInTime()), this.#ms);
  }

  pause(): void {
    clearTimeout(this.#timer);
  }
}

/** Chunks as they come. The time that the reader takes is not the source's silence. */
async function* timed(
  chunks: AsyncGenerator<Buffer>,
  silence: Silence,
  end: () => void,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of chunks) {
      silence.pause();
      yield chunk;
      silence.listen();
    }
  } catch (error) {
    throw asUnreachable(signal.aborted ? signal.reason : error);
  } finally {
    end();
  }
}

function asUnreachable(error: unknown): unknown {
  if (error instanceof AdapterError || (error instanceof Error && error.name === 'AbortError')) return error;
  return new AdapterError('ADAPTER_SOURCE_UNREACHABLE', `the source did not answer: ${messageOf(error)}`, {
    cause: error,
  });
}

/** What a page shows, by name and version, and where the next one is. */
function pageOf(bytes: Buffer): { names: string[]; link: string | undefined } {
  const bundle = parse(bytes);
  if (!isJsonObject(bundle) || bundle['resourceType'] !== 'Bundle') {
    throw new AdapterError('ADAPTER_SOURCE_REFUSED', 'a search was answered by something that is no Bundle');
  }
  const { entry, link } = bundle as {
    entry?: {
      resource?: { resourceType?: string; id?: string; meta?: { versionId?: string } };
      request?: { url?: string };
    }[];
    link?: { relation?: string; url?: unknown }[];
  };
  const entries = Array.isArray(entry) ? entry : [];
  const next = Array.isArray(link) ? link.find((one) => one?.relation === 'next')?.url : undefined;
  return {
    names: entries.map((one) => {
      const { resource } = one ?? {};
      // A history's deletions have no resource.
      if (resource === undefined) return String(one?.request?.url);
      return `${resource.resourceType}/${resource.id}/${resource.meta?.versionId}`;
    }),
    link: typeof next === 'string' ? next : undefined,
  };
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 22);
}

function endless(resourceType: string): AdapterError {
  return new AdapterError('ADAPTER_SOURCE_REFUSED', `the pages of a search of ${resourceType} have no end`);
}

function expectOk(answer: RawAnswer, what: string): void {
  if (answer.status >= 200 && answer.status < 300) return;
  if (answer.status === 401 || answer.status === 403) {
    throw new AdapterError(
      'ADAPTER_SOURCE_REFUSED',
      `the source refuses our credentials (${answer.status}, ${what})`,
    );
  }
  throw new AdapterError('ADAPTER_SOURCE_UNREACHABLE', `the source answered ${answer.status} (${what})`);
}

function parse(bytes: Buffer): JsonValue {
  try {
    return JSON.parse(bytes.toString('utf8')) as JsonValue;
  } catch (cause) {
    throw new AdapterError('ADAPTER_SOURCE_REFUSED', 'the source answered something that is not JSON', {
      cause,
    });
  }
}
