/**
 * The custodian's directory: resources that belong to no patient (Organization, Practitioner, Medication …). They are
 * kept sealed under the custodian's key and counted; the log says nothing of them.
 *
 * A resource has one row with its present version, and two by which the facade finds it: under the facade's own id, and
 * among those of its source and type. They hold keyed names alone, and go down in the batch of the first version; a
 * store that was begun without them gets them when it is opened.
 */
import type { StateView } from '../../ledger/custody/index.js';
import type { Store, StoreWrite } from '../../ledger/store.js';
import { facadeId, mark, openRow, sealRow } from '../../ledger/vault/index.js';
import type { InstanceKeys } from '../../ledger/vault/index.js';
import { isJsonObject, parseJson } from '../../mappings/index.js';
import type { DirectoryRecord } from '../../mappings/index.js';
import type { InboxEvent } from '../inbound/inbox.js';
import type { LargeBody } from '../inbound/event.js';
import { receivedHash } from '../inbound/large-body.js';
import { dropLargeBody, keepLargeBody } from './large-bodies.js';

/** What is kept of a resource, without its bytes. */
export interface DirectoryHead {
  /** Where the bytes lie, when they are not behind this head. */
  readonly large?: LargeBody;
  readonly versionId?: string;
  readonly lastUpdatedMs?: number;
  readonly bytesHash: string;
  /** What it is called at its source; rows of older stores get it when the index is completed. */
  readonly name?: DirectoryName;
  readonly receivedAt?: number;
  readonly links?: readonly (readonly [text: string, name: string])[];
}

interface DirectoryName {
  readonly source: string;
  readonly type: string;
  readonly id: string;
}

/** A resource of the directory as it is kept. */
export interface DirectoryResource extends DirectoryName {
  /** Id at the facade. */
  readonly facadeId: string;
  readonly versionId?: string;
  readonly bytesHash: string;
  /** As the source says, or when it came, ms. */
  readonly lastUpdatedMs: number;
  /** What texts of its references were found to mean, as `Type/id`. */
  readonly links: readonly (readonly [text: string, name: string])[];
  /** As received; absent where they lie in a file. */
  readonly bytes?: Buffer;
}

/** A directory resource, and what the texts of its references were found to mean. */
export type MappedDirectory = DirectoryRecord & {
  readonly links?: readonly (readonly [text: string, name: string])[];
};

/** Of all rows of resources. */
export const DIRECTORY_PREFIX = 'directory/';
const PREFIX = DIRECTORY_PREFIX;
const FACADE_PREFIX = 'facade-directory/';
const OF_TYPE_PREFIX = 'directory-of/';
/** Says that every resource has its rows. */
const COMPLETE = 'facade-directory-complete';
const BATCH_ROWS = 1000;

export class Directory {
  readonly #keys: InstanceKeys;

  constructor(keys: InstanceKeys) {
    this.#keys = keys;
  }

