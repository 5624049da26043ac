/**
 * The custodian's pen: the only writer of entries. It gathers what callers want to append, and for each group,
 * under one lock, checks the permits once more, fills in the subject tags, signs submissions and hands leaves
 * and rows to the engine as one batch.
 *
 * What a crash leaves: before the engine's batch nothing (counters, rows and leaves are in that batch alone);
 * after it, everything, and the callers' retries find their rows and stop.
 */
import { randomBytes } from 'node:crypto';
import { isPermitted } from '../consent/index.js';
import type { Permitted } from '../consent/index.js';
import type { Engine } from '../engines/index.js';
import { LedgerError } from '../errors.js';
import type { LedgerErrorCode } from '../errors.js';
import { buildSubmission, NONCE_BYTES, SUBMISSION_DRAFTS_MAX } from '../log/index.js';
import type { Draft, EntryType, JsonObject, Submission } from '../log/index.js';
import type { Store, StoreWrite } from '../store.js';
import { randomBuffer, tag } from '../vault/index.js';
import { consentEpoch, stillStands } from './consent-status.js';
import { ErasureOrder } from './erasure-order.js';
import { isErased, isHeld } from './hold.js';
import { countEntries } from './totals.js';
import { StateView } from './view.js';

/** An entry to be; actor, tag and nonce are filled in here. */
export interface StagedDraft {
  readonly type: EntryType;
  readonly body: JsonObject;
}

/** What a stage wants written: drafts in order, and the rows that must stand or fall with them. */
export interface Staged<T> {
  readonly drafts: readonly StagedDraft[];
  readonly writes: readonly StoreWrite[];
  readonly value: T;
}

/** Runs inside the lock: must be synchronous, quick and free of side effects. */
export type Stage<T> = (view: StateView) => Staged<T>;

/** The patient whose tags an append uses up. */
export interface TaggedSubject {
  /** Names the counter's row. */
  readonly key: string;
  /** 32 bytes, one for each patient and custodian. */
  readonly tagKey: Buffer;
}

/** Who signs: the instance for the daily work, the certification authority for enrolments. */
export interface Signer {
  /** base64url SHA-256 of the DER certificate. */
  readonly actor: string;
  readonly sign: (message: Buffer) => Buffer;
}

/** What an entry of each type needs to be appended; a new type does not compile until it is placed here. */
const NEEDS = {
  'participant.enrolled': 'nothing',
  'participant.renewed': 'nothing',
  'participant.revoked': 'nothing',
  'key.rotated': 'nothing',
  'representative.appointed': 'nothing',
  'representative.ended': 'nothing',
  'consent.signed': 'nothing',
  'consent.withdrawn': 'nothing',
  'access.requested': 'nothing',
  'access.decided': 'nothing',
  'record.stored': 'permit',
  'record.superseded': 'permit',
  'record.deleted': 'permit',
  // That two patients are one, or are not, binds the gate: it must not need the gate's leave.
  'record.merged': 'nothing',
  'record.unmerged': 'nothing',
  'record.erased': 'order',
  disclosure: 'permit',
  'claim.attested': 'permit',
  'cohort.exported': 'permit',
  'aggregate.answered': 'permit',
  'model.published': 'nothing',
  'score.issued': 'permit',
  'source.reconciled': 'nothing',
  'state.anchored': 'nothing',
  submission: 'the pen',
} as const satisfies Readonly<Record<EntryType, 'nothing' | 'permit' | 'order' | 'the pen'>>;

/** Types that need no patient's permit: they are the permit, concern no patient's data, or bind the gate itself. */
export type ControlType = {
  [Type in EntryType]: (typeof NEEDS)[Type] extends 'nothing' ? Type : never;
}[EntryType];

/** Types that may stand without tags and without one patient's permit. */
const UNTAGGED: ReadonlySet<EntryType> = new Set(['disclosure', 'cohort.exported', 'aggregate.answered']);

/** Whether a permit suffices for all drafts: an erasure wants an order, and submissions are made here alone. */
function areForPermit(drafts: readonly StagedDraft[]): boolean {
  return drafts.every(({ type }) => NEEDS[type] === 'nothing' || NEEDS[type] === 'permit');
}

export interface ControlStaged<T> extends Staged<T> {
  readonly drafts: readonly { readonly type: ControlType; readonly body: JsonObject }[];
}

