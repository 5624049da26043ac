/**
 * Erasing: rows destroyed and `record.erased` logged in one batch, then what is left of their bytes driven off the disk.
 *
 * What a crash leaves: before the first batch, nothing; after it the row `erasing/…`, which says what is left to do and
 * is taken up again at the next start. From the first batch on nothing of what is erased can be opened.
 */
import { randomBytes } from 'node:crypto';
import { isHeld } from '../../../ledger/custody/index.js';
import type { StateView } from '../../../ledger/custody/index.js';
import type { StoreWrite } from '../../../ledger/store.js';
import { AdapterError, codeOf } from '../../errors.js';
import { beginErasure } from './begin.js';
import { probesOf, rowRanges } from './compaction.js';
import type { ErasureContext, ErasuresOptions } from './context.js';
import type { ErasingRow, OrderInput } from './evidence.js';
import { finishErasure } from './finish.js';
import { findNamed } from './names.js';
import type { Named } from './names.js';
import { planErasure } from './plan.js';
import type { ErasurePlan } from './plan.js';
import { madeFrom, reportDone, reportKnown, reportPlanned } from './report.js';
import type { ErasureReport } from './report.js';
import { dueBefore, findDue } from './retention.js';
import type { DueCounts, DueRows } from './retention.js';
import { openTables } from './tables.js';

/** What is to be erased, and by whose order. */
export interface EraseArgs {
  /** A patient, a resource as `Type/id`, or a version by its handle. */
  readonly name: string;
  readonly source?: string;
  /** Absent: nothing is erased, and the answer says what would be. */
  readonly order?: OrderInput;
}

/** How often it is planned again because the patient's records change meanwhile. */
const ROUNDS_MAX = 20;

export class Erasures {
  readonly #context: ErasureContext;
  readonly #closing = new AbortController();
  /** One erasure at a time. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: ErasuresOptions) {
    const { store, keys } = options;
    this.#context = {
      ...options,
      tables: openTables(store, keys.storage),
      view: { get: (key) => store.getSync(key) },
      closing: this.#closing.signal,
    };
  }

  /**
   * Erases what a name means, or says what would be erased. Erasing again gives the same answer again.
   *
   * @throws AdapterError ADAPTER_NOT_FOUND, ADAPTER_USAGE, ADAPTER_FORBIDDEN for an order that is none,
   * ADAPTER_CONFLICT while a hold lies on the patient; LedgerError when the log cannot take it, and then nothing was
   * erased.
   */
  async erase({ name, source, order }: EraseArgs): Promise<ErasureReport> {
    const named = await findNamed(this.#context, name, source);
    if (order !== undefined) return this.#inTurn(() => this.#erase(named, order));
    const known = await reportKnown(this.#context, named);
    if (known !== undefined) return known;
    const plan = await this.#plan(named);
    return reportPlanned(this.#context, plan, await madeFrom(this.#context, plan));
  }

  /**
   * Destroys what is kept for a time only and is due: receipts, evidence of consents and erasures, released holds.
   *
   * @throws LedgerError when the store cannot take it.
   */
  eraseDue(): Promise<DueCounts & { readonly compacted: boolean }> {
    return this.#inTurn(async () => {
      const { store, subjects, tables, appender, nowMs, retentionYears } = this.#context;
      const due: DueRows[] = [];
      for await (const found of findDue(store, tables, subjects, dueBefore(nowMs(), retentionYears)))
        due.push(found);
      const counts = { receipts: 0, consents: 0, erasures: 0, holds: 0, patients: 0 };
      if (due.length === 0) return { ...counts, compacted: true };
      const name = randomBytes(16).toString('hex');
      const { going, row } = await appender.writeRows((view) => {
        const unheld = due.filter(({ subject }) => !isHeld(view, subject));
        const writes = unheld.flatMap((one) => one.writes);
        const left = leftBehind(view, writes);
        return { writes: [tables.erasing.put(name, left), ...writes], value: { going: unheld, row: left } };
      });
      for (const { kind } of going) counts[kind] += 1;
      return { ...counts, compacted: await finishErasure(this.#context, name, row) };
    });
  }

  /** Finishes what a crash, or a reader of old tables, has left undone. */
  resume(): Promise<void> {
    return this.#inTurn(async () => {
      const { tables, logger, closing } = this.#context;
      const left: { readonly name: string; readonly value: ErasingRow }[] = [];
      for await (const found of tables.erasing.all()) left.push(found);
      for (const { name, value } of left) {
        if (closing.aborted) return;
        try {
          await finishErasure(this.#context, name, value);
        } catch (error) {
          logger.error('erasure not finished', { code: codeOf(error) });
        }
      }
    });
  }

  /** Ends what is under way where it can be taken up again. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#turn;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  async #erase(named: Named, input: OrderInput): Promise<ErasureReport> {
    for (let round = 0; round < ROUNDS_MAX; round++) {
      const known = await reportKnown(this.#context, named);
      if (known !== undefined) return known;
      const plan = await this.#plan(named);
      const made = await madeFrom(this.#context, plan);
      const begun = await beginErasure(this.#context, plan, input);
      if (begun === 'held')
        throw new AdapterError('ADAPTER_CONFLICT', 'a legal hold lies on this patient: nothing was erased');
      if (begun === 'overtaken') continue;
      this.#context.onErased(plan.subject.key);
      return reportDone(begun.ordered, await finishErasure(this.#context, begun.name, begun.row), made);
    }
    throw new AdapterError(
      'ADAPTER_CONFLICT',
      'the records of this patient change too fast: nothing was erased',
    );
  }

  async #plan(named: Named): Promise<ErasurePlan> {
    const subject = await this.#context.subjects.find(named.subject);
    if (subject === undefined) throw new AdapterError('ADAPTER_NOT_FOUND', 'no such record is kept here');
    return planErasure(this.#context, subject, named);
  }
}

/** What is left to do once these rows have gone. */
function leftBehind(view: Pick<StateView, 'get'>, writes: readonly StoreWrite[]): ErasingRow {
  const byKind = new Map<string, string[]>();
  for (const { key } of writes) {
    const kind = key.slice(0, key.indexOf('/') + 1);
    const keys = byKind.get(kind);
    if (keys === undefined) byKind.set(kind, [key]);
    else keys.push(key);
  }
  return {
    ranges: [...byKind].flatMap(([kind, keys]) => rowRanges(kind, keys)),
    probes: writes.flatMap(({ key }) => probesOf(view.get(key) ?? Buffer.alloc(0))),
  };
}
