/** One reading of a source at a time: hints that something changed join the one under way, or follow it. */
import { codeOf } from '../errors.js';
import type { HistoryProgress } from '../inbound/history.js';
import type { Instance } from '../instance/instance.js';
import { syncSource } from './source-admin.js';

interface Reading {
  readonly done: Promise<HistoryProgress>;
  /** Asked for again meanwhile: what changed after its page was read would be missed. */
  again: boolean;
}

export class SourceReadings {
  readonly #instance: Instance;
  readonly #signal: AbortSignal;
  readonly #running = new Map<string, Reading>();

  constructor(instance: Instance, signal: AbortSignal) {
    this.#instance = instance;
    this.#signal = signal;
  }

  /**
   * Reads what is new at a source; waits for the reading under way where there is one, and reads again after it.
   *
   * @throws As `syncSource` does.
   */
  async read(
    id: string,
    onProgress: (progress: HistoryProgress) => void = () => undefined,
  ): Promise<HistoryProgress> {
    const running = this.#running.get(id);
    if (running !== undefined) await running.done.catch(() => undefined);
    return this.#running.get(id)?.done ?? this.#start(id, onProgress);
  }

  /** Something changed at a source: it will be read, sooner or later; failures are logged. */
  hint(id: string): void {
    if (this.#instance.sources.get(id)?.state !== 'active') return;
    const running = this.#running.get(id);
    if (running === undefined) this.#start(id, () => undefined).catch(() => undefined);
    else running.again = true;
  }

  #start(id: string, onProgress: (progress: HistoryProgress) => void): Promise<HistoryProgress> {
    const done = syncSource(this.#instance, id, onProgress, this.#signal);
    const reading: Reading = { done, again: false };
    this.#running.set(id, reading);
    void this.#finish(id, reading);
    return done;
  }

  async #finish(id: string, reading: Reading): Promise<void> {
    try {
      await reading.done;
      this.#instance.statistics.reading(id, this.#instance.nowMs());
    } catch (error) {
      if (!this.#signal.aborted) {
        this.#instance.statistics.reading(id, this.#instance.nowMs(), codeOf(error));
        this.#instance.logger.warn('source not read', { source: id, code: codeOf(error) });
      }
    }
    this.#running.delete(id);
    this.#instance.hints.ofSource(id, 'desk-changed');
    if (reading.again && !this.#signal.aborted) this.hint(id);
  }
}