/** Rows alone: whatever has drafts too goes through `append` or `appendControl`. */
export interface StagedRows<T> {
  readonly writes: readonly StoreWrite[];
  readonly value: T;
  readonly drafts?: never;
}

export type AppendOutcome<T> =
  | {
      readonly outcome: 'committed';
      readonly value: T;
      readonly leaves: readonly number[];
      readonly at: number;
    }
  /** A consent that the permit stood on has been withdrawn or replaced since, or all of the patient erased. */
  | { readonly outcome: 'permit-void' };

export type ErasureOutcome<T> =
  | Extract<AppendOutcome<T>, { outcome: 'committed' }>
  /** A legal hold lies on the patient. */
  | { readonly outcome: 'held' }
  /** Something was written of the patient since the erasure was planned: plan it again. */
  | { readonly outcome: 'overtaken' };

export interface ErasureStaged<T> extends Staged<T> {
  readonly drafts: readonly { readonly type: 'record.erased'; readonly body: JsonObject }[];
}

/** What a permit was built on: these consents, and no other word of the patient since. */
interface PermitBasis {
  readonly standsOn: Permitted['standsOn'];
  readonly epoch: number;
}

/** Why an erasure is not written; asked inside the batch, with the patient's tags used so far. */
type ErasureCheck = (view: StateView, tags: number) => 'held' | 'overtaken' | undefined;

interface Unit {
  readonly signer: Signer;
  readonly subject: TaggedSubject | undefined;
  readonly basis: PermitBasis | undefined;
  readonly erasure: ErasureCheck | undefined;
  readonly stage: Stage<unknown>;
  readonly resolve: (outcome: AppendOutcome<unknown> | ErasureOutcome<unknown>) => void;
  readonly reject: (error: unknown) => void;
}

/** A group's units: enough to share one fsync, few enough that a caller's wait stays in milliseconds. */
export const GROUP_UNITS_MAX = 1024;

/** Beyond this many waiting units callers are told to come back: memory must stay bounded. */
export const WAITING_UNITS_MAX = 65_536;

/**
 * How long a group is kept open for more, ms; a full group does not wait. Nor does one that is alone after one that was:
 * nobody would join it.
 */
const GATHER_MS = 2;

export interface AppenderOptions {
  readonly store: Store;
  readonly engine: Engine;
  readonly origin: string;
  /** The instance's own certificate and key: the actor of whatever carries a tag. */
  readonly instance: Signer;
}

export class Appender {
  readonly #options: AppenderOptions;
  #waiting: Unit[] = [];
  /** Units of the last group. */
  #lastGroup = 1;
  #running: Promise<void> | undefined;
  #closed = false;

  constructor(options: AppenderOptions) {
    this.#options = options;
  }

