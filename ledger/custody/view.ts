import type { Store, StoreWrite } from '../store.js';

/**
 * The state as the next entry will find it: the store's rows under those of the batch being gathered. Reading
 * is synchronous, so what a stage decides still holds when its rows are added. What was read once is kept: a group
 * is gathered in one turn of the loop, and many of its entries ask for the same rows.
 */
export class StateView {
  readonly #store: Store;
  readonly #rows = new Map<string, Buffer | undefined>();
  readonly #read = new Map<string, Buffer | undefined>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** Value of a row, or `undefined` where there is none. */
  get(key: string): Buffer | undefined {
    let value = this.#rows.get(key);
    if (value !== undefined || this.#rows.has(key)) return value;
    value = this.#read.get(key);
    if (value !== undefined || this.#read.has(key)) return value;
    value = this.#store.getSync(key);
    this.#read.set(key, value);
    return value;
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  /** Adds a batch's rows; later ones of a key win. */
  apply(writes: readonly StoreWrite[]): void {
    for (const write of writes) this.#rows.set(write.key, write.type === 'put' ? write.value : undefined);
  }

  /** The net rows, one a key: what goes into the synced batch. */
  writes(): StoreWrite[] {
    const out: StoreWrite[] = [];
    for (const [key, value] of this.#rows) {
      out.push(value === undefined ? { type: 'del', key } : { type: 'put', key, value });
    }
    return out;
  }
}
