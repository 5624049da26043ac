import type { Store, StoreWrite } from '../../../ledger/store.js';
import { openRow, sealRow } from '../../../ledger/vault/index.js';

/** Rows of JSON, sealed under the instance's key for its own indexes. */
export class SealedRows {
  readonly #store: Store;
  readonly #key: Buffer;

  constructor(store: Store, indexKey: Buffer) {
    this.#store = store;
    this.#key = indexKey;
  }

  put(key: string, value: object): StoreWrite {
    return { type: 'put', key, value: sealRow(this.#key, key, Buffer.from(JSON.stringify(value), 'utf8')) };
  }

  /** @throws VaultError for a row that was altered. */
  open<T>(key: string, row: Buffer): T {
    return JSON.parse(openRow(this.#key, key, row).toString('utf8')) as T;
  }

  get<T>(key: string): T | undefined {
    const row = this.#store.getSync(key);
    return row === undefined ? undefined : this.open<T>(key, row);
  }

  /** All rows beginning with a text, in the order of their keys. */
  async *all<T>(prefix: string): AsyncGenerator<{ key: string; rest: string; value: T }> {
    for await (const [key, row] of this.#store.iterator({ gte: prefix, lt: `${prefix}~` }))
      yield { key, rest: key.slice(prefix.length), value: this.open<T>(key, row) };
  }
}
