/**
 * Reading a source: all that it holds the first time, afterwards what was updated since, with an overlap, since
 * servers make late commits visible late. Versions that are known already cost a look-up and are dropped.
 */
import { MappingError } from '../../mappings/index.js';
import type { Inbox } from './inbox.js';
import { eventsFromBody } from './intake.js';
import type { SourceClient } from './source-client.js';
import { overruled } from './overruled.js';
import type { Keeping } from './overruled.js';
import type { Sources } from '../instance/sources.js';
import type { Statistics } from '../services/statistics.js';
import { AdapterError } from '../errors.js';

/** Resources a page. */
const PAGE = 500;
/** Read again before the last resource seen, ms: a Bundle stamped t was seen to appear 1.8 s later, others a minute. */
export const OVERLAP_MS = 120_000;
/** Read again when the source's clock has gone back behind what was read, ms. */
const SET_BACK_MS = 24 * 60 * 60 * 1000;
/** Acknowledged events that may wait before reading pauses: bounds disk and keeps live hooks near. */
const PENDING_MAX = 20_000;
const PAUSE_MS = 20;

export interface HistoryProgress {
  /** Types read, types to read. */
  readonly types: number;
  readonly typesTotal: number;
  readonly resources: number;
  readonly accepted: number;
  readonly duplicates: number;
}

export interface HistoryOptions {
  readonly client: SourceClient;
  readonly inbox: Inbox;
  readonly records: Keeping['records'];
  readonly store: Keeping['store'];
  readonly sources: Sources;
  readonly statistics: Statistics;
  readonly nowMs: () => number;
  readonly onProgress?: (progress: HistoryProgress) => void;
  readonly signal?: AbortSignal;
}

/** Never read: conformance and infrastructure, which describe servers, and no patient. */
export const NOT_RECORDS: ReadonlySet<string> = new Set([
  'CapabilityStatement',
  'CodeSystem',
  'ConceptMap',
  'CompartmentDefinition',
  'Binary',
  'GraphDefinition',
  'ImplementationGuide',
  'MessageDefinition',
  'NamingSystem',
  'OperationDefinition',
  'OperationOutcome',
  'Parameters',
  'SearchParameter',
  'StructureDefinition',
  'StructureMap',
  'Subscription',
  'SubscriptionStatus',
  'TerminologyCapabilities',
  'TestReport',
  'TestScript',
  'ValueSet',
  'Bundle',
]);

/**
 * Reads what a source holds into the inbox.
 *
 * @throws AdapterError ADAPTER_SOURCE_UNREACHABLE or ADAPTER_SOURCE_REFUSED; what was read until then is durable, and
 * the next reading goes on from the types that were finished.
 */
export async function readHistory(sourceId: string, options: HistoryOptions): Promise<HistoryProgress> {
  const { client } = options;
  const types = (await client.searchableTypes())
    .filter((type) => !NOT_RECORDS.has(type))
    .toSorted(patientsFirst);
  if (types.length === 0)
    throw new AdapterError('ADAPTER_SOURCE_REFUSED', 'the source offers nothing to search');
  const progress = { types: 0, typesTotal: types.length, resources: 0, accepted: 0, duplicates: 0 };
  let failure: unknown;
  for (const type of types) {
    try {
      await readType(sourceId, type, options, progress);
    } catch (error) {
      options.signal?.throwIfAborted();
      // What the source answers for one type it may not answer for another; when it does not answer, it is left alone.
      if (!isOfType(error)) throw error;
      failure ??= error;
    }
    progress.types += 1;
    options.onProgress?.(progress);
  }
  if (failure !== undefined) throw failure;
  return progress;
}

/** Whether a failure is of one type's answers: a refusal, or pages that cannot be taken apart. */
function isOfType(error: unknown): boolean {
  if (error instanceof MappingError) return true;
  return (
    error instanceof AdapterError &&
    (error.code === 'ADAPTER_SOURCE_REFUSED' || error.code === 'ADAPTER_UNPROCESSABLE')
  );
}

async function readType(
  sourceId: string,
  type: string,
  options: HistoryOptions,
  progress: { resources: number; accepted: number; duplicates: number } & HistoryProgress,
): Promise<void> {
  const { client, inbox, sources, statistics, nowMs } = options;
  const since = sources.get(sourceId)?.syncedTo[type];
  const params: Record<string, string> = { _count: String(PAGE), _sort: '_lastUpdated' };
  const clockMs = client.clockMs;
  if (since !== undefined) params['_lastUpdated'] = `ge${readFrom(since, clockMs)}`;
  let newest = since;
  for await (const page of client.search(type, params)) {
    options.signal?.throwIfAborted();
    const arrival = { source: sourceId, channel: 'history' as const, receivedAt: nowMs() };
    const events = eventsFromBody(page, arrival).filter((event) => event.type === type);
    newest = latest(page, newest);
    // Of what comes the first time nothing can be overruled.
    const again = since === undefined ? [] : overruled(options, events);
    const { accepted, duplicates } = await inbox.accept([...events, ...again]);
    for (const event of events) statistics.received(event.channel, event.type);
    statistics.count('duplicate', duplicates);
    progress.resources += events.length;
    progress.accepted += accepted;
    progress.duplicates += duplicates;
    options.onProgress?.(progress);
    while (inbox.pendingCount > PENDING_MAX) {
      options.signal?.throwIfAborted();
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
  // Only a type that was read to its end moves its mark: a crash before this reads it again, and drops it all.
  // Nor does it pass the source's own clock: one resource of the year 2099 must not hide all that follows.
  const mark = newest === undefined ? undefined : Math.min(newest, clockMs);
  if (mark !== undefined && mark !== since) await sources.synced(sourceId, { [type]: mark });
}

/** From when a source is read that was read up to a mark of its clock. */
export function readFrom(markMs: number, clockMs: number): string {
  const isSetBack = markMs - OVERLAP_MS > clockMs;
  return new Date(isSetBack ? clockMs - SET_BACK_MS : markMs - OVERLAP_MS).toISOString();
}

/** Patients first, so that what refers to them finds them. */
function patientsFirst(a: string, b: string): number {
  if (a === 'Patient' || b === 'Patient') return a === 'Patient' ? -1 : 1;
  return a < b ? -1 : 1;
}

function latest(page: Buffer, before: number | undefined): number | undefined {
  const bundle = JSON.parse(page.toString('utf8')) as {
    entry?: { resource?: { meta?: { lastUpdated?: string } } }[];
  };
  let newest = before;
  for (const { resource } of bundle.entry ?? []) {
    const at = Date.parse(resource?.meta?.lastUpdated ?? '');
    if (!Number.isNaN(at) && (newest === undefined || at > newest)) newest = at;
  }
  return newest;
}
