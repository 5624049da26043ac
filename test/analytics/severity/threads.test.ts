/** A study's model is the same to the bit on any number of processors, and so of threads. */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const SCRIPT = fileURLToPath(new URL('../support/print-hash.js', import.meta.url));
/** Designs with fewer values are fitted by one thread. */
const VALUES_MIN = 500_000;

interface Printed {
  readonly processors: number;
  readonly columns: number;
  readonly fitted: number;
  readonly hash: string;
}

async function fitted(command: string, ...args: string[]): Promise<Printed> {
  const { stdout } = await promisify(execFile)(command, args);
  return JSON.parse(stdout) as Printed;
}

function skipped(): string | false {
  if (availableParallelism() < 2) return 'one processor alone';
  const { status } = spawnSync('taskset', ['-c', '0', process.execPath, '--version'], { stdio: 'ignore' });
  return status === 0 ? false : 'taskset cannot be used';
}

test(
  'two runs on different numbers of threads give a study’s model the same hash',
  { skip: skipped() },
  async () => {
    const many = await fitted(process.execPath, SCRIPT);
    const one = await fitted('taskset', '-c', '0', process.execPath, SCRIPT);
    assert.ok(many.processors > 1 && one.processors === 1);
    assert.ok(many.fitted * many.columns >= VALUES_MIN, 'threads are used');
    assert.equal(many.hash, one.hash);
  },
);
