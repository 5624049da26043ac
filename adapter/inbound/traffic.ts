/** How much comes of each source, how fast, and how far its events are behind: counts of this run, in bounded memory. */

/** Seconds over which a rate is told. */
const WINDOW_S = 60;

/** What is told of one source. */
export interface SourceTraffic {
  /** New events since the start. */
  readonly received: number;
  /** Events dealt with since the start. */
  readonly handled: number;
  /** Received since the start, and neither dealt with, waiting for a patient, nor set aside. */
  readonly pending: number;
  /** New events a second, over the last minute. */
  readonly perSecond: number;
  /** How long ago that was received whose turn it is about now, ms; 0 when nothing is pending. */
  readonly lagMs: number;
  /** When the last event came. */
  readonly lastAt?: number;
}

class Flow {
  received = 0;
  handled = 0;
  pending = 0;
  lastAt: number | undefined;
  /** Received before this, everything has been dealt with, as far as the order of work goes. */
  behindSince: number | undefined;
  readonly #seconds = new Float64Array(WINDOW_S);
  #second = 0;

  came(count: number, nowMs: number): void {
    this.#turn(nowMs);
    const slot = this.#second % WINDOW_S;
    this.#seconds[slot] = (this.#seconds[slot] ?? 0) + count;
    this.received += count;
    if (this.pending === 0) this.behindSince = nowMs;
    this.pending += count;
    this.lastAt = nowMs;
  }

  perSecond(nowMs: number): number {
    this.#turn(nowMs);
    return this.#seconds.reduce((sum, count) => sum + count, 0) / WINDOW_S;
  }

  /** Empties the seconds that have passed since the last look. */
  #turn(nowMs: number): void {
    const second = Math.floor(nowMs / 1000);
    if (second <= this.#second) return;
    const passed = Math.min(WINDOW_S, second - this.#second);
    for (let i = 1; i <= passed; i++) this.#seconds[(this.#second + i) % WINDOW_S] = 0;
    if (passed === WINDOW_S) this.#seconds.fill(0);
    this.#second = second;
  }
}

export class Traffic {
  readonly #flows = new Map<string, Flow>();
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** New events of a source are durable. */
  came(source: string, count: number): void {
    this.#flow(source).came(count, this.#nowMs());
  }

  /** One that came in this run was dealt with. */
  left(source: string, receivedAt: number): void {
    const flow = this.#flow(source);
    flow.handled += 1;
    flow.pending = Math.max(0, flow.pending - 1);
    flow.behindSince = flow.pending === 0 ? undefined : Math.max(flow.behindSince ?? 0, receivedAt);
  }

  of(source: string): SourceTraffic {
    const now = this.#nowMs();
    const flow = this.#flows.get(source);
    if (flow === undefined) return { received: 0, handled: 0, pending: 0, perSecond: 0, lagMs: 0 };
    const { received, handled, pending, lastAt, behindSince } = flow;
    return {
      received,
      handled,
      pending,
      perSecond: flow.perSecond(now),
      lagMs: behindSince === undefined ? 0 : Math.max(0, now - behindSince),
      ...(lastAt === undefined ? {} : { lastAt }),
    };
  }

  #flow(source: string): Flow {
    let flow = this.#flows.get(source);
    if (flow === undefined) this.#flows.set(source, (flow = new Flow()));
    return flow;
  }
}
