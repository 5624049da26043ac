import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

const WITNESS = fileURLToPath(new URL('witness-process.js', import.meta.url));
const MAIN = fileURLToPath(new URL('../../../adapter/cli/main.js', import.meta.url));

/** `firebreak witness …` in a process of its own, to its end. */
export function runFirebreak(...args: readonly string[]): Promise<Ran> {
  return run(WITNESS, args);
}

/** Any command, by the program itself. */
export function runMain(...args: readonly string[]): Promise<Ran> {
  return run(MAIN, args);
}

function run(program: string, args: readonly string[]): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...args], { timeout: 60_000 }, (error, out, err) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, out, err });
    });
  });
}

/** A witness or auditor that listens, in a process of its own. */
export interface RunningWitness {
  readonly vkey: string;
  readonly address: string;
  stop(): Promise<void>;
}

/** `firebreak witness …` on any port, once it listens. */
export async function startWitness(...args: readonly string[]): Promise<RunningWitness> {
  const child = spawn(process.execPath, [WITNESS, 'witness', '--port', '0', ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = once(child, 'exit');
  let vkey = '';
  let address = '';
  const said: string[] = [];
  const lines = createInterface({ input: child.stderr });
  for await (const line of lines) {
    said.push(line);
    vkey = /^(?:witness|auditor) (\S+)$/.exec(line)?.[1] ?? vkey;
    address = /listening on (http:\S+);/.exec(line)?.[1] ?? '';
    if (address !== '') break;
  }
  // Whatever it says later must not fill the pipe.
  child.stderr.resume();
  if (address === '') throw new Error(`the witness ended: ${said.join('\n')}`);
  return {
    vkey,
    address,
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
    },
  };
}
