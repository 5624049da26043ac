/**
 * One file of an export: read as a stream into the inbox, with no more in memory than a few lines, and gone on with
 * where it broke off.
 */
import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { MappingError, ndjsonLines, stripBom } from '../../../mappings/index.js';
import { AdapterError, codeOf } from '../../errors.js';
import type { FhirEvent } from '../event.js';
import { bounded } from '../guarded-fetch.js';
import { retryAfterMs } from '../patience.js';
import type { SourceClient } from '../source-client.js';
import type { FileProblem, FileProblemCode, FileState } from './job.js';
import { deletedLine, isErrorLine, outputLine } from './lines.js';
import type { ExportFile } from './manifest.js';
import { isPassing, pause } from './request.js';
import type { ExportPatience } from './request.js';

export interface FileReading {
  readonly client: SourceClient;
  readonly requiresAccessToken: boolean;
  readonly patience: ExportPatience;
  /** Largest file, bytes after decompression. */
  readonly fileBytesMax: number;
  readonly source: string;
  readonly nowMs: () => number;
  /** Makes events durable; they are when it returns. */
  readonly accept: (events: readonly FhirEvent[]) => Promise<void>;
  /** Remembers how far the file has been read. */
  readonly remember: (state: FileState) => Promise<void>;
  readonly signal?: AbortSignal | undefined;
}

/** Handed to the inbox at once: whichever of the two comes first. */
const LINES_AT_ONCE = 500;
const BYTES_AT_ONCE = 4 * 1024 * 1024;
/** Lines of one file that may be no resources of its type; beyond, the file is something else. */
const DOUBTFUL_MAX = 1000;
/** A server that is asked too much may ask for this much quiet, ms. */
const QUIET_MS_MAX = 300_000;
const UNZIPPED_CHUNK_BYTES = 64 * 1024;
const LF = Buffer.from('\n');
const NOTHING_READ: FileState = { lines: 0, linesHash: '' };

/**
 * Reads a file to its end.
 *
 * @param before - How far it had been read.
 * @returns Its state, with the hash and what is wrong with it; `gone` when the server has it no more.
 * @throws AdapterError ADAPTER_SOURCE_REFUSED, or ADAPTER_SOURCE_UNREACHABLE when it broke off again and again: what was read
 * is durable and remembered; whatever `accept` throws.
 */
export async function readExportFile(
  file: ExportFile,
  before: FileState | undefined,
  reading: FileReading,
): Promise<FileState | 'gone'> {
  const { patience, signal } = reading;
  let state = before ?? NOTHING_READ;
  let failures = 0;
  let shortHash: string | undefined;
  for (;;) {
    const from = state.lines;
    const tried = await readOnce(file, state, reading, (now) => (state = now));
    if (tried.outcome === 'gone') return 'gone';
    if (tried.outcome === 'end') {
      const { problems = [], ...ended } = tried.state;
      // Fewer lines than the manifest says: perhaps an answer that was cut and does not show it.
      if (file.count === undefined || ended.lines >= file.count) return tried.state;
      if (shortHash === ended.hash) return { ...ended, problems: [problem('FILE_SHORT'), ...problems] };
      shortHash = ended.hash;
    }
    if (tried.outcome === 'changed') state = NOTHING_READ;
    failures = state.lines > from ? 1 : failures + 1;
    if (failures >= patience.triesMax) throw tried.outcome === 'broken' ? tried.error : changing();
    const asked = tried.outcome === 'broken' ? tried.waitMs : undefined;
    await pause(Math.min(asked ?? patience.backOffMs(failures), QUIET_MS_MAX), signal);
  }
}

type Tried =
  | { readonly outcome: 'end'; readonly state: FileState }
  | { readonly outcome: 'broken'; readonly error: AdapterError; readonly waitMs: number | undefined }
  /** What was read before is not what comes now. */
  | { readonly outcome: 'changed' }
  | { readonly outcome: 'gone' };

async function readOnce(
  file: ExportFile,
  before: FileState,
  reading: FileReading,
  onState: (state: FileState) => void,
): Promise<Tried> {
  const { client, requiresAccessToken, fileBytesMax, nowMs, signal } = reading;
  try {
    const { status, headers, body } = await client.stream({
      url: file.url,
      // No Accept: NDJSON is what files are without one, and HAPI gives a Binary in JSON to whoever says anything of JSON.
      bytesMax: fileBytesMax,
      // Whoever needs no token may keep its files anywhere; a token is shown to the server alone.
      elsewhere: !requiresAccessToken,
      withoutCredentials: !requiresAccessToken,
      signal,
    });
    if (status !== 200) {
      await body.return(undefined);
      if (status === 404 || status === 410) return { outcome: 'gone' };
      const error = refusal(status);
      // A token that was refused is not shown again: the next one may be taken.
      if (!isPassing(status) && status !== 401) throw error;
      return { outcome: 'broken', error, waitMs: retryAfterMs(headers.get('retry-after'), nowMs()) };
    }
    const state = await new FileReader(file, before, reading, onState).read(unzipped(body, fileBytesMax));
    return state === undefined ? { outcome: 'changed' } : { outcome: 'end', state };
  } catch (error) {
    signal?.throwIfAborted();
    if (!isBroken(error)) throw error;
    return { outcome: 'broken', error, waitMs: undefined };
  }
}

