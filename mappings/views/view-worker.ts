/** A thread that runs a view over the blocks of lines it is sent. */
import { parentPort, workerData } from 'node:worker_threads';
import { blockReader } from './block-text.js';
import type { BlockTask, RowFormat } from './block-text.js';

const { definition, format } = workerData as { readonly definition: unknown; readonly format: RowFormat };
const read = blockReader(definition, format);
parentPort?.on('message', (task: BlockTask) => {
  const answer = read(task);
  const memory = [answer.block, ...('done' in answer ? [answer.done.text] : [])];
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
  parentPort?.postMessage(
    answer,
    memory.map(({ buffer }) => buffer as ArrayBuffer),
  );
});
