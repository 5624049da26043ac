/** Counts for the summary and for `/metrics`: of this run, and nothing of any patient. */

/**
 * What became of events. Each one ends as exactly one of stored, directory, deleted, denied, duplicate, dead and
 * erased (it is of what was erased, and was dropped), or waits still; `waiting` and `released` count the ways into waiting and out of it, and `superseded` those of the stored
 * that took another version's place or came behind it.
 */
export type PipelineCount =
  | 'stored'
  | 'superseded'
  | 'deleted'
  | 'directory'
  | 'waiting'
  | 'released'
  | 'denied'
  | 'duplicate'
  | 'dead'
  | 'erased';

type Counts = Record<string, number>;

function bump(counts: Counts, name: string, by: number): void {
  counts[name] = (counts[name] ?? 0) + by;
}

/** How the last reading of a source went. */
export interface Reading {
  /** When one went well last, ms. */
  readonly okAt?: number;
  /** How many have failed since. */
  readonly failures: number;
  /** Of the last failure. */
  readonly code?: string;
}

export class Statistics {
  /** Of each source that was read in this run. */
  readonly readings = new Map<string, Reading>();
  readonly receivedByChannel: Counts = {};
  readonly receivedByType: Counts = {};
  readonly pipeline: Record<PipelineCount, number> = {
    stored: 0,
    superseded: 0,
    deleted: 0,
    directory: 0,
    waiting: 0,
    released: 0,
    denied: 0,
    duplicate: 0,
    dead: 0,
    erased: 0,
  };
  readonly storedByType: Counts = {};
  readonly deadByCode: Counts = {};

  received(channel: string, type: string): void {
    bump(this.receivedByChannel, channel, 1);
    bump(this.receivedByType, type, 1);
  }

  /** @param code - Of the failure; none for a reading that went well. */
  reading(source: string, nowMs: number, code?: string): void {
    const { okAt, failures } = this.readings.get(source) ?? { failures: 0 };
    if (code === undefined) this.readings.set(source, { okAt: nowMs, failures: 0 });
    else this.readings.set(source, { ...(okAt === undefined ? {} : { okAt }), failures: failures + 1, code });
  }

  count(what: PipelineCount, by = 1): void {
    this.pipeline[what] += by;
  }

  stored(type: string): void {
    this.pipeline.stored += 1;
    bump(this.storedByType, type, 1);
  }

  dead(code: string): void {
    this.pipeline.dead += 1;
    bump(this.deadByCode, code, 1);
  }
}
