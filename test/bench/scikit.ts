/** scikit-learn in a process of its own, where there is a Python that has it. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Design } from '../../analytics/models/index.js';

/** What scikit-learn did. */
export interface ScikitFit {
  readonly ms: number;
  /** Largest component of the penalised gradient, a sum over the rows. */
  readonly gradient: number;
  readonly estimates: readonly number[];
}

export interface Scikit {
  readonly version: string;
  readonly fit: () => Promise<ScikitFit>;
  readonly close: () => void;
}

/** Looked for first; then what the path has. */
const PYTHON = process.env['FIREBREAK_BENCH_PYTHON'] ?? 'python3';
const SCRIPT = join('test', 'bench', 'scikit-fit.py');

/**
 * Starts scikit-learn on a design.
 *
 * @returns Undefined where there is none.
 */
export async function startScikit(design: Design, y: Uint8Array): Promise<Scikit | undefined> {
  const folder = mkdtempSync(join(tmpdir(), 'firebreak-bench-'));
  const file = join(folder, 'design');
  const child = spawn(PYTHON, [SCRIPT], { stdio: ['pipe', 'pipe', 'ignore'] });
  const close = (): void => {
    child.kill();
    rmSync(folder, { recursive: true, force: true });
  };
  // Without Python there are no lines, which is all that is asked.
  child.on('error', () => {});
  child.stdin.on('error', () => {});
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const read = async (): Promise<unknown> => {
    const { value } = (await lines.next()) as { value?: string };
    return value === undefined ? undefined : JSON.parse(value);
  };
  const hello = (await read()) as { version: string } | undefined;
  if (hello === undefined) {
    close();
    return undefined;
  }
  const outcome = Float64Array.from(y);
  writeFileSync(file, Buffer.from(design.data.buffer, design.data.byteOffset, design.data.byteLength));
  writeFileSync(file, Buffer.from(outcome.buffer), { flag: 'a' });
  return {
    version: hello.version,
    fit: async () => {
      child.stdin.write(`${design.rows} ${design.columns} ${file}\n`);
      const answer = (await read()) as ScikitFit | undefined;
      if (answer === undefined) throw new Error('scikit-learn has ended before its answer');
      return answer;
    },
    close,
  };
}
