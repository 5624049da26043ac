/**
 * Erasing: rows destroyed and `record.erased` logged in one batch, then what is left of their bytes driven off the disk.
 *
 * What a crash leaves: before the first batch, nothing; after it the row `erasing/…`, which says what is left to do and
 * is taken up again at the next start. From the first batch on nothing of what is erased can be opened.
 */
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { erasedKey, isHeld, tagCount } from '../../../ledger/custody/index.js';
import type { Appender, ErasureOrder, StateView, TaggedSubject } from '../../../ledger/custody/index.js';
import type { Store, StoreWrite } from '../../../ledger/store.js';
import type { InstanceKeys } from '../../../ledger/vault/index.js';
import { AdapterError, codeOf } from '../../errors.js';
import type { HeldEvent, Inbox } from '../../inbound/inbox.js';
import { mentionsOf, patientsOf } from '../../inbound/mentions.js';
import type { Records } from '../../instance/records.js';
import type { Sources } from '../../instance/sources.js';
import type { Subject, Subjects } from '../../instance/subjects.js';
import type { Logger } from '../../logger.js';
import { OWN_SOURCE } from '../permitted-records.js';
import { compactAway, probesOf, rowRanges } from './compaction.js';
import { ERASING, ERASURES, erasedEntry, orderOf } from './evidence.js';
import type {
  ErasingRow,
  ErasureRow,
  ErasureScope,
  OrderedErasure,
  OrderInput,
  VersionName,
} from './evidence.js';
import { findNamed } from './names.js';
import type { Named } from './names.js';
import { planErasure, rangesOf, rowsOf } from './plan.js';
import type { ErasurePlan, PlannedVersion } from './plan.js';
import { dueBefore, findDue } from './retention.js';
import type { DueCounts, DueRows } from './retention.js';
import { SealedRows } from './sealed-rows.js';

/** What is to be erased, and by whose order. */
export interface EraseArgs {
  /** A patient, a resource as `Type/id`, or a version by its handle. */
  readonly name: string;
  readonly source?: string;
  /** Absent: nothing is erased, and the answer says what would be. */
  readonly order?: OrderInput;
}

/** What was, or would be, erased. */
export interface ErasureReport {
  readonly outcome: 'erased' | 'planned';
  readonly scope: ErasureScope;
  /** ms since the epoch; absent for what is only planned. */
  readonly erasedAt?: number;
  /** Handles of the versions. */
  readonly versions: readonly string[];
  /** Whether no byte of them is left in the live files. False: it is tried again at the next start and each hour. */
  readonly compacted?: boolean;
  /** Scores and published models that were made from the patient's records, by handle; they stay. */
  readonly scores: readonly string[];
  readonly models: readonly string[];
  /** A legal hold lies on the patient. */
  readonly held: boolean;
}

export interface ErasuresOptions {
  readonly store: Store;
  readonly keys: InstanceKeys;
  readonly dataDir: string;
  readonly appender: Appender;
  readonly sources: Sources;
  readonly subjects: Subjects;
  readonly records: Records;
  readonly inbox: Inbox;
  readonly nowMs: () => number;
  readonly logger: Logger;
  /** How long receipts and evidence are kept. */
  readonly retentionYears: number;
  /** Told of a patient of whom nothing may stay in memory. */
  readonly onErased: (subjectKey: string) => void;
}

const NOTHING_QUEUED = { probes: [], isSettled: true } as const;
/** Versions destroyed in one batch. */
const CHUNK = 2000;
/** How often it is planned again because the patient's records change meanwhile. */
const ROUNDS_MAX = 20;
/** What is queued of the patient meets the bar when its turn comes; this long we wait for it, ms. */
const SETTLE_MS = 10_000;
const SETTLE_LOOK_MS = 50;

/** What is left to do once these rows have gone. */
function erasingOf(view: Pick<StateView, 'get'>, writes: readonly StoreWrite[]): ErasingRow {
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
    blobs: [],
  };
}

