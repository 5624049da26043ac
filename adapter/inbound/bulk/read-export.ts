/**
 * Reading a source by its bulk export: asked for, waited for, read file by file into the inbox, and ended at the server.
 *
 * Each step is remembered when it has been made, so that whatever ends the process, the next reading goes on with the
 * next file. What is done twice is done twice to the same end: the inbox knows what it has had.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { AdapterError } from '../../errors.js';
import type { Sources } from '../../instance/sources.js';
import type { Statistics } from '../../services/statistics.js';
import type { FhirEvent } from '../event.js';
import { NOT_RECORDS } from '../history.js';
import type { Inbox } from '../inbox.js';
import type { SourceClient } from '../source-client.js';
import type { ExportJob, ExportJobs, FileProblemCode } from './job.js';
import { readAll } from './files-at-once.js';
import type { ExportFile } from './manifest.js';
import { isLost, plan, requireSame } from './plan.js';
import type { ExportWanted } from './plan.js';
import { readExportFile } from './read-file.js';
import { askForExport, awaitExport, endExport, EXPORT_PATIENCE } from './request.js';
import type { ExportPatience } from './request.js';

export interface ExportProgress {
  readonly phase: 'waiting' | 'reading';
  /** What the server says of it, while we wait. */
  readonly said?: string;
  /** Files read, and all files. */
  readonly files: number;
  readonly filesTotal: number;
  readonly resources: number;
  readonly accepted: number;
  readonly duplicates: number;
  readonly deletions: number;
}

export interface ExportResult {
  /** Up to when the server says that the export is complete. */
  readonly transactionTime: string;
  readonly since?: string;
  readonly types?: readonly string[];
  /** Whether it had been begun before. */
  readonly isResumed: boolean;
  /** Whether nothing is missing of what the server offered: only then does the next export begin where this one ended. */
  readonly isComplete: boolean;
  readonly files: number;
  /** Of what describes servers, and no patient. */
  readonly filesSkipped: number;
  /** This time: what was read before is not counted again. */
  readonly resources: number;
  readonly accepted: number;
  readonly duplicates: number;
  readonly deletions: number;
  readonly problems: readonly {
    /** Number of the file in the order of the manifest, from 0. */
    readonly file: number;
    readonly type: string;
    readonly code: FileProblemCode;
    readonly count: number;
  }[];
}

export interface ExportOptions {
  readonly client: SourceClient;
  readonly jobs: ExportJobs;
  readonly inbox: Inbox;
  readonly sources: Sources;
  readonly statistics: Statistics;
  readonly nowMs: () => number;
  /** Where exports are had when nobody says: asked when one is to be begun. */
  readonly findPath: () => Promise<string>;
  readonly patience?: ExportPatience;
  /** Largest file, bytes after decompression. */
  readonly fileBytesMax?: number;
  readonly onProgress?: (progress: ExportProgress) => void;
  readonly signal?: AbortSignal | undefined;
}

const FILE_BYTES_MAX = 64 * 1024 ** 3;
/** Acknowledged events that may wait before reading pauses: bounds disk and keeps live hooks near. */
const PENDING_MAX = 20_000;
const PAUSE_MS = 20;
/** Exports that were gone before they were read, in one reading. */
const GONE_MAX = 2;

interface Counts {
  resources: number;
  accepted: number;
  duplicates: number;
  deletions: number;
}

/**
 * Reads a source by its export: goes on with the one under way, or begins one.
 *
 * @throws AdapterError ADAPTER_CONFLICT when another one is under way than is wanted; ADAPTER_SOURCE_REFUSED,
 * ADAPTER_SOURCE_UNREACHABLE, ADAPTER_DISK_FULL: what was read until then is durable, and the next reading goes on there.
 */
export async function readExport(
  source: string,
  wanted: ExportWanted,
  options: ExportOptions,
): Promise<ExportResult> {
  const { client, jobs, nowMs } = options;
  const counts: Counts = { resources: 0, accepted: 0, duplicates: 0, deletions: 0 };
  const before = jobs.job(source);
  if (before !== undefined && isLost(before, client.baseUrl, nowMs())) await jobs.drop(source);
  const underWay = jobs.job(source);
  if (underWay !== undefined) requireSame(underWay, wanted);
  let job = underWay ?? (await begin(source, wanted, options));
  for (let gone = 0; ;) {
    const result = await readOne(source, job, underWay === job, counts, options);
    if (result !== 'gone') return result;
    await jobs.drop(source);
    gone += 1;
    if (gone >= GONE_MAX)
      throw new AdapterError(
        'ADAPTER_SOURCE_UNREACHABLE',
        'the exports of the source are gone before they are read',
      );
    job = await begin(source, wanted, options);
  }
}

/**
 * Ends the export under way at a source, there and here.
 *
 * @returns Whether there was one.
 */
export async function cancelExport(source: string, client: SourceClient, jobs: ExportJobs): Promise<boolean> {
  const job = jobs.job(source);
  if (job === undefined) return false;
  if (job.baseUrl === client.baseUrl) await endExport(client, job.statusUrl);
  await jobs.drop(source);
  return true;
}

