/**
 * Hints: pages that are open are to ask anew. A hint names no thing at all, is kept nowhere, and costs next to nothing
 * while nobody listens; many of one kind in a moment are one.
 */
import { EventEmitter } from 'node:events';
import type { HintKind } from '../../http/contract/index.js';

export interface Hint {
  readonly kind: HintKind;
  /** Ms since the epoch. */
  readonly at: number;
}

export interface HintsOptions {
  /** Handles of those who are told of a patient's record. */
  readonly listenersOf: (subjectKey: string) => Promise<readonly string[]>;
  readonly nowMs: () => number;
}

/** Hints of one kind for one reader are no closer to each other, ms. */
const PAUSE_MS = 250;
const SEPARATOR = '\n';

export class Hints {
  readonly #options: HintsOptions;
  readonly #emitter = new EventEmitter().setMaxListeners(0);
  readonly #pending = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: HintsOptions) {
    this.#options = options;
  }

  /** Something of a patient's record is other than it was. Must be called once it is committed. */
  ofRecord(subjectKey: string, kind: HintKind): void {
    this.#add('record', subjectKey, kind);
  }

  /** Something that a participant is shown is other than it was. */
  ofParticipant(participant: string, kind: HintKind): void {
    this.#add('participant', participant, kind);
  }

  /**
   * Hears of what concerns one participant.
   *
   * @param listener - Must return at once and not throw.
   * @returns Ends it.
   */
  listen(participant: string, listener: (hint: Hint) => void): () => void {
    this.#emitter.on(participant, listener);
    return () => this.#emitter.off(participant, listener);
  }

  #add(...parts: readonly ['record' | 'participant', string, HintKind]): void {
    if (this.#emitter.eventNames().length === 0) return;
    this.#pending.add(parts.join(SEPARATOR));
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => void this.#flush(), PAUSE_MS);
    this.#timer.unref();
  }

  async #flush(): Promise<void> {
    const pending = [...this.#pending];
    this.#pending.clear();
    this.#timer = undefined;
    const { listenersOf, nowMs } = this.#options;
    for (const one of pending) {
      const [of, name = '', kind] = one.split(SEPARATOR);
      // A hint that is lost is a page that is old for a while; the store's own failures are told elsewhere.
      const participants = of === 'participant' ? [name] : await listenersOf(name).catch(() => []);
      const hint: Hint = { kind: kind as HintKind, at: nowMs() };
      for (const participant of participants) this.#emitter.emit(participant, hint);
    }
  }
}
