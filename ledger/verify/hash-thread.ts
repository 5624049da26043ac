/** Hashing beside the rules: hashes and signatures take longer than all else, and need nothing but bytes. */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { LedgerError } from '../errors.js';
import { hashBundle } from './bundle-hashes.js';
import type { BundleHashes } from './bundle-hashes.js';
import { checkSeal } from './submission-seal.js';
import type { BrokenSeal, SubmissionSeal } from './submission-seal.js';

/** What the other thread is asked. */
export type HashTask =
  | { readonly kind: 'bundle'; readonly bundle: Uint8Array; readonly width: number }
  | { readonly kind: 'seal'; readonly seal: SubmissionSeal };

/** Does the heavy work of a verification. */
export interface Hasher {
  hash(bundle: Buffer, width: number): Promise<BundleHashes>;
  checkSeal(seal: SubmissionSeal): Promise<BrokenSeal | undefined>;
  close(): Promise<void>;
}

/** Below so many entries a thread's start takes longer than it saves. */
const ENTRIES_MIN = 20_000;

/** A hasher for so many entries: another thread where that pays. */
export function openHasher(entries: number): Hasher {
  return entries >= ENTRIES_MIN && availableParallelism() > 1 ? new HashThread() : inlineHasher;
}

/** Does it on the caller's thread. */
export const inlineHasher: Hasher = {
  hash: async (bundle, width) => hashBundle(bundle, width),
  checkSeal: async (seal) => checkSeal(seal),
  close: async () => undefined,
};

interface Waiting {
  readonly resolve: (answer: never) => void;
  readonly reject: (error: LedgerError) => void;
}

class HashThread implements Hasher {
  readonly #worker = new Worker(new URL('./hash-worker.js', import.meta.url));
  /** Asked and not answered; answers come in the order asked. */
  readonly #waiting: Waiting[] = [];
  #failure: LedgerError | undefined;

  constructor() {
    this.#worker.on('message', (answer) => this.#waiting.shift()?.resolve(answer as never));
    this.#worker.on('error', (cause) => this.#fail(cause));
    this.#worker.on('exit', () => this.#fail(undefined));
  }

  hash(bundle: Buffer, width: number): Promise<BundleHashes> {
    // A view is sent with all that it is a view of.
    const own = bundle.length * 2 < bundle.buffer.byteLength ? Buffer.from(bundle) : bundle;
    return this.#ask({ kind: 'bundle', bundle: own, width });
  }

  checkSeal(seal: SubmissionSeal): Promise<BrokenSeal | undefined> {
    return this.#ask({ kind: 'seal', seal });
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #ask<Answer>(task: HashTask): Promise<Answer> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise<Answer>((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
      this.#worker.postMessage(task);
    });
  }

  #fail(cause: unknown): void {
    this.#failure ??= new LedgerError('LEDGER_UNREADABLE', 'the hashing thread ended', { cause });
    for (const { reject } of this.#waiting.splice(0)) reject(this.#failure);
  }
}
