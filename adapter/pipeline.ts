/**
 * The way of the data, on one page:
 *
 *   FHIR event → inbox → queue → map → gate (decide) → vault + log
 *
 * A worker opens events, maps them, asks the gate, and hands what is permitted to the appender; what has no answer
 * yet waits, what is refused is discarded, what cannot be understood is set aside with the reason. Every way out
 * ends the inbox row in the same synced batch as its effect, so an event is dealt with exactly once however often
 * it is worked on.
 */
import { decide } from '../ledger/consent/index.js';
import type { AccessRequest, Decision, DenyReason } from '../ledger/consent/index.js';
import { consentEpoch, isErased } from '../ledger/custody/index.js';
import type { Appender, StateView } from '../ledger/custody/index.js';
import type { Store, StoreWrite } from '../ledger/store.js';
import type { Fact } from '../ledger/vault/index.js';
import { mapRecord, MappingError, parseJson } from '../mappings/index.js';
import type { AttachedRecord, CompartmentRecord, DirectoryRecord, ResourceName } from '../mappings/index.js';
import { AdapterError, codeOf } from './errors.js';
import type { Inbox, InboxEvent } from './inbound/inbox.js';
import { fetchEvent } from './inbound/intake.js';
import { pushOutcomeWrites } from './inbound/push-outcome.js';
import type { PushOutcome } from './inbound/push-outcome.js';
import { begin, digest, IMAGE_TYPES, receive, receivedHash, streamBack } from './inbound/large-body.js';
import type { Received } from './inbound/large-body.js';
import { patientsOf } from './inbound/mentions.js';
import type { ReadBack, StreamedAnswer, StreamRequest } from './inbound/source-client.js';
import type { Consents } from './instance/consents.js';
import type { Directory, MappedDirectory } from './instance/directory.js';
import type { LargeBodies } from './instance/large-bodies.js';
import type { MergeNews, Merges } from './instance/merges.js';
import { placeVersion } from './instance/records.js';
import type {
  GateAttributes,
  Placement,
  Records,
  RecordVersion,
  ResourceState,
  SourceTruth,
} from './instance/records.js';
import type { Sources } from './instance/sources.js';
import type { Subject, Subjects } from './instance/subjects.js';
import type { Logger } from './logger.js';
import { readCondition } from './services/push/identifiers.js';
import type { PushIdentifiers } from './services/push/identifiers.js';
import type { Statistics } from './services/statistics.js';

/** Reads a source back; absent for sources that cannot be read, such as imported folders. */
export interface SourceReader {
  read(type: string, id: string): Promise<ReadBack>;
  /** An answer that may be too large to be held. */
  stream(request: StreamRequest): Promise<StreamedAnswer>;
  match(type: string, query: string): Promise<string[]>;
}

export interface PipelineOptions {
  readonly store: Store;
  readonly inbox: Inbox;
  readonly appender: Appender;
  readonly subjects: Subjects;
  readonly consents: Consents;
  readonly merges: Merges;
  readonly records: Records;
  readonly directory: Directory;
  readonly bodies: LargeBodies;
  readonly sources: Sources;
  readonly reader: (source: string) => SourceReader | undefined;
  /** Answers conditions on what sources have pushed that cannot be asked. */
  readonly pushed: Pick<PushIdentifiers, 'find' | 'eraseWrites'>;
  readonly statistics: Statistics;
  readonly logger: Logger;
  readonly nowMs: () => number;
  /** Told of each patient whose records changed, so that scores can follow. */
  readonly onStored: (subjectKey: string, type: string) => void;
  /** Told of each patient for whose answer something waits. */
  readonly onWaiting: (subjectKey: string) => void;
}

export interface Failure {
  readonly id: string;
  readonly code: string;
}

/** A record of one patient, and what the texts of its references were found to mean. */
type MappedEvent = CompartmentRecord & { readonly links?: readonly (readonly [string, string])[] };

/** What came of a deletion; `done`: another turn has dealt with the event. */
type Removal = 'removed' | 'repeated' | 'erased' | 'done';

const COLLECT = 'collect';
const TREATMENT = 'http://terminology.hl7.org/CodeSystem/v3-ActReason|TREAT';

/** How often one event is judged anew because a consent changed under it; a patient signs more slowly than that. */
const ROUNDS_MAX = 20;

/** Only a no discards; whatever may still become a yes waits, sealed. */
const FINAL: ReadonlySet<DenyReason> = new Set<DenyReason>(['refused', 'custodian']);

