/**
 * The state map: what the log says of every consent, participant and tag, under one root.
 *
 * Updates go down in the batch of the entries they come from, as one row. They are merged into the pages later,
 * many at a time and in the order of keys, so that a page is read, hashed and written once for all of its updates;
 * an anchor merges the rest. What a crash leaves is always the pages of some batch and all update rows since, for
 * both are written with the head that names them; merging an update again changes nothing.
 */
import { LedgerError } from '../errors.js';
import type { JsonObject } from '../log/index.js';
import type { Store, StoreWrite } from '../store.js';
import { applyEntry } from './apply-entry.js';
import type { StateEntry } from './apply-entry.js';
import { emptyStateRoot } from './hashing.js';
import { RECORD_BYTES } from './page.js';
import { PageCache } from './page-cache.js';
import { CHAINS, Pending } from './pending.js';
import {
  anchorKey,
  ANCHORS,
  decodeAnchor,
  decodeHead,
  encodeAnchor,
  encodeHead,
  HEAD_KEY,
  OUTDATED,
  outdatedEpoch,
  outdatedKey,
  statementKey,
  updatesKey,
} from './rows.js';
import type { Anchor, Head } from './rows.js';
import { EMPTY_TOP, grow, proveIn } from './trie.js';

/** How a map is kept. */
export interface StateMapOptions {
  /** Memory of unchanged pages. Smaller: more reading. Default 32 MiB, which holds some 200,000 keys. */
  readonly cacheBytes?: number;
  /** Updates kept back for merging, 64 bytes each. More: faster at many keys, and a slower anchor. Default 131,072. */
  readonly pendingMax?: number;
  /** Anchors that proofs are given at; the pages of older ones are dropped. Default 32, at least 1. */
  readonly anchorsMax?: number;
}

/** The state after some entries. */
export interface StateRoot {
  /** Count of entries. */
  readonly size: number;
  /** 32 bytes. */
  readonly root: Buffer;
  /** Count of keys. */
  readonly keys: number;
}

/** An entry and where it stands. */
export interface PlacedEntry {
  readonly leaf: number;
  readonly entry: StateEntry;
}

/** What a batch of entries does to the map. Exactly one of `commit` and `discard` is to be called. */
export interface StagedState {
  /** Rows that must go down with the entries. */
  readonly writes: readonly StoreWrite[];
  /** The rows are in the store. */
  commit(): void;
  /** It is not known whether the rows are in the store: the map must be reloaded before it is used again. */
  discard(): void;
}

const CACHE_BYTES = 32 * 1024 * 1024;
const PENDING_MAX = 131_072;
const ANCHORS_MAX = 32;
/** Updates merged by one batch while an anchor is being prepared: some tens of milliseconds. */
const HURRY_UPDATES = 4096;
/** Names of outdated pages in a row, all of which are deleted with it by one batch. */
const OUTDATED_IN_ROW = 512;

/**
 * Opens the map in a store, or begins it.
 *
 * @throws LedgerError LEDGER_CORRUPT
 */
export async function openStateMap(store: Store, options: StateMapOptions = {}): Promise<StateMap> {
  const map = new StateMap(store, options);
  await map.reload();
  return map;
}

/** See the top of the file; made by {@link openStateMap}. One process, one map, one batch at a time. */
export class StateMap {
  readonly #store: Store;
  readonly #cache: PageCache;
  readonly #pendingMax: number;
  readonly #anchorsMax: number;
  #pending = new Pending();
  #head: Head = BEGINNING;
  /** The head as it is in the store. */
  #stored: Head = BEGINNING;
  #anchors: Anchor[] = [];
  /** Rows that name outdated pages, the oldest first. */
  #outdatedRows: string[] = [];
  #outdatedNext = 0;
  /** Pages outdated since the last batch. */
  #outdated: string[] = [];
  #hurries = false;
  #state: 'ready' | 'staged' | 'stale' = 'stale';

  /** Made by {@link openStateMap}, which also reloads. */
  constructor(store: Store, options: StateMapOptions) {
    this.#store = store;
    this.#cache = new PageCache(store, options.cacheBytes ?? CACHE_BYTES);
    this.#pendingMax = options.pendingMax ?? PENDING_MAX;
    this.#anchorsMax = Math.max(1, options.anchorsMax ?? ANCHORS_MAX);
  }

  /** Count of entries that the map has taken. */
  get size(): number {
    return this.#head.size;
  }

  /** Updates that are not merged yet. */
  get pendingCount(): number {
    return this.#pending.count;
  }

  /** Pages in memory. */
  get pagesInMemory(): number {
    return this.#cache.changedCount + this.#cache.cleanCount;
  }

  /** States that proofs are given of, the oldest first. */
  get anchors(): readonly StateRoot[] {
    return this.#anchors.map(({ size, top }) => ({ size, root: rootOf(top), keys: top.keys }));
  }

