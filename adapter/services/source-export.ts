/** Reading sources by their bulk export, one export a source at a time. */
import { AdapterError } from '../errors.js';
import { cancelExport, ExportJobs, readExport } from '../inbound/bulk/index.js';
import type {
  ExportPatience,
  ExportProgress,
  ExportResult,
  ExportWanted,
  LastExport,
} from '../inbound/bulk/index.js';
import type { SourceClient } from '../inbound/source-client.js';
import type { Instance } from '../instance/instance.js';
import { discover } from './source-discovery.js';

export interface ExportArgs {
  /** Types; absent for all. */
  readonly types?: readonly string[];
  /** An instant, or a day in UTC. */
  readonly since?: string;
  /** All that there is, whatever was exported before. */
  readonly full?: boolean;
  /** Of one Group alone: its id. */
  readonly group?: string;
}

const TYPE = /^[A-Z][A-Za-z]{1,63}$/;
const FHIR_ID = /^[A-Za-z0-9.-]{1,64}$/;
const DAY = /^\d{4}-\d\d-\d\d$/;
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/;

/** Sources whose export is being read, of each instance of this process. */
const reading = new WeakMap<Instance, Set<string>>();

/**
 * Reads a source by its export: goes on with the one under way, or begins one.
 *
 * @throws AdapterError ADAPTER_NOT_FOUND, ADAPTER_USAGE, ADAPTER_CONFLICT for a source that is paused or is being exported;
 * as `readExport` does.
 */
export async function exportSource(
  instance: Instance,
  id: string,
  args: ExportArgs = {},
  onProgress: (progress: ExportProgress) => void = () => undefined,
  signal?: AbortSignal,
  patience?: ExportPatience,
): Promise<ExportResult> {
  const wanted = wantedOf(args);
  const client = clientOf(instance, id);
  if (instance.sources.get(id)?.state === 'paused')
    throw new AdapterError('ADAPTER_CONFLICT', `source ${id} is paused; firebreak source resume ${id}`);
  const options = {
    client,
    jobs: jobsOf(instance),
    inbox: instance.inbox,
    sources: instance.sources,
    statistics: instance.statistics,
    nowMs: instance.nowMs,
    findPath: () => pathOf(client),
    onProgress,
    signal,
    ...(patience === undefined ? {} : { patience }),
  };
  return alone(instance, id, async () => {
    try {
      const result = await readExport(id, wanted, options);
      const { isComplete, files, problems } = result;
      if (!isComplete) {
        const codes = [...new Set(problems.map(({ code }) => code))].join(',');
        instance.logger.warn('export not complete', { source: id, files, problems: problems.length, codes });
      }
      return result;
    } finally {
      // Removed while it was read: what was remembered since is forgotten too.
      if (instance.sources.get(id)?.state === 'removed') await forgetExports(instance, id);
    }
  });
}

/**
 * Ends the export under way, at the server too.
 *
 * @throws AdapterError ADAPTER_NOT_FOUND, ADAPTER_CONFLICT while it is being read.
 */
export async function cancelSourceExport(
  instance: Instance,
  id: string,
): Promise<{ readonly id: string; readonly wasUnderWay: boolean }> {
  const client = clientOf(instance, id);
  const wasUnderWay = await alone(instance, id, () => cancelExport(id, client, jobsOf(instance)));
  return { id, wasUnderWay };
}

/** The last export of a source that was read to its end. */
export function lastExport(instance: Instance, id: string): LastExport | undefined {
  return jobsOf(instance).last(id);
}

/** Whether an export was begun and has not come to its end. */
export function exportUnderWay(instance: Instance, id: string): boolean {
  return jobsOf(instance).job(id) !== undefined;
}

/** Forgets the exports of a source that is parted from. */
export async function forgetExports(instance: Instance, id: string): Promise<void> {
  await jobsOf(instance).forget(id);
}

/** Whether a source is to be read by export when nobody says how: it has no other way, or was never read. */
export function isReadByExport(instance: Instance, id: string): boolean {
  const source = instance.sources.get(id);
  if (source?.channels.includes('bulk') !== true) return false;
  return !source.channels.includes('poll') || Object.keys(source.syncedTo).length === 0;
}

function jobsOf(instance: Instance): ExportJobs {
  return new ExportJobs(instance.store, instance.keys.storage.indexKey);
}

async function alone<T>(instance: Instance, id: string, run: () => Promise<T>): Promise<T> {
  const busy = reading.get(instance) ?? new Set();
  reading.set(instance, busy);
  if (busy.has(id)) throw new AdapterError('ADAPTER_CONFLICT', `an export of ${id} is being read`);
  busy.add(id);
  try {
    return await run();
  } finally {
    busy.delete(id);
  }
}

function clientOf(instance: Instance, id: string): SourceClient {
  const client = instance.client(id);
  if (client === undefined)
    throw new AdapterError('ADAPTER_NOT_FOUND', `no FHIR server is registered as ${id.slice(0, 64)}`);
  return client;
}

/** All of the server where it exports that; a server that names no export may still have one. */
async function pathOf(client: SourceClient): Promise<string> {
  const { bulk } = await discover(client);
  return bulk.patient && !bulk.system ? 'Patient/$export' : '$export';
}

function wantedOf({ types, since, full, group }: ExportArgs): ExportWanted {
  if (full === true && since !== undefined) throw usage('either all of it, or since a time');
  if (types?.length === 0 || types?.some((type) => !TYPE.test(type)) === true)
    throw usage('types are such as Patient,Observation');
  if (group !== undefined && !FHIR_ID.test(group)) throw usage('a group is named by its id');
  return {
    ...(types === undefined ? {} : { types: [...new Set(types)] }),
    ...(since === undefined ? {} : { since: instantOf(since) }),
    ...(full === true ? { full } : {}),
    ...(group === undefined ? {} : { path: `Group/${group}/$export` }),
  };
}

function instantOf(text: string): string {
  const instant = DAY.test(text) ? `${text}T00:00:00Z` : text;
  if (!INSTANT.test(instant) || Number.isNaN(Date.parse(instant)))
    throw usage('a time is such as 2026-11-01 or 2026-11-01T08:00:00Z');
  return instant;
}

function usage(message: string): AdapterError {
  return new AdapterError('ADAPTER_USAGE', message);
}