export class Pipeline {
  readonly #options: PipelineOptions;
  /** Why events that are tried again have failed; gone with them. */
  readonly #failed = new Map<string, { readonly code: string; readonly expression?: string }>();

  constructor(options: PipelineOptions) {
    this.#options = options;
  }

  /** Works on events of one partition; returns those that must be tried again. */
  async work(ids: readonly string[]): Promise<Failure[]> {
    const failures: Failure[] = [];
    await Promise.all(
      ids.map(async (id) => {
        try {
          await this.#one(id);
          this.#failed.delete(id);
        } catch (error) {
          const code = codeOf(error);
          const expression = error instanceof AdapterError ? error.expression : undefined;
          this.#options.logger.debug('event failed', { seq: id, code });
          this.#failed.set(id, { code, ...(expression === undefined ? {} : { expression }) });
          failures.push({ id, code });
        }
      }),
    );
    return failures;
  }

  /** Sets aside events that failed too often. */
  async giveUp(ids: readonly string[], code: string): Promise<void> {
    for (const id of ids) {
      const event = this.#options.inbox.open(id);
      const last = this.#failed.get(id);
      this.#failed.delete(id);
      if (event !== undefined) await this.#bury(event, last?.code ?? code, last?.expression);
    }
  }

  async #one(id: string): Promise<void> {
    const event = this.#options.inbox.open(id);
    if (event === undefined) return;
    try {
      if (event.kind === 'put') await this.#put(event);
      else if (event.kind === 'delete') await this.#delete(event);
      else await this.#fetch(event);
    } catch (error) {
      // What the resource itself is at fault for will not mend by trying again.
      if (error instanceof MappingError) await this.#bury(event, error.code, error.expression);
      else if (error instanceof AdapterError && error.code === 'ADAPTER_UNPROCESSABLE') {
        await this.#bury(event, error.code, error.expression);
      } else if (error instanceof AdapterError && error.code === 'ADAPTER_ERASED') await this.#drop(event);
      else throw error;
    } finally {
      // Its file goes if the event has ended and no record took it over.
      if (event.large !== undefined) await this.#options.bodies.settle(event.large.name);
    }
  }

  /** @param isReadBack - The bytes are what the source showed, and not what the event brought. */
  async #put(event: InboxEvent, isReadBack = false): Promise<void> {
    const mapped = await this.#map(event);
    if (mapped.kind === 'directory') await this.#keepInDirectory(event, mapped);
    else await this.#keep(event, mapped, isReadBack);
  }

  /** Maps a resource; what it leaves open is looked up at the source or among what is kept. */
  async #map(event: InboxEvent): Promise<MappedEvent | MappedDirectory> {
    const resource = parseJson(event.bytes);
    const sourceBase = this.#options.sources.get(event.source)?.baseUrl;
    const context = {
      urn: new Map(event.urn ?? []),
      ...(sourceBase === undefined ? {} : { sourceBase }),
      bytes: event.bytes,
      ...(event.id === '' ? {} : { id: event.id }),
      ...(event.large?.dataDigests === undefined ? {} : { dataDigests: event.large.dataDigests }),
    };
    let mapped = mapRecord(resource, context);
    if (mapped.kind === 'lookup') {
      for (const { expression, type, query } of mapped.needs) {
        context.urn.set(`${type}?${query}`, await this.#lookUp(event.source, type, query, expression));
      }
      mapped = mapRecord(resource, context);
    }
    const links = context.urn.size === 0 ? {} : { links: linksOf(context.urn) };
    switch (mapped.kind) {
      case 'compartment':
        return { ...mapped, ...links };
      case 'directory':
        return { ...mapped, ...links };
      case 'attached': {
        const owned = await this.#ofOwner(event, mapped, mapped.via, mapped.subjectPath);
        return { ...owned, ...links };
      }
      case 'binary': {
        const owner = this.#options.records.binaryOwner(this.#view(), event.source, mapped.id);
        if (owner !== undefined && this.#options.subjects.isErased(owner)) throw ownerErased();
        const subject = owner === undefined ? undefined : await this.#options.subjects.find(owner);
        if (subject === undefined) throw ownerUnknown('Binary.securityContext');
        return { ...mapped, kind: 'compartment', subject: subject.patientId, subjectPath: 'Binary' };
      }
      case 'lookup':
        break;
    }
    // What was looked up still leaves the patient open.
    throw noPatient(mapped.needs[0]?.expression ?? event.type);
  }

  /** The one resource that a query matches at the source, as `Type/id`; none or several cannot be guessed. */
  async #lookUp(source: string, type: string, query: string, expression: string): Promise<string> {
    const reader = this.#options.reader(source);
    const condition = readCondition(query);
    const ids =
      reader !== undefined
        ? await reader.match(type, query)
        : condition === undefined
          ? []
          : await this.#options.pushed.find(source, type, condition);
    const id = ids[0];
    if (id === undefined || ids.length > 1) {
      throw new AdapterError('ADAPTER_UNPROCESSABLE', `the reference matches ${ids.length} resources`, {
        expression,
      });
    }
    return `${type}/${id}`;
  }

  /** Ties a resource to the patient of those it is about; what they are may come later than it. */
  async #ofOwner(
    event: InboxEvent,
    mapped: AttachedRecord,
    via: readonly ResourceName[],
    subjectPath: string,
  ): Promise<CompartmentRecord | DirectoryRecord> {
    const owners = new Set<string>();
    let unknown = false;
    for (const { type, id } of via) {
      if (type === 'Patient') {
        owners.add(id);
        continue;
      }
      const view = this.#view();
      const { inbox, records } = this.#options;
      const state = records.state(view, records.resourceKey(event.source, type, id));
      // What waits or was refused has no state, but its patient is known.
      const isKnown = state?.handle !== undefined || state?.status === 'erased';
      const known = isKnown ? state.subjectKey : inbox.heldSubject(view, { source: event.source, type, id });
      if (known !== undefined && this.#options.subjects.isErased(known)) throw ownerErased();
      const subject = known === undefined ? undefined : await this.#options.subjects.find(known);
      if (subject !== undefined) owners.add(subject.patientId);
      else if (!this.#options.directory.has(this.#view(), event.source, type, id)) unknown = true;
    }
    const [owner, second] = owners;
    if (second !== undefined) {
      throw new MappingError('MAPPING_SEVERAL_PATIENTS', 'it is about several patients', {
        expression: subjectPath,
      });
    }
    if (owner !== undefined) return { ...mapped, kind: 'compartment', subject: owner, subjectPath };
    // Its turn may come before theirs: tried again, and set aside in the end.
    if (unknown) throw ownerUnknown(subjectPath);
    return { ...mapped, kind: 'directory' };
  }

  /** Gate, vault and log for a record of one patient. */
  async #keep(event: InboxEvent, mapped: MappedEvent, isReadBack: boolean): Promise<void> {
    const { inbox, appender, records, statistics } = this.#options;
    const subject = await this.#options.subjects.ensure(event.source, mapped.subject);
    const resourceKey = records.resourceKey(event.source, mapped.type, mapped.id);
    this.#requireStated(event, mapped);
    let isAsked = false;
    // That two patients are one binds the gate, so it is not for the gate to let it in.
    if (mapped.patientLinks !== undefined) await this.#hearOfMerge(event, subject, mapped, isReadBack);
    const version = versionOf(event, mapped);
    const bytesHash = receivedHash(event);
    let truth: SourceTruth | undefined;
    for (let round = 0; round < ROUNDS_MAX; round++) {
      // Whatever its patient says to it: it is not the other's any more.
      if (this.#formerOf(resourceKey, subject) !== undefined)
        truth = await this.#leave(event, mapped, subject, { ...version, bytesHash }, truth);
      const { decision, epoch } = await this.#judge(event, subject, mapped);
      if (decision.outcome === 'deny') {
        if (await this.#withhold(event, subject, resourceKey, decision, epoch, isReadBack)) return;
        continue;
      }
      if (!isAsked) await this.#askBinaries(event, mapped, subject.key);
      isAsked = true;
      const known = truth;
      let stored: Extract<PushOutcome, { state: 'stored' }> | undefined;
      const appended = await appender.append(decision.permit, epoch, subject, (view) => {
        if (!inbox.isPending(view, event.seq)) return nothing('done');
        const state = records.state(view, resourceKey);
        // One version has two ways in, by its own event and by reading back: the second one says nothing new.
        const isElsewhere = isReadBack && inbox.isElsewhere(view, event) && !isMissed(event, state);
        if (isElsewhere || (!isReadBack && inbox.isReadAlready(view, event)))
          return { drafts: [], writes: inbox.finish(event), value: 'same' };
        if (!records.isCurrent(state, event.ifMatch))
          return { drafts: [], writes: inbox.finish(event, { state: 'precondition-failed' }), value: 'same' };
        const place = placeVersion(state, { ...version, bytesHash }, known);
        if (place === 'doubt') return nothing(place);
        // The source went back to what it showed before: that version has its entry.
        if (place === 'older' && isReadBack && inbox.isKnown(view, event))
          return { drafts: [], writes: inbox.finish(event), value: 'same' };
        if (place === 'same' || place === 'erased')
          return { drafts: [], writes: inbox.finish(event, { state: place }), value: place };
        const { drafts, writes, handle } = records.store(view, subject, resourceKey, version, place);
        const owned = records.binaryWrites(event.source, mapped.binaries, subject.key);
        const marks = isReadBack ? inbox.readBack(event) : [];
        stored = { state: 'stored', handle, version: records.versionName(handle, version.versionId) };
        const end = inbox.handOver(event, stored);
        return { drafts, writes: [...writes, ...owned, ...marks, ...end], value: place };
      });
      if (appended.outcome === 'permit-void') {
        if (this.#options.subjects.isErased(subject.key)) throw ownerErased();
        continue;
      }
      if (appended.value === 'done') return;
      if (appended.value === 'doubt') {
        truth = await this.#readTruth(event, mapped);
        continue;
      }
      inbox.settled(event);
      if (appended.value === 'same' || appended.value === 'erased') {
        statistics.count(appended.value === 'same' ? 'duplicate' : 'erased');
        return;
      }
      statistics.stored(mapped.type);
      if (stored !== undefined && event.ticket !== undefined)
        await this.#tellLeaf(event, stored, appended.leaves[0]);
      if (appended.value === 'newer' || appended.value === 'older') statistics.count('superseded');
      this.#options.onStored(subject.key, mapped.type);
      return;
    }
    throw tooFast();
  }

  /** Where a resource stands, while its current version is another patient's. */
  #formerOf(resourceKey: string, subject: Subject): ResourceState | undefined {
    const state = this.#options.records.state(this.#view(), resourceKey);
    return state?.status === 'current' && state.subjectKey !== subject.key ? state : undefined;
  }

  /**
   * Takes a resource out of the record of the patient whom its source has named before, when what came is newer: it was
   * entered for the wrong one, or the two were merged. To that patient it is deleted.
   *
   * @returns What the source said where it had to be asked.
   */
  async #leave(
    event: InboxEvent,
    mapped: MappedEvent,
    subject: Subject,
    version: Parameters<typeof placeVersion>[1],
    known: SourceTruth | undefined,
  ): Promise<SourceTruth | undefined> {
    const { appender, inbox, records, subjects, onStored } = this.#options;
    const resourceKey = records.resourceKey(event.source, mapped.type, mapped.id);
    let truth = known;
    for (let round = 0; round < ROUNDS_MAX; round++) {
      const state = this.#formerOf(resourceKey, subject);
      if (state?.handle === undefined || !records.isCurrent(state, event.ifMatch)) return truth;
      const place = placeVersion(state, version, truth);
      if (place === 'doubt') {
        truth = await this.#readTruth(event, mapped);
        continue;
      }
      const former = await subjects.find(state.subjectKey);
      if ((place !== 'newer' && place !== 'gone') || former === undefined) return truth;
      const gate = records.gate(this.#view(), former, state.lastKept ?? state.handle);
      const { decision, epoch } = await this.#judge(event, former, gate);
      // Nothing may be entered for that patient, not even this: the version that follows takes its place unsaid.
      if (decision.outcome === 'deny') return truth;
      const appended = await appender.append<Removal>(decision.permit, epoch, former, (view) => {
        const present = records.state(view, resourceKey);
        if (present === undefined || present.handle !== state.handle || !inbox.isPending(view, event.seq))
          return nothing('done');
        return { ...records.remove(resourceKey, present, event.receivedAt), value: 'removed' };
      });
      if (appended.outcome === 'permit-void') continue;
      onStored(former.key, mapped.type);
      return truth;
    }
    throw tooFast();
  }

  /** @throws AdapterError ADAPTER_HASH_MISMATCH: the record that refers to it, or it itself, may be behind. */
  #requireStated({ source }: InboxEvent, { type, id, dataDigest }: MappedEvent): void {
    if (type !== 'Binary' || dataDigest === undefined) return;
    if (this.#options.records.isBinaryAsStated(this.#view(), source, id, dataDigest)) return;
    throw new AdapterError(
      'ADAPTER_HASH_MISMATCH',
      'its data are not what the record that refers to it says',
      {
        expression: 'Binary.data',
      },
    );
  }

  /**
   * Asks for what a record refers to: servers tell of no Binary, and search none. It is asked for before the record is
   * kept, so that a crash between the two asks again.
   */
  async #askBinaries(event: InboxEvent, { binaries }: MappedEvent, subjectKey: string): Promise<void> {
    const { source, channel } = event;
    if (binaries.length === 0 || this.#options.reader(source) === undefined) return;
    const { records, inbox, nowMs } = this.#options;
    const wanted = binaries.filter((one) => records.isBinaryWanted(this.#view(), source, one, subjectKey));
    const arrival = { source, channel, receivedAt: nowMs() };
    await inbox.accept(wanted.map(({ id }) => fetchEvent('Binary', id, arrival)));
  }

  /** Whether a Patient was replaced by another, or no longer is; what the source shows now decides. */
  async #hearOfMerge(
    event: InboxEvent,
    subject: Subject,
    mapped: MappedEvent,
    isReadBack: boolean,
  ): Promise<void> {
    const { merges, subjects, consents } = this.#options;
    const isNews = (by: string | undefined): boolean =>
      merges.isNews(
        this.#view(),
        subject.key,
        by === undefined ? undefined : subjects.keyOf(event.source, by),
      );
    let news = mergeNewsOf(event, mapped);
    if (news === undefined || !isNews(news.by)) return;
    const reader = isReadBack ? undefined : this.#options.reader(event.source);
    if (reader !== undefined) {
      const found = await reader.read('Patient', mapped.id);
      // What is gone says nothing any more; what it said before stands.
      if (found.outcome === 'gone') return;
      const present = await this.#map({ ...event, bytes: found.bytes });
      if (present.kind !== 'compartment') return;
      news = mergeNewsOf(event, present);
      if (news === undefined || !isNews(news.by)) return;
    }
    let survivor: Subject | undefined;
    if (news.by !== undefined) {
      // Who was erased speaks no more, and could never sign again.
      if (subjects.isErased(subjects.keyOf(event.source, news.by))) return;
      survivor = await subjects.ensure(event.source, news.by);
    }
    const { concerned } = await merges.heard(subject, survivor, news);
    await consents.judgeAgain(concerned);
  }

  /** Where a pushed version stands on the log: known once it is committed, and only told, so it need not be synced. */
  async #tellLeaf(
    event: InboxEvent,
    stored: Extract<PushOutcome, { state: 'stored' }>,
    leaf: number | undefined,
  ): Promise<void> {
    if (leaf === undefined) return;
    try {
      await this.#options.store.batch(pushOutcomeWrites(event, { ...stored, leaf }));
    } catch (error) {
      this.#options.logger.warn('leaf of a push not noted', { code: codeOf(error) });
    }
  }

  async #judge(
    event: InboxEvent,
    subject: Subject,
    mapped: Omit<GateAttributes, 'labels'> & { readonly labels?: readonly string[] | undefined },
  ): Promise<{ decision: Decision; epoch: number }> {
    const { epoch, policies } = await this.#options.consents.policies(subject);
    const custodian = this.#options.sources.get(event.source)?.custodian.id ?? '';
    const request: AccessRequest = {
      subject: subject.key,
      actor: { references: [`Organization/${custodian}`] },
      action: COLLECT,
      purposes: [TREATMENT],
      resource: {
        type: mapped.type,
        id: mapped.id,
        classes: mapped.classes,
        codes: mapped.codes,
        ...(mapped.period === undefined ? {} : { period: mapped.period }),
        labels: mapped.labels,
      },
    };
    return { decision: decide(request, policies, this.#options.nowMs()), epoch };
  }

  /** Lets an event wait or discards it; false when a consent came in between and it must be judged again. */
  async #withhold(
    event: InboxEvent,
    subject: Subject,
    resourceKey: string,
    decision: Extract<Decision, { outcome: 'deny' }>,
    epoch: number,
    isReadBack: boolean,
  ): Promise<boolean> {
    const { inbox, appender, records, statistics } = this.#options;
    const waits = !FINAL.has(decision.reason);
    const outcome = await appender.writeRows((view) => {
      if (!inbox.isPending(view, event.seq)) return { writes: [], value: 'done' as const };
      // What was erased must not come to lie here again, not even sealed.
      if (isErased(view, subject.key) || records.isBarred(view, resourceKey))
        return { writes: [], value: 'erased' as const };
      if (consentEpoch(view, subject.key) !== epoch) return { writes: [], value: 'stale' as const };
      const isElsewhere = isReadBack && inbox.isElsewhere(view, event) && event.channel !== 'reconciliation';
      if (isElsewhere || (waits && inbox.isHeld(view, event)))
        return { writes: inbox.finish(event), value: 'known' as const };
      return {
        writes: waits ? inbox.hold(event, subject.key) : inbox.discard(event, subject.key),
        value: 'withheld' as const,
      };
    });
    if (outcome === 'stale') return false;
    if (outcome === 'erased') await this.#drop(event);
    if (outcome === 'known') {
      inbox.settled(event);
      statistics.count('duplicate');
    }
    if (outcome === 'withheld') {
      inbox.settled(event);
      statistics.count(waits ? 'waiting' : 'denied');
      if (waits) this.#options.onWaiting(subject.key);
    }
    return true;
  }

  async #delete(event: InboxEvent): Promise<void> {
    const { inbox, appender, records, directory, statistics } = this.#options;
    const resourceKey = records.resourceKey(event.source, event.type, event.id);
    if (records.isBarred(this.#view(), resourceKey)) throw ownerErased();
    const reader = this.#options.reader(event.source);
    // Deleted and made again before we looked: what is there now is the news.
    if (reader !== undefined && (await this.#readBack(event, reader))) return;
    const state = records.state(this.#view(), resourceKey);
    if (state?.handle === undefined) {
      const outcome = await appender.writeRows((view) => {
        if (!inbox.isPending(view, event.seq)) return { writes: [], value: 'done' as const };
        const present = records.state(view, resourceKey);
        if (present?.status === 'erased') return { writes: [], value: 'late' as const };
        if (present?.handle !== undefined) return { writes: [], value: 'late' as const };
        if (event.ifMatch !== undefined)
          return { writes: inbox.finish(event, { state: 'precondition-failed' }), value: 'gone' as const };
        const stone = records.tombstone(resourceKey, '', event.receivedAt);
        const listed = directory.remove(view, event.source, event.type, event.id);
        return { writes: [...inbox.finish(event, DELETED), stone, ...listed], value: 'gone' as const };
      });
      if (outcome === 'gone') {
        inbox.settled(event);
        statistics.count('deleted');
      }
      // A version was stored while we looked: that one is deleted.
      if (outcome === 'late') await this.#delete(event);
      return;
    }
    const subject = await this.#options.subjects.find(state.subjectKey);
    if (subject === undefined && this.#options.subjects.isErased(state.subjectKey)) throw ownerErased();
    if (subject === undefined)
      throw new AdapterError('ADAPTER_NOT_FOUND', 'the patient of a record is not kept');
    const mapped = records.gate(this.#view(), subject, state.lastKept ?? state.handle);
    for (let round = 0; round < ROUNDS_MAX; round++) {
      const { decision, epoch } = await this.#judge(event, subject, mapped);
      if (decision.outcome === 'deny') {
        if (await this.#withhold(event, subject, resourceKey, decision, epoch, false)) return;
        continue;
      }
      const appended = await appender.append<Removal>(decision.permit, epoch, subject, (view) => {
        const present = records.state(view, resourceKey);
        if (!inbox.isPending(view, event.seq) || present === undefined) return nothing('done');
        if (present.status === 'erased')
          return { drafts: [], writes: inbox.finish(event, ERASED), value: 'erased' };
        if (!records.isCurrent(present, event.ifMatch))
          return {
            drafts: [],
            writes: inbox.finish(event, { state: 'precondition-failed' }),
            value: 'repeated',
          };
        // A source that cannot be read back: what came after the deletion, and was dealt with before it, stays.
        if (reader === undefined && isOvertaken(present, event))
          return { drafts: [], writes: inbox.finish(event), value: 'repeated' };
        const { drafts, writes } = records.remove(resourceKey, present, event.receivedAt);
        return {
          drafts,
          writes: [...writes, ...inbox.finish(event, DELETED)],
          value: present.status === 'current' ? 'removed' : 'repeated',
        };
      });
      if (appended.outcome === 'permit-void') {
        if (this.#options.subjects.isErased(subject.key)) throw ownerErased();
        continue;
      }
      if (appended.value === 'done') return;
      inbox.settled(event);
      statistics.count(REMOVALS[appended.value]);
      return;
    }
    throw tooFast();
  }

  /** A hook without content: what the source shows now is the version. */
  async #fetch(event: InboxEvent): Promise<void> {
    const reader = this.#options.reader(event.source);
    if (reader === undefined)
      throw new AdapterError('ADAPTER_UNPROCESSABLE', 'this source cannot be read back');
    if (!(await this.#readBack(event, reader))) await this.#delete(event);
  }

  /** Works on what the source shows now in place of what an event brought; false when it shows nothing. */
  async #readBack(event: InboxEvent, reader: SourceReader): Promise<boolean> {
    const { bodies } = this.#options;
    const found = await this.#present(event, reader);
    if (found === undefined) return false;
    try {
      const resource = parseJson(found.bytes) as { meta?: { versionId?: string } };
      const version = resource.meta?.versionId;
      // What the source shows says itself which version it is.
      const { large: _former, version: _heard, ...rest } = event;
      await this.#put(
        { ...rest, kind: 'put', ...found, ...(version === undefined ? {} : { version }) },
        true,
      );
    } finally {
      if (found.large !== undefined) await bodies.settle(found.large.name);
    }
    return true;
  }

  /** What the source shows now; an image goes to a file as it comes. */
  async #present({ type, id }: InboxEvent, reader: SourceReader): Promise<Received | undefined> {
    if (!IMAGE_TYPES.has(type)) {
      const found = await reader.read(type, id);
      return found.outcome === 'found' ? found : undefined;
    }
    const { bodies } = this.#options;
    const found = await streamBack(reader, type, id, bodies.bytesMax);
    if (found === undefined) return undefined;
    try {
      const { head, isAll, pieces } = await begin(found.body);
      if (isAll && found.native === undefined) return { bytes: Buffer.concat(head) };
      return await receive(pieces, bodies, found.native);
    } finally {
      await found.body.return(undefined);
    }
  }

  async #readTruth(event: InboxEvent, mapped: CompartmentRecord): Promise<SourceTruth> {
    const reader = this.#options.reader(event.source);
    if (reader === undefined) return { outcome: 'unknown' };
    const found = await this.#digest(mapped, reader);
    if (found === undefined) return { outcome: 'gone' };
    const { meta } = parseJson(found.bytes) as { meta?: { versionId?: string } };
    return {
      outcome: 'found',
      bytesHash: found.bytesHash,
      ...(meta?.versionId === undefined ? {} : { versionId: meta.versionId }),
    };
  }

  async #digest(
    { type, id }: CompartmentRecord,
    reader: SourceReader,
  ): Promise<{ bytes: Buffer; bytesHash: string } | undefined> {
    if (!IMAGE_TYPES.has(type)) {
      const found = await reader.read(type, id);
      return found.outcome === 'found' ? { ...found, bytesHash: receivedHash(found) } : undefined;
    }
    const found = await streamBack(reader, type, id, this.#options.bodies.bytesMax);
    return found === undefined ? undefined : digest(found.body, found.native);
  }

  async #keepInDirectory(event: InboxEvent, mapped: MappedDirectory): Promise<void> {
    const { inbox, directory, statistics } = this.#options;
    const kept = await this.#options.appender.writeRows((view) => {
      if (!inbox.isPending(view, event.seq)) return { writes: [], value: 'done' as const };
      // It keeps one version, which nobody is shown the number of.
      if (event.ifMatch !== undefined)
        return { writes: inbox.finish(event, { state: 'precondition-failed' }), value: 'known' as const };
      const { writes, value } = directory.keep(view, event, mapped);
      const end = value === 'kept' ? inbox.handOver(event, { state: 'directory' }) : inbox.finish(event);
      return { writes: [...writes, ...end], value };
    });
    if (kept === 'done') return;
    inbox.settled(event);
    statistics.count(kept === 'kept' ? 'directory' : 'duplicate');
  }

  async #bury(event: InboxEvent, code: string, expression?: string): Promise<void> {
    if (this.#tellsOfErased(event)) {
      await this.#drop(event);
      return;
    }
    const { inbox, statistics } = this.#options;
    const letter = {
      code,
      ...(expression === undefined ? {} : { expression }),
      at: this.#options.nowMs(),
      type: event.type,
      channel: event.channel,
      source: event.source,
    };
    const outcome = await this.#options.appender.writeRows((view) => {
      if (!inbox.isPending(view, event.seq)) return { writes: [], value: 'done' as const };
      if (inbox.isHeld(view, event)) return { writes: inbox.finish(event), value: 'known' as const };
      return { writes: inbox.bury(event, letter), value: 'buried' as const };
    });
    if (outcome === 'done') return;
    inbox.settled(event);
    if (outcome === 'known') statistics.count('duplicate');
    else statistics.dead(code);
  }

  /** Whether an event that cannot be mapped brings or mentions a patient of whom all was erased. */
  #tellsOfErased(event: InboxEvent): boolean {
    const { subjects } = this.#options;
    return patientsOf(event).some((id) => subjects.isErased(subjects.keyOf(event.source, id)));
  }

  /** Ends an event of what was erased: nothing of it is kept. */
  async #drop(event: InboxEvent): Promise<void> {
    const { inbox, pushed, statistics } = this.#options;
    const named = event.ticket === undefined ? [] : (await pushed.eraseWrites(event)).writes;
    const outcome = await this.#options.appender.writeRows((view) =>
      inbox.isPending(view, event.seq)
        ? { writes: [...inbox.finish(event, ERASED), ...named], value: 'dropped' as const }
        : { writes: [], value: 'done' as const },
    );
    if (outcome === 'done') return;
    inbox.settled(event);
    statistics.count('erased');
  }

  #view(): Pick<StateView, 'get'> {
    return { get: (key) => this.#options.store.getSync(key) };
  }
}

