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
  /** Of participants who listen, those whom a patient's consents permit or permitted anything as readers. */
  readonly readersOf: (subjectKey: string, listening: readonly string[]) => Promise<readonly string[]>;
  /** Handle of the hospital that a source is of. */
  readonly deskOf: (source: string) => string | undefined;
  readonly nowMs: () => number;
}

/** Hints of one kind for one reader are no closer to each other, ms. */
const PAUSE_MS = 250;
/** While a source sends by the thousand, its hospital's desk looks again now and then, ms. */
const DESK_PAUSE_MS = 1500;
const SEPARATOR = '\n';

/** Whom a hint is of. */
type Of = 'record' | 'readers' | 'participant' | 'source';

/** What waits for the end of a pause, each once. */
interface Gathered {
  readonly pauseMs: number;
  readonly pending: Set<string>;
  timer: NodeJS.Timeout | undefined;
}

export class Hints {
  readonly #options: HintsOptions;
  readonly #emitter = new EventEmitter().setMaxListeners(0);
  readonly #soon: Gathered = { pauseMs: PAUSE_MS, pending: new Set(), timer: undefined };
  readonly #desk: Gathered = { pauseMs: DESK_PAUSE_MS, pending: new Set(), timer: undefined };

  constructor(options: HintsOptions) {
    this.#options = options;
  }

  /** Something of a patient's record is other than it was. Must be called once it is committed. */
  ofRecord(subjectKey: string, kind: HintKind): void {
    this.#add(this.#soon, 'record', subjectKey, kind);
  }

  /** What clinicians may see of a patient is other than it was, perhaps. Must be called once it is committed. */
  ofReaders(subjectKey: string, kind: HintKind): void {
    this.#add(this.#soon, 'readers', subjectKey, kind);
  }

  /** What the desk is shown of a source is other than it was. */
  ofSource(source: string, kind: HintKind): void {
    this.#add(this.#desk, 'source', source, kind);
  }

  /** Something that a participant is shown is other than it was. */
  ofParticipant(participant: string, kind: HintKind): void {
    this.#add(this.#soon, 'participant', participant, kind);
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

  #add(gathered: Gathered, of: Of, name: string, kind: HintKind): void {
    if (this.#emitter.eventNames().length === 0) return;
    gathered.pending.add([of, name, kind].join(SEPARATOR));
    if (gathered.timer !== undefined) return;
    gathered.timer = setTimeout(() => void this.#flush(gathered), gathered.pauseMs);
    gathered.timer.unref();
  }

  async #flush(gathered: Gathered): Promise<void> {
    const pending = [...gathered.pending];
    gathered.pending.clear();
    gathered.timer = undefined;
    for (const one of pending) {
      const [of = '', name = '', kind] = one.split(SEPARATOR);
      // A hint that is lost is a page that is old for a while; the store's own failures are told elsewhere.
      const participants = await this.#participants(of as Of, name).catch(() => []);
      const hint: Hint = { kind: kind as HintKind, at: this.#options.nowMs() };
      for (const participant of participants) this.#emitter.emit(participant, hint);
    }
  }

  async #participants(of: Of, name: string): Promise<readonly string[]> {
    const { listenersOf, readersOf, deskOf } = this.#options;
    if (of === 'participant') return [name];
    if (of === 'record') return listenersOf(name);
    if (of === 'readers') return readersOf(name, this.#emitter.eventNames().map(String));
    const desk = deskOf(name);
    return desk === undefined ? [] : [desk];
  }
}