export class Erasures {
  readonly #options: ErasuresOptions;
  readonly #rows: SealedRows;
  readonly #closing = new AbortController();
  /** One erasure at a time. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: ErasuresOptions) {
    this.#options = options;
    this.#rows = new SealedRows(options.store, options.keys.storage.indexKey);
  }

  /**
   * Erases what a name means, or says what would be erased. Erasing again gives the same answer again.
   *
   * @throws AdapterError ADAPTER_NOT_FOUND, ADAPTER_USAGE, ADAPTER_FORBIDDEN for an order that is none,
   * ADAPTER_CONFLICT while a hold lies on the patient; LedgerError when the log cannot take it, and then nothing was
   * erased.
   */
  async erase(args: EraseArgs): Promise<ErasureReport> {
    const named = await findNamed(this.#options, args.name, args.source);
    const { order } = args;
    if (order === undefined) return this.#preview(named);
    return this.#inTurn(() => this.#erase(named, order));
  }

  /** Finishes what a crash, or a reader of old tables, has left undone. */
  resume(): Promise<void> {
    return this.#inTurn(async () => {
      const left: { key: string; value: ErasingRow }[] = [];
      for await (const { key, value } of this.#rows.all<ErasingRow>(ERASING)) left.push({ key, value });
      for (const { key, value } of left) {
        if (this.#closing.signal.aborted) return;
        try {
          await this.#finish(key, value);
        } catch (error) {
          this.#options.logger.error('erasure not finished', { code: codeOf(error) });
        }
      }
    });
  }

  /**
   * Destroys what is kept for a time only and is due: receipts, evidence of consents and erasures, released holds.
   *
   * @throws LedgerError when the store cannot take it.
   */
  eraseDue(): Promise<DueCounts & { readonly compacted: boolean }> {
    return this.#inTurn(async () => {
      const { store, subjects, nowMs, retentionYears, appender } = this.#options;
      const before = dueBefore(nowMs(), retentionYears);
      const due: DueRows[] = [];
      for await (const found of findDue(store, this.#rows, subjects, before)) due.push(found);
      const counts = { receipts: 0, consents: 0, erasures: 0, holds: 0, patients: 0 };
      if (due.length === 0) return { ...counts, compacted: true };
      const key = `${ERASING}${randomBytes(16).toString('hex')}`;
      const { gone, row } = await appender.writeRows((view) => {
        const gone = due.filter(({ subject }) => !isHeld(view, subject));
        const writes = gone.flatMap((one) => one.writes);
        const row = erasingOf(view, writes);
        return { writes: [this.#rows.put(key, row), ...writes], value: { gone, row } };
      });
      for (const { kind } of gone) counts[kind] += 1;
      return { ...counts, compacted: await this.#finish(key, row) };
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

  async #preview(named: Named): Promise<ErasureReport> {
    const known = await this.#known(named);
    if (known !== undefined) return known;
    const plan = await this.#plan(named);
    return {
      outcome: 'planned',
      scope: plan.scope,
      versions: plan.versions.map(({ handle }) => handle),
      held: isHeld(this.#view(), plan.subject.key),
      ...(await this.#madeFrom(plan)),
    };
  }

  async #erase(named: Named, input: OrderInput): Promise<ErasureReport> {
    for (let round = 0; round < ROUNDS_MAX; round++) {
      const known = await this.#known(named);
      if (known !== undefined) return known;
      const plan = await this.#plan(named);
      const made = await this.#madeFrom(plan);
      const begun = await this.#begin(plan, input);
      if (begun === 'held')
        throw new AdapterError('ADAPTER_CONFLICT', 'a legal hold lies on this patient: nothing was erased');
      if (begun === 'overtaken') continue;
      const { key, row, ordered } = begun;
      this.#options.onErased(plan.subject.key);
      const compacted = await this.#finish(key, row);
      return {
        outcome: 'erased',
        scope: plan.scope,
        erasedAt: ordered.at,
        versions: ordered.versions.map(({ handle }) => handle),
        compacted,
        held: false,
        ...made,
      };
    }
    throw new AdapterError('ADAPTER_CONFLICT', 'the records of this patient change too fast: nothing was erased');
  }

  async #plan(named: Named): Promise<ErasurePlan> {
    const subject = await this.#options.subjects.find(named.subject);
    if (subject === undefined) throw new AdapterError('ADAPTER_NOT_FOUND', 'no such record is kept here');
    return planErasure(this.#options, subject, named);
  }

  /** The answer to an erasure that has been done before. */
  async #known(named: Named): Promise<ErasureReport | undefined> {
    const erasedAt = this.#erasedAt(named);
    if (erasedAt === undefined) return undefined;
    const versions: string[] = [];
    for await (const { rest, value } of this.#rows.all<ErasureRow>(`${ERASURES}${named.subject}/`)) {
      // What went before, alone, was another erasure.
      if (value.at !== erasedAt) continue;
      if (named.kind === 'record' && value.resource !== named.resource) continue;
      if (named.kind === 'version' && rest !== named.handle) continue;
      versions.push(rest);
    }
    let compacted = true;
    for await (const { value } of this.#rows.all<ErasingRow>(ERASING))
      if (value.ordered?.subject === named.subject) compacted = false;
    const common = { compacted, held: false, scores: [], models: [] };
    return { outcome: 'erased', scope: named.kind, erasedAt, versions, ...common };
  }

  #erasedAt(named: Named): number | undefined {
    if (named.kind === 'patient') return this.#rows.get<{ at: number }>(erasedKey(named.subject))?.at;
    if (named.kind === 'record')
      return this.#options.records.state(this.#view(), named.resource)?.erasedAt;
    return this.#rows.get<ErasureRow>(`${ERASURES}${named.subject}/${named.handle}`)?.at;
  }

  /** What was made from the patient's records and stays: a person must look at it. */
  async #madeFrom(plan: ErasurePlan): Promise<Pick<ErasureReport, 'scores' | 'models'>> {
    const { store, records, keys } = this.#options;
    const sealed = new SealedRows(store, keys.storage.vaultKek);
    const models: string[] = [];
    for await (const { rest, value } of sealed.all<{ cohort?: readonly string[] }>('model-evidence/'))
      if (value.cohort?.includes(plan.subject.facadeId) === true) models.push(rest);
    const scores: string[] = [];
    const isMeant = new Set(plan.versions.map(({ handle }) => handle));
    for await (const { handle, card } of records.cards(store, plan.subject))
      if (card.source === OWN_SOURCE && !isMeant.has(handle)) scores.push(handle);
    return { scores, models };
  }

  /** The first batch: from here on nothing of it can be opened, and nothing of it comes in again. */
  async #begin(
    plan: ErasurePlan,
    input: OrderInput,
  ): Promise<'held' | 'overtaken' | { key: string; row: ErasingRow; ordered: OrderedErasure }> {
    const { subject, versions } = plan;
    const at = this.#options.nowMs();
    const order = this.#order(plan, input, at);
    const events = await this.#eventsOf(plan);
    const probes = [
      ...rowsOf(this.#view(), this.#options.records, plan),
      ...events.map(({ row }) => row),
    ].flatMap(probesOf);
    const ordered: OrderedErasure = {
      subject: subject.key,
      scope: plan.scope,
      input,
      at,
      versions: versions.map(({ handle, resource }) => ({
        handle,
        ...(resource === undefined ? {} : { resource }),
      })),
    };
    const row: ErasingRow = { ordered, ranges: rangesOf(plan), probes, blobs: [] };
    const key = `${ERASING}${randomBytes(16).toString('hex')}`;
    const also = await this.#patientWrites(plan, at, order.evidence);
    // The versions of a record go at once; those of a patient by and by, once the record key is gone.
    const first = plan.scope === 'patient' ? ordered.versions.slice(0, CHUNK) : ordered.versions;
    const outcome = await this.#options.appender.appendErasure(order, plan.tags, subject, (view) => {
      const { drafts, writes } = this.#destroy(ordered, order, first);
      const gone = events.map((event) => this.#options.inbox.erase(view, event, subject.key));
      const states = plan.scope === 'version' ? this.#withoutVersion(view, plan, at) : [];
      return {
        drafts,
        writes: [this.#rows.put(key, row), ...also, ...writes, ...states, ...gone.flat()],
        value: events.filter((_, i) => (gone[i]?.length ?? 0) > 0),
      };
    });
    if (outcome.outcome !== 'committed') return outcome.outcome;
    this.#left(outcome.value);
    return { key, row, ordered };
  }

  #order(plan: ErasurePlan, input: OrderInput, nowMs: number): ErasureOrder {
    const { subject, targets } = plan;
    const order = orderOf({
      subject: subject.key,
      patient: `Patient/${subject.facadeId}`,
      wallet: subject.wallet,
      targets,
      input,
      nowMs,
    });
    if (typeof order !== 'string') return order;
    throw new AdapterError('ADAPTER_FORBIDDEN', `the order to erase is refused: ${order}`);
  }

  /** Events that go in the first batch; what is queued and only tells of the patient meets the bar in its turn. */
  async #eventsOf({ scope, subject, names }: ErasurePlan): Promise<HeldEvent[]> {
    const found: HeldEvent[] = [];
    for await (const held of this.#options.inbox.about(subject.key)) {
      const { key, isPending, event } = held;
      const waits = key.includes(`/${subject.key}/`);
      if (event.source !== subject.source && !waits) continue;
      const isIt = names.has(`${event.type}/${event.id}`);
      const isOfPatient =
        scope === 'patient' && !isPending && (waits || [...mentionsOf(event)].some((name) => names.has(name)));
      if (isIt || isOfPatient) found.push(held);
    }
    return found;
  }

  #left(events: readonly HeldEvent[]): void {
    for (const { isPending, event } of events) {
      if (isPending) this.#options.inbox.settled();
      this.#options.inbox.forget(event.seq);
    }
  }

  /** What goes, and what is put, when all of a patient is erased. */
  async #patientWrites(plan: ErasurePlan, at: number, evidence: string): Promise<StoreWrite[]> {
    const { store, subjects, keys } = this.#options;
    const { subject } = plan;
    const score: StoreWrite = { type: 'del', key: `score/${subject.key}` };
    if (plan.scope !== 'patient') return [score];
    const writes: StoreWrite[] = [
      score,
      subjects.eraseWrite(subject),
      this.#rows.put(erasedKey(subject.key), { at, evidence }),
    ];
    const releases = `release/${subject.key}/`;
    for (const key of await store.keys({ gte: releases, lt: `${releases}~` }).all())
      writes.push({ type: 'del', key });
    const invitations = new SealedRows(store, keys.storage.indexKey);
    for await (const { key, value } of invitations.all<{ source: string; patient: string }>('invitation/'))
      if (value.source === subject.source && value.patient === subject.patientId)
        writes.push({ type: 'del', key });
    for (const { card } of plan.versions)
      if (card.source !== OWN_SOURCE)
        writes.push(
          ...this.#options.inbox.eraseTraces(
            this.#view(),
            { source: card.source, type: card.gate.type, id: card.gate.id, bytes: Buffer.alloc(0) },
            subject.key,
          ),
        );
    return writes;
  }