async function begin(source: string, wanted: ExportWanted, options: ExportOptions): Promise<ExportJob> {
  const { client, jobs, nowMs, signal } = options;
  const asked = plan(source, { ...wanted, path: wanted.path ?? (await options.findPath()) }, jobs);
  const askedAt = nowMs();
  const statusUrl = await askForExport(client, asked, signal);
  const job = { ...asked, baseUrl: client.baseUrl, statusUrl, askedAt };
  await jobs.save(source, job);
  return job;
}

async function readOne(
  source: string,
  begun: ExportJob,
  isResumed: boolean,
  counts: Counts,
  options: ExportOptions,
): Promise<ExportResult | 'gone'> {
  const { client, jobs, signal } = options;
  const job = await ready(source, begun, counts, options);
  if (job === 'gone') return 'gone';
  const { manifest, since, types } = job;
  const { length: filesTotal } = manifest.files;
  let files = 0;
  const tell = (): void => options.onProgress?.({ phase: 'reading', files, filesTotal, ...counts });
  const problems: ExportResult['problems'][number][] = [];
  let filesSkipped = 0;
  const readNth = async (index: number, file: ExportFile, until: AbortSignal): Promise<boolean> => {
    if (file.kind === 'output' && NOT_RECORDS.has(file.type)) filesSkipped += 1;
    else {
      const before = jobs.file(source, index);
      const state =
        before?.hash !== undefined
          ? before
          : await readExportFile(file, before, {
              client,
              requiresAccessToken: manifest.requiresAccessToken,
              patience: options.patience ?? EXPORT_PATIENCE,
              fileBytesMax: options.fileBytesMax ?? FILE_BYTES_MAX,
              source,
              nowMs: options.nowMs,
              accept: (events) => take(source, events, counts, options, tell, until),
              remember: (now) => jobs.saveFile(source, index, now),
              signal: until,
            });
      if (state === 'gone') return false;
      if (state !== before) await jobs.saveFile(source, index, state);
      for (const { code, count } of state.problems ?? [])
        problems.push({ file: index, type: file.type, code, count });
    }
    files += 1;
    tell();
    return true;
  };
  if (!(await readAll(manifest.files, readNth, signal))) return 'gone';
  problems.sort((a, b) => a.file - b.file);
  const isComplete = problems.length === 0;
  // Before it is forgotten here: a crash in between tells the server again.
  await endExport(client, job.statusUrl, signal);
  signal?.throwIfAborted();
  if (isComplete) await moveSearches(source, job, options.sources);
  await jobs.finish(source, job, isComplete, options.nowMs());
  return {
    transactionTime: manifest.transactionTime,
    ...(since === undefined ? {} : { since }),
    ...(types === undefined ? {} : { types }),
    isResumed,
    isComplete,
    files: manifest.files.length,
    filesSkipped,
    ...counts,
    problems,
  };
}

type ReadyJob = ExportJob & { readonly manifest: NonNullable<ExportJob['manifest']> };

/** Waits for the manifest, and keeps it. */
async function ready(
  source: string,
  job: ExportJob,
  counts: Counts,
  options: ExportOptions,
): Promise<ReadyJob | 'gone'> {
  const { client, jobs, nowMs, signal, patience = EXPORT_PATIENCE } = options;
  const { manifest } = job;
  if (manifest !== undefined) return { ...job, manifest };
  const onWaiting = (said: string): void =>
    options.onProgress?.({
      phase: 'waiting',
      files: 0,
      filesTotal: 0,
      ...counts,
      ...(said === '' ? {} : { said }),
    });
  const waited = await awaitExport(client, job, patience, nowMs, onWaiting, signal);
  if (waited.outcome === 'gone') return 'gone';
  if (waited.outcome === 'failed') {
    await endExport(client, job.statusUrl, signal);
    await jobs.drop(source);
    throw waited.error;
  }
  const { outcome: _outcome, ...found } = waited;
  const done = { ...job, ...found };
  await jobs.save(source, done);
  return done;
}

async function take(
  source: string,
  events: readonly FhirEvent[],
  counts: Counts,
  { inbox, sources, statistics }: ExportOptions,
  tell: () => void,
  until: AbortSignal,
): Promise<void> {
  // Paused or removed meanwhile: nothing more is heard of it.
  if (sources.get(source)?.state !== 'active')
    throw new AdapterError('ADAPTER_CONFLICT', `source ${source} is not active any more`);
  const { accepted, duplicates } = await inbox.accept(events);
  for (const event of events) {
    statistics.received(event.channel, event.type);
    if (event.kind === 'delete') counts.deletions += 1;
    else counts.resources += 1;
  }
  statistics.count('duplicate', duplicates);
  counts.accepted += accepted;
  counts.duplicates += duplicates;
  tell();
  while (inbox.pendingCount > PENDING_MAX) {
    until.throwIfAborted();
    await sleep(PAUSE_MS);
  }
}

/** What a server exported of all of a type need not be searched for again. */
async function moveSearches(
  source: string,
  { path, since, manifest }: ReadyJob,
  sources: Sources,
): Promise<void> {
  // What was exported since a time says nothing of what a search has not seen before that time.
  if (path !== '$export' || since !== undefined) return;
  const known = sources.get(source)?.syncedTo ?? {};
  const to = manifest.transactionTimeMs;
  const moved = manifest.files
    .filter(({ kind, type }) => kind === 'output' && !NOT_RECORDS.has(type) && to > (known[type] ?? 0))
    .map(({ type }) => [type, to] as const);
  if (moved.length > 0) await sources.synced(source, Object.fromEntries(moved));
}
