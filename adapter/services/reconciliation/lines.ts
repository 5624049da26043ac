/**
 * What a source showed, as it is read: one sealed row a resource, found by the same mark as the resource's own row. It
 * lies in the store, so that memory does not grow with the source and a reading that was cut off goes on. Each reading
 * has a key of its own, in one row: without that row nothing of a reading can be opened, wherever its bytes still lie.
 */
import { randomBytes } from 'node:crypto';
import type { ReadMethod } from '../../../ledger/proofs/index.js';
import type { Store, StoreWrite } from '../../../ledger/store.js';
import { openRow, sealRow } from '../../../ledger/vault/index.js';
import type { Records } from '../../instance/records.js';

/** One resource as the source showed it. */
export interface Line {
  readonly type: string;
  readonly id: string;
  /** As in a listing; absent where only its presence is known. */
  readonly version?: string;
  /** `meta.lastUpdated`, ms. */
  readonly at?: number;
  /** The history says that it was deleted: it is no line of the listing. */
  readonly gone?: true;
  /** It is of a patient of whom all was erased. */
  readonly erased?: true;
}

type Row = readonly [string, string, string | null, number | null, string];

const PREFIX = 'reconcile/';
/** Rows deleted in one batch. */
const CLEAR_MAX = 10_000;

/** What must be known to go on with a reading that was cut off. */
export interface Run {
  readonly begunMs: number;
  /** Types that were read to their end, and how. */
  readonly methods: Readonly<Record<string, ReadMethod>>;
}

/** Rows of a reading under way, and of what it must look at again. */
export class Lines {
  readonly #store: Store;
  readonly #indexKey: Buffer;
  /** Of this reading. It stays in memory until the reading ends, also when an erasure has destroyed its row. */
  #key: Buffer;
  readonly #records: Records;
  readonly #source: string;

  constructor(store: Store, indexKey: Buffer, records: Records, source: string) {
    this.#store = store;
    this.#indexKey = indexKey;
    this.#key = randomBytes(32);
    this.#records = records;
    this.#source = source;
  }

