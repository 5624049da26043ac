/**
 * Records in the vault: what state each source resource is in, and the rows and entries that a new version, an old
 * one that comes late, or a deletion adds. Everything here runs inside the ledger's lock, on the state as the
 * entries before it have left it.
 */
import { hash, randomBytes } from 'node:crypto';
import type { StagedDraft, StateView } from '../../ledger/custody/index.js';
import type { Store, StoreWrite } from '../../ledger/store.js';
import {
  bodyReference,
  commitmentOf,
  facadeId,
  factsRoot,
  mark,
  openCard,
  openRow,
  randomBuffer,
  sealLargeRecord,
  sealRecord,
  sealRow,
} from '../../ledger/vault/index.js';
import type { Fact, InstanceKeys } from '../../ledger/vault/index.js';
import { isFhirId } from '../../mappings/index.js';
import type { NamedBinary } from '../../mappings/index.js';
import type { HospitalSignature, LargeBody } from '../inbound/event.js';
import { dropLargeBody, keepLargeBody } from './large-bodies.js';
import type { Subject } from './subjects.js';
import { newHandle } from '../handle.js';

/** What the gate asks about a record, kept beside it so that a reader is judged before anything is opened. */
export interface GateAttributes {
  readonly type: string;
  readonly id: string;
  readonly classes: readonly string[];
  readonly codes: readonly string[];
  readonly period?: { readonly startMs: number; readonly endMs: number };
  readonly labels?: readonly string[];
}

/** Metadata of a version, sealed in its row's head. */
export interface RecordCardData {
  readonly source: string;
  readonly channel: string;
  readonly receivedAt: number;
  readonly versionId?: string;
  readonly lastUpdatedMs?: number;
  /** What texts of its references were found to mean, such as `urn:uuid:…`: as `Type/id`. */
  readonly links?: readonly (readonly [text: string, name: string])[];
  /** What shows that the hospital signed its bytes; without it, it was received from the hospital and no more is said. */
  readonly signed?: HospitalSignature;
  readonly gate: GateAttributes;
  /** Where a Binary came as its content itself: of which type. Else the bytes are a resource in JSON. */
  readonly contentType?: string;
}

/** A version to be kept. */
export interface RecordVersion extends RecordCardData {
  readonly bytes: Buffer;
  /** Where what was received lies, when it is not `bytes`. */
  readonly large?: LargeBody;
  readonly facts: readonly Fact[];
}

/** Where a source's resource stands. */
export interface ResourceState {
  readonly subjectKey: string;
  /** Handle of the current version; absent when only its deletion is known. */
  readonly handle?: string;
  /** Versions kept so far. */
  readonly count: number;
  readonly versionId?: string;
  readonly lastUpdatedMs?: number;
  /** base64url SHA-256 of the current version's bytes: tells a repeat where there are no version ids. */
  readonly bytesHash?: string;
  /** `erased`: the row is a mark that keeps every later delivery out. */
  readonly status: 'current' | 'deleted' | 'erased';
  /** Where the current version was lost by a restore: handle of one that is kept, which tells what the gate must know. */
  readonly lastKept?: string;
  /** When the current version reached us. */
  readonly receivedAt?: number;
  /** When the deletion was heard of. */
  readonly deletedAt?: number;
  readonly erasedAt?: number;
}

/** What a read-back said while there was doubt. */
export type SourceTruth =
  | { readonly outcome: 'gone' }
  | { readonly outcome: 'found'; readonly versionId?: string; readonly bytesHash: string }
  /** It cannot be asked, as an imported folder cannot: what comes later counts as newer. */
  | { readonly outcome: 'unknown' };

export type Placement = 'first' | 'newer' | 'older' | 'same' | 'gone' | 'erased' | 'doubt';

/**
 * Where a version belongs among what is known.
 *
 * @param truth - What the source showed when it was read back; without it a tie or a gap is `doubt`.
 * @see DESIGN "Records and their names": order is by `meta.lastUpdated`, on a tie or a doubt the source is read back
 */