  /**
   * Appends entries on a patient's data.
   *
   * @param permit - Made by `decide()` for this request; its consents are checked again inside the batch.
   * @param epoch - The patient's `consentEpoch` when the policies were read.
   * @returns `permit-void` when a consent no longer stands, the patient has signed since, or all of the patient was
   * erased; nothing is written then.
   * @throws LedgerError LEDGER_BUSY beyond {@link WAITING_UNITS_MAX}, LEDGER_WRITE_FAILED, LEDGER_CLOSED; and what
   * the stage throws.
   */
  append<T>(
    permit: Permitted,
    epoch: number,
    subject: TaggedSubject,
    stage: Stage<T>,
  ): Promise<AppendOutcome<T>> {
    if (!isPermitted(permit) || permit.subject !== subject.key) {
      return Promise.reject(new LedgerError('LEDGER_GUARD_REFUSED', 'no permit for this patient'));
    }
    return this.#enqueue(this.#options.instance, subject, { standsOn: permit.standsOn, epoch }, (view) => {
      const staged = stage(view);
      if (areForPermit(staged.drafts)) return staged;
      throw new LedgerError('LEDGER_GUARD_REFUSED', 'an entry that no permit is enough for');
    });
  }

  /**
   * Appends entries of the types that need no permit.
   *
   * @param by - The signer; with a `subject`, always the instance.
   * @throws LedgerError LEDGER_GUARD_REFUSED for a type that needs one; else as {@link append}.
   */
  async appendControl<T>(
    by: { readonly signer?: Signer; readonly subject?: TaggedSubject },
    stage: (view: StateView) => ControlStaged<T>,
  ): Promise<Extract<AppendOutcome<T>, { outcome: 'committed' }>> {
    const signer = by.subject === undefined ? (by.signer ?? this.#options.instance) : this.#options.instance;
    const outcome = await this.#enqueue(signer, by.subject, undefined, (view) => {
      const staged = stage(view);
      // The types say so already; here also to what was cast.
      if (staged.drafts.every(({ type }) => NEEDS[type] === 'nothing')) return staged;
      throw new LedgerError('LEDGER_GUARD_REFUSED', 'an entry on a patient’s data needs a permit');
    });
    if (outcome.outcome === 'permit-void')
      throw new LedgerError('LEDGER_GUARD_REFUSED', 'no permit was asked for');
    return outcome;
  }

  /**
   * Appends what tells of no one patient: the receipt of an answer that showed nothing of any, an export that has a
   * receipt for each patient in it, an answer with noise that hides any one.
   *
   * @throws LedgerError LEDGER_GUARD_REFUSED for any other type; else as {@link append}.
   */
  async appendUntagged<T>(stage: (view: StateView) => Staged<T>): Promise<T> {
    const outcome = await this.#enqueue(this.#options.instance, undefined, undefined, (view) => {
      const staged = stage(view);
      if (staged.drafts.every(({ type }) => UNTAGGED.has(type))) return staged;
      throw new LedgerError('LEDGER_GUARD_REFUSED', 'an entry on a patient’s data needs a permit');
    });
    if (outcome.outcome === 'permit-void')
      throw new LedgerError('LEDGER_GUARD_REFUSED', 'no permit was asked for');
    return outcome.value;
  }

  /**
   * Appends `record.erased` entries, each of a version that the order names, with the rows that destroy it.
   *
   * @param order - Made by `orderByPatient()` or `orderByCustodian()` for this patient.
   * @param tags - The patient's `tagCount` when the erasure was planned.
   * @throws LedgerError LEDGER_GUARD_REFUSED without an order for this patient and these versions; else as
   * {@link append}.
   */
  appendErasure<T>(
    order: ErasureOrder,
    tags: number,
    subject: TaggedSubject,
    stage: (view: StateView) => ErasureStaged<T>,
  ): Promise<ErasureOutcome<T>> {
    if (!ErasureOrder.isOrder(order) || order.subject !== subject.key) {
      return Promise.reject(new LedgerError('LEDGER_GUARD_REFUSED', 'no order to erase of this patient'));
    }
    const check: ErasureCheck = (view, used) =>
      isHeld(view, subject.key) ? 'held' : used === tags ? undefined : 'overtaken';
    const outcome = this.#enqueue(
      this.#options.instance,
      subject,
      undefined,
      (view) => {
        const staged = stage(view);
        const isOrdered = staged.drafts.every(
          ({ type, body }) =>
            type === 'record.erased' &&
            typeof body['handle'] === 'string' &&
            (order.handles === 'all' || order.handles.has(body['handle'])),
        );
        if (isOrdered) return staged;
        throw new LedgerError('LEDGER_GUARD_REFUSED', 'an erasure that nobody ordered');
      },
      check,
    );
    return outcome as Promise<ErasureOutcome<T>>;
  }

  /** Writes rows without an entry, in order with the entries, in the same synced batch. */
  async writeRows<T>(stage: (view: StateView) => StagedRows<T>): Promise<T> {
    const outcome = await this.#enqueue(this.#options.instance, undefined, undefined, (view) => {
      const { writes, value } = stage(view);
      return { drafts: [], writes, value };
    });
    if (outcome.outcome === 'permit-void')
      throw new LedgerError('LEDGER_GUARD_REFUSED', 'no permit was asked for');
    return outcome.value;
  }

  /** Units not yet handed to the engine. */
  get waitingCount(): number {
    return this.#waiting.length;
  }

  /** Finishes what waits and refuses what comes later. */
  async close(): Promise<void> {
    this.#closed = true;
    while (this.#running !== undefined) await this.#running;
  }

  #enqueue<T>(
    signer: Signer,
    subject: TaggedSubject | undefined,
    basis: PermitBasis | undefined,
    stage: Stage<T>,
    erasure?: ErasureCheck,
  ): Promise<AppendOutcome<T>> {
    if (this.#closed) return Promise.reject(new LedgerError('LEDGER_CLOSED', 'the ledger is closing'));
    if (this.#waiting.length >= WAITING_UNITS_MAX) {
      return Promise.reject(
        new LedgerError('LEDGER_BUSY', `more than ${WAITING_UNITS_MAX} appends are waiting`),
      );
    }
    return new Promise<AppendOutcome<T>>((resolve, reject) => {
      this.#waiting.push({
        signer,
        subject,
        basis,
        erasure,
        stage,
        resolve: resolve as Unit['resolve'],
        reject,
      });
      this.#running ??= this.#run();
    });
  }

  async #run(): Promise<void> {
    try {
      while (this.#waiting.length > 0) {
        // What this turn of the event loop brings comes along in any case.
        await new Promise((resolve) => setImmediate(resolve));
        const isAlone = this.#waiting.length === 1 && this.#lastGroup === 1;
        if (!isAlone && this.#waiting.length < GROUP_UNITS_MAX)
          await new Promise((resolve) => setTimeout(resolve, GATHER_MS));
        const group = this.#waiting.splice(0, GROUP_UNITS_MAX);
        this.#lastGroup = group.length;
        await this.#commitGroup(mixSubjects(group));
      }
    } finally {
      this.#running = undefined;
    }
  }

  async #commitGroup(group: readonly Unit[]): Promise<void> {
    const view = new StateView(this.#options.store);
    const drafted: { signer: Signer; draft: Draft }[] = [];
    const done: { unit: Unit; value: unknown; from: number; count: number }[] = [];
    // What is not to be written may rest on what others of the group are about to write: told once that is down.
    const verdicts: (() => void)[] = [];
    const tagCounts = new Map<string, number>();
    for (const unit of group) {
      try {
        if (!isValid(unit, view)) {
          verdicts.push(() => unit.resolve({ outcome: 'permit-void' }));
          continue;
        }
        const refusal = erasureRefusal(unit, view, tagCounts);
        if (refusal !== undefined) {
          verdicts.push(() => unit.resolve({ outcome: refusal }));
          continue;
        }
        const staged = unit.stage(view);
        const drafts = draftsOf(unit, staged.drafts, view, tagCounts);
        done.push({ unit, value: staged.value, from: drafted.length, count: drafts.length });
        for (const draft of drafts) drafted.push({ signer: unit.signer, draft });
        view.apply(staged.writes);
      } catch (error) {
        // A stage that throws has added nothing to the view: drafts and rows are applied after it returned.
        verdicts.push(() => unit.reject(error));
      }
    }
    const tell = (): void => {
      for (const verdict of verdicts) verdict();
    };
    if (done.length === 0) return tell();
    // One row a patient, however many entries the group has of each.
    view.apply([...tagCounts].map(([subjectKey, count]) => tagCountWrite(subjectKey, count)));
    try {
      const { submissions, positions } = this.#submissions(drafted);
      if (drafted.length > 0)
        view.apply([
          countEntries(
            view,
            drafted.map(({ draft }) => draft.type),
            submissions.length,
          ),
        ]);
      const { first, at } = await this.#options.engine.commit({ submissions, writes: view.writes() });
      for (const { unit, value, from, count } of done) {
        const leaves = positions.slice(from, from + count).map((position) => first + position);
        unit.resolve({ outcome: 'committed', value, leaves, at });
      }
      tell();
    } catch (error) {
      if (group.length === 1 || !isRefusal(error)) {
        for (const { unit } of done) unit.reject(error);
        return tell();
      }
      // Nothing was written, and a unit's draft is at fault: the halves are gathered anew, until it is alone refused.
      const middle = Math.ceil(group.length / 2);
      await this.#commitGroup(group.slice(0, middle));
      await this.#commitGroup(group.slice(middle));
    }
  }

  /** Runs of one signer become submissions of up to 256 drafts; `positions[i]` is draft i's leaf, from the first. */
  #submissions(drafted: readonly { signer: Signer; draft: Draft }[]): {
    submissions: Submission[];
    positions: number[];
  } {
    const submissions: Submission[] = [];
    const positions: number[] = [];
    let leaf = 0;
    for (let start = 0; start < drafted.length;) {
      const signer = drafted[start]?.signer ?? this.#options.instance;
      const drafts: Draft[] = [];
      let next = start;
      for (; next < drafted.length && drafts.length < SUBMISSION_DRAFTS_MAX; next++) {
        const item = drafted[next];
        if (item === undefined || item.signer.actor !== signer.actor) break;
        drafts.push(item.draft);
      }
      const nonce = randomBuffer(NONCE_BYTES).toString('base64url');
      submissions.push(
        buildSubmission({
          origin: this.#options.origin,
          actor: signer.actor,
          sign: signer.sign,
          drafts,
          nonce,
        }),
      );
      leaf += 1;
      for (let i = start; i < next; i++) positions.push(leaf++);
      start = next;
    }
    return { submissions, positions };
  }
}

