import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { PassRows } from './lot.js';
import { LOTS_DONE, sharedPass, sumLot, workOn, type SharedPass } from './shared-pass.js';

/** More threads than this wait for memory, not for arithmetic. */
const THREADS_MAX = 16;
/** When no lot was finished for so long, the thread that had it is taken for dead and the lot is made here. */
const STALL_MS = 10_000;

const workers: Worker[] = [];

/** Threads that a pass uses unless told otherwise: as many as the machine runs at a time. */
export function usualThreads(): number {
  return Math.min(THREADS_MAX, availableParallelism());
}

/**
 * Makes all sums of a pass on so many threads, this one among them, and returns when all are there. The others start
 * when they are first wanted, and do not keep the process alive.
 *
 * @param rows - In shared memory when there is more than one thread.
 * @param threads - At least 1. The bits of the sums do not depend on it.
 */
export function sumOnThreads(
  rows: PassRows,
  beta: Float64Array,
  withHessian: boolean,
  threads: number,
): Float64Array {
  const pass = sharedPass(rows, beta, withHessian);
  const helpers = Math.min(threads, THREADS_MAX, pass.done.length) - 1;
  while (workers.length < helpers) workers.push(startWorker());
  for (const worker of workers.slice(0, helpers)) {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
    worker.postMessage(pass);
  }
  workOn(pass);
  waitFor(pass);
  return pass.sums;
}

function startWorker(): Worker {
  const worker = new Worker(new URL('lot-worker.js', import.meta.url));
  // A thread that fails is replaced at the next pass; what it had taken, the one that waits makes.
  worker.on('error', () => forget(worker));
  worker.on('exit', () => forget(worker));
  worker.unref();
  return worker;
}

function forget(worker: Worker): void {
  const at = workers.indexOf(worker);
  if (at >= 0) workers.splice(at, 1);
}

/** Waits for the lots that others have taken. */
function waitFor(pass: SharedPass): void {
  const { control, done } = pass;
  for (;;) {
    const finished = Atomics.load(control, LOTS_DONE);
    if (finished >= done.length) return;
    if (Atomics.wait(control, LOTS_DONE, finished, STALL_MS) !== 'timed-out') continue;
    for (let lot = 0; lot < done.length; lot++) if (Atomics.load(done, lot) === 0) sumLot(pass, lot);
    return;
  }
}