export function placeVersion(
  state: ResourceState | undefined,
  version: Pick<RecordVersion, 'versionId' | 'lastUpdatedMs' | 'receivedAt'> & { readonly bytesHash: string },
  truth?: SourceTruth,
): Placement {
  if (state === undefined) return 'first';
  if (state.status === 'erased') return 'erased';
  if (state.status === 'current') {
    if (version.versionId === undefined && state.bytesHash === version.bytesHash) return 'same';
    if (version.versionId !== undefined && state.versionId === version.versionId) return 'same';
  }
  const known = state.status === 'deleted' ? state.deletedAt : state.lastUpdatedMs;
  const isTimed = state.status === 'current' && known !== undefined && version.lastUpdatedMs !== undefined;
  if (isTimed && !isAgainstTime(state.versionId, version.versionId, version.lastUpdatedMs - known)) {
    if (version.lastUpdatedMs > known) return 'newer';
    if (version.lastUpdatedMs < known) return 'older';
  }
  if (truth === undefined) return 'doubt';
  if (truth.outcome === 'gone') return 'gone';
  if (truth.outcome === 'unknown') {
    // What reached us before the deletion did, and waited, is what was deleted.
    const isDeleted = state.deletedAt !== undefined && version.receivedAt < state.deletedAt;
    if (state.status === 'deleted') return isDeleted ? 'gone' : 'newer';
    // Two at work at once may end in either order; the one that came later is the newer.
    return state.receivedAt !== undefined && version.receivedAt < state.receivedAt ? 'older' : 'newer';
  }
  const isPresent =
    truth.versionId === undefined
      ? truth.bytesHash === version.bytesHash
      : truth.versionId === version.versionId;
  if (isPresent) return 'newer';
  return state.handle === undefined ? 'first' : 'older';
}

const COUNTED = /^\d{1,15}$/;

/** Whether versions that are counted say another order than their times: a server's clock was set, or its data restored. */
function isAgainstTime(before: string | undefined, after: string | undefined, laterMs: number): boolean {
  if (before === undefined || after === undefined) return false;
  if (!COUNTED.test(before) || !COUNTED.test(after)) return false;
  return (Number(after) - Number(before)) * laterMs < 0;
}

export class Records {
  readonly #keys: InstanceKeys;
  readonly #origin: string;

  constructor(keys: InstanceKeys, origin: string) {
    this.#keys = keys;
    this.#origin = origin;
  }

  /** Row key of a source's resource. */
  resourceKey(source: string, type: string, id: string): string {
    return `${RESOURCE_PREFIX}${mark(this.#keys.storage.markKey, 'resource', source, type, id)}`;
  }

