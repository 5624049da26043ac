/**
 * What is remembered of exports: the one under way at each source, how far each of its files has been read, and up to
 * when a source has been exported.
 *
 * The rows of files follow the events that were made of them, and are never before them: a crash between the two reads
 * some lines again, and the inbox drops those that it knows. All rows of an export end in one batch with its mark.
 */
import type { Store, StoreWrite } from '../../../ledger/store.js';
import { SealedRows } from '../../services/erasure/sealed-rows.js';
import type { Manifest } from './manifest.js';

/** What was asked for. */
export interface ExportAsked {
  /** Path of the operation: `$export`, `Patient/$export` or `Group/[id]/$export`. */
  readonly path: string;
  /** Types, sorted; absent for all. */
  readonly types?: readonly string[];
  /** `_since`, a FHIR instant; absent for all that there is. */
  readonly since?: string;
  /** Whether nothing lies between this and what was exported before: only then may the mark move. */
  readonly isContinuous: boolean;
}

export interface ExportJob extends ExportAsked {
  /** FHIR base that was asked. */
  readonly baseUrl: string;
  readonly statusUrl: string;
  readonly askedAt: number;
  /** Once the server is ready. */
  readonly manifest?: Manifest;
  /** After that its files are gone, ms. */
  readonly expiresAt?: number;
}

/** How far a file has been read. */
export interface FileState {
  /** Lines whose events are durable. */
  readonly lines: number;
  /** SHA-256 over those lines, each with its end, base64url: tells whether they are the same when read again. */
  readonly linesHash: string;
  /** SHA-256 of all bytes (decompressed), base64url, once the file has been read to its end. */
  readonly hash?: string;
  /** Why the export is not complete with this file. */
  readonly problems?: readonly FileProblem[];
}

export interface FileProblem {
  /** Stable: what is wrong. */
  readonly code: FileProblemCode;
  /** How often. */
  readonly count: number;
}

export type FileProblemCode =
  /** The server could not export something, by an error file. */
  | 'EXPORT_ERRORS'
  /** A file has fewer lines than the manifest says, time and again. */
  | 'FILE_SHORT'
  /** A file has more lines than the manifest says: they were not read. */
  | 'FILE_LONG'
  /** Too many lines of a file are no resources of its type: it was not read further. */
  | 'FILE_UNREADABLE'
  /** A file, or a line of it, is larger than is read. */
  | 'FILE_TOO_LARGE';

/** The last export of a source that was read to its end. */
export interface LastExport extends Pick<ExportAsked, 'path' | 'types' | 'since'> {
  readonly transactionTime: string;
  readonly endedAt: number;
  readonly isComplete: boolean;
  readonly files: number;
  /** Lines read, of all files. No hash of them outlives the export: of a file of one resource it would outlive its erasure. */
  readonly lines: number;
}

/** Up to when types have been exported whole, as the server said, by type; `*` is all. */
type Marks = Readonly<Record<string, string>>;

const ALL = '*';

export class ExportJobs {
  readonly #store: Store;
  readonly #jobs: SealedRows<ExportJob>;
  readonly #files: SealedRows<FileState>;
  readonly #marks: SealedRows<Marks>;
  readonly #last: SealedRows<LastExport>;

  constructor(store: Store, indexKey: Buffer) {
    this.#store = store;
    this.#jobs = new SealedRows(store, indexKey, 'export/job/');
    this.#files = new SealedRows(store, indexKey, 'export/file/');
    this.#marks = new SealedRows(store, indexKey, 'export/mark/');
    this.#last = new SealedRows(store, indexKey, 'export/last/');
  }

  /** The export under way at a source. */
  job(source: string): ExportJob | undefined {
    return this.#jobs.get(source);
  }

  async save(source: string, job: ExportJob): Promise<void> {
    await this.#store.batch([this.#jobs.put(source, job)], { sync: true });
  }

  /** @param index - Of the file in the manifest. */
  file(source: string, index: number): FileState | undefined {
    return this.#files.get(fileName(source, index));
  }

  /** Not synced: what is lost of it is read again. */
  async saveFile(source: string, index: number, state: FileState): Promise<void> {
    await this.#store.batch([this.#files.put(fileName(source, index), state)]);
  }

  /** Ends an export without its having counted. */
  async drop(source: string): Promise<void> {
    await this.#store.batch(await this.#ends(source), { sync: true });
  }

  /** Ends an export that was read; where it was complete, and nothing was left out before it, the mark moves. */
  async finish(
    source: string,
    job: ExportJob & { readonly manifest: Manifest },
    isComplete: boolean,
    nowMs: number,
  ): Promise<void> {
    const writes = await this.#ends(source);
    const { manifest, path, types, since } = job;
    const { transactionTime } = manifest;
    if (isComplete && job.isContinuous) {
      const marks = this.#marks.get(markName(source, path)) ?? {};
      const moved = Object.fromEntries(
        (types ?? [ALL]).map((type) => [type, later(marks[type], transactionTime)]),
      );
      writes.push(this.#marks.put(markName(source, path), { ...marks, ...moved }));
    }
    const { length: files } = manifest.files;
    let lines = 0;
    for (let index = 0; index < files; index++) lines += this.file(source, index)?.lines ?? 0;
    const asked = {
      path,
      ...(types === undefined ? {} : { types }),
      ...(since === undefined ? {} : { since }),
    };
    writes.push(
      this.#last.put(source, { ...asked, transactionTime, endedAt: nowMs, isComplete, files, lines }),
    );
    await this.#store.batch(writes, { sync: true });
  }

  /** The last export that was read to its end. */
  last(source: string): LastExport | undefined {
    return this.#last.get(source);
  }

  /** Up to when all of these types have been exported; `undefined` where one of them never was. */
  mark(source: string, path: string, types: readonly string[] | undefined): string | undefined {
    const marks = this.#marks.get(markName(source, path)) ?? {};
    let earliest: string | undefined;
    for (const type of types ?? [ALL]) {
      const mark = later(marks[type], marks[ALL]);
      if (mark === undefined) return undefined;
      if (earliest === undefined || Date.parse(mark) < Date.parse(earliest)) earliest = mark;
    }
    return earliest;
  }

  /** Forgets a source that was removed. */
  async forget(source: string): Promise<void> {
    const writes = [...(await this.#ends(source)), this.#last.del(source)];
    for await (const { name } of this.#marks.all(`${source}/`)) writes.push(this.#marks.del(name));
    await this.#store.batch(writes, { sync: true });
  }

  async #ends(source: string): Promise<StoreWrite[]> {
    const writes = [this.#jobs.del(source)];
    for await (const { name } of this.#files.all(`${source}/`)) writes.push(this.#files.del(name));
    return writes;
  }
}

function fileName(source: string, index: number): string {
  return `${source}/${String(index).padStart(7, '0')}`;
}

function markName(source: string, path: string): string {
  return `${source}/${path}`;
}

function later(a: string | undefined, b: string): string;
function later(a: string | undefined, b: string | undefined): string | undefined;
function later(a: string | undefined, b: string | undefined): string | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return Date.parse(a) > Date.parse(b) ? a : b;
}
