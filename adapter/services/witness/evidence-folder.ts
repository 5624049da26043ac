/** Where a witness keeps evidence: one file each, named by its content, readable while the witness runs. */
import { mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256 } from '../../../ledger/log/index.js';
import type { AuditFinding, Evidence } from '../../../ledger/witness/index.js';
import { AdapterError, codeOf } from '../../errors.js';
import { durableSteps, writeDurably } from './durable-file.js';
import type { DurableSteps } from './durable-file.js';

/** Where evidence goes. */
export interface EvidenceSink {
  /**
   * Keeps evidence durably; the same evidence is kept once.
   *
   * @returns Where it is.
   */
  keep(evidence: Evidence | AuditFinding): Promise<string>;
}

/** A log that contradicts itself without end must not fill the disk; the first contradictions say enough. */
const FILES_MAX = 1024;

/** Evidence is for everyone. */
const READABLE = 0o644;

const NAME = /^(two-roots|other-history|rollback|audit)-[0-9a-f]{32}\.json$/;

/** The folder `evidence` of a witness. */
export class EvidenceFolder implements EvidenceSink {
  readonly dir: string;
  readonly #steps: DurableSteps;

  constructor(witnessDir: string, steps: DurableSteps = durableSteps) {
    this.dir = join(witnessDir, 'evidence');
    this.#steps = steps;
  }

  async keep({ kind, bytes }: Evidence | AuditFinding): Promise<string> {
    const path = join(this.dir, `${kind}-${sha256(bytes).toString('hex').slice(0, 32)}.json`);
    if (await isThere(path)) return path;
    await mkdir(this.dir, { recursive: true });
    if ((await this.list()).length >= FILES_MAX)
      throw new AdapterError('ADAPTER_CONFLICT', `${this.dir} holds ${FILES_MAX} files of evidence already`);
    await writeDurably(path, bytes, READABLE, this.#steps);
    return path;
  }

  /** Paths of what is kept, in the order of their names. */
  async list(): Promise<string[]> {
    let names: string[];
    try {
      names = await readdir(this.dir);
    } catch (cause) {
      if (codeOf(cause) === 'ENOENT') return [];
      throw cause;
    }
    return names
      .filter((name) => NAME.test(name))
      .toSorted()
      .map((name) => join(this.dir, name));
  }

  /** The evidence in a file. */
  async read(path: string): Promise<Buffer> {
    return readFile(path);
  }
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
