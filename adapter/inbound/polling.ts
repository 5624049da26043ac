/**
 * What a search of what was updated does not tell: the histories, which tell of deletions too, and for sources that have
 * none, a sweep of the ids that are there.
 */
import { isFhirId, isJsonObject, MappingError, parseJson } from '../../mappings/index.js';
import type { JsonValue } from '../../mappings/index.js';
import { AdapterError } from '../errors.js';
import type { FhirEvent } from './event.js';
import { NOT_RECORDS, readFrom } from './history.js';
import { eventsFromBody } from './intake.js';
import type { Arrival } from './intake.js';
import { latestOf } from './overruled.js';
import type { SourceClient } from './source-client.js';

/** Entries a page. */
const PAGE = 500;
/** Pages of one history; a source that has more to tell since the last time is read again from there. */
const PAGES_MAX = 20_000;
/** Never of the cache: the same address is asked for again and again. */
const FRESH = { 'cache-control': 'no-cache' };

export interface HistoryPoll {
  readonly client: SourceClient;
  readonly arrival: Arrival;
  /** `''` for the server's own history, else the type that it is of. */
  readonly scope: string;
  /** Up to when it was read, by the source's clock, ms. */
  readonly since: number;
  /** Makes the events of one page durable. */
  readonly accept: (events: readonly FhirEvent[]) => Promise<void>;
  /** What of the versions that a page shows is to be read back, besides. */
  readonly overruled: (present: readonly FhirEvent[]) => FhirEvent[];
  /** Whether a resource is known to be deleted: news of that is none. */
  readonly isDeleted: (type: string, id: string) => boolean;
  readonly signal?: AbortSignal | undefined;
}

/** What was read: up to when, by the source's clock; or that the source does not offer it. */
export type Polled =
  { readonly outcome: 'read'; readonly upTo: number } | { readonly outcome: 'not-offered' };

/**
 * Reads a history since the last time, with an overlap, the newest first as servers give it.
 *
 * @throws AdapterError ADAPTER_SOURCE_UNREACHABLE, ADAPTER_SOURCE_REFUSED; then the mark must not move.
 */
export async function pollHistory(poll: HistoryPoll): Promise<Polled> {
  const { client, scope, signal } = poll;
  const path = scope === '' ? '_history' : `${scope}/_history`;
  let clockMs: number | undefined;
  const seen = new Set<string>();
  const from = readFrom(poll.since, client.clockMs);
  const params = new URLSearchParams({ _since: from, _count: String(PAGE) });
  for await (const page of pages(client, `${path}?${params.toString()}`, signal)) {
    if (page === 'not-offered') return { outcome: 'not-offered' };
    // What is committed while the pages are read counts as not read: the first answer's time is the mark.
    clockMs ??= client.clockMs;
    const told = eventsOf(page, poll.arrival).filter(({ type }) => !NOT_RECORDS.has(type));
    const again = poll.overruled(latestOf(told, seen));
    const events = told.filter(({ kind, type, id }) => !(kind === 'delete' && poll.isDeleted(type, id)));
    // The oldest first: each version then finds the one before it.
    await poll.accept([...events.toReversed(), ...again]);
  }
  return { outcome: 'read', upTo: clockMs ?? client.clockMs };
}

export interface Sweep {
  readonly client: SourceClient;
  readonly type: string;
  readonly onId: (id: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Names every resource of a type that a source shows, without its content where the source can leave it out.
 *
 * @throws AdapterError; then not all were named, and nothing follows from an id that was not.
 */
export async function sweepIds({ client, type, onId, signal }: Sweep): Promise<void> {
  for await (const page of client.search(type, { _count: String(PAGE), _elements: 'id' })) {
    signal?.throwIfAborted();
    const bundle = parsed(page);
    const entries = isJsonObject(bundle) && Array.isArray(bundle['entry']) ? bundle['entry'] : [];
    for (const entry of entries) {
      const resource = isJsonObject(entry) ? entry['resource'] : undefined;
      if (!isJsonObject(resource) || resource['resourceType'] !== type) continue;
      const { id } = resource;
      if (typeof id === 'string' && isFhirId(id)) onId(id);
    }
  }
}

/** The pages behind an address, as far as links of the same origin lead; the client holds them to it. */
async function* pages(
  client: SourceClient,
  first: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer | 'not-offered'> {
  const followed = new Set<string>();
  let next: string | undefined = first;
  while (next !== undefined) {
    if (followed.has(next) || followed.size >= PAGES_MAX)
      throw new AdapterError('ADAPTER_SOURCE_REFUSED', 'the pages of a history have no end');
    followed.add(next);
    const { status, bytes } = await client.request({ url: next, headers: FRESH, signal });
    if (followed.size === 1 && [400, 404, 405, 410, 501].includes(status)) {
      yield 'not-offered';
      return;
    }
    if (status === 401 || status === 403)
      throw new AdapterError(
        'ADAPTER_SOURCE_REFUSED',
        `the source refuses our credentials (${status}, history)`,
      );
    if (status < 200 || status > 299)
      throw new AdapterError('ADAPTER_SOURCE_UNREACHABLE', `the source answered ${status} (history)`);
    const bundle = parsed(bytes);
    // Some answer what they do not have with an empty search.
    const isHistory =
      isJsonObject(bundle) && bundle['resourceType'] === 'Bundle' && bundle['type'] === 'history';
    if (!isHistory && followed.size === 1) {
      yield 'not-offered';
      return;
    }
    if (!isHistory) throw new AdapterError('ADAPTER_SOURCE_REFUSED', 'a page of a history is none');
    yield bytes;
    const links = Array.isArray(bundle['link']) ? bundle['link'].filter(isJsonObject) : [];
    const url = links.find(({ relation }) => relation === 'next')?.['url'];
    next = typeof url === 'string' ? url : undefined;
  }
}

function eventsOf(page: Buffer, arrival: Arrival): FhirEvent[] {
  try {
    return eventsFromBody(page, arrival);
  } catch (cause) {
    if (!(cause instanceof MappingError) && !(cause instanceof AdapterError)) throw cause;
    throw new AdapterError(
      'ADAPTER_SOURCE_REFUSED',
      'the source shows a history that cannot be taken apart',
      {
        cause,
      },
    );
  }
}

function parsed(bytes: Buffer): JsonValue {
  try {
    return parseJson(bytes);
  } catch (cause) {
    throw new AdapterError('ADAPTER_SOURCE_REFUSED', 'the source answered something that is not JSON', {
      cause,
    });
  }
}
