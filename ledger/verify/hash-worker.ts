/** The other thread of a verification: hashes bundles and checks signatures as they come, and answers in their order. */
import { parentPort } from 'node:worker_threads';
import { hashBundle } from './bundle-hashes.js';
import type { HashTask } from './hash-thread.js';
import { checkSeal } from './submission-seal.js';

function answer(task: HashTask): unknown {
  if (task.kind === 'seal') return checkSeal(task.seal);
  const { buffer, byteOffset, byteLength } = task.bundle;
  return hashBundle(Buffer.from(buffer, byteOffset, byteLength), task.width);
}

parentPort?.on('message', (task: HashTask) => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
  parentPort?.postMessage(answer(task));
});
