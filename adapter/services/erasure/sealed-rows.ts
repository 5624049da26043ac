import type { Store, StoreWrite } from '../../../ledger/store.js';
import { openRow, sealRow } from '../../../ledger/vault/index.js';

/** Rows of one kind: JSON, each sealed under a key of the instance. */
export class SealedRows<T extends object> {
  readonly #store: Store;
  readonly #key: Buffer;
  /** What the keys of these rows begin with. */
  readonly prefix: string;

  constructor(store: Store, key: Buffer, prefix: string) {
    this.#store = store;
    this.#key = key;
    this.prefix = prefix;
  }

  /** @param name - The rest of the row's key. */
  put(name: string, value: T): StoreWrite {
    const key = this.prefix + name;
    return { type: 'put', key, value: sealRow(this.#key, key, Buffer.from(JSON.stringify(value), 'utf8')) };
  }

  del(name: string): StoreWrite {
    return { type: 'del', key: this.prefix + name };
  }

  get(name: string, view: { get(key: string): Buffer | undefined } = this.#view): T | undefined {
    const row = view.get(this.prefix + name);
    return row === undefined ? undefined : this.#open(this.prefix + name, row);
  }

  /** All rows whose names begin with a text, in their order. */
  async *all(start = ''): AsyncGenerator<{ readonly name: string; readonly value: T }> {
    const from = this.prefix + start;
    for await (const [key, row] of this.#store.iterator({ gte: from, lt: `${from}~` }))
      yield { name: key.slice(this.prefix.length), value: this.#open(key, row) };
  }

  get #view(): { get(key: string): Buffer | undefined } {
    return { get: (key) => this.#store.getSync(key) };
  }

  #open(key: string, row: Buffer): T {
    return JSON.parse(openRow(this.#key, key, row).toString('utf8')) as T;
  }
}
