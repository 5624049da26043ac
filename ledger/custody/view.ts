import type { Store, StoreWrite } from '../store.js';

/** A row that was read or written; `undefined` where there is none, or none any more. */
interface Row {
  readonly value: Buffer | undefined;
  readonly isWritten: boolean;
}

/**
 * The state as the next entry will find it: the store's rows under those of the batch being gathered. Reading
 * is synchronous, so what a stage decides still holds when its rows are added. What was read once is kept: a group
 * is gathered in one turn of the loop, and many of its entries ask for the same rows.
 */
export class StateView {
  readonly #store: Store;
  readonly #rows = new Map<string, Row>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** Value of a row, or `undefined` where there is none. */
  get(key: string): Buffer | undefined {
    let row = this.#rows.get(key);
    if (row === undefined) {
      row = { value: this.#store.getSync(key), isWritten: false };
      this.#rows.set(key, row);
    }
    return row.value;
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  /** Adds a batch's rows; later ones of a key win. */
  apply(writes: readonly StoreWrite[]): void {
    for (const write of writes) {
      this.#rows.set(write.key, { value: write.type === 'put' ? write.value : undefined, isWritten: true });
    }
  }

  /** The net rows, one a key: what goes into the synced batch. */
  writes(): StoreWrite[] {
    const out: StoreWrite[] = [];
    for (const [key, { value, isWritten }] of this.#rows) {
      if (!isWritten) continue;
      out.push(value === undefined ? { type: 'del', key } : { type: 'put', key, value });
    }
    return out;
  }
}
