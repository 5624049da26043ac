/**
 * The inbox: whatever was acknowledged lies here, sealed under a key of its own, until its entry is committed,
 * it is discarded, or a person has dealt with its dead letter. Redis holds only the numbers of these rows.
 *
 * Trusted, and must not be lost: an event is acknowledged after its row is synced, and not before.
 */
import { createHmac, hash } from 'node:crypto';
import { statfs } from 'node:fs/promises';
import { AdapterError } from '../errors.js';
import type { Store, StoreWrite } from '../../ledger/store.js';
import { mark, openEvent, sealEvent } from '../../ledger/vault/index.js';
import { dropLargeBody, keepLargeBody } from '../instance/large-bodies.js';
import { decodeEvent, encodeEvent } from './event.js';
import type { FhirEvent } from './event.js';
import { pushOutcomeWrites } from './push-outcome.js';
import type { PushOutcome } from './push-outcome.js';
import { Traffic } from './traffic.js';

/** Why an event cannot become an entry without a person's help. No value of the resource is in it. */
export interface DeadLetter {
  readonly code: string;
  readonly expression?: string;
  readonly at: number;
  readonly type: string;
  readonly channel: string;
  readonly source: string;
}

/** A row of the inbox as the workers see it. */
export interface InboxEvent extends Omit<FhirEvent, 'lane'> {
  readonly seq: string;
}

/** An event that lies in the inbox, opened. */
export interface HeldEvent {
  readonly key: string;
  /** Queued, and not yet waiting or set aside. */
  readonly isPending: boolean;
  /** As it lies. */
  readonly row: Buffer;
  readonly event: InboxEvent;
}

export interface InboxKeys {
  readonly inboxKek: Buffer;
  readonly markKey: Buffer;
}

export interface Accepted {
  /** Events now durable and not seen before. */
  readonly accepted: number;
  /** Events whose version had been received already. */
  readonly duplicates: number;
}

/** Rows of one synced batch: bounds what a crash can make slow, and the memory of a group. */
const GROUP_EVENTS_MAX = 4096;

/** Numbers taken at once, so that a restart never gives one out twice. */
const SEQ_BLOCK = 1_000_000;

/**
 * Bytes of accepted events that are kept in memory until a worker takes them: reading and unsealing their rows costs
 * more than anything else that is done for them before the gate. What is beyond is read from its row.
 */
const RECENT_BYTES_MAX = 32 * 1024 * 1024;

/** How often the free space is looked up, ms. */
const SPACE_CHECK_MS = 1000;

const SEQ_KEY = 'inbox-next';
const SEEN = Buffer.from('s');
const DENIED = Buffer.from('d');
/** Read back from the source and stored, before any event brought it. */
const READ = Buffer.from('r');
/** In the place of a hash where nothing is kept. */
const NO_HASH = '-'.repeat(43);
const NO_BYTES = Buffer.alloc(0);
/** Begins the version of what names none. */
export const BYTES_VERSION = 'sha256:';

/** Rows that stand or fall with events, by the places of those that were received before. */
export type AlsoWritten = (duplicates: ReadonlySet<number>) => readonly StoreWrite[];

interface Waiting {
  readonly events: readonly FhirEvent[];
  readonly also: AlsoWritten | undefined;
  readonly resolve: (accepted: Accepted) => void;
  readonly reject: (error: unknown) => void;
}

export interface InboxOptions {
  readonly store: Store;
  readonly keys: InboxKeys;
  /** Folder whose file system must keep `diskReserveBytes` free. */
  readonly dataDir: string;
  readonly diskReserveBytes: number;
  readonly partitions: number;
  /** Called with each durable event's number and partition; must not throw. */
  readonly onDurable: (seq: string, partition: number) => void;
  /** Called when an event of a source came or left; must not throw. */
  readonly onMoved?: (source: string) => void;
  readonly nowMs: () => number;
}

