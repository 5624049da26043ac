/**
 * The hospital's memory across restarts: every write as a line of NDJSON, in order. The first line says which hospital
 * it is. Not sealed: it stands for a hospital's own database, and its patients are invented.
 */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Resource } from 'fhir/r4.js';
import { AppendFile } from '../append-file.js';
import { DemoError } from '../errors.js';
import { readLines } from '../line-file.js';

/** What a hospital was made from. */
export interface HospitalOrigin {
  readonly format: 1;
  readonly seed: number;
  readonly patients: number;
  readonly anchorMs: number;
}

/** One write: a version with its id and date, or a deletion. */
export type JournalLine =
  | { readonly op: 'put'; readonly resource: Resource }
  | { readonly op: 'delete'; readonly type: string; readonly id: string; readonly atMs: number };

const FILE = 'hospital.ndjson';
/** The first history is written in pieces of about this many characters. */
const CHUNK_CHARS = 1 << 20;

/**
 * Writes the journal of a new hospital. It appears whole under its name or not at all: a crash leaves a `.new` file,
 * which the next start writes afresh.
 */
export function createJournal(dir: string, origin: HospitalOrigin, history: Iterable<Resource>): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const path = join(dir, FILE);
  const fd = openSync(`${path}.new`, 'w', 0o600);
  try {
    let chunk = `${JSON.stringify(origin)}\n`;
    for (const resource of history) {
      chunk += `${JSON.stringify({ op: 'put', resource } satisfies JournalLine)}\n`;
      if (chunk.length >= CHUNK_CHARS) {
        writeSync(fd, chunk);
        chunk = '';
      }
    }
    writeSync(fd, chunk);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(`${path}.new`, path);
  const folder = openSync(dir, 'r');
  fsyncSync(folder);
  closeSync(folder);
}

/** Whether a folder holds a hospital. */
export function hasJournal(dir: string): boolean {
  return existsSync(join(dir, FILE));
}

/**
 * Reads a journal in order. A torn last line was never acknowledged and is cut off.
 *
 * @returns What the hospital was made from.
 * @throws DemoError DEMO_JOURNAL_DAMAGED when any other line cannot be read.
 */
export async function readJournal(
  dir: string,
  take: (line: JournalLine) => void | Promise<void>,
): Promise<HospitalOrigin> {
  const path = join(dir, FILE);
  let origin: HospitalOrigin | undefined;
  await readLines(path, 'DEMO_JOURNAL_DAMAGED', (value, number) => {
    if (origin !== undefined) return take(asLine(value, number));
    origin = asOrigin(value);
  });
  if (origin === undefined) throw new DemoError('DEMO_JOURNAL_DAMAGED', `${path} is empty`);
  return origin;
}

/** The journal of a running hospital. */
export class Journal {
  readonly #file: AppendFile;

  private constructor(file: AppendFile) {
    this.#file = file;
  }

  static async open(dir: string): Promise<Journal> {
    return new Journal(await AppendFile.open(join(dir, FILE)));
  }

  /**
   * Resolves when the line is on the disk.
   *
   * @throws DemoError DEMO_JOURNAL_WRITE_FAILED, from then on for every line: what is in memory is ahead of the disk.
   */
  async append(line: JournalLine): Promise<void> {
    try {
      await this.#file.append(line);
    } catch (cause) {
      throw new DemoError('DEMO_JOURNAL_WRITE_FAILED', 'the hospital’s journal cannot be written', { cause });
    }
  }

  /** Writes what waits, then closes the file. */
  close(): Promise<void> {
    return this.#file.close();
  }
}

function asOrigin(value: unknown): HospitalOrigin {
  const { format, seed, patients, anchorMs } = (value ?? {}) as Partial<HospitalOrigin>;
  if (
    format === 1 &&
    typeof seed === 'number' &&
    typeof patients === 'number' &&
    typeof anchorMs === 'number'
  ) {
    return { format, seed, patients, anchorMs };
  }
  throw new DemoError('DEMO_JOURNAL_DAMAGED', 'the hospital’s journal does not begin with its origin');
}

function asLine(value: unknown, number: number): JournalLine {
  const line = (value ?? {}) as JournalLine;
  if (line.op === 'put' && typeof line.resource?.resourceType === 'string') return line;
  if (line.op === 'delete' && typeof line.type === 'string' && typeof line.id === 'string') return line;
  throw new DemoError(
    'DEMO_JOURNAL_DAMAGED',
    `line ${number} of the hospital’s journal is neither a write nor a deletion`,
  );
}
