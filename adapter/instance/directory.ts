/**
 * The custodian's directory: resources that belong to no patient (Organization, Practitioner, Medication …). They are
 * kept sealed under the custodian's key and counted; the log says nothing of them.
 */
import type { StateView } from '../../ledger/custody/index.js';
import type { StoreWrite } from '../../ledger/store.js';
import { mark, openRow, sealRow } from '../../ledger/vault/index.js';
import type { InstanceKeys } from '../../ledger/vault/index.js';
import type { DirectoryRecord } from '../../mappings/index.js';
import type { InboxEvent } from '../inbound/inbox.js';
import type { LargeBody } from '../inbound/event.js';
import { receivedHash } from '../inbound/large-body.js';
import { dropLargeBody, keepLargeBody } from './large-bodies.js';

/** What is kept of a resource, without its bytes. */
export interface DirectoryHead {
  /** Which resource it is; rows written before it was noted have none. */
  readonly name?: { readonly source: string; readonly type: string; readonly id: string };
  /** Where the bytes lie, when they are not behind this head. */
  readonly large?: LargeBody;
  readonly versionId?: string;
  readonly lastUpdatedMs?: number;
  readonly bytesHash: string;
}

/** Of all rows here. */
export const DIRECTORY_PREFIX = 'directory/';
const PREFIX = DIRECTORY_PREFIX;

export class Directory {
  readonly #keys: InstanceKeys;

  constructor(keys: InstanceKeys) {
    this.#keys = keys;
  }

  /** Rows that keep a version, or none when it is known or older than the kept one. */
  keep(
    view: Pick<StateView, 'get'>,
    event: InboxEvent,
    { type, id, versionId, lastUpdatedMs }: DirectoryRecord,
  ): { writes: StoreWrite[]; value: 'kept' | 'known' } {
    const key = this.key(event.source, type, id);
    const { large } = event;
    const bytesHash = receivedHash(event);
    const known = this.#head(view, key);
    if (known !== undefined) {
      const older =
        known.lastUpdatedMs !== undefined &&
        lastUpdatedMs !== undefined &&
        lastUpdatedMs < known.lastUpdatedMs;
      if (older || known.bytesHash === bytesHash) return { writes: [], value: 'known' };
    }
    const head: DirectoryHead = {
      name: { source: event.source, type, id },
      bytesHash,
      ...(large === undefined ? {} : { large }),
      ...(versionId === undefined ? {} : { versionId }),
      ...(lastUpdatedMs === undefined ? {} : { lastUpdatedMs }),
    };
    const headBytes = Buffer.from(JSON.stringify(head), 'utf8');
    const length = Buffer.allocUnsafe(4);
    length.writeUInt32BE(headBytes.length, 0);
    const plain = Buffer.concat([length, headBytes, event.bytes]);
    const files: StoreWrite[] = [];
    if (known?.large !== undefined) files.push(dropLargeBody(known.large));
    if (large !== undefined) files.push(keepLargeBody(large));
    return {
      writes: [{ type: 'put', key, value: sealRow(this.#keys.storage.vaultKek, key, plain) }, ...files],
      value: 'kept',
    };
  }

  /** Whether a resource of a source is in the directory. */
  has(view: Pick<StateView, 'get'>, source: string, type: string, id: string): boolean {
    return view.get(this.key(source, type, id)) !== undefined;
  }

  /** What is kept of the resource of a row key, or `undefined`. */
  head(view: Pick<StateView, 'get'>, key: string): DirectoryHead | undefined {
    return this.#head(view, key);
  }

  /** Rows that take a resource out of the directory; none where it is not in it. */
  remove(view: Pick<StateView, 'get'>, source: string, type: string, id: string): StoreWrite[] {
    const key = this.key(source, type, id);
    const known = this.#head(view, key);
    if (known === undefined) return [];
    return [{ type: 'del', key }, ...(known.large === undefined ? [] : [dropLargeBody(known.large)])];
  }

  /** Row key of a resource. */
  key(source: string, type: string, id: string): string {
    return `${PREFIX}${mark(this.#keys.storage.markKey, 'directory', source, type, id)}`;
  }

  #head(view: Pick<StateView, 'get'>, key: string): DirectoryHead | undefined {
    const row = view.get(key);
    if (row === undefined) return undefined;
    const plain = openRow(this.#keys.storage.vaultKek, key, row);
    return JSON.parse(plain.toString('utf8', 4, 4 + plain.readUInt32BE(0))) as DirectoryHead;
  }
}
