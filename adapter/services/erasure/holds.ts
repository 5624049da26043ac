/** Legal holds: while one lies on a patient, nothing of that patient is erased, not even by the patient. */
import { isErased } from '../../../ledger/custody/index.js';
import type { Appender } from '../../../ledger/custody/index.js';
import { AdapterError } from '../../errors.js';
import type { Subject } from '../../instance/subjects.js';
import type { ErasureTables } from './tables.js';

/** Who did something to a hold, and why. */
export interface HoldAct {
  readonly by: string;
  readonly reason: string;
  readonly at: number;
}

export interface HoldRow extends HoldAct {
  /** How the patient is named at the source: a person must find it again. */
  readonly patient: string;
  readonly source: string;
}

/** A hold as it is listed. */
export interface Hold extends HoldRow {
  /** `Patient/<id at the facade>`. */
  readonly reference: string;
}

/** A hold of the past, until retention ends. */
export interface PastHold {
  readonly set: HoldRow;
  readonly released: HoldAct;
}

const TEXT_CHARS_MAX = 2000;

export class Holds {
  readonly #appender: Appender;
  readonly #tables: ErasureTables;
  readonly #facadeId: (source: string, patient: string) => string;
  readonly #nowMs: () => number;

  constructor(options: {
    readonly appender: Appender;
    readonly tables: ErasureTables;
    readonly facadeId: (source: string, patient: string) => string;
    readonly nowMs: () => number;
  }) {
    this.#appender = options.appender;
    this.#tables = options.tables;
    this.#facadeId = options.facadeId;
    this.#nowMs = options.nowMs;
  }

  /**
   * Holds a patient.
   *
   * @throws AdapterError ADAPTER_USAGE without name and reason, ADAPTER_CONFLICT for one who is held already or of whom
   * all was erased.
   */
  async set(subject: Subject, by: string, reason: string): Promise<Hold> {
    requireText(by, 'who sets it');
    requireText(reason, 'why it is set');
    const { patientId: patient, source } = subject;
    const row: HoldRow = { by, reason, at: this.#nowMs(), patient, source };
    const { holds } = this.#tables;
    const outcome = await this.#appender.writeRows((view) => {
      if (isErased(view, subject.key)) return { writes: [], value: 'erased' as const };
      if (holds.get(subject.key, view) !== undefined) return { writes: [], value: 'held' as const };
      return { writes: [holds.put(subject.key, row)], value: 'set' as const };
    });
    if (outcome === 'erased')
      throw new AdapterError('ADAPTER_CONFLICT', 'all of this patient was erased: nothing is left to hold');
    if (outcome === 'held') throw new AdapterError('ADAPTER_CONFLICT', 'a hold lies on this patient already');
    return this.#listed(row);
  }

  /**
   * Ends a hold; who set it, who ended it and why stays, sealed, until retention ends.
   *
   * @throws AdapterError ADAPTER_USAGE without name and reason, ADAPTER_CONFLICT where there is none.
   */
  async release(subject: Subject, by: string, reason: string): Promise<Hold> {
    requireText(by, 'who releases it');
    requireText(reason, 'why it is released');
    const { holds, pastHolds } = this.#tables;
    const at = this.#nowMs();
    const set = await this.#appender.writeRows((view) => {
      const held = holds.get(subject.key, view);
      if (held === undefined) return { writes: [], value: undefined };
      const past: PastHold = { set: held, released: { by, reason, at } };
      return {
        writes: [holds.del(subject.key), pastHolds.put(`${subject.key}/${at}`, past)],
        value: held,
      };
    });
    if (set === undefined) throw new AdapterError('ADAPTER_CONFLICT', 'no hold lies on this patient');
    return this.#listed(set);
  }

  /** All holds that lie, oldest first. */
  async list(): Promise<Hold[]> {
    const holds: Hold[] = [];
    for await (const { value } of this.#tables.holds.all()) holds.push(this.#listed(value));
    return holds.toSorted((a, b) => a.at - b.at);
  }

  #listed(row: HoldRow): Hold {
    return { ...row, reference: `Patient/${this.#facadeId(row.source, row.patient)}` };
  }
}

function requireText(value: string, what: string): void {
  if (value.trim() === '' || value.length > TEXT_CHARS_MAX)
    throw new AdapterError('ADAPTER_USAGE', `say ${what}, in at most ${TEXT_CHARS_MAX} characters`);
}