/**
 * What a Patient says of merges. One that was replaced is no longer active; HAPI's `$merge` leaves that unsaid where
 * nothing was said of it before.
 *
 * @see HL7 FHIR R4, Patient, "Linking Patients"
 */
function mergeNewsOf(
  event: InboxEvent,
  { id, lastUpdatedMs, versionId, patientLinks }: MappedEvent,
): MergeNews | undefined {
  const [by, second] = new Set(
    patientLinks === undefined || patientLinks.active === true ? [] : patientLinks.replacedBy,
  );
  // By itself, or by several: nobody could say who remains.
  if (by === id || second !== undefined) return undefined;
  return {
    ...(by === undefined ? {} : { by }),
    at: lastUpdatedMs ?? event.receivedAt,
    ...(versionId === undefined ? {} : { versionId }),
  };
}

const REMOVALS = { removed: 'deleted', repeated: 'duplicate', erased: 'erased' } as const;

const DELETED: PushOutcome = { state: 'deleted' };
const ERASED: PushOutcome = { state: 'erased' };

/**
 * Whether a version that was received once must be taken again: a reconciliation has found that it is not kept. What
 * was erased stays out: then nothing is current, although versions were kept.
 */
function isMissed({ channel }: InboxEvent, state: ResourceState | undefined): boolean {
  return (
    channel === 'reconciliation' && (state === undefined || state.handle !== undefined || state.count === 0)
  );
}

