/** The `firebreak` command as a process of its own, for tests that end it in every way. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { readRunning } from '../../adapter/instance/running.js';

const CLI = fileURLToPath(new URL('../../adapter/cli/main.js', import.meta.url));
/** A start on a loaded machine takes seconds. */
const START_MS_MAX = 60_000;

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class FirebreakProcess {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  stdout = '';
  stderr = '';
  #isRunning = true;

  /** @param args - As on the command line, `--data` included. */
  constructor(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    this.child = spawn(process.execPath, [CLI, ...args], {
      // A group of its own, as a terminal gives it: Ctrl-C then reaches all of it.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    this.child.stdout?.on('data', (chunk: Buffer) => (this.stdout += chunk.toString('utf8')));
    this.child.stderr?.on('data', (chunk: Buffer) => (this.stderr += chunk.toString('utf8')));
    this.ended = new Promise((resolve, reject) => {
      this.child.once('error', reject);
      this.child.once('close', (code, signal) => {
        this.#isRunning = false;
        resolve({ code, signal });
      });
    });
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  get pid(): number {
    assert.ok(this.child.pid !== undefined, 'the process did not start');
    return this.child.pid;
  }

  /** Ends the process alone and at once, as the kernel does when memory is short. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }

  /** Ctrl-C: the signal goes to the whole group. */
  async interrupt(): Promise<Ended> {
    process.kill(-this.pid, 'SIGINT');
    return this.ended;
  }

  /** Ends it if the test has not. */
  async dispose(): Promise<void> {
    try {
      process.kill(-this.pid, 'SIGKILL');
    } catch {
      // It has ended, and its group with it.
    }
    await this.ended;
  }
}

/** Runs a command to its end. */
export async function runFirebreak(
  ...args: readonly string[]
): Promise<Ended & { readonly stdout: string; readonly stderr: string }> {
  const running = new FirebreakProcess(args);
  const ended = await running.ended;
  return { ...ended, stdout: running.stdout, stderr: running.stderr };
}

/** Starts `firebreak up` on a folder and waits until it listens. */
export async function startUp(
  dataDir: string,
  ...flags: readonly string[]
): Promise<FirebreakProcess & { readonly address: string }> {
  const port = flags.includes('--port') ? [] : ['--port', '0'];
  const running = new FirebreakProcess(['--data', dataDir, 'up', ...port, ...flags]);
  const address = await eventually('an address to listen on', () => {
    assert.ok(running.isRunning, `it ended: ${running.stderr}`);
    const found = readRunning(dataDir);
    return found?.pid === running.pid ? found.address : undefined;
  });
  return Object.assign(running, { address });
}

/** Waits until something holds. @returns What it gave. */
export async function eventually<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  timeoutMs = START_MS_MAX,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    assert.ok(performance.now() < deadline, `not in time: ${what}`);
    await sleep(15);
  }
}

/** Whether a process of this id runs. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