  /** Mark of a resource: the end of its row's key. */
  markOf(type: string, id: string): string {
    return markIn(this.#records.resourceKey(this.#source, type, id));
  }

  get(mark: string): Line | undefined {
    const key = this.#rowKey('line', mark);
    const row = this.#store.getSync(key);
    return row === undefined ? undefined : this.#open(key, row);
  }

  /** Whether the source shows it. */
  isShown(mark: string): boolean {
    const line = this.get(mark);
    return line !== undefined && line.gone !== true;
  }

  put(line: Line): StoreWrite {
    return this.#put('line', line);
  }

  #put(kind: 'line' | 'open', line: Line): StoreWrite {
    const key = this.#rowKey(kind, this.markOf(line.type, line.id));
    const flag = line.gone === true ? 'g' : line.erased === true ? 'e' : '';
    const row: Row = [line.type, line.id, line.version ?? null, line.at ?? null, flag];
    return { type: 'put', key, value: sealRow(this.#key, key, Buffer.from(JSON.stringify(row), 'utf8')) };
  }

  del(mark: string): StoreWrite {
    return { type: 'del', key: this.#rowKey('line', mark) };
  }

  /** All lines, in the order of their marks. */
  async *all(): AsyncGenerator<{ readonly mark: string; readonly line: Line }> {
    const prefix = this.#rowKey('line', '');
    for await (const [key, row] of this.#store.iterator({ gte: prefix, lt: `${prefix}~` }))
      yield { mark: key.slice(prefix.length), line: this.#open(key, row) };
  }

  /** Remembers that a resource must be looked at again. Its name lies sealed, for it may be in no line. */
  open(line: Pick<Line, 'type' | 'id' | 'gone'>): StoreWrite {
    return this.#put('open', { type: line.type, id: line.id, ...(line.gone === true ? { gone: true } : {}) });
  }

  settle(mark: string): StoreWrite {
    return { type: 'del', key: this.#rowKey('open', mark) };
  }

  async *opened(): AsyncGenerator<{ readonly mark: string; readonly line: Line }> {
    const prefix = this.#rowKey('open', '');
    for await (const [key, row] of this.#store.iterator({ gte: prefix, lt: `${prefix}~` }))
      yield { mark: key.slice(prefix.length), line: this.#open(key, row) };
  }

  /** A leaf of the trees, found in the order of its bytes. @param sets - Bit 0: of the listing; bit 1: of what is kept. */
  leaf(leaf: Uint8Array, sets: number): StoreWrite {
    const name = Buffer.from(leaf).toString('hex');
    return { type: 'put', key: this.#rowKey('leaf', name), value: Buffer.of(sets) };
  }

  async *leaves(): AsyncGenerator<{ readonly leaf: Buffer; readonly sets: number }> {
    const prefix = this.#rowKey('leaf', '');
    for await (const [key, row] of this.#store.iterator({ gte: prefix, lt: `${prefix}~` }))
      yield { leaf: Buffer.from(key.slice(prefix.length), 'hex'), sets: row[0] ?? 0 };
  }

  /** The reading that was cut off, if its key is still there. */
  readRun(): Run | undefined {
    const [run, key] = [this.#rowKey('run', ''), readingKeyRow(this.#source)];
    const [row, sealed] = [this.#store.getSync(run), this.#store.getSync(key)];
    if (row === undefined || sealed === undefined) return undefined;
    this.#key = Buffer.from(openRow(this.#indexKey, key, sealed));
    return JSON.parse(openRow(this.#key, run, row).toString('utf8')) as Run;
  }

  /** Takes up a new reading. Synced. */
  async begin(run: Run): Promise<void> {
    this.#key = randomBytes(32);
    const key = readingKeyRow(this.#source);
    await this.#store.batch(
      [{ type: 'put', key, value: sealRow(this.#indexKey, key, this.#key) }, this.#runWrite(run)],
      { sync: true },
    );
  }

  /** Synced, and with it all that was written before. */
  async writeRun(run: Run): Promise<void> {
    await this.#store.batch([this.#runWrite(run)], { sync: true });
  }

  #runWrite(run: Run): StoreWrite {
    const key = this.#rowKey('run', '');
    return { type: 'put', key, value: sealRow(this.#key, key, Buffer.from(JSON.stringify(run), 'utf8')) };
  }

  async write(writes: StoreWrite[]): Promise<void> {
    if (writes.length > 0) await this.#store.batch(writes);
  }

  /** Deletes all rows of a kind, or of all kinds. */
  async clear(kind: '' | 'leaf' | 'open' = ''): Promise<void> {
    const prefix = kind === '' ? `${PREFIX}${this.#source}/` : this.#rowKey(kind, '');
    for (;;) {
      const keys = await this.#store.keys({ gte: prefix, lt: `${prefix}~`, limit: CLEAR_MAX }).all();
      if (keys.length === 0) return;
      await this.#store.batch(keys.map((key) => ({ type: 'del', key })));
    }
  }

  #rowKey(kind: 'line' | 'open' | 'leaf' | 'run', name: string): string {
    return `${PREFIX}${this.#source}/${kind}/${name}`;
  }

  #open(key: string, row: Buffer): Line {
    const plain = openRow(this.#key, key, row).toString('utf8');
    const [type, id, version, at, flag] = JSON.parse(plain) as Row;
    return {
      type,
      id,
      ...(version === null ? {} : { version }),
      ...(at === null ? {} : { at }),
      ...(flag === 'g' ? { gone: true } : {}),
      ...(flag === 'e' ? { erased: true } : {}),
    };
  }
}

/** Row of the key that a reading of a source is sealed by. */
export function readingKeyRow(source: string): string {
  return `${PREFIX}${source}/key/`;
}

/** The mark at the end of a resource's row key. */
export function markIn(resourceKey: string): string {
  return resourceKey.slice(resourceKey.indexOf('/') + 1);
}
