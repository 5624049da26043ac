/**
 * When sources are reconciled: by hand, and by themselves once the last certificate is old enough. That follows from
 * what the store holds, so that neither a restart nor an emptied queue makes one be missed.
 */
import { codeOf } from '../../errors.js';
import type { Instance } from '../../instance/instance.js';
import type { Source } from '../../instance/sources.js';
import { Certificates } from './certificates.js';
import { reconcileSource } from './reconcile.js';
import type { Reconciled, ReconcileProgress } from './reconcile.js';

const HOUR_MS = 60 * 60 * 1000;
/** How often it is looked whether one is due, ms. */
const LOOK_MS = 60_000;
/** Sources are spread over this part of the period, so that they do not all come at once. */
const JITTER = 0.2;
/** After a failure it is tried again so much later, ms. */
const RETRY_MS = HOUR_MS;

interface Under {
  readonly done: Promise<Reconciled>;
  readonly listeners: Set<(progress: ReconcileProgress) => void>;
}

export class Reconciliations {
  readonly #instance: Instance;
  readonly #signal: AbortSignal;
  readonly #closing = new AbortController();
  readonly #certificates: Certificates;
  readonly #running = new Map<string, Under>();
  /** When each source whose reconciliation failed is tried again. */
  readonly #retryAt = new Map<string, number>();
  readonly #timer: NodeJS.Timeout;
  /** Where in the spread a source lies, from 0 to 1: chosen anew by each process. */
  readonly #spread = new Map<string, number>();
  #looking = false;

  constructor(instance: Instance, signal: AbortSignal, lookMs = LOOK_MS) {
    this.#instance = instance;
    this.#signal = AbortSignal.any([signal, this.#closing.signal]);
    this.#certificates = new Certificates(instance.store, instance.keys.storage.indexKey);
    this.#timer = setInterval(() => void this.look(), lookMs);
    this.#timer.unref();
  }

  /** Ends the schedule and what is under way, which goes on where it was when it is started again. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#closing.abort();
    await Promise.allSettled([...this.#running.values()].map(({ done }) => done));
  }

  /**
   * Reconciles a source; joins the reconciliation under way where there is one.
   *
   * @throws As `reconcileSource` does.
   */
  run(
    id: string,
    onProgress: (progress: ReconcileProgress) => void = () => undefined,
    believesLoss = false,
  ): Promise<Reconciled> {
    const running = this.#running.get(id);
    if (running !== undefined) {
      running.listeners.add(onProgress);
      return running.done;
    }
    const listeners = new Set([onProgress]);
    const tell = (progress: ReconcileProgress): void => {
      for (const listener of listeners) listener(progress);
    };
    const done = reconcileSource(this.#instance, id, tell, this.#signal, believesLoss).finally(() =>
      this.#running.delete(id),
    );
    this.#running.set(id, { done, listeners });
    return done;
  }

  /** Reconciles what is due, one source after the other. */
  async look(): Promise<void> {
    if (this.#looking || this.#signal.aborted || this.#instance.config.reconcileHours === 0) return;
    this.#looking = true;
    try {
      for (const source of this.#instance.sources.list()) {
        if (this.#signal.aborted) return;
        if (await this.#isDue(source)) await this.#runDue(source.id);
      }
    } catch (error) {
      if (!this.#signal.aborted)
        this.#instance.logger.error('reconciliations not looked up', { code: codeOf(error) });
    } finally {
      this.#looking = false;
    }
  }

  async #isDue({ id, kind, state, addedAt }: Source): Promise<boolean> {
    const now = this.#instance.nowMs();
    if (kind !== 'fhir' || state !== 'active' || now < (this.#retryAt.get(id) ?? 0)) return false;
    const last = await this.#certificates.last(id);
    const lastMs = last === undefined ? addedAt : Date.parse(last.document.begun);
    const spread = this.#spread.get(id) ?? Math.random();
    this.#spread.set(id, spread);
    return now >= lastMs + this.#instance.config.reconcileHours * HOUR_MS * (1 - JITTER * spread);
  }

  async #runDue(id: string): Promise<void> {
    try {
      await this.run(id);
      this.#retryAt.delete(id);
    } catch (error) {
      if (this.#signal.aborted) return;
      this.#retryAt.set(id, this.#instance.nowMs() + RETRY_MS);
      this.#instance.logger.warn('source not reconciled', { source: id, code: codeOf(error) });
    }
  }
}
