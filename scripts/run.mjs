/** Child processes for the scripts: quiet ones whose output is looked at, and ones that take our place. */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';

/**
 * Runs a program to its end and keeps what it prints.
 *
 * @param {string} program
 * @param {readonly string[]} args
 * @param {import('node:child_process').SpawnOptions} [options]
 * @returns {Promise<{ ok: boolean, code: number | null, output: string }>} `ok` is false too when it cannot be run.
 */
export function runQuietly(program, args, options = {}) {
  return new Promise((settle) => {
    let output = '';
    const child = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.on('data', (chunk) => (output += chunk));
    child.stderr.on('data', (chunk) => (output += chunk));
    child.on('error', (error) => settle({ ok: false, code: null, output: error.message }));
    child.on('close', (code) => settle({ ok: code === 0, code, output }));
  });
}

/**
 * Ctrl-C comes twice under npm: from the terminal and passed on by npm. A second one within this time, ms, is the
 * same key press; a later one is a person who has lost patience, and is passed on.
 */
const SAME_KEY_PRESS_MS = 1000;
/** npm puts a shell between itself and us, which takes SIGTERM to itself: how often we look for our parent, ms. */
const PARENT_POLL_MS = 500;

/**
 * Runs a program in our place: with our streams and signals, to its end.
 *
 * @param {string} program
 * @param {readonly string[]} args
 * @param {import('node:child_process').SpawnOptions} [options]
 * @returns {Promise<number>} Its exit code; 128 + the signal's number where a signal ended it, as shells have it.
 */
export function runInOurPlace(program, args, options = {}) {
  // A process group of its own, so that the terminal's Ctrl-C reaches it through us alone, and once.
  const child = spawn(program, args, { ...options, stdio: 'inherit', detached: true });
  const passedOnAtMs = new Map();
  const passOn = (signal) => {
    const nowMs = performance.now();
    if (nowMs - (passedOnAtMs.get(signal) ?? -Infinity) < SAME_KEY_PRESS_MS) return;
    passedOnAtMs.set(signal, nowMs);
    child.kill(signal === 'SIGHUP' ? 'SIGTERM' : signal);
  };
  const signals = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']);
  for (const signal of signals) process.on(signal, passOn);
  const parent = process.ppid;
  const isUnderNpm = process.env['npm_lifecycle_event'] !== undefined;
  const watch = setInterval(() => {
    if (isUnderNpm && process.ppid !== parent) passOn('SIGTERM');
  }, PARENT_POLL_MS);
  const end = () => {
    clearInterval(watch);
    for (const signal of signals) process.off(signal, passOn);
  };
  return new Promise((settle, fail) => {
    child.on('error', (error) => {
      end();
      fail(error);
    });
    child.on('exit', (code, signal) => {
      end();
      settle(code ?? 128 + (constants.signals[signal ?? ''] ?? 0));
    });
  });
}
