import type { JsonValue } from '../json/index.js';
import type { ViewColumnInfo } from './column-info.js';
import { ViewError } from './errors.js';
import type { Cell } from './plan.js';
import type { View } from './view.js';

/** A missing value of a boolean column. */
export const BOOLEAN_MISSING = 2;

/** A column's values, one a row. */
export type ViewColumn = Omit<ViewColumnInfo, 'kind'> &
  (
    | { readonly kind: 'number'; /** NaN where there is none. */ readonly values: Float64Array }
    | {
        readonly kind: 'boolean';
        /** 0, 1, or {@link BOOLEAN_MISSING}. */
        readonly values: Uint8Array;
      }
    | { readonly kind: 'text'; readonly values: readonly (string | null)[] }
    | { readonly kind: 'json'; readonly values: readonly JsonValue[] }
  );

/** A view's result by columns, as an analysis takes it; a frame of any library is one loop away. */
export interface ViewColumns {
  readonly rowCount: number;
  /** In the view's order. */
  readonly columns: readonly ViewColumn[];
}

const FIRST_CAPACITY = 1024;

/**
 * Gathers rows into columns: numbers and booleans in typed arrays that double as they fill, texts and lists as they
 * are.
 */
export class ColumnBuilder {
  readonly #columns: readonly Gatherer[];
  #rows = 0;
  #capacity = FIRST_CAPACITY;

  constructor(view: View) {
    this.#columns = view.columns.map(gatherer);
  }

  /**
   * Adds a row; its values are taken out of it, so the array may be used again. Usable as the `emit` of a run.
   *
   * @throws ViewError VIEW_WRONG_TYPE where a column declared as number, boolean or text has another value.
   */
  readonly add = (row: readonly Cell[]): void => {
    if (this.#rows === this.#capacity) {
      this.#capacity *= 2;
      for (const column of this.#columns) grow(column, this.#capacity);
    }
    const columns = this.#columns;
    for (let i = 0; i < columns.length; i++) {
      const column = columns[i];
      if (column !== undefined) put(column, this.#rows, row[i] ?? null);
    }
    this.#rows += 1;
  };

  /** The columns so far, each as long as there are rows. They share their memory with the builder until it grows. */
  columns(): ViewColumns {
    const rowCount = this.#rows;
    return {
      rowCount,
      columns: this.#columns.map((column): ViewColumn => {
        const { name, type, collection } = column.info;
        const info = { name, type, collection };
        switch (column.kind) {
          case 'number':
            return { ...info, kind: column.kind, values: column.values.subarray(0, rowCount) };
          case 'boolean':
            return { ...info, kind: column.kind, values: column.values.subarray(0, rowCount) };
          case 'text':
            return { ...info, kind: column.kind, values: column.values };
          case 'json':
          default:
            return { ...info, kind: column.kind, values: column.values };
        }
      }),
    };
  }
}

type Gatherer = { readonly info: ViewColumnInfo } & (
  | { readonly kind: 'number'; values: Float64Array }
  | { readonly kind: 'boolean'; values: Uint8Array }
  | { readonly kind: 'text'; readonly values: (string | null)[] }
  | { readonly kind: 'json'; readonly values: JsonValue[] }
);

function gatherer(info: ViewColumnInfo): Gatherer {
  const { kind } = info;
  switch (kind) {
    case 'number':
      return { info, kind, values: new Float64Array(FIRST_CAPACITY) };
    case 'boolean':
      return { info, kind, values: new Uint8Array(FIRST_CAPACITY) };
    case 'text':
    case 'json':
    default:
      return { info, kind, values: [] };
  }
}

function grow(column: Gatherer, capacity: number): void {
  if (column.kind === 'number') {
    const values = new Float64Array(capacity);
    values.set(column.values);
    column.values = values;
  } else if (column.kind === 'boolean') {
    const values = new Uint8Array(capacity);
    values.set(column.values);
    column.values = values;
  }
}

function put(column: Gatherer, row: number, value: Cell): void {
  switch (column.kind) {
    case 'number':
      if (value !== null && typeof value !== 'number') throw wrongType(column.info);
      column.values[row] = value ?? Number.NaN;
      return;
    case 'boolean':
      if (value !== null && typeof value !== 'boolean') throw wrongType(column.info);
      column.values[row] = value === null ? BOOLEAN_MISSING : Number(value);
      return;
    case 'text':
      if (value !== null && typeof value !== 'string') throw wrongType(column.info);
      column.values.push(value);
      return;
    case 'json':
      column.values.push(value);
  }
}

function wrongType({ name, type }: ViewColumnInfo): ViewError {
  return new ViewError('VIEW_WRONG_TYPE', `column ${name} has a value that is no ${type ?? 'value'}`, {
    at: name,
  });
}
