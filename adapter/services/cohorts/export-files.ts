/** Sealed files of an export, written as their lines come: of each type one at a time, each of so many patients. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { leafHash } from '../../../ledger/log/index.js';
import { commitmentOf } from '../../../ledger/vault/index.js';
import type { Blobs, SealedBlob } from '../../../ledger/vault/index.js';
import { createHmac } from 'node:crypto';
import type { ExportFile } from './rows.js';

const FILE_BYTES_MAX = 64 * 1024 ** 3;

/** A line of a file under a salt of its own, drawn from the export's. */
export function rowLeaf(rowSalt: Buffer, file: string, line: number, text: Buffer): Buffer {
  return leafHash(commitmentOf(saltOfRow(rowSalt, file, line), text));
}

/** The salt of one line: it opens that line and no other. */
export function saltOfRow(rowSalt: Buffer, file: string, line: number): Buffer {
  return createHmac('sha256', rowSalt).update(`${file}\0${line}`).digest();
}

/** A finished file and the leaves of its lines. */
export interface WrittenFile {
  readonly file: Omit<ExportFile, 'rowsFrom'>;
  readonly leaves: readonly Buffer[];
}

class OpenFile {
  readonly name: string;
  readonly type: string;
  readonly leaves: Buffer[] = [];
  readonly #stream = new PassThrough({ highWaterMark: 256 * 1024 });
  readonly #hash = createHash('sha256');
  readonly #written: Promise<SealedBlob>;
  #bytes = 0;

  constructor(blobs: Blobs, name: string, type: string) {
    this.name = name;
    this.type = type;
    this.#written = blobs.write(this.#stream, { bytesMax: FILE_BYTES_MAX });
    this.#written.catch((error: unknown) =>
      this.#stream.destroy(error instanceof Error ? error : new Error('not written')),
    );
  }

  async line(text: Buffer, rowSalt: Buffer): Promise<void> {
    this.leaves.push(rowLeaf(rowSalt, this.name, this.leaves.length, text.subarray(0, -1)));
    this.#hash.update(text);
    this.#bytes += text.length;
    if (!this.#stream.write(text)) await Promise.race([once(this.#stream, 'drain'), this.#written]);
  }

  async end(patients: readonly [number, number]): Promise<WrittenFile> {
    this.#stream.end();
    const { name, dataKey } = await this.#written;
    return {
      file: {
        name: this.name,
        mediaType: 'application/fhir+ndjson',
        type: this.type,
        count: this.leaves.length,
        bytes: this.#bytes,
        sha256: this.#hash.digest('hex'),
        patients,
        blob: { name, dataKey: dataKey.toString('base64url') },
      },
      leaves: this.leaves,
    };
  }

  async drop(): Promise<void> {
    this.#stream.destroy(new Error('given up'));
    await this.#written.catch(() => undefined);
  }
}

/** Files of resources, a new one of each type after so many patients: a withdrawal stops those that hold the patient. */
export class ResourceFiles {
  readonly #blobs: Blobs;
  readonly #rowSalt: Buffer;
  readonly #perFile: number;
  readonly #open = new Map<string, OpenFile>();
  readonly #done: WrittenFile[] = [];
  #from = 0;
  #next = 0;
  #part = 1;

  constructor(blobs: Blobs, rowSalt: Buffer, patientsPerFile: number) {
    this.#blobs = blobs;
    this.#rowSalt = rowSalt;
    this.#perFile = patientsPerFile;
  }

  async line(type: string, text: string): Promise<void> {
    let file = this.#open.get(type);
    if (file === undefined) {
      file = new OpenFile(this.#blobs, `${type}.${this.#part}.ndjson`, type);
      this.#open.set(type, file);
    }
    await file.line(Buffer.from(`${text}\n`, 'utf8'), this.#rowSalt);
  }

  /** All of one patient is written. */
  async patientDone(): Promise<void> {
    this.#next++;
    if (this.#next - this.#from >= this.#perFile) await this.#cut();
  }

  async end(): Promise<readonly WrittenFile[]> {
    await this.#cut();
    return this.#done;
  }

  async drop(): Promise<void> {
    for (const file of this.#open.values()) await file.drop();
    for (const { file } of this.#done) await this.#blobs.remove(file.blob.name);
  }

  async #cut(): Promise<void> {
    const patients = [this.#from, this.#next] as const;
    const files = [...this.#open.values()].toSorted((a, b) => (a.type < b.type ? -1 : 1));
    for (const file of files) this.#done.push(await file.end(patients));
    this.#open.clear();
    this.#from = this.#next;
    this.#part++;
  }
}

/** Seals bytes that are in memory as a file. */
export async function wholeFile(
  blobs: Blobs,
  bytes: Buffer,
  what: Pick<ExportFile, 'name' | 'mediaType' | 'type' | 'count'> & Partial<Pick<ExportFile, 'patients'>>,
): Promise<ExportFile> {
  const { name, dataKey } = await blobs.write([bytes], { bytesMax: FILE_BYTES_MAX });
  return {
    ...what,
    bytes: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    blob: { name, dataKey: dataKey.toString('base64url') },
  };
}
