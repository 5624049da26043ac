/** Reading the present state of a source, type by type, into lines. */
import type { ReadMethod } from '../../../ledger/proofs/index.js';
import type { StoreWrite } from '../../../ledger/store.js';
import { isFhirId, MappingError } from '../../../mappings/index.js';
import { AdapterError } from '../../errors.js';
import { NOT_RECORDS } from '../../inbound/history.js';
import type { FhirEvent } from '../../inbound/event.js';
import { eventsFromBody } from '../../inbound/intake.js';
import type { SourceClient } from '../../inbound/source-client.js';
import type { Line, Lines } from './lines.js';
import { bytesVersion } from './present.js';

/** Resources a page. */
const PAGE = 500;
/** Of one source: 50 million rows are some gigabytes of disk, and many hours. */
const LINES_MAX = 50_000_000;
/** Readings of a type of which less is shown than the server counts. */
const READS_MAX = 2;
/** A count; a server that knows no counts may answer with a page. */
const COUNT_BYTES_MAX = 64 * 1024 * 1024;
/** Names that a server may call its types by. */
const TYPE = /^[A-Z][A-Za-z]{1,63}$/;

/** How each type can be read. */
export interface Plan {
  readonly type: string;
  readonly methods: readonly Exclude<ReadMethod, 'sweep'>[];
}

/**
 * What a server offers: the history of a type where there is one, for it tells of deletions and is not behind an index;
 * else a search of all.
 */
export async function planReading(client: SourceClient): Promise<Plan[]> {
  const statement = (await client.capabilities()) as {
    rest?: { resource?: { type?: string; interaction?: { code?: string }[] }[] }[];
  };
  const resources = statement.rest?.[0]?.resource;
  const plans = new Map<string, Plan>();
  for (const { type, interaction } of Array.isArray(resources) ? resources : []) {
    if (type === undefined || !TYPE.test(type) || NOT_RECORDS.has(type)) continue;
    const offered = new Set((Array.isArray(interaction) ? interaction : []).map(({ code }) => code));
    const methods = [
      ...(offered.has('history-type') ? (['history'] as const) : []),
      ...(offered.has('search-type') ? (['search'] as const) : []),
    ];
    if (methods.length > 0) plans.set(type, { type, methods });
  }
  // Patients first, so that what refers to them finds them.
  return [...plans.values()].toSorted((a, b) => Number(b.type === 'Patient') - Number(a.type === 'Patient'));
}

