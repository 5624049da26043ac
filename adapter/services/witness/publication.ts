/**
 * Which checkpoint a log shows once witnesses cosign it: the last one with a quorum, and never a smaller one than was
 * shown before, also after a restart.
 */
import { LedgerError } from '../../../ledger/errors.js';
import { parseCheckpoint, splitNote } from '../../../ledger/log/index.js';
import type { Store } from '../../../ledger/store.js';
import { codeOf } from '../../errors.js';
import type { Logger } from '../../logger.js';

/** Row of the checkpoint that is shown. */
const KEY = 'published/checkpoint';

export interface PublicationOptions {
  readonly store: Pick<Store, 'getSync' | 'put' | 'del'>;
  /** The log's present checkpoint, signed by the log alone. */
  readonly newest: () => Buffer;
  /** The policy asks for no cosignature: a newer checkpoint goes before a cosigned older one. */
  readonly plainIsEnough: boolean;
  readonly logger: Logger;
}

interface Shown {
  readonly note: Buffer;
  readonly size: number;
}

/**
 * See above. Until the first quorum the newest checkpoint is shown. From then on what is shown is kept in a row, and
 * only a cosigned checkpoint of at least its size takes its place: readers that come faster than witnesses answer
 * could else keep every cosigned one from being shown.
 */
export class Publication {
  readonly #options: PublicationOptions;
  /** What is shown, once there was a quorum. */
  #kept: Shown | undefined;
  /** The largest plain checkpoint that was shown before. */
  #plain: Shown | undefined;
  #saving: Promise<void> = Promise.resolve();
  readonly #waiting = new Set<() => void>();

  /**
   * Takes up what was shown before the restart.
   *
   * @throws LedgerError LEDGER_CORRUPT when that is ahead of the log: the store lost what others have seen.
   */
  constructor(options: PublicationOptions) {
    this.#options = options;
    const row = options.store.getSync(KEY);
    if (row === undefined) return;
    const kept = shown(row);
    if (kept === undefined || kept.size > (shown(options.newest())?.size ?? 0))
      throw new LedgerError('LEDGER_CORRUPT', 'the published checkpoint is ahead of the log');
    this.#kept = kept;
  }

  /** The checkpoint kept from before the start, or the last one that took its place. */
  get kept(): Buffer | undefined {
    return this.#kept?.note;
  }

  /** What to serve as `checkpoint`. */
  note(): Buffer {
    const { newest, plainIsEnough } = this.#options;
    if (this.#kept !== undefined && !plainIsEnough) return this.#kept.note;
    const note = newest();
    const plain = shown(note);
    if (plain === undefined || (this.#kept?.size ?? -1) >= plain.size) return this.#kept?.note ?? note;
    this.#plain = plain;
    return note;
  }

  /** Size of what {@link note} gives. */
  get size(): number {
    return shown(this.note())?.size ?? 0;
  }

  /** Takes a cosigned checkpoint. Returns at once; it is shown as soon as it is kept. */
  take(note: Buffer): void {
    const taken = shown(note);
    if (taken === undefined) return;
    if (this.#kept === undefined) {
      // At once: what is shown must not grow past it meanwhile. Should it be lost, the newest is shown, and is larger.
      this.#kept = this.#plain !== undefined && this.#plain.size > taken.size ? this.#plain : taken;
      this.#save(this.#kept);
    } else if (taken.size >= this.#kept.size) this.#save(taken);
  }

  /** Resolves when the next checkpoint was taken, or after a time. */
  changed(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#waiting.add(done);
    });
  }

  /** Waits for what is being kept. */
  async close(): Promise<void> {
    await this.#saving;
    for (const done of this.#waiting) done();
  }

  #save(next: Shown): void {
    this.#saving = this.#keepAfter(this.#saving, next);
  }

  /** A later one is kept after an earlier one; a crash leaves the one or the other. */
  async #keepAfter(earlier: Promise<void>, next: Shown): Promise<void> {
    await earlier;
    const { store, logger } = this.#options;
    try {
      await store.put(KEY, next.note, { sync: true });
      if (next.size >= (this.#kept?.size ?? 0)) this.#kept = next;
    } catch (error) {
      // What was shown stays: the store fails, and the next one is tried again.
      logger.error('cosigned checkpoint not kept', { code: codeOf(error) });
    }
    for (const done of this.#waiting) done();
  }
}

/** Forgets what was shown: without a policy the newest is, and a policy that comes later begins from there. */
export async function forgetPublication(store: Pick<Store, 'getSync' | 'del'>): Promise<void> {
  if (store.getSync(KEY) !== undefined) await store.del(KEY, { sync: true });
}

function shown(note: Buffer): Shown | undefined {
  const size = parseCheckpoint(splitNote(note)?.text ?? '')?.size;
  return size === undefined ? undefined : { note, size };
}
