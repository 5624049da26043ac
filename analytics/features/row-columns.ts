import type { PatientRow } from './row.js';

const FIRST_CAPACITY = 1024;

/** Rows laid out by columns as they come, so that a million of them are some numbers each and no objects. */
export class RowColumns {
  readonly #keys: string[] = [];
  readonly #hospitals = new Map<string, number>();
  readonly #width: number;
  #capacity = FIRST_CAPACITY;
  /** Of one row after another. */
  #values: Float64Array;
  #t0Ms = new Float64Array(FIRST_CAPACITY);
  #hospital = new Uint16Array(FIRST_CAPACITY);
  #outcome = new Uint8Array(FIRST_CAPACITY);
  #stage = new Uint8Array(FIRST_CAPACITY);

  /** @param width - Values a row. */
  constructor(width: number) {
    this.#width = width;
    this.#values = new Float64Array(FIRST_CAPACITY * width);
  }

  get count(): number {
    return this.#keys.length;
  }

  add({ key, values, t0Ms, hospital, outcome, stage }: PatientRow): void {
    const row = this.#keys.push(key) - 1;
    if (row === this.#capacity) this.#grow();
    this.#values.set(values, row * this.#width);
    this.#t0Ms[row] = t0Ms;
    this.#outcome[row] = outcome ? 1 : 0;
    this.#stage[row] = stage;
    const known = this.#hospitals.get(hospital);
    this.#hospital[row] = known ?? this.#hospitals.size;
    if (known === undefined) this.#hospitals.set(hospital, this.#hospitals.size);
  }

  /** All rows by columns, ordered by key; hospitals ascending by name. */
  sorted(): SortedRows {
    const order = Int32Array.from(this.#keys, (_, row) => row);
    const keys = this.#keys;
    order.sort((a, b) => ((keys[a] ?? '') < (keys[b] ?? '') ? -1 : 1));
    const hospitals = [...this.#hospitals.keys()].toSorted();
    const place = new Map(hospitals.map((name, i) => [this.#hospitals.get(name) ?? 0, i]));
    return {
      keys: Array.from(order, (row) => keys[row] ?? ''),
      columns: Array.from({ length: this.#width }, (_, j) =>
        Float64Array.from(order, (row) => this.#values[row * this.#width + j] ?? NaN),
      ),
      outcome: Uint8Array.from(order, (row) => this.#outcome[row] ?? 0),
      stage: Uint8Array.from(order, (row) => this.#stage[row] ?? 0),
      t0Ms: Float64Array.from(order, (row) => this.#t0Ms[row] ?? NaN),
      hospital: Uint16Array.from(order, (row) => place.get(this.#hospital[row] ?? 0) ?? 0),
      hospitals,
    };
  }

  #grow(): void {
    this.#capacity *= 2;
    this.#values = grown(this.#values, new Float64Array(this.#capacity * this.#width));
    this.#t0Ms = grown(this.#t0Ms, new Float64Array(this.#capacity));
    this.#hospital = grown(this.#hospital, new Uint16Array(this.#capacity));
    this.#outcome = grown(this.#outcome, new Uint8Array(this.#capacity));
    this.#stage = grown(this.#stage, new Uint8Array(this.#capacity));
  }
}

/** Rows by columns. */
export interface SortedRows {
  readonly keys: readonly string[];
  readonly columns: readonly Float64Array[];
  readonly outcome: Uint8Array;
  readonly stage: Uint8Array;
  readonly t0Ms: Float64Array;
  readonly hospital: Uint16Array;
  readonly hospitals: readonly string[];
}

function grown<T extends { set(from: T): void }>(from: T, to: T): T {
  to.set(from);
  return to;
}
