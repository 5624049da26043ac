/** One pass over a file of an export: its lines into events, and those into the inbox. */
import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { MappingError, ndjsonLines, stripBom } from '../../../mappings/index.js';
import { AdapterError } from '../../errors.js';
import type { FhirEvent } from '../event.js';
import type { SourceClient } from '../source-client.js';
import type { FileProblem, FileProblemCode, FileState } from './job.js';
import { deletedLine, isErrorLine, outputLine } from './lines.js';
import type { ExportFile } from './manifest.js';
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
const LF = Buffer.from('\n');

/** From the first byte: a reader is for one pass. */
export class FileReader {
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
export function isBroken(error: unknown): error is AdapterError {
  return error instanceof AdapterError && error.code === 'ADAPTER_SOURCE_UNREACHABLE';
}

/** While a body is read, the one thing that the guard refuses is its size. */
function isTooLarge(error: unknown): boolean {
  if (error instanceof MappingError) return error.code === 'MAPPING_LINE_TOO_LONG';
  return error instanceof AdapterError && error.code === 'ADAPTER_SOURCE_REFUSED';
}

function hashOf(sum: Hash): string {
  return sum.copy().digest('base64url');
}

export function problem(code: FileProblemCode, count = 1): FileProblem {
  return { code, count };
}