/** Whether a resource has a current version that reached us after this event did. */
function isOvertaken({ status, receivedAt }: ResourceState, event: InboxEvent): boolean {
  return status === 'current' && receivedAt !== undefined && receivedAt > event.receivedAt;
}

/** Its patient, or it itself, was erased. */
function ownerErased(): AdapterError {
  return new AdapterError('ADAPTER_ERASED', 'it is of what was erased');
}

function tooFast(): AdapterError {
  return new AdapterError('ADAPTER_CONFLICT', 'the consents of this patient change too fast');
}

/** What a resource is about may come after it: this is tried again, and set aside with its reason in the end. */
function ownerUnknown(expression: string): AdapterError {
  return new AdapterError('ADAPTER_OWNER_UNKNOWN', 'what says whose it is has not come', { expression });
}

function noPatient(expression: string): MappingError {
  return new MappingError('MAPPING_NO_PATIENT', 'it refers to no patient that is known', { expression });
}

function nothing<T extends Placement | Removal>(value: T): { drafts: []; writes: StoreWrite[]; value: T } {
  return { drafts: [], writes: [], value };
}

/** What goes into a version's card, which has an upper bound: what is beyond stays as it was sent. */
function linksOf(urn: ReadonlyMap<string, string>): (readonly [string, string])[] {
  let size = 0;
  return [...urn].filter(([text, name]) => (size += text.length + name.length) <= LINKS_CHARS_MAX);
}

/** Some thousand references; cards have 1 MiB. */
const LINKS_CHARS_MAX = 200_000;

function versionOf(event: InboxEvent, mapped: MappedEvent): RecordVersion {
  const versionId = event.version ?? mapped.versionId;
  return {
    source: event.source,
    channel: event.channel,
    receivedAt: event.receivedAt,
    ...(versionId === undefined ? {} : { versionId }),
    ...(mapped.lastUpdatedMs === undefined ? {} : { lastUpdatedMs: mapped.lastUpdatedMs }),
    ...(mapped.links === undefined ? {} : { links: mapped.links }),
    ...(event.signed === undefined ? {} : { signed: event.signed }),
    gate: {
      type: mapped.type,
      id: mapped.id,
      classes: mapped.classes,
      codes: mapped.codes,
      ...(mapped.period === undefined ? {} : { period: mapped.period }),
      ...(mapped.labels === undefined ? {} : { labels: mapped.labels }),
    },
    bytes: event.bytes,
    ...(event.large === undefined ? {} : { large: event.large }),
    ...(event.large?.contentType === undefined ? {} : { contentType: event.large.contentType }),
    facts: mapped.facts as readonly Fact[],
  };
}
