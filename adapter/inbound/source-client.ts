/** Reading a hospital's FHIR server through `fhir-kit-client`, held by a guard. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'fhir-kit-client';
import { isJsonObject } from '../../mappings/index.js';
import type { JsonValue } from '../../mappings/index.js';
import { AdapterError } from '../errors.js';
import { withGuard } from './guarded-fetch.js';
import type { RawAnswer } from './guarded-fetch.js';

export interface SourceClientOptions {
  /** FHIR base, such as `https://fhir.example/fhir`. */
  readonly baseUrl: string;
  readonly bearerToken: string | undefined;
}

/** A resource read back: its exact bytes, or that it is not (or no longer) there. */
export type ReadBack = { readonly outcome: 'found'; readonly bytes: Buffer } | { readonly outcome: 'gone' };

/** One answer may take this long, ms; slower servers page smaller. */
const TIMEOUT_MS = 60_000;
/** One answer may be this large: 1,000 large resources a page. */
const BYTES_MAX = 256 * 1024 * 1024;
/** Tries of one request before its failure is the caller's. */
const TRIES_MAX = 4;
/** A `Retry-After` beyond this is treated as unreachable: the queue's back-off takes over, ms. */
const RETRY_AFTER_MAX_MS = 120_000;
/** Pages of one search: 100,000 pages of 500 are 50 million resources of one type. */
const PAGES_MAX = 100_000;

export class SourceClient {
  readonly baseUrl: string;
  readonly #client: Client;
  readonly #origin: string;

  constructor(options: SourceClientOptions) {
    this.baseUrl = options.baseUrl.replace(/\/+$/, '');
    this.#origin = new URL(this.baseUrl).origin;
    this.#client = new Client({
      baseUrl: this.baseUrl,
      ...(options.bearerToken === undefined ? {} : { bearerToken: options.bearerToken }),
    });
  }

  /** The types that the server's CapabilityStatement offers to search. */
  async searchableTypes(): Promise<string[]> {
    const answer = await this.#ask(() => this.#client.capabilityStatement());
    expectOk(answer, 'CapabilityStatement');
    const found = parse(answer.bytes);
    if (!isJsonObject(found) || found['resourceType'] !== 'CapabilityStatement') {
      throw new AdapterError('ADAPTER_SOURCE_REFUSED', 'the address does not answer as a FHIR server does');
    }
    const statement = found as {
      rest?: { resource?: { type?: string; interaction?: { code?: string }[] }[] }[];
    };
    return (statement.rest?.[0]?.resource ?? [])
      .filter(({ interaction }) => interaction?.some(({ code }) => code === 'search-type') === true)
      .flatMap(({ type }) => (type === undefined ? [] : [type]));
  }

  /** Reads the present version. 404 and 410 both mean gone. */
  async read(resourceType: string, id: string): Promise<ReadBack> {
    const answer = await this.#ask(() => this.#client.read({ resourceType, id }));
    if (answer.status === 404 || answer.status === 410) return { outcome: 'gone' };
    expectOk(answer, resourceType);
    return { outcome: 'found', bytes: answer.bytes };
  }

  /**
   * The pages of a search, each a searchset Bundle as received. `next` links of the same origin are followed; a
   * server that gives none is paged by `_offset`.
   *
   * @param params - Search parameters; `_count` is the page's size.
   */
  async *search(resourceType: string, params: Readonly<Record<string, string>>): AsyncGenerator<Buffer> {
    const count = Number(params['_count'] ?? '500');
    let next: string | undefined;
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
      const bundle = parse(answer.bytes) as {
        entry?: unknown[];
        link?: { relation?: string; url?: string }[];
      };
      const size = bundle.entry?.length ?? 0;
      if (size > 0) yield answer.bytes;
      const link = bundle.link?.find(({ relation }) => relation === 'next')?.url;
      if (link !== undefined) next = new URL(link, `${this.baseUrl}/`).href;
      else if (next !== undefined || size < count) return;
    }
    throw new AdapterError(
      'ADAPTER_SOURCE_REFUSED',
      `a search of ${resourceType} has more than ${PAGES_MAX} pages`,
    );
  }

  /** Ids of the resources that a conditional reference such as `Patient?identifier=…` matches. */
  async match(resourceType: string, query: string): Promise<string[]> {
    const answer = await this.#ask(() => this.#client.request(`${resourceType}?${query}`));
    expectOk(answer, `search of ${resourceType}`);
    const bundle = parse(answer.bytes) as { entry?: { resource?: { resourceType?: string; id?: string } }[] };
    return (bundle.entry ?? []).flatMap(({ resource }) =>
      resource?.resourceType === resourceType && resource.id !== undefined ? [resource.id] : [],
    );
  }

  async #ask(request: () => Promise<unknown>): Promise<RawAnswer> {
    const guard = { origin: this.#origin, timeoutMs: TIMEOUT_MS, bytesMax: BYTES_MAX };
    for (let attempt = 1; ; attempt++) {
      let answer: RawAnswer | undefined;
      let failure: unknown;
      try {
        answer = await withGuard(guard, request);
      } catch (error) {
        if (error instanceof AdapterError && error.code === 'ADAPTER_SOURCE_REFUSED') throw error;
        failure = error;
      }
      if (answer !== undefined && answer.status !== 429 && answer.status < 500) return answer;
      if (attempt >= TRIES_MAX) {
        if (answer !== undefined) return answer;
        throw failure;
      }
      await sleep(waitMs(answer, attempt));
    }
  }
}

/** Exponential with full jitter, or what the server asks for. */
function waitMs(answer: RawAnswer | undefined, attempt: number): number {
  const asked = Number(answer?.headers.get('retry-after') ?? Number.NaN) * 1000;
  if (Number.isFinite(asked) && asked >= 0) return Math.min(asked, RETRY_AFTER_MAX_MS);
  return Math.random() * 250 * 2 ** attempt;
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