export interface TypeReading {
  readonly client: SourceClient;
  readonly lines: Lines;
  readonly source: string;
  readonly nowMs: () => number;
  /** Whether a version was never heard of: then what the page shows is taken as it came, and not asked for again. */
  readonly isNews: (line: Line) => boolean;
  /** Takes such versions, and what has no id that could be asked for. */
  readonly onNews: (events: readonly FhirEvent[], lines: readonly Line[]) => Promise<void>;
  /** Told of each page. */
  readonly onPage: (lines: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads one type, by the first of its methods that the server really answers.
 *
 * @returns By which it was read.
 * @throws AdapterError as the last method fails.
 */
export async function readType(plan: Plan, reading: TypeReading): Promise<ReadMethod> {
  let failure: unknown;
  for (const method of plan.methods) {
    try {
      await readBy(method, plan.type, reading);
      return method;
    } catch (error) {
      reading.signal?.throwIfAborted();
      if (!(error instanceof AdapterError)) throw error;
      // It offers what it does not do: the next one is tried, and what was read stays, for it was shown.
      failure = error;
    }
  }
  throw failure;
}

async function readBy(method: ReadMethod, type: string, reading: TypeReading): Promise<void> {
  if (method === 'history') {
    await readPages(method, type, reading);
    return;
  }
  // Servers cut searches off, and pages by offset skip what moves: the server's own count tells.
  let shown = 0;
  for (let reads = 1; ; reads++) {
    const before = await countOf(type, reading);
    shown += await readPages(method, type, reading);
    const after = await countOf(type, reading);
    if (before === undefined || after === undefined || shown >= Math.min(before, after)) return;
    if (reads === READS_MAX)
      throw new AdapterError(
        'ADAPTER_SOURCE_REFUSED',
        `the source counts ${Math.min(before, after)} resources of ${type}, and shows ${shown}`,
      );
  }
}

/** How many resources of a type the server says that it holds; many do not say. */
async function countOf(type: string, { client, signal }: TypeReading): Promise<number | undefined> {
  const answer = await client.request({
    url: `${type}?_summary=count`,
    headers: { 'cache-control': 'no-cache' },
    bytesMax: COUNT_BYTES_MAX,
    signal,
  });
  if (answer.status !== 200) return undefined;
  try {
    const bundle: unknown = JSON.parse(answer.bytes.toString('utf8'));
    const { total } = bundle as { readonly total?: unknown };
    return typeof total === 'number' && Number.isSafeInteger(total) && total >= 0 ? total : undefined;
  } catch {
    return undefined;
  }
}

/** @returns How many resources it showed that were not shown before. */
async function readPages(method: ReadMethod, type: string, reading: TypeReading): Promise<number> {
  const { client, lines, source, nowMs, signal } = reading;
  const pages =
    method === 'history'
      ? client.search(`${type}/_history`, { _count: String(PAGE) })
      : client.search(type, { _count: String(PAGE), _sort: '_lastUpdated' });
  let count = 0;
  let fresh = 0;
  for await (const page of pages) {
    signal?.throwIfAborted();
    const events = eventsOf(page, { source, channel: 'reconciliation', receivedAt: nowMs() }).filter(
      (event) => event.type === type,
    );
    const writes = new Map<string, { readonly line: Line; readonly write: StoreWrite }>();
    const news = new Map<string, FhirEvent>();
    const unnamed: FhirEvent[] = [];
    for (const event of events) {
      if (!isFhirId(event.id)) {
        if (event.kind === 'put') unnamed.push(event);
        continue;
      }
      const line = lineOf(event);
      const mark = lines.markOf(type, event.id);
      const known = writes.get(mark)?.line ?? lines.get(mark);
      if (known === undefined) fresh += 1;
      if (known !== undefined && !isNewer(line, known, method)) continue;
      writes.set(mark, { line, write: lines.put(line) });
      if (event.kind === 'put' && reading.isNews(line)) news.set(mark, event);
      else news.delete(mark);
    }
    await lines.write([...writes.values()].map(({ write }) => write));
    const named = [...news.keys()].flatMap((mark) => writes.get(mark)?.line ?? []);
    if (news.size + unnamed.length > 0) await reading.onNews([...news.values(), ...unnamed], named);
    count += events.length;
    if (count > LINES_MAX)
      throw new AdapterError('ADAPTER_SOURCE_REFUSED', `more than ${LINES_MAX} resources of one type`);
    reading.onPage(writes.size);
  }
  return fresh;
}

/**
 * Whether what a page shows replaces what an earlier one showed. A history tells the newest first, and its deletions
 * may have no time; in a search, what changes while it is read comes once more.
 */
function isNewer(line: Line, known: Line, method: ReadMethod): boolean {
  if (line.at !== undefined && known.at !== undefined) return line.at > known.at;
  return method === 'search';
}

function lineOf(event: FhirEvent): Line {
  const { type, id, kind, version, bytes } = event;
  if (kind === 'delete') return { type, id, gone: true };
  const at = kind === 'put' ? lastUpdatedIn(bytes) : undefined;
  return {
    type,
    id,
    // Without content it is to be asked for; no version is the empty one.
    version: kind === 'fetch' ? '' : (version ?? bytesVersion(bytes)),
    ...(at === undefined ? {} : { at }),
  };
}

const LAST_UPDATED = /"lastUpdated"\s*:\s*"([^"]{10,40})"/;

/** The first that stands in the bytes is that of `meta`, which comes first; a wrong one costs a reading back. */
function lastUpdatedIn(bytes: Buffer): number | undefined {
  const at = Date.parse(LAST_UPDATED.exec(bytes.toString('latin1', 0, 4096))?.[1] ?? '');
  return Number.isNaN(at) ? undefined : at;
}

function eventsOf(page: Buffer, arrival: Parameters<typeof eventsFromBody>[1]): FhirEvent[] {
  try {
    return eventsFromBody(page, arrival);
  } catch (cause) {
    if (!(cause instanceof MappingError) && !(cause instanceof AdapterError)) throw cause;
    throw new AdapterError('ADAPTER_SOURCE_REFUSED', 'the source shows a page that cannot be taken apart', {
      cause,
    });
  }
}