/** Whether the log refused what it was given, and so has taken nothing of it. */
function isRefusal(error: unknown): boolean {
  return error instanceof LedgerError && REFUSALS.has(error.code);
}

const REFUSALS: ReadonlySet<LedgerErrorCode> = new Set([
  'LEDGER_NOT_CANONICAL',
  'LEDGER_BAD_ENTRY',
  'LEDGER_ENTRY_TOO_LARGE',
  'LEDGER_BAD_SUBMISSION',
]);

function isValid({ basis, subject }: Unit, view: StateView): boolean {
  if (basis === undefined || subject === undefined) return true;
  return (
    consentEpoch(view, subject.key) === basis.epoch &&
    stillStands(view, basis.standsOn) &&
    !isErased(view, subject.key)
  );
}

function erasureRefusal(
  { erasure, subject }: Unit,
  view: StateView,
  tagCounts: ReadonlyMap<string, number>,
): 'held' | 'overtaken' | undefined {
  if (erasure === undefined || subject === undefined) return undefined;
  return erasure(view, tagCounts.get(subject.key) ?? tagCount(view, subject.key));
}

/** @param tagCounts - Of the patients whose tags this group has used; raised here. */
function draftsOf(
  unit: Unit,
  staged: readonly StagedDraft[],
  view: StateView,
  tagCounts: Map<string, number>,
): Draft[] {
  const subject = unit.subject;
  let count = subject === undefined ? 0 : (tagCounts.get(subject.key) ?? tagCount(view, subject.key));
  const drafts = staged.map(({ type, body }): Draft => {
    const nonce = randomBuffer(NONCE_BYTES).toString('base64url');
    const tags = subject === undefined ? [] : [tag(subject.tagKey, count++)];
    return { v: 1, type, actor: unit.signer.actor, tags, nonce, body };
  });
  if (subject !== undefined && drafts.length > 0) tagCounts.set(subject.key, count);
  return drafts;
}