  /** A version's own bar, and the state of its resource where it was the current one. */
  #withoutVersion(view: StateView, { versions }: ErasurePlan, at: number): StoreWrite[] {
    const { records, inbox } = this.#options;
    return versions.flatMap(({ handle, resource, card }: PlannedVersion) => {
      const writes: StoreWrite[] = [];
      const { type, id } = card.gate;
      const version = card.versionId;
      const seen =
        version === undefined ? undefined : inbox.seenWrite({ source: card.source, type, id, version });
      if (seen !== undefined) writes.push(seen);
      const state = resource === undefined ? undefined : records.state(view, resource);
      if (resource !== undefined && state?.handle === handle)
        writes.push(records.withoutCurrent(resource, state, at));
      return writes;
    });
  }

  /** Entries and rows of some of the versions. */
  #destroy({ scope, subject, at }: OrderedErasure, order: ErasureOrder, versions: readonly VersionName[]) {
    const { records } = this.#options;
    const drafts: { type: 'record.erased'; body: { handle: string; commitment: string } }[] = [];
    const writes: StoreWrite[] = [];
    const barred = new Set<string>();
    for (const { handle, resource } of versions) {
      const { body, row } = erasedEntry(handle, order, at, resource);
      drafts.push({ type: 'record.erased', body });
      writes.push(...records.eraseWrites(subject, handle));
      writes.push(this.#rows.put(`${ERASURES}${subject}/${handle}`, row));
      if (resource === undefined || scope === 'version' || barred.has(resource)) continue;
      barred.add(resource);
      writes.push(records.bar(resource, subject, at));
    }
    return { drafts, writes };
  }

  /**
   * All that follows the first batch; each step may be done twice.
   *
   * @returns Whether no byte is left.
   */
  async #finish(key: string, row: ErasingRow): Promise<boolean> {
    if (row.ordered !== undefined) await this.#destroyRest(row.ordered);
    const { probes, isSettled } =
      row.ordered === undefined ? NOTHING_QUEUED : await this.#settle(row.ordered);
    for (const name of row.blobs) await rm(join(this.#options.dataDir, 'blobs', name), { force: true });
    const folder = join(this.#options.dataDir, 'store');
    const isGone = await compactAway(
      this.#options.store,
      folder,
      row.ranges,
      [...row.probes, ...probes],
      this.#closing.signal,
    );
    if (!isGone || !isSettled) {
      this.#options.logger.warn('erased bytes are still on the disk; tried again later', { isSettled });
      return false;
    }
    await this.#options.appender.writeRows(() => ({ writes: [{ type: 'del', key }], value: undefined }));
    return true;
  }

  /** The versions of a patient that did not fit in the first batch. */
  async #destroyRest(row: OrderedErasure): Promise<void> {
    const { appender, records, subjects } = this.#options;
    for (;;) {
      const left = row.versions
        .filter(({ handle }) => records.isKept(this.#view(), row.subject, handle))
        .slice(0, CHUNK);
      if (left.length === 0) return;
      const kept = subjects.findErased(row.subject);
      if (kept === undefined) throw new Error('an erasure under way without its patient');
      const subject: TaggedSubject = kept;
      // Judged anew: an order lives in memory alone. A hold came too late, for nothing can be opened any more.
      const order = orderOf({
        subject: row.subject,
        patient: 'signed' in row.input ? row.input.signed.request.patient : '',
        wallet: kept.wallet,
        targets: 'all',
        input: row.input,
        nowMs: row.at,
      });
      if (typeof order === 'string') throw new Error(`an erasure under way whose order is refused: ${order}`);
      const tags = tagCount(this.#view(), row.subject);
      const outcome = await appender.appendErasure(order, tags, subject, () => ({
        ...this.#destroy(row, order, left),
        value: undefined,
      }));
      // No hold can be set on a patient of whom all is erased.
      if (outcome.outcome === 'held') throw new Error('a hold on an erased patient');
    }
  }

  /**
   * Waits until what was queued when a patient was erased has met the bar, and destroys what was put to wait or set
   * aside before it.
   *
   * @returns Probes of what was destroyed here.
   */
  async #settle({ scope, subject }: OrderedErasure): Promise<{ probes: string[]; isSettled: boolean }> {
    if (scope !== 'patient') return { probes: [], isSettled: true };
    const { inbox, store } = this.#options;
    const probes: string[] = [];
    const queued: string[] = [];
    for await (const { key, isPending } of inbox.about(subject)) if (isPending) queued.push(key);
    const deadline = Date.now() + SETTLE_MS;
    const isQueued = (): boolean => queued.some((key) => store.getSync(key) !== undefined);
    const { signal } = this.#closing;
    while (isQueued() && Date.now() < deadline && !signal.aborted) await sleep(SETTLE_LOOK_MS);
    const isSettled = !isQueued();
    const late: HeldEvent[] = [];
    for await (const held of inbox.about(subject))
      if (!held.isPending && this.#isOfPatient(held, subject)) late.push(held);
    for (const held of late) {
      probes.push(...probesOf(held.row));
      await this.#options.appender.writeRows((view) => ({
        writes: inbox.erase(view, held, subject),
        value: undefined,
      }));
    }
    return { probes, isSettled };
  }

  #isOfPatient({ key, event }: HeldEvent, subject: string): boolean {
    const { subjects } = this.#options;
    return (
      key.includes(`/${subject}/`) ||
      patientsOf(event).some((id) => subjects.keyOf(event.source, id) === subject)
    );
  }

  #view(): Pick<StateView, 'get'> {
    return { get: (key) => this.#options.store.getSync(key) };
  }
}
