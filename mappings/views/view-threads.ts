import { Worker } from 'node:worker_threads';
import { BlockError } from './block-text.js';
import type { BlockAnswer, BlockText, RowFormat } from './block-text.js';

/** Blocks that a thread has before it: one that it reads and one that waits. */
const BLOCKS_A_THREAD = 2;
/** More than a block takes, so that its memory holds the next, which is a line longer or shorter. */
const SLACK_BYTES = 64 * 1024;

/**
 * Runs a view over blocks of lines on threads of its own. Their texts come back in the order of the blocks, and no more
 * blocks are held than the threads have before them.
 */
export class ViewThreads {
  readonly #workers: readonly Worker[];
  readonly #waiting = new Map<number, { done: (text: BlockText) => void; fail: (error: Error) => void }>();
  /** In the order of the blocks. */
  readonly #pending: Promise<BlockText>[] = [];
  /** Memory of blocks that were read. */
  readonly #free: Uint8Array<ArrayBuffer>[] = [];
  #next = 0;
  #broken: Error | undefined;

  /**
   * @param definition - A ViewDefinition that compiles, as JSON.
   * @param threads - At least 1.
   */
  constructor(definition: unknown, format: RowFormat, threads: number) {
    this.#workers = Array.from({ length: threads }, () => {
      const worker = new Worker(new URL('view-worker.js', import.meta.url), {
        workerData: { definition, format },
      });
      worker.on('message', (answer: BlockAnswer) => this.#take(answer));
      worker.on('error', (error) => this.#break(error));
      worker.on('exit', () => this.#break(new Error('a thread of the view has ended')));
      return worker;
    });
  }

  /** Blocks whose text is still to be taken. */
  get pending(): number {
    return this.#pending.length;
  }

  /** Whether another block would wait behind a full queue: take a text first. */
  get isFull(): boolean {
    return this.#pending.length >= this.#workers.length * BLOCKS_A_THREAD;
  }

  /**
   * Hands a block to the next thread.
   *
   * @param block - Whole lines, UTF-8; its memory is copied.
   */
  give(block: Uint8Array): void {
    const id = this.#next++;
    const worker = this.#workers[id % this.#workers.length];
    const answer = new Promise<BlockText>((done, fail) => {
      if (this.#broken === undefined) this.#waiting.set(id, { done, fail });
      else fail(this.#broken);
    });
    // Who takes it hears of the failure; until then it is not unheard.
    answer.catch(() => {});
    this.#pending.push(answer);
    const size = block.length;
    const at = this.#free.findIndex((memory) => memory.length >= size);
    const copy = this.#free.splice(at, at < 0 ? 0 : 1)[0] ?? new Uint8Array(size + SLACK_BYTES);
    copy.set(block);
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
    worker?.postMessage({ id, block: copy, size }, [copy.buffer]);
  }

  /**
   * The text of the block that was given first among those not yet taken.
   *
   * @throws BlockError for a line at fault.
   */
  async take(): Promise<BlockText> {
    const first = this.#pending.shift();
    if (first === undefined) throw new RangeError('no block was given');
    return first;
  }

  /** Ends the threads, whatever they do. */
  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }

  #take(answer: BlockAnswer): void {
    if (this.#free.length < this.#workers.length * BLOCKS_A_THREAD)
      this.#free.push(answer.block as Uint8Array<ArrayBuffer>);
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if ('done' in answer) waiting?.done(answer.done);
    else waiting?.fail(new BlockError(answer.fault));
  }

  #break(error: Error): void {
    this.#broken ??= error;
    for (const { fail } of this.#waiting.values()) fail(this.#broken);
    this.#waiting.clear();
  }
}