/** How many tags of a patient are on the log: they are numbered 0 to this, less one, without gaps. */
export function tagCount(view: Pick<StateView, 'get'>, subjectKey: string): number {
  return view.get(`tag-count/${subjectKey}`)?.readUIntBE(0, 6) ?? 0;
}

/** Row that states how many tags of a patient are on the log. */
export function tagCountWrite(subjectKey: string, count: number): StoreWrite {
  const value = Buffer.allocUnsafe(6);
  value.writeUIntBE(count, 0, 6);
  return { type: 'put', key: `tag-count/${subjectKey}`, value };
}

/**
 * Shuffles patients among each other, each patient's own units staying in order: which entries lie side by side
 * must not tell which are of one patient.
 */
function mixSubjects(group: readonly Unit[]): Unit[] {
  const slots = group.map(({ subject }) => subject?.key);
  const random = randomBytes(4 * slots.length);
  for (let i = slots.length - 1; i > 0; i--) {
    const j = random.readUInt32LE(4 * i) % (i + 1);
    [slots[i], slots[j]] = [slots[j], slots[i]];
  }
  const queues = new Map<string | undefined, Unit[]>();
  for (const unit of group) {
    const queue = queues.get(unit.subject?.key);
    if (queue === undefined) queues.set(unit.subject?.key, [unit]);
    else queue.push(unit);
  }
  const cursors = new Map<string | undefined, number>();
  const mixed: Unit[] = [];
  for (const key of slots) {
    const cursor = cursors.get(key) ?? 0;
    cursors.set(key, cursor + 1);
    const unit = queues.get(key)?.[cursor];
    if (unit !== undefined) mixed.push(unit);
  }
  return mixed;
}