  /** Id under which the facade names a source's resource. */
  facadeId(source: string, type: string, id: string): string {
    return facadeId(this.#keys.storage.facadeKey, source, type, id);
  }

  /** Row by which a resource is found under the facade's id; it is written with the resource's first version. */
  facadeWrite({ source, gate }: Pick<RecordCardData, 'source' | 'gate'>): StoreWrite {
    const id = this.facadeId(source, gate.type, gate.id);
    const resourceKey = this.resourceKey(source, gate.type, gate.id);
    return { type: 'put', key: FACADE_PREFIX + id, value: Buffer.from(resourceKey, 'latin1') };
  }

  /** Row key of the resource that the facade names so, or `undefined`. */
  facadeResource(view: Pick<StateView, 'get'>, id: string): string | undefined {
    return view.get(FACADE_PREFIX + id)?.toString('latin1');
  }

  state(view: Pick<StateView, 'get'>, resourceKey: string): ResourceState | undefined {
    const row = view.get(resourceKey);
    if (row === undefined) return undefined;
    return JSON.parse(
      openRow(this.#keys.storage.indexKey, resourceKey, row).toString('utf8'),
    ) as ResourceState;
  }

  /**
   * Seals a version and says what goes on the log for it.
   *
   * @param placement - Where it belongs; `same`, `erased` and `doubt` are the caller's to settle first.
   */
  store(
    view: Pick<StateView, 'get'>,
    subject: Subject,
    resourceKey: string,
    version: RecordVersion,
    placement: 'first' | 'newer' | 'older' | 'gone',
  ): { drafts: StagedDraft[]; writes: StoreWrite[]; handle: string } {
    const state = this.state(view, resourceKey);
    const count = (state?.count ?? 0) + 1;
    const handle = randomBuffer(32).toString('base64url');
    const { bytes, large, facts, ...card } = version;
    const sealed = this.#seal(subject, handle, count, large ?? bytes, card);
    const writes: StoreWrite[] = large === undefined ? [] : [keepLargeBody(large)];
    const drafts: StagedDraft[] = [
      {
        type: 'record.stored',
        body: {
          handle,
          commitment: sealed.commitment.toString('base64url'),
          ciphertext: sealed.ciphertextHash.toString('base64url'),
          facts: factsRoot(sealed.salt, facts).toString('base64url'),
        },
      },
    ];
    // Of another patient there is no successor: an entry that said so would tie the two together.
    const isOfAnother = state !== undefined && state.subjectKey !== subject.key;
    const current = state?.status === 'current' && !isOfAnother ? state.handle : undefined;
    let next: ResourceState = {
      subjectKey: subject.key,
      handle,
      count,
      ...(version.versionId === undefined ? {} : { versionId: version.versionId }),
      ...(version.lastUpdatedMs === undefined ? {} : { lastUpdatedMs: version.lastUpdatedMs }),
      bytesHash: large?.plainHash ?? bytesHashOf(bytes),
      receivedAt: version.receivedAt,
      status: 'current',
    };
    if (placement === 'older' && state !== undefined) {
      if (current === undefined)
        this.#delete(handle, { older: true, at: version.receivedAt }, drafts, writes);
      else drafts.push({ type: 'record.superseded', body: { handle, by: current } });
      next = { ...state, count };
    } else if (placement === 'gone') {
      if (current !== undefined)
        drafts.push({ type: 'record.superseded', body: { handle: current, by: handle } });
      this.#delete(handle, { readBack: 'gone', at: version.receivedAt }, drafts, writes);
      next = { ...next, status: 'deleted', deletedAt: state?.deletedAt ?? version.receivedAt };
    } else if (current !== undefined) {
      drafts.push({ type: 'record.superseded', body: { handle: current, by: handle } });
    }
    writes.push(
      this.#recordWrite(subject.key, handle, count, sealed.row),
      this.#stateWrite(resourceKey, next),
      epochWrite(subject.key),
      ...(isOfAnother && state.subjectKey !== '' ? [epochWrite(state.subjectKey)] : []),
    );
    if (state?.handle === undefined) writes.push(this.facadeWrite(version));
    return { drafts, writes, handle };
  }

  /** Deletion of a resource whose current version is kept. */
  remove(
    resourceKey: string,
    state: ResourceState,
    at: number,
  ): { drafts: StagedDraft[]; writes: StoreWrite[] } {
    const next: ResourceState = { ...state, status: 'deleted', deletedAt: at };
    if (state.handle === undefined || state.status === 'deleted') {
      return { drafts: [], writes: [this.#stateWrite(resourceKey, next), epochWrite(state.subjectKey)] };
    }
    const drafts: StagedDraft[] = [];
    const writes = [this.#stateWrite(resourceKey, next), epochWrite(state.subjectKey)];
    this.#delete(state.handle, { event: 'deleted', at }, drafts, writes);
    return { drafts, writes };
  }

  /** Deletion of a resource that we have not seen: a version that comes later is read back before it counts. */
  tombstone(resourceKey: string, subjectKey: string, at: number): StoreWrite {
    return this.#stateWrite(resourceKey, { subjectKey, count: 0, status: 'deleted', deletedAt: at });
  }

  /** The bar that takes the place of an erased resource's state: nothing of the resource is in it. */
  bar(resourceKey: string, subjectKey: string, erasedAt: number): StoreWrite {
    return this.#stateWrite(resourceKey, { subjectKey, count: 0, status: 'erased', erasedAt });
  }

  /**
   * Whether a condition on a resource's current version holds.
   *
   * @param ifMatch - The version as the facade calls it, or `*` for any; without it all hold.
   */
  isCurrent(state: ResourceState | undefined, ifMatch: string | undefined): boolean {
    if (ifMatch === undefined) return true;
    if (state?.status !== 'current' || state.handle === undefined) return false;
    return ifMatch === '*' || ifMatch === this.versionName(state.handle, state.versionId);
  }

  /** What the facade calls a version: as its source does; by a keyed name where the source gives none. */
  versionName(handle: string, versionId: string | undefined): string {
    return versionId !== undefined && isFhirId(versionId) ? versionId : this.facadeId('', 'version', handle);
  }

  /** Whether a resource was erased: then what is delivered of it is dropped. */
  isBarred(view: Pick<StateView, 'get'>, resourceKey: string): boolean {
    return this.state(view, resourceKey)?.status === 'erased';
  }

  /** The state of a resource whose current version alone was erased: as if only its deletion were known. */
  withoutCurrent(
    resourceKey: string,
    { subjectKey, count, deletedAt }: ResourceState,
    at: number,
  ): StoreWrite {
    return this.#stateWrite(resourceKey, {
      subjectKey,
      count,
      status: 'deleted',
      deletedAt: deletedAt ?? at,
    });
  }

  /**
   * Rows that destroy a version: data key, salt and card lie in its head, the salt of its deletion beside it. Its body's
   * file, if it has one, is nobody's from then on: `LargeBodies.sweep` removes it.
   */
  eraseWrites(view: Pick<StateView, 'get'>, subjectKey: string, handle: string): StoreWrite[] {
    const body = this.bodyFile(view, subjectKey, handle);
    return [
      { type: 'del', key: this.rowKey(subjectKey, handle) },
      { type: 'del', key: deletionKey(handle) },
      epochWrite(subjectKey),
      ...(body === undefined ? [] : [dropLargeBody({ name: body })]),
    ];
  }

  /** Name of the file that holds a version's body; `undefined` where it is in the row, or the version is not kept. */
  bodyFile(view: Pick<StateView, 'get'>, subjectKey: string, handle: string): string | undefined {
    const value = view.get(this.rowKey(subjectKey, handle));
    return value === undefined ? undefined : bodyReference(value.subarray(4))?.name;
  }

  /** Row of a kept version. */
  rowKey(subjectKey: string, handle: string): string {
    return `${PREFIX}${subjectKey}/${handle}`;
  }

  /**
   * What the gate asks about a kept version.
   *
   * @throws VaultError when its row was altered.
   */
  gate(view: Pick<StateView, 'get'>, subject: Subject, handle: string): GateAttributes {
    const value = view.get(`${PREFIX}${subject.key}/${handle}`);
    if (value === undefined) throw new Error('a state names a record that is not kept');
    return this.#card(subject, handle, value).gate;
  }

  /** Whether a version is kept for a patient. */
  isKept(view: Pick<StateView, 'get'>, subjectKey: string, handle: string): boolean {
    return view.get(`${PREFIX}${subjectKey}/${handle}`) !== undefined;
  }

  /** Whether nothing of a patient's records was stored, deleted or erased since their epoch was read. */
  isUnchanged(view: Pick<StateView, 'get'>, subjectKey: string, epoch: string): boolean {
    return epoch !== '' && view.get(recordEpochKey(subjectKey))?.toString('latin1') === epoch;
  }

  /** Rows that make a patient the owner of the Binary resources which a record refers to. */
  binaryWrites(source: string, binaries: readonly NamedBinary[], subjectKey: string): StoreWrite[] {
    return binaries.map((binary) => {
      const key = `binary-owner/${this.resourceKey(source, 'Binary', binary.id)}`;
      return { type: 'put', key, value: this.#ownership(binary, subjectKey) };
    });
  }

  /** Whether a Binary that a record refers to is to be read: nothing is known of it, or it should be another by now. */
  isBinaryWanted(
    view: Pick<StateView, 'get'>,
    source: string,
    binary: NamedBinary,
    subjectKey: string,
  ): boolean {
    const resourceKey = this.resourceKey(source, 'Binary', binary.id);
    const known = view.get(`binary-owner/${resourceKey}`);
    const isAnother =
      binary.digest !== undefined && known?.equals(this.#ownership(binary, subjectKey)) !== true;
    return isAnother || this.state(view, resourceKey) === undefined;
  }

  /** Whether data of a Binary are what the record that refers to it says, as far as it says so. */
  isBinaryAsStated(view: Pick<StateView, 'get'>, source: string, id: string, digest: string): boolean {
    const row = view.get(`binary-owner/${this.resourceKey(source, 'Binary', id)}`)?.toString('latin1');
    const stated = row?.split(' ')[1];
    return stated === undefined || stated === this.#digestMark(digest);
  }

  /** Whose a Binary is, and a keyed name of its digest where one is stated. */
  #ownership({ digest }: NamedBinary, subjectKey: string): Buffer {
    const text = digest === undefined ? subjectKey : `${subjectKey} ${this.#digestMark(digest)}`;
    return Buffer.from(text, 'latin1');
  }

  #digestMark(digest: string): string {
    return mark(this.#keys.storage.markKey, 'attachment', digest);
  }

  /** Subject of the record that refers to a Binary, or `undefined` while none is kept. */
  binaryOwner(view: Pick<StateView, 'get'>, source: string, id: string): string | undefined {
    return view
      .get(`binary-owner/${this.resourceKey(source, 'Binary', id)}`)
      ?.toString('latin1')
      .split(' ')[0];
  }

  /** A resource of ours (such as a RiskAssessment) as a sealed row with what the log says of it. */
  sealOwn(
    subject: Subject,
    bytes: Buffer,
    card: RecordCardData,
    facts: readonly Fact[],
  ): {
    handle: string;
    writes: StoreWrite[];
    body: { handle: string; commitment: string; ciphertext: string; facts: string };
  } {
    const handle = newHandle();
    const sealed = this.#seal(subject, handle, 1, bytes, card);
    return {
      handle,
      writes: [this.#recordWrite(subject.key, handle, 1, sealed.row)],
      body: {
        handle,
        commitment: sealed.commitment.toString('base64url'),
        ciphertext: sealed.ciphertextHash.toString('base64url'),
        facts: factsRoot(sealed.salt, facts).toString('base64url'),
      },
    };
  }

  /** Cards of a patient's kept versions, each with what opens its row. Opens no body. */
  async *cards(
    store: Store,
    subject: Subject,
  ): AsyncGenerator<{ handle: string; version: number; row: Buffer; card: RecordCardData }> {
    const prefix = `${PREFIX}${subject.key}/`;
    for await (const [key, value] of store.iterator({ gte: prefix, lt: `${prefix}~` })) {
      const handle = key.slice(prefix.length);
      yield this.opened(subject, handle, value);
    }
  }

  /** A kept version by the value of its row: its card, and what opens it. */
  opened(
    subject: Subject,
    handle: string,
    value: Buffer,
  ): { handle: string; version: number; row: Buffer; card: RecordCardData } {
    const card = this.#card(subject, handle, value);
    return { handle, version: value.readUInt32BE(0), row: value.subarray(4), card };
  }

  #card(subject: Subject, handle: string, value: Buffer): RecordCardData {
    const { card } = openCard({
      recordKey: subject.recordKey,
      instance: this.#origin,
      handle,
      version: value.readUInt32BE(0),
      row: value.subarray(4),
    });
    return JSON.parse(card.toString('utf8')) as RecordCardData;
  }

  get instance(): string {
    return this.#origin;
  }

  #seal(subject: Subject, handle: string, version: number, body: Buffer | LargeBody, data: RecordCardData) {
    const { recordKey } = subject;
    const card = Buffer.from(JSON.stringify(data), 'utf8');
    const name = { recordKey, instance: this.#origin, handle, version };
    if (Buffer.isBuffer(body)) return sealRecord({ ...name, plaintext: body, card });
    const stream = {
      dataKey: Buffer.from(body.dataKey, 'base64url'),
      plainBytes: body.plainBytes,
      plainHash: Buffer.from(body.plainHash, 'base64url'),
      ciphertextHash: Buffer.from(body.ciphertextHash, 'base64url'),
    };
    return sealLargeRecord({ ...name, name: body.name, stream, card });
  }

  #recordWrite(subjectKey: string, handle: string, version: number, row: Buffer): StoreWrite {
    const value = Buffer.allocUnsafe(4 + row.length);
    value.writeUInt32BE(version, 0);
    row.copy(value, 4);
    return { type: 'put', key: `${PREFIX}${subjectKey}/${handle}`, value };
  }

  #stateWrite(resourceKey: string, state: ResourceState): StoreWrite {
    const plain = Buffer.from(JSON.stringify(state), 'utf8');
    return { type: 'put', key: resourceKey, value: sealRow(this.#keys.storage.indexKey, resourceKey, plain) };
  }

  /** The log says that a version is gone at its source, under a salted commitment to what told us so. */
  #delete(handle: string, evidence: object, drafts: StagedDraft[], writes: StoreWrite[]): void {
    const salt = randomBytes(32);
    const text = JSON.stringify(evidence);
    const commitment = commitmentOf(salt, Buffer.from(text, 'utf8')).toString('base64url');
    drafts.push({ type: 'record.deleted', body: { handle, commitment } });
    const key = deletionKey(handle);
    const plain = Buffer.from(JSON.stringify({ salt: salt.toString('base64url'), evidence: text }), 'utf8');
    writes.push({ type: 'put', key, value: sealRow(this.#keys.storage.indexKey, key, plain) });
  }
}

/** Of the rows that say where each resource stands. */
export const RESOURCE_PREFIX = 'resource/';
const PREFIX = 'vault/';
const EPOCH_PREFIX = 'record-epoch/';
const EPOCH_BYTES = 8;

/** Row that is another whenever something of a patient's records was stored, deleted or erased. */
export function recordEpochKey(subjectKey: string): string {
  return EPOCH_PREFIX + subjectKey;
}

function epochWrite(subjectKey: string): StoreWrite {
  return { type: 'put', key: recordEpochKey(subjectKey), value: randomBuffer(EPOCH_BYTES) };
}

const FACADE_PREFIX = 'facade-record/';

/** Row that opens the commitment of a version's deletion. */
export function deletionKey(handle: string): string {
  return `deletion/${handle}`;
}

/** base64url SHA-256 of received bytes. */
export function bytesHashOf(bytes: Buffer): string {
  return hash('sha256', bytes, 'base64url');
}