export class Inbox {
  readonly #options: InboxOptions;
  /** What comes and goes, by source. */
  readonly traffic: Traffic;
  /** The first number of this run: what has a smaller one was counted in another. */
  readonly #first: string;
  #next: number;
  #limit: number;
  #waiting: Waiting[] = [];
  /** Events not opened since they were made durable; whatever ends an event has opened it first. */
  readonly #recent = new Map<string, InboxEvent>();
  #recentBytes = 0;
  #running = false;
  #spaceCheckedAt = -Infinity;
  #spaceIsShort = false;
  #pending = 0;
  /** Numbers of the events that wait no more, or are tried again after they were set aside, until they leave once more. */
  readonly #givenBack = new Set<string>();
  #closed = false;
  /** The last move back to the queue: two at once would count, and queue, one event twice. */
  #moving: Promise<unknown> = Promise.resolve();

  private constructor(options: InboxOptions, next: number, limit: number) {
    this.#options = options;
    this.traffic = new Traffic(options.nowMs);
    this.#first = seqText(next);
    this.#next = next;
    this.#limit = limit;
  }

  /** Opens the inbox and counts what waits in it. */
  static async open(options: InboxOptions): Promise<Inbox> {
    const row = await options.store.get(SEQ_KEY);
    const next = row === undefined ? 0 : Number(row.toString('latin1'));
    const inbox = new Inbox(options, next, next);
    await inbox.#reserve();
    const pending = options.store.keys(range(PENDING));
    while ((await pending.next()) !== undefined) inbox.#pending++;
    await pending.close();
    return inbox;
  }