/** Some servers keep their files packed, and hand them out as they are. */
async function* unzipped(body: AsyncGenerator<Buffer>, bytesMax: number): AsyncGenerator<Buffer> {
  const first = await body.next();
  if (first.done === true) return;
  const all = continued(first.value, body);
  if (first.value[0] !== 0x1f || first.value[1] !== 0x8b) {
    yield* all;
    return;
  }
  const gunzip = pipeline(
    Readable.from(all),
    createGunzip({ chunkSize: UNZIPPED_CHUNK_BYTES }),
    () => undefined,
  );
  try {
    yield* bounded(gunzip, bytesMax);
  } catch (error) {
    if (error instanceof AdapterError) throw error;
    throw new AdapterError('ADAPTER_SOURCE_UNREACHABLE', `a file of the export broke off: ${codeOf(error)}`, {
      cause: error,
    });
  }
}

async function* continued(first: Buffer, rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  yield first;
  yield* rest;
}

/** One pass over a file, from its first byte. */
class FileReader {
  readonly #file: ExportFile;
  readonly #reading: FileReading;
  readonly #onState: (state: FileState) => void;
  readonly #before: FileState;
  readonly #bytes = createHash('sha256');
  readonly #lines = createHash('sha256');
  #line = 0;
  #doubtful = 0;
  #errors = 0;
  #events: FhirEvent[] = [];
  #size = 0;
  /** Still among the lines that were read before. */
  #isKnown: boolean;

  constructor(
    file: ExportFile,
    before: FileState,
    reading: FileReading,
    onState: (state: FileState) => void,
  ) {
    this.#file = file;
    this.#reading = reading;
    this.#onState = onState;
    this.#before = before;
    this.#isKnown = before.lines > 0 && file.kind !== 'error';
  }

  /** @returns `undefined` when the lines that were read before are not those that come now. */
  async read(body: AsyncGenerator<Buffer>): Promise<FileState | undefined> {
    const { count } = this.#file;
    let wrong: FileProblemCode | undefined;
    try {
      for await (const line of ndjsonLines(this.#hashed(body))) {
        if (count !== undefined && this.#line >= count) wrong = 'FILE_LONG';
        if (wrong !== undefined) break;
        if (!(await this.#take(line))) return undefined;
        if (this.#doubtful > DOUBTFUL_MAX) wrong = 'FILE_UNREADABLE';
      }
    } catch (error) {
      // What came before it broke off is kept: it need not come again.
      if (isBroken(error)) await this.#flush();
      if (!isTooLarge(error)) throw error;
      wrong = 'FILE_TOO_LARGE';
    }
    // It ended among the lines that were read before.
    if (this.#isKnown && wrong === undefined) return undefined;
    await this.#flush(true);
    const problems: FileProblem[] = [
      ...(wrong === undefined ? [] : [problem(wrong)]),
      ...(this.#errors === 0 ? [] : [problem('EXPORT_ERRORS', this.#errors)]),
    ];
    return {
      lines: this.#line,
      linesHash: hashOf(this.#lines),
      hash: hashOf(this.#bytes),
      ...(problems.length === 0 ? {} : { problems }),
    };
  }

  async *#hashed(body: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of body) {
      this.#bytes.update(chunk);
      yield chunk;
    }
  }

  /** False when the lines that were read before turn out to be others. */
  async #take(line: Buffer): Promise<boolean> {
    this.#line += 1;
    this.#lines.update(line).update(LF);
    const { kind, type } = this.#file;
    if (kind === 'error') {
      if (isErrorLine(line)) this.#errors += 1;
      return true;
    }
    if (this.#isKnown) {
      if (this.#line < this.#before.lines) return true;
      this.#isKnown = false;
      return hashOf(this.#lines) === this.#before.linesHash;
    }
    const { source, nowMs } = this.#reading;
    const arrival = { source, channel: 'bulk' as const, receivedAt: nowMs() };
    const { events, isDoubtful } =
      kind === 'deleted'
        ? deletedLine(line, arrival)
        : outputLine(this.#line === 1 ? stripBom(line) : line, type, arrival);
    if (isDoubtful) this.#doubtful += 1;
    this.#events.push(...events);
    this.#size += line.length;
    if (this.#events.length >= LINES_AT_ONCE || this.#size >= BYTES_AT_ONCE) await this.#flush();
    return true;
  }

  /** @param isEnd - The file has been read: its last state is the caller's to remember. */
  async #flush(isEnd = false): Promise<void> {
    const events = this.#events;
    this.#events = [];
    this.#size = 0;
    if (events.length > 0) await this.#reading.accept(events);
    if (this.#isKnown || this.#line <= this.#before.lines) return;
    const state = { lines: this.#line, linesHash: hashOf(this.#lines) };
    if (!isEnd) await this.#reading.remember(state);
    this.#onState(state);
  }
}

/** It ended before its end; the rest may come another time. */
function isBroken(error: unknown): error is AdapterError {
  return error instanceof AdapterError && error.code === 'ADAPTER_SOURCE_UNREACHABLE';
}

/** While a body is read, the one thing that the guard refuses is its size. */
function isTooLarge(error: unknown): boolean {
  if (error instanceof MappingError) return error.code === 'MAPPING_LINE_TOO_LONG';
  return error instanceof AdapterError && error.code === 'ADAPTER_SOURCE_REFUSED';
}

function refusal(status: number): AdapterError {
  const code = isPassing(status) ? 'ADAPTER_SOURCE_UNREACHABLE' : 'ADAPTER_SOURCE_REFUSED';
  return new AdapterError(code, `the source answered ${status} (a file of the export)`);
}

function changing(): AdapterError {
  return new AdapterError(
    'ADAPTER_SOURCE_UNREACHABLE',
    'a file of the export is another one each time it is read',
  );
}

function hashOf(sum: Hash): string {
  return sum.copy().digest('base64url');
}

function problem(code: FileProblemCode, count = 1): FileProblem {
  return { code, count };
}
