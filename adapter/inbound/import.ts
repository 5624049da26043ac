/** Import of FHIR files: Bundles, single resources and NDJSON, plain or gzip, from files or folders. */
import { createReadStream } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { pipeline } from 'node:stream';
import { createGunzip, gunzip } from 'node:zlib';
import { promisify } from 'node:util';
import { MappingError, ndjsonLines, stripBom } from '../../mappings/index.js';
import { AdapterError, codeOf, messageOf } from '../errors.js';
import type { Statistics } from '../services/statistics.js';
import type { FhirEvent } from './event.js';
import type { Inbox } from './inbox.js';
import { eventsFromBody } from './intake.js';

/** A Bundle or resource of one file, bytes after decompression; larger data come as NDJSON, which is streamed. */
const FILE_BYTES_MAX = 512 * 1024 * 1024;
/** Files of one import. */
const FILES_MAX = 1_000_000;
/** NDJSON lines handed to the inbox at once. */
const LINES_AT_ONCE = 500;
const PENDING_MAX = 20_000;
const PAUSE_MS = 10;

export interface ImportProgress {
  files: number;
  filesTotal: number;
  bytes: number;
  bytesTotal: number;
  resources: number;
  accepted: number;
  duplicates: number;
  /** Files or lines that could not be read (lines counted without empty ones), each with its reason; no content in them. */
  readonly failures: { readonly file: string; readonly line?: number; readonly code: string }[];
}

export interface ImportOptions {
  readonly source: string;
  readonly inbox: Inbox;
  readonly statistics: Statistics;
  readonly nowMs: () => number;
  readonly onProgress?: (progress: ImportProgress) => void;
  /** Told of each patient met, so that a demo can give them wallets. */
  readonly onPatient?: (id: string) => void;
  readonly signal?: AbortSignal;
}

const JSON_FILE = /\.json(?:\.gz)?$/i;
const NDJSON_FILE = /\.(?:ndjson|jsonl)(?:\.gz)?$/i;

/**
 * Imports files. What one file is at fault for is listed and the others go on; each event is durable before the next
 * file is opened.
 *
 * @throws AdapterError ADAPTER_NOT_FOUND for a path that is not there, ADAPTER_USAGE for one that holds no FHIR file,
 * ADAPTER_DISK_FULL.
 */
export async function importFiles(paths: readonly string[], options: ImportOptions): Promise<ImportProgress> {
  const files = await listFiles(paths);
  const progress: ImportProgress = {
    files: 0,
    filesTotal: files.length,
    bytes: 0,
    bytesTotal: files.reduce((sum, { size }) => sum + size, 0),
    resources: 0,
    accepted: 0,
    duplicates: 0,
    failures: [],
  };
  for (const { path, size } of files) {
    options.signal?.throwIfAborted();
    try {
      if (NDJSON_FILE.test(path)) await importLines(path, options, progress);
      else await importWhole(path, options, progress);
    } catch (error) {
      if (!isOfTheFile(error)) throw error;
      progress.failures.push({ file: basename(path), code: codeOf(error) });
    }
    progress.files += 1;
    progress.bytes += size;
    options.onProgress?.(progress);
  }
  return progress;
}

async function importWhole(path: string, options: ImportOptions, progress: ImportProgress): Promise<void> {
  const raw = await readFile(path);
  let bytes = raw;
  if (extname(path) === '.gz') {
    bytes = await promisify(gunzip)(raw, { maxOutputLength: FILE_BYTES_MAX }).catch((cause: unknown) => {
      throw new AdapterError('ADAPTER_UNPROCESSABLE', `not gzip, or too large: ${messageOf(cause)}`, {
        cause,
      });
    });
  }
  // Files often begin with a mark that JSON on the wire must not have.
  await take(eventsFromBody(stripBom(bytes), arrival(options)), options, progress);
}

async function importLines(path: string, options: ImportOptions, progress: ImportProgress): Promise<void> {
  const file = createReadStream(path);
  // A pipeline, so that a failure of the file ends the decompression too.
  const stream = extname(path) === '.gz' ? pipeline(file, createGunzip(), () => undefined) : file;
  let events: FhirEvent[] = [];
  let line = 0;
  for await (const bytes of ndjsonLines(stream)) {
    line += 1;
    try {
      events.push(...eventsFromBody(bytes, arrival(options)));
    } catch (error) {
      if (!isOfTheFile(error)) throw error;
      progress.failures.push({ file: basename(path), line, code: codeOf(error) });
    }
    if (events.length >= LINES_AT_ONCE) {
      await take(events, options, progress);
      events = [];
    }
  }
  await take(events, options, progress);
}

async function take(
  events: readonly FhirEvent[],
  options: ImportOptions,
  progress: ImportProgress,
): Promise<void> {
  const { accepted, duplicates } = await options.inbox.accept(events);
  for (const event of events) {
    options.statistics.received(event.channel, event.type);
    if (event.type === 'Patient') options.onPatient?.(event.id);
  }
  options.statistics.count('duplicate', duplicates);
  progress.resources += events.length;
  progress.accepted += accepted;
  progress.duplicates += duplicates;
  options.onProgress?.(progress);
  while (options.inbox.pendingCount > PENDING_MAX) {
    options.signal?.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

function arrival(options: ImportOptions): { source: string; channel: 'import'; receivedAt: number } {
  return { source: options.source, channel: 'import', receivedAt: options.nowMs() };
}

function isOfTheFile(error: unknown): boolean {
  if (error instanceof MappingError || codeOf(error).startsWith('Z_')) return true;
  return error instanceof AdapterError && error.code === 'ADAPTER_UNPROCESSABLE';
}

async function listFiles(paths: readonly string[]): Promise<{ path: string; size: number }[]> {
  const files: { path: string; size: number }[] = [];
  for (const path of paths) {
    const found = await stat(path).catch((cause: unknown) => {
      throw new AdapterError('ADAPTER_NOT_FOUND', `${path} is not there`, { cause });
    });
    if (!found.isDirectory()) {
      if (!isFhirFile(path)) {
        throw new AdapterError('ADAPTER_USAGE', `${path} is not .json, .ndjson or .jsonl, plain or .gz`);
      }
      files.push({ path, size: found.size });
      continue;
    }
    for (const entry of await readdir(path, { recursive: true, withFileTypes: true })) {
      const inside = join(entry.parentPath, entry.name);
      if (entry.isFile() && isFhirFile(inside)) files.push({ path: inside, size: (await stat(inside)).size });
      if (files.length > FILES_MAX) throw new AdapterError('ADAPTER_USAGE', `more than ${FILES_MAX} files`);
    }
  }
  if (files.length === 0)
    throw new AdapterError('ADAPTER_USAGE', 'no .json, .ndjson or .jsonl file is there');
  return files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

function isFhirFile(path: string): boolean {
  return JSON_FILE.test(path) || NDJSON_FILE.test(path);
}