  /**
   * Makes events durable.
   *
   * @param also - Rows for the same batch.
   * @returns After the fsync. Events seen before are counted and not stored again.
   * @throws AdapterError ADAPTER_DISK_FULL when the disk is short or the store refuses; nothing is acknowledged.
   */
  accept(events: readonly FhirEvent[], also?: AlsoWritten): Promise<Accepted> {
    if (this.#closed) return Promise.reject(new AdapterError('ADAPTER_STOPPING', 'the instance is stopping'));
    if (events.length === 0 && also === undefined) return Promise.resolve({ accepted: 0, duplicates: 0 });
    return new Promise<Accepted>((resolve, reject) => {
      this.#waiting.push({ events, also, resolve, reject });
      if (!this.#running) {
        this.#running = true;
        // One turn of the loop gathers what came in together; while a batch syncs, the next one gathers.
        setImmediate(() => void this.#run());
      }
    });
  }

  /** Events acknowledged and neither committed, discarded, waiting for a patient nor dead. */
  get pendingCount(): number {
    return this.#pending;
  }

  /** Opens a pending event; `undefined` once it has been dealt with. */
  open(seq: string): InboxEvent | undefined {
    const recent = this.#recent.get(seq);
    if (recent !== undefined) {
      this.#recent.delete(seq);
      this.#recentBytes -= recent.bytes.length;
      return recent;
    }
    const row = this.#options.store.getSync(PENDING + seq);
    return row === undefined ? undefined : this.#openRow(seq, row);
  }

  isPending(view: { get(key: string): Buffer | undefined }, seq: string): boolean {
    return view.get(PENDING + seq) !== undefined;
  }

  /** Numbers and partitions of all pending events, oldest first. */
  async *pending(): AsyncGenerator<{ seq: string; partition: number }> {
    for await (const [key, value] of this.#options.store.iterator(range(PENDING))) {
      yield { seq: key.slice(PENDING.length), partition: value.readUInt16BE(0) % this.#options.partitions };
    }
  }

  /**
   * Rows that end an event: its row and with it its key are gone, and nothing needs its file any more.
   *
   * @param outcome - For who pushed it; without it, that it said nothing new.
   */
  finish(event: Pick<InboxEvent, 'seq' | 'large' | 'ticket'>, outcome?: PushOutcome): StoreWrite[] {
    const { large } = event;
    return [...this.handOver(event, outcome), ...(large === undefined ? [] : [dropLargeBody(large)])];
  }

  /** Rows that end an event whose file, if it has one, now belongs to what was made of it. */
  handOver(
    event: Pick<InboxEvent, 'seq' | 'ticket'>,
    outcome: PushOutcome = { state: 'same' },
  ): StoreWrite[] {
    return [{ type: 'del', key: PENDING + event.seq }, ...pushOutcomeWrites(event, outcome)];
  }

  /** Rows that discard an event which the patient does not permit; a redelivery is judged anew. */
  discard(event: InboxEvent, subjectKey: string): StoreWrite[] {
    const key = this.#markOf(event);
    return [
      ...this.finish(event, { state: 'refused' }),
      this.#lastHeld(event, `${WAITING}${subjectKey}/`, NO_HASH),
      ...(key === undefined ? [] : [{ type: 'put', key, value: DENIED } as const]),
    ];
  }

  /** Whose a resource is that waited or was discarded: what is about it meets the same answer. */
  heldSubject(
    view: { get(key: string): Buffer | undefined },
    resource: Pick<InboxEvent, 'source' | 'type' | 'id'>,
  ): string | undefined {
    const place = view.get(this.#lastHeldKey({ ...resource, bytes: NO_BYTES }))?.toString('latin1', 43);
    if (place === undefined || !place.startsWith(WAITING)) return undefined;
    return place.slice(WAITING.length, place.lastIndexOf('/'));
  }

  /**
   * What became of a version that was received and is not kept.
   *
   * @param version - As the source names it, or `sha256:` and the hash of its bytes, base64url.
   */
  heldFate(
    view: { get(key: string): Buffer | undefined },
    resource: Pick<InboxEvent, 'source' | 'type' | 'id'>,
    version: string,
  ): 'waiting' | 'refused' | 'aside' | undefined {
    const key = this.#markOf({ ...resource, kind: 'put', version });
    if (key !== undefined && view.get(key)?.equals(DENIED) === true) return 'refused';
    const last = view.get(this.#lastHeldKey({ ...resource, bytes: NO_BYTES }))?.toString('latin1');
    const place = last?.slice(43);
    if (place === undefined) return undefined;
    // What names no version leaves no mark of its own when it is discarded.
    if (place.startsWith(WAITING) && place.endsWith('/'))
      return version.startsWith(BYTES_VERSION) ? 'refused' : undefined;
    const row = view.get(place);
    if (row === undefined) return undefined;
    const event = this.#openRow(place.slice(place.lastIndexOf('/') + 1), row);
    const isDead = place.startsWith(DEAD);
    // What only says that it changed is read back when its turn comes, in whatever version it then is.
    if (event.kind === 'fetch') {
      const isIt = !isDead || event.version === undefined || event.version === version;
      return isIt ? (isDead ? 'aside' : 'waiting') : undefined;
    }
    const own =
      event.version ?? BYTES_VERSION + (event.large?.plainHash ?? hash('sha256', event.bytes, 'base64url'));
    return event.kind === 'put' && own === version ? (isDead ? 'aside' : 'waiting') : undefined;
  }

  /** Whether a version was ever received, or read back. */
  isKnown(
    view: { get(key: string): Buffer | undefined },
    event: Pick<FhirEvent, 'source' | 'type' | 'id' | 'version'>,
  ): boolean {
    const key = this.#markOf({ ...event, kind: 'put' });
    return key !== undefined && view.get(key) !== undefined;
  }

  /** Number that the next event gets: all that was accepted so far has smaller ones. */
  get nextSeq(): string {
    return seqText(this.#next);
  }

  /** Whether all events before a number have been dealt with: committed, discarded, waiting or set aside. */
  async isDoneBefore(seq: string): Promise<boolean> {
    const [oldest] = await this.#options.store.keys({ gte: PENDING, lt: PENDING + seq, limit: 1 }).all();
    return oldest === undefined;
  }

  /**
   * Whether another event has brought the version that this one read back from its source: that event is, or was,
   * dealt with on its own.
   */
  isElsewhere(view: { get(key: string): Buffer | undefined }, event: InboxEvent): boolean {
    const key = this.#markOf(event);
    return key !== undefined && view.get(key)?.equals(SEEN) === true;
  }

  /** Whether a version that this event brings was read back from its source, and stored, before it came. */
  isReadAlready(view: { get(key: string): Buffer | undefined }, event: InboxEvent): boolean {
    const key = this.#markOf(event);
    return key !== undefined && view.get(key)?.equals(READ) === true;
  }

  /** Rows that keep a later delivery of a version out that was read back from its source. */
  readBack(event: InboxEvent): StoreWrite[] {
    const key = this.#markOf(event);
    return key === undefined ? [] : [{ type: 'put', key, value: READ }];
  }

  /** Rows that let an event wait for its patient's answer, sealed as it is. */
  hold(event: InboxEvent, subjectKey: string): StoreWrite[] {
    const place = `${WAITING}${subjectKey}/${event.seq}`;
    return [
      ...this.#move(PENDING + event.seq, place),
      this.#lastHeld(event, place),
      ...pushOutcomeWrites(event, { state: 'waiting' }),
    ];
  }

  /**
   * Whether the last event of this resource that was held or set aside had the same bytes and still lies there: then
   * this one, which names no version, says nothing new.
   */
  isHeld(view: { get(key: string): Buffer | undefined }, event: InboxEvent): boolean {
    if (event.version !== undefined || event.kind !== 'put') return false;
    const row = view.get(this.#lastHeldKey(event))?.toString('latin1');
    if (row === undefined) return false;
    return row.slice(0, 43) === this.#bytesMark(event) && view.get(row.slice(43)) !== undefined;
  }

  /** Rows that put an event aside with the reason. */
  bury(event: InboxEvent, letter: DeadLetter): StoreWrite[] {
    const { code, expression } = letter;
    const outcome = { state: 'dead', code, ...(expression === undefined ? {} : { expression }) } as const;
    return [
      ...pushOutcomeWrites(event, outcome),
      ...this.#move(PENDING + event.seq, DEAD + event.seq),
      this.#lastHeld(event, DEAD + event.seq),
      { type: 'put', key: DEAD_REASON + event.seq, value: Buffer.from(JSON.stringify(letter), 'utf8') },
    ];
  }

  /**
   * Dead letters, oldest first.
   *
   * @param after - Number behind which they begin.
   */
  async *deadLetters(after = ''): AsyncGenerator<DeadLetter & { seq: string }> {
    const { lt } = range(DEAD_REASON);
    for await (const [key, value] of this.#options.store.iterator({ gt: DEAD_REASON + after, lt })) {
      yield { seq: key.slice(DEAD_REASON.length), ...(JSON.parse(value.toString('utf8')) as DeadLetter) };
    }
  }

  /** Brings a dead letter back to the queue; false where there is none of that number. */
  replay(seq: string): Promise<boolean> {
    return this.#inTurn(async () => {
      const row = this.#options.store.getSync(DEAD + seq);
      if (row === undefined) return false;
      await this.#options.store.batch(
        [...this.#move(DEAD + seq, PENDING + seq), { type: 'del', key: DEAD_REASON + seq }],
        { sync: true },
      );
      this.#pending++;
      this.#givenBack.add(seq);
      this.#options.onDurable(seq, row.readUInt16BE(0) % this.#options.partitions);
      return true;
    });
  }

  /** A dead letter with its event opened; `undefined` where there is none of that number. */
  deadLetter(seq: string): { readonly letter: DeadLetter; readonly event: InboxEvent } | undefined {
    const row = this.#options.store.getSync(DEAD + seq);
    const reason = this.#options.store.getSync(DEAD_REASON + seq);
    if (row === undefined || reason === undefined) return undefined;
    return {
      letter: JSON.parse(reason.toString('utf8')) as DeadLetter,
      event: this.#openRow(seq, row),
    };
  }

  /**
   * Destroys a dead letter: its row and with it its key, so nobody can read it again. The mark of its version goes too,
   * for nothing of it was kept: whoever sends it again is heard again. False where there is none of that number.
   */
  discardDead(seq: string): Promise<boolean> {
    return this.#inTurn(async () => {
      const row = this.#options.store.getSync(DEAD + seq);
      if (row === undefined) return false;
      const event = this.#openRow(seq, row);
      const marked = this.#markOf(event);
      const held = this.#lastHeldKey(event);
      const isLast = this.#options.store.getSync(held)?.toString('latin1', 43) === DEAD + seq;
      const isMarked = marked !== undefined && this.#options.store.getSync(marked)?.equals(SEEN) === true;
      const gone = [DEAD + seq, DEAD_REASON + seq, ...(isMarked ? [marked] : [])];
      const writes: StoreWrite[] = gone.map((key) => ({ type: 'del', key }));
      if (isLast) writes.push({ type: 'del', key: held });
      if (event.large !== undefined) writes.push(dropLargeBody(event.large));
      writes.push(...pushOutcomeWrites(event, { state: 'discarded' }));
      await this.#options.store.batch(writes, { sync: true });
      this.#options.onMoved?.(event.source);
      return true;
    });
  }

  /** How many events wait for patients, and for how many patients. */
  async waiting(): Promise<{ events: number; patients: number }> {
    let events = 0;
    const patients = new Set<string>();
    for await (const key of this.#options.store.keys(range(WAITING))) {
      events++;
      patients.add(key.slice(WAITING.length, key.lastIndexOf('/')));
    }
    return { events, patients: patients.size };
  }

  /** Numbers of the events that wait for one patient. */
  async waitingFor(subjectKey: string): Promise<string[]> {
    const prefix = `${WAITING}${subjectKey}/`;
    const keys = await this.#options.store.keys(range(prefix)).all();
    return keys.map((key) => key.slice(prefix.length));
  }

  /** One event that waits for a patient; `undefined` once it waits no more. */
  openWaiting(subjectKey: string, seq: string): InboxEvent | undefined {
    const row = this.#options.store.getSync(`${WAITING}${subjectKey}/${seq}`);
    return row === undefined ? undefined : this.#openRow(seq, row);
  }

  /**
   * Discards what has waited for its patient since before a time. It counts as refused: whoever sends it again is heard
   * again, and a reconciliation does not fetch it anew. A crash leaves each event waiting or gone.
   *
   * @returns How many.
   */
  async expireWaiting(beforeMs: number): Promise<number> {
    let count = 0;
    let passed = '';
    for await (const key of this.#options.store.keys(range(WAITING))) {
      const place = key.slice(0, key.lastIndexOf('/') + 1);
      // A patient's events lie in the order in which they came: behind one that is in time are no older ones.
      if (place === passed) continue;
      const fate = await this.#inTurn(() => this.#expire(key, place, beforeMs));
      if (fate === 'in-time') passed = place;
      if (fate === 'gone') count++;
    }
    return count;
  }

  async #expire(key: string, place: string, beforeMs: number): Promise<'gone' | 'in-time' | 'left'> {
    const { store } = this.#options;
    const row = store.getSync(key);
    // Released, or erased, since it was listed.
    if (row === undefined) return 'left';
    const event = this.#openRow(key.slice(place.length), row);
    if (event.receivedAt >= beforeMs) return 'in-time';
    const marked = this.#markOf(event);
    const isLast = store.getSync(this.#lastHeldKey(event))?.toString('latin1').slice(43) === key;
    await store.batch(
      [
        { type: 'del', key },
        ...pushOutcomeWrites(event, { state: 'discarded' }),
        ...(event.large === undefined ? [] : [dropLargeBody(event.large)]),
        ...(isLast ? [this.#lastHeld(event, place, NO_HASH)] : []),
        ...(marked === undefined ? [] : [{ type: 'put', key: marked, value: DENIED } as const]),
      ],
      { sync: true },
    );
    return 'gone';
  }

  /** Puts waiting events back to the queue, to be judged again; synced before they are queued. */
  release(subjectKey: string, alsoDelete: readonly string[]): Promise<number> {
    return this.#inTurn(async () => {
      const seqs = await this.waitingFor(subjectKey);
      const partitions: number[] = [];
      const writes: StoreWrite[] = alsoDelete.map((key) => ({ type: 'del', key }));
      for (const seq of seqs) {
        const from = `${WAITING}${subjectKey}/${seq}`;
        partitions.push((this.#options.store.getSync(from)?.readUInt16BE(0) ?? 0) % this.#options.partitions);
        writes.push(...this.#move(from, PENDING + seq));
      }
      if (writes.length > 0) await this.#options.store.batch(writes, { sync: true });
      this.#pending += seqs.length;
      for (const seq of seqs) this.#givenBack.add(seq);
      seqs.forEach((seq, i) => this.#options.onDurable(seq, partitions[i] ?? 0));
      return seqs.length;
    });
  }

  /**
   * Everything that lies here and could be of a patient: what is queued, what waits for that patient, and what was set
   * aside, opened one after the other.
   */
  async *about(subjectKey: string): AsyncGenerator<HeldEvent> {
    for (const prefix of [PENDING, `${WAITING}${subjectKey}/`, DEAD]) {
      for await (const [key, row] of this.#options.store.iterator(range(prefix))) {
        yield {
          key,
          isPending: prefix === PENDING,
          row,
          event: this.#openRow(key.slice(prefix.length), row),
        };
      }
    }
  }

  /**
   * Rows that destroy an event wherever it lies, with what else tells of it. None when it has left its place.
   *
   * @param subjectKey - Whose it is: kept, keyed, so that what is about it is known to be of the same patient.
   */
  erase(
    view: { get(key: string): Buffer | undefined },
    { key, event }: Pick<HeldEvent, 'key' | 'event'>,
    subjectKey: string,
  ): StoreWrite[] {
    if (view.get(key) === undefined) return [];
    const writes: StoreWrite[] = [{ type: 'del', key }];
    if (event.large !== undefined) writes.push(dropLargeBody(event.large));
    if (key.startsWith(DEAD)) writes.push({ type: 'del', key: DEAD_REASON + event.seq });
    writes.push(...pushOutcomeWrites(event, { state: 'erased' }));
    return [...writes, ...this.eraseTraces(view, event, subjectKey)];
  }

  /** Rows that take the mark of the bytes out of the trace that a held event of a resource left. */
  eraseTraces(
    view: { get(key: string): Buffer | undefined },
    resource: Pick<InboxEvent, 'source' | 'type' | 'id' | 'bytes'>,
    subjectKey: string,
  ): StoreWrite[] {
    const isThere = view.get(this.#lastHeldKey(resource)) !== undefined;
    return isThere ? [this.#lastHeld(resource, `${WAITING}${subjectKey}/`, NO_HASH)] : [];
  }

  /** Drops what memory holds of an event whose row was destroyed. */
  forget(seq: string): void {
    const recent = this.#recent.get(seq);
    if (recent === undefined) return;
    this.#recent.delete(seq);
    this.#recentBytes -= recent.bytes.length;
  }

  /** A version's mark, so that it counts as seen; `undefined` for one that names no version. */
  seenWrite(version: Pick<FhirEvent, 'source' | 'type' | 'id' | 'version'>): StoreWrite | undefined {
    const key = this.#markOf({ ...version, kind: 'put' });
    return key === undefined ? undefined : { type: 'put', key, value: SEEN };
  }

  /** Tells the inbox that a pending event has left it by a committed batch. */
  settled({ seq, source, receivedAt }: Pick<InboxEvent, 'seq' | 'source' | 'receivedAt'>): void {
    this.#pending--;
    // One that was given back counts once: it left when it began to wait.
    if (!this.#givenBack.delete(seq) && seq >= this.#first) this.traffic.left(source, receivedAt);
    this.#options.onMoved?.(source);
  }

  /** Refuses new events and waits until those under way are durable. */
  async close(): Promise<void> {
    this.#closed = true;
    while (this.#running) await new Promise((resolve) => setTimeout(resolve, 1));
    await this.#moving;
  }

  #inTurn<T>(move: () => Promise<T>): Promise<T> {
    const moved = this.#moving.then(move);
    this.#moving = moved.catch(() => undefined);
    return moved;
  }

  #openRow(seq: string, row: Buffer): InboxEvent {
    return { seq, ...decodeEvent(openEvent(this.#options.keys.inboxKek, seq, row.subarray(2))) };
  }

  #lastHeldKey(event: Pick<InboxEvent, 'source' | 'type' | 'id' | 'bytes'>): string {
    const id = event.id === '' ? hash('sha256', event.bytes, 'base64url') : event.id;
    return `${LAST_HELD}${mark(this.#options.keys.markKey, 'held', event.source, event.type, id)}`;
  }

  /** Tells equal bytes from others; keyed, for who has the disk alone must not be able to try what waits here. */
  #bytesMark({ bytes, large }: Pick<InboxEvent, 'bytes' | 'large'>): string {
    return createHmac('sha256', this.#options.keys.markKey)
      .update(large === undefined ? bytes : large.plainHash)
      .digest('base64url');
  }

  #lastHeld(
    event: Pick<InboxEvent, 'source' | 'type' | 'id' | 'bytes' | 'large'>,
    place: string,
    bytesMark = this.#bytesMark(event),
  ): StoreWrite {
    const row = bytesMark + place;
    return { type: 'put', key: this.#lastHeldKey(event), value: Buffer.from(row, 'latin1') };
  }

  #move(from: string, to: string): StoreWrite[] {
    const value = this.#options.store.getSync(from);
    if (value === undefined) return [];
    return [
      { type: 'del', key: from },
      { type: 'put', key: to, value },
    ];
  }

  /** Mark of a version that names itself; without a version the worker compares with the current one. */
  #markOf(event: Pick<FhirEvent, 'source' | 'kind' | 'type' | 'id' | 'version'>): string | undefined {
    if (event.kind !== 'put' || event.version === undefined || event.id === '') return undefined;
    return `mark/${mark(this.#options.keys.markKey, event.source, event.type, event.id, event.version)}`;
  }

  async #run(): Promise<void> {
    try {
      while (this.#waiting.length > 0) {
        const group: Waiting[] = [];
        let count = 0;
        while (this.#waiting.length > 0 && count < GROUP_EVENTS_MAX) {
          const next = this.#waiting.shift();
          if (next === undefined) break;
          group.push(next);
          count += next.events.length;
        }
        await this.#store(group);
      }
    } finally {
      this.#running = false;
    }
  }

  async #store(group: readonly Waiting[]): Promise<void> {
    const writes: StoreWrite[] = [];
    const durable: { seq: string; partition: number; event: FhirEvent }[] = [];
    const answers: Accepted[] = [];
    try {
      await this.requireSpace();
      const marks = new Set<string>();
      for (const { events, also } of group) {
        const duplicates = new Set<number>();
        for (const [index, event] of events.entries()) {
          const key = this.#markOf(event);
          if (key !== undefined) {
            const known = this.#options.store.getSync(key);
            if (marks.has(key) || (known !== undefined && !known.equals(DENIED))) {
              duplicates.add(index);
              continue;
            }
            marks.add(key);
            writes.push({ type: 'put', key, value: SEEN });
          }
          const seq = await this.#take();
          const partition = laneOf(this.#options.keys.markKey, event);
          const head = Buffer.allocUnsafe(2);
          head.writeUInt16BE(partition, 0);
          const row = sealEvent(this.#options.keys.inboxKek, seq, encodeEvent(event));
          writes.push({ type: 'put', key: PENDING + seq, value: Buffer.concat([head, row]) });
          if (event.large !== undefined) writes.push(keepLargeBody(event.large));
          durable.push({ seq, partition: partition % this.#options.partitions, event });
        }
        if (also !== undefined) writes.push(...also(duplicates));
        answers.push({ accepted: events.length - duplicates.size, duplicates: duplicates.size });
      }
      // Everything before this line is undone by forgetting it; after it, everything is found again on restart.
      if (writes.length > 0) await this.#options.store.batch(writes, { sync: true });
    } catch (error) {
      const refusal =
        error instanceof AdapterError
          ? error
          : new AdapterError(
              'ADAPTER_DISK_FULL',
              'the store did not take the events; nothing was acknowledged',
              {
                cause: error,
              },
            );
      for (const { reject } of group) reject(refusal);
      return;
    }
    this.#pending += durable.length;
    for (const { seq, partition, event } of durable) {
      this.#keep(seq, event);
      this.traffic.came(event.source, 1);
      this.#options.onDurable(seq, partition);
      this.#options.onMoved?.(event.source);
    }
    group.forEach(({ resolve }, i) => resolve(answers[i] ?? { accepted: 0, duplicates: 0 }));
  }

  #keep(seq: string, { lane: _lane, ...event }: FhirEvent): void {
    const { length } = event.bytes;
    if (this.#recentBytes + length > RECENT_BYTES_MAX) return;
    // A copy: a slice would keep the whole body that it came in.
    this.#recent.set(seq, { seq, ...event, bytes: Buffer.from(event.bytes) });
    this.#recentBytes += length;
  }

  /** @throws AdapterError ADAPTER_DISK_FULL with less free space than the reserve. */
  async requireSpace(): Promise<void> {
    const now = this.#options.nowMs();
    if (now - this.#spaceCheckedAt >= SPACE_CHECK_MS || this.#spaceIsShort) {
      const { bavail, bsize } = await statfs(this.#options.dataDir);
      this.#spaceIsShort = bavail * bsize < this.#options.diskReserveBytes;
      this.#spaceCheckedAt = now;
    }
    if (this.#spaceIsShort) {
      throw new AdapterError(
        'ADAPTER_DISK_FULL',
        'less free disk space than the reserve; nothing was acknowledged',
      );
    }
  }

  async #take(): Promise<string> {
    if (this.#next >= this.#limit) await this.#reserve();
    return seqText(this.#next++);
  }

  async #reserve(): Promise<void> {
    const limit = this.#next + SEQ_BLOCK;
    await this.#options.store.put(SEQ_KEY, Buffer.from(String(limit), 'latin1'), { sync: true });
    this.#limit = limit;
  }
}

const PENDING = 'inbox/p/';
const WAITING = 'inbox/w/';
const DEAD = 'inbox/d/';
const DEAD_REASON = 'inbox/r/';
/** Where the last held event of a resource lies, behind the hash of its bytes. */
const LAST_HELD = 'inbox/h/';

function seqText(seq: number): string {
  return seq.toString().padStart(15, '0');
}

function range(prefix: string): { gte: string; lt: string } {
  return { gte: prefix, lt: `${prefix}~` };
}

/** A patient's events share a lane; the hash is keyed, so the row tells nobody which patient. */
function laneOf(key: Buffer, event: FhirEvent): number {
  return Buffer.from(mark(key, 'lane', event.source, event.lane), 'base64url').readUInt16BE(0);
}