  /** Rows that keep a version, or none when it is known or older than the kept one. */
  keep(
    view: Pick<StateView, 'get'>,
    event: InboxEvent,
    { type, id, versionId, lastUpdatedMs, links }: MappedDirectory,
  ): { writes: StoreWrite[]; value: 'kept' | 'known' } {
    const name = { source: event.source, type, id };
    const key = this.key(name.source, name.type, name.id);
    const { large } = event;
    const bytesHash = receivedHash(event);
    const known = this.#read(view, key)?.head;
    if (known !== undefined) {
      const older =
        known.lastUpdatedMs !== undefined &&
        lastUpdatedMs !== undefined &&
        lastUpdatedMs < known.lastUpdatedMs;
      if (older || known.bytesHash === bytesHash) return { writes: [], value: 'known' };
    }
    const head: DirectoryHead = {
      bytesHash,
      name,
      receivedAt: event.receivedAt,
      ...(large === undefined ? {} : { large }),
      ...(versionId === undefined ? {} : { versionId }),
      ...(lastUpdatedMs === undefined ? {} : { lastUpdatedMs }),
      ...(links === undefined ? {} : { links }),
    };
    const files: StoreWrite[] = [];
    if (known?.large !== undefined) files.push(dropLargeBody(known.large));
    if (large !== undefined) files.push(keepLargeBody(large));
    const found = known === undefined ? this.#findWrites(key, name) : [];
    return { writes: [this.#write(key, head, event.bytes), ...found, ...files], value: 'kept' };
  }

  /** Rows that end a resource which its source no longer has; none when it is not here. */
  remove(view: Pick<StateView, 'get'>, source: string, type: string, id: string): StoreWrite[] {
    const name = { source, type, id };
    const key = this.key(name.source, name.type, name.id);
    const known = this.#read(view, key)?.head;
    if (known === undefined) return [];
    const rows = [key, ...this.#findWrites(key, name).map((row) => row.key)];
    const writes: StoreWrite[] = rows.map((row) => ({ type: 'del', key: row }));
    return known.large === undefined ? writes : [...writes, dropLargeBody(known.large)];
  }

  /** Whether a resource of a source is in the directory. */
  has(view: Pick<StateView, 'get'>, source: string, type: string, id: string): boolean {
    return view.get(this.key(source, type, id)) !== undefined;
  }

  /** What is kept of the resource of a row key, or `undefined`. */
  head(view: Pick<StateView, 'get'>, key: string): DirectoryHead | undefined {
    return this.#read(view, key)?.head;
  }

  /** A resource by its name at its source, or `undefined`. */
  get(view: Pick<StateView, 'get'>, source: string, type: string, id: string): DirectoryResource | undefined {
    return this.#resource(view, this.key(source, type, id));
  }

  /** A resource by the id that the facade gives it, or `undefined`. */
  find(view: Pick<StateView, 'get'>, id: string): DirectoryResource | undefined {
    const key = view.get(FACADE_PREFIX + id)?.toString('latin1');
    return key === undefined ? undefined : this.#resource(view, key);
  }

  /**
   * A source's resources of one type, in the order of their ids at the facade.
   *
   * @param after - Begins behind this id.
   */
  async *ofType(store: Store, source: string, type: string, after = ''): AsyncGenerator<DirectoryResource> {
    const prefix = this.#ofType(source, type);
    for await (const [, key] of store.iterator({ gt: prefix + after, lt: `${prefix}~` })) {
      const found = this.#resource({ get: (name) => store.getSync(name) }, key.toString('latin1'));
      if (found !== undefined) yield found;
    }
  }

  /**
   * Writes the rows that an older store lacks. The mark that all are there is synced behind them: after a crash on the
   * way the next opening begins anew, and writes the same.
   *
   * @param sources - Ids of all sources: rows were named by a keyed hash of the source.
   * @returns How many resources got theirs; `undefined` when all had them.
   */
  async complete(store: Store, sources: readonly string[]): Promise<number | undefined> {
    if (store.getSync(COMPLETE) !== undefined) return undefined;
    const view = { get: (name: string) => store.getSync(name) };
    let waiting: StoreWrite[] = [];
    let count = 0;
    const write = async (): Promise<void> => {
      await store.batch(waiting);
      waiting = [];
    };
    for await (const key of store.keys({ gte: PREFIX, lt: `${PREFIX}~` })) {
      const row = this.#read(view, key);
      const name = row === undefined ? undefined : (row.head.name ?? this.#nameOf(key, row.bytes, sources));
      if (row === undefined || name === undefined) continue;
      waiting.push(this.#write(key, { ...row.head, name }, row.bytes), ...this.#findWrites(key, name));
      count++;
      if (waiting.length >= BATCH_ROWS) await write();
    }
    await write();
    await store.batch([{ type: 'put', key: COMPLETE, value: Buffer.alloc(0) }], { sync: true });
    return count;
  }

  /** The name of which a row's key is the hash. */
  #nameOf(key: string, bytes: Buffer, sources: readonly string[]): DirectoryName | undefined {
    // What lies in a file is not looked through.
    const resource = bytes.length === 0 ? undefined : parseJson(bytes);
    if (!isJsonObject(resource)) return undefined;
    const { resourceType: type, id } = resource;
    if (typeof type !== 'string' || typeof id !== 'string') return undefined;
    return sources
      .map((source) => ({ source, type, id }))
      .find((name) => this.key(name.source, name.type, name.id) === key);
  }

  #findWrites(key: string, { source, type, id }: DirectoryName): StoreWrite[] {
    const name = facadeId(this.#keys.storage.facadeKey, source, type, id);
    const value = Buffer.from(key, 'latin1');
    return [
      { type: 'put', key: FACADE_PREFIX + name, value },
      { type: 'put', key: this.#ofType(source, type) + name, value },
    ];
  }

  #resource(view: Pick<StateView, 'get'>, key: string): DirectoryResource | undefined {
    const row = this.#read(view, key);
    if (row === undefined) return undefined;
    const { name, versionId, lastUpdatedMs, receivedAt = 0, links = [], bytesHash, large } = row.head;
    if (name === undefined) return undefined;
    return {
      ...name,
      facadeId: facadeId(this.#keys.storage.facadeKey, name.source, name.type, name.id),
      bytesHash,
      lastUpdatedMs: lastUpdatedMs ?? receivedAt,
      links,
      ...(versionId === undefined ? {} : { versionId }),
      ...(large === undefined ? { bytes: row.bytes } : {}),
    };
  }

  /** Row key of a resource. */
  key(source: string, type: string, id: string): string {
    return `${PREFIX}${mark(this.#keys.storage.markKey, 'directory', source, type, id)}`;
  }

  #ofType(source: string, type: string): string {
    return `${OF_TYPE_PREFIX}${mark(this.#keys.storage.markKey, 'directory-of', source, type)}/`;
  }

  #write(key: string, head: DirectoryHead, bytes: Buffer): StoreWrite {
    const headBytes = Buffer.from(JSON.stringify(head), 'utf8');
    const length = Buffer.allocUnsafe(4);
    length.writeUInt32BE(headBytes.length, 0);
    const plain = Buffer.concat([length, headBytes, bytes]);
    return { type: 'put', key, value: sealRow(this.#keys.storage.vaultKek, key, plain) };
  }

  #read(view: Pick<StateView, 'get'>, key: string): { head: DirectoryHead; bytes: Buffer } | undefined {
    const row = view.get(key);
    if (row === undefined) return undefined;
    const plain = openRow(this.#keys.storage.vaultKek, key, row);
    const end = 4 + plain.readUInt32BE(0);
    return {
      head: JSON.parse(plain.toString('utf8', 4, end)) as DirectoryHead,
      bytes: plain.subarray(end),
    };
  }
}