  /** Takes everything from the store: at the start, and when it is unknown whether a batch went down. */
  async reload(): Promise<void> {
    this.#state = 'stale';
    this.#cache.clear();
    this.#pending = new Pending();
    this.#outdated = [];
    const row = this.#store.getSync(HEAD_KEY);
    this.#head = row === undefined ? BEGINNING : decodeHead(row);
    this.#stored = this.#head;
    this.#anchors = [];
    for await (const value of this.#store.values(ANCHORS)) this.#anchors.push(decodeAnchor(value));
    this.#outdatedRows = await this.#store.keys(OUTDATED).all();
    this.#outdatedNext = Number.parseInt(this.#outdatedRows.at(-1)?.split('/').at(-1) ?? '-1', 16) + 1;
    for (let sequence = this.#head.updatesFrom; sequence < this.#head.updatesTo; sequence++) {
      const records = this.#store.getSync(updatesKey(sequence));
      if (records === undefined || records.length % RECORD_BYTES !== 0) {
        throw new LedgerError('LEDGER_CORRUPT', 'a row of the state map’s updates is missing or cut');
      }
      this.#pending.add(records);
    }
    this.#state = 'ready';
  }

  /**
   * The present state. Merges what is pending, in memory, where the pages changed stay until the next batch: after a
   * time of heavy writing that may be some seconds and some hundred MB, so {@link hurry} first.
   *
   * @throws LedgerError LEDGER_BUSY while a batch is staged, LEDGER_CORRUPT.
   */
  present(): StateRoot {
    this.#expectReady();
    this.#guarded(() => this.#merge(this.#pending.count));
    const { size, top } = this.#head;
    return { size, root: rootOf(top), keys: top.keys };
  }

  /** Makes the next batches merge more, until nothing is pending: before an anchor. */
  hurry(): void {
    this.#hurries = this.#pending.count > 0;
  }

  /** Whether a `state.anchored` body names the present state. @throws as {@link present} does. */
  isPresent(body: JsonObject): boolean {
    if (body['size'] !== this.#head.size) return false;
    const { root, keys } = this.present();
    return body['root'] === root.toString('base64url') && body['keys'] === keys;
  }

  /**
   * Takes entries. With a `state.anchored` among them, the state before them all becomes one that proofs are given of.
   *
   * @param entries - In order, behind those taken before; leaves that the map says nothing of may be left out.
   * @param size - Count of the log's entries with them.
   * @param anchors - `skip` takes no anchors, for entries of the past.
   * @throws LedgerError LEDGER_BAD_SUBMISSION when an anchor is not of the present state, LEDGER_BAD_ENTRY,
   * LEDGER_RANGE for a size that goes back, LEDGER_BUSY while a batch is staged, LEDGER_CORRUPT.
   */
  stage(entries: readonly PlacedEntry[], size: number, anchors: 'take' | 'skip' = 'take'): StagedState {
    this.#expectReady();
    if (size < this.#head.size) throw new LedgerError('LEDGER_RANGE', 'the state map has taken more entries');
    const bodies = entries.flatMap(({ entry }) => (entry.type === 'state.anchored' ? [entry.body] : []));
    const isAnchor = anchors === 'take' && bodies.length > 0;
    if (isAnchor && !bodies.every((body) => this.isPresent(body))) {
      throw new LedgerError('LEDGER_BAD_SUBMISSION', 'an anchor that is not of the present state');
    }
    const writes: StoreWrite[] = [];
    const records = recordsOf(entries, writes);
    return this.#guarded(() => {
      let kept: Anchor[] | undefined;
      if (isAnchor) kept = this.#anchor(writes);
      if (records.length > 0) this.#takeUpdates(records, writes);
      if (!isAnchor) this.#mergeSome();
      const outdatedRows = this.#writePages(writes, kept ?? this.#anchors);
      this.#head = { ...this.#head, size };
      this.#writeHead(writes);
      this.#state = 'staged';
      return {
        writes,
        commit: () => {
          this.#anchors = kept ?? this.#anchors;
          this.#outdatedRows = outdatedRows;
          this.#stored = this.#head;
          this.#cache.stored();
          this.#state = 'ready';
        },
        discard: () => {
          this.#state = 'stale';
        },
      };
    });
  }

  /**
   * A proof of what the map says of a key, for `checkStateProof`.
   *
   * @param key - As `stateKey` makes it.
   * @param size - Of the anchor it shall hold at; without one, of the present state, see {@link present}.
   * @returns `undefined` when no such anchor is kept.
   * @throws LedgerError LEDGER_CORRUPT, LEDGER_BUSY for the present state while a batch is staged.
   */
  prove(key: Buffer, size?: number): Uint8Array | undefined {
    if (size !== undefined) {
      const anchor = this.#anchors.find((each) => each.size === size);
      return anchor === undefined ? undefined : proveIn(this.#cache, anchor.top, key);
    }
    this.present();
    return proveIn(this.#cache, this.#head.top, key);
  }

  /** Canonical JSON of the statement that a consent's or participant's value is the hash of. */
  statement(value: Uint8Array): Buffer | undefined {
    return this.#store.getSync(statementKey(value));
  }

  #expectReady(): void {
    if (this.#state === 'ready') return;
    throw new LedgerError('LEDGER_BUSY', 'the state map waits for its batch, or to be reloaded');
  }

  /** What fails half way leaves memory in no state that the store ever had. */
  #guarded<T>(change: () => T): T {
    try {
      return change();
    } catch (error) {
      this.#state = 'stale';
      throw error;
    }
  }

  /** Ends the epoch. Its pages stay as they are until the anchor is dropped. */
  #anchor(writes: StoreWrite[]): Anchor[] {
    const { size, epoch, top } = this.#head;
    const anchor: Anchor = { size, epoch, top };
    const kept = [...this.#anchors.filter((each) => each.size !== size), anchor];
    for (const { size: dropped } of kept.splice(0, kept.length - this.#anchorsMax)) {
      writes.push({ type: 'del', key: anchorKey(dropped) });
    }
    writes.push({ type: 'put', key: anchorKey(size), value: encodeAnchor(anchor) });
    this.#head = { ...this.#head, epoch: epoch + 1 };
    return kept;
  }

  #takeUpdates(records: Buffer, writes: StoreWrite[]): void {
    this.#pending.add(records);
    const { updatesTo } = this.#head;
    writes.push({ type: 'put', key: updatesKey(updatesTo), value: records });
    this.#head = { ...this.#head, updatesTo: updatesTo + 1 };
  }

  #mergeSome(): void {
    const surplus = this.#pending.count - this.#pendingMax;
    this.#merge(this.#hurries ? Math.max(surplus, HURRY_UPDATES) : surplus);
    this.#hurries &&= this.#pending.count > 0;
  }

  /** Merges at least so many updates, if so many are pending, from the cursor on. */
  #merge(wanted: number): void {
    const least = Math.max(0, this.#pending.count - wanted);
    while (this.#pending.count > least) {
      const { cursor, epoch, top, cycleFrom, updatesTo } = this.#head;
      const { records, chain } = this.#pending.take(cursor, CHAINS, this.#pending.count - least);
      const grown = grow(this.#cache, top, epoch, records);
      for (const key of grown.outdated) this.#outdated.push(key);
      this.#head = { ...this.#head, top: grown.top, cursor: chain };
      // What was pending when this round of the chains began is merged now.
      if (chain === CHAINS)
        this.#head = { ...this.#head, cursor: 0, updatesFrom: cycleFrom, cycleFrom: updatesTo };
    }
    if (this.#pending.count > 0) return;
    const { updatesTo } = this.#head;
    this.#head = { ...this.#head, cursor: 0, updatesFrom: updatesTo, cycleFrom: updatesTo };
  }

  /** @returns The rows of outdated pages that are left. */
  #writePages(writes: StoreWrite[], anchors: readonly Anchor[]): string[] {
    for (const row of this.#cache.rows()) writes.push(row);
    const rows = [...this.#outdatedRows];
    for (let from = 0; from < this.#outdated.length; from += OUTDATED_IN_ROW) {
      const key = outdatedKey(this.#writtenEpoch(), this.#outdatedNext++);
      const names = this.#outdated.slice(from, from + OUTDATED_IN_ROW).join('\n');
      writes.push({ type: 'put', key, value: Buffer.from(names, 'latin1') });
      rows.push(key);
    }
    this.#outdated = [];
    // Pages replaced in an epoch are those of anchors that ended before it. One row a batch keeps pace: a batch
    // adds one row for every 512 pages that it writes.
    for (let budget = 2; budget > 0 && rows.length > 0; budget--) {
      const [row = ''] = rows;
      if (outdatedEpoch(row) > (anchors[0]?.epoch ?? 0)) break;
      const names = this.#store.getSync(row)?.toString('latin1').split('\n') ?? [];
      for (const key of names) writes.push({ type: 'del', key });
      writes.push({ type: 'del', key: row });
      rows.shift();
    }
    return rows;
  }

  /** Epoch of the pages that are in memory to be written. */
  #writtenEpoch(): number {
    return this.#head.top.epoch;
  }

  #writeHead(writes: StoreWrite[]): void {
    for (let row = this.#stored.updatesFrom; row < this.#head.updatesFrom; row++) {
      writes.push({ type: 'del', key: updatesKey(row) });
    }
    const isChanged =
      this.#head.size > this.#stored.size || this.#head.updatesFrom > this.#stored.updatesFrom;
    if (isChanged || writes.length > 0)
      writes.push({ type: 'put', key: HEAD_KEY, value: encodeHead(this.#head) });
  }
}

const BEGINNING: Head = {
  size: 0,
  epoch: 1,
  top: EMPTY_TOP,
  cursor: 0,
  updatesFrom: 0,
  cycleFrom: 0,
  updatesTo: 0,
};

function rootOf({ keys, hash }: Head['top']): Buffer {
  return keys === 0 ? emptyStateRoot() : hash;
}

/** The updates of entries as records; rows of their statements go to `writes`. */
function recordsOf(entries: readonly PlacedEntry[], writes: StoreWrite[]): Buffer {
  const parts: Buffer[] = [];
  for (const { leaf, entry } of entries) {
    for (const { key, value, statement } of applyEntry(entry, leaf)) {
      parts.push(key, value);
      if (statement !== undefined) writes.push({ type: 'put', key: statementKey(value), value: statement });
    }
  }
  return Buffer.concat(parts);
}
