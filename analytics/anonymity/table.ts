import { AnonymityError } from './errors.js';

/** Rows of texts; no value is the empty text. One row a person. */
export interface TextTable {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/**
 * The places of columns.
 *
 * @throws AnonymityError ANONYMITY_BAD_INPUT where a column is not there or twice, or rows differ in length.
 */
export function placesOf(table: TextTable, names: readonly string[]): number[] {
  if (new Set(table.columns).size !== table.columns.length)
    throw new AnonymityError('ANONYMITY_BAD_INPUT', 'two columns have one name');
  if (table.rows.some((row) => row.length !== table.columns.length))
    throw new AnonymityError('ANONYMITY_BAD_INPUT', 'rows differ in length');
  return names.map((name) => {
    const at = table.columns.indexOf(name);
    if (at === -1) throw new AnonymityError('ANONYMITY_BAD_INPUT', `there is no column ${name}`);
    return at;
  });
}

/** A text that two rows share only where they agree in all these places. */
export function classKey(row: readonly string[], places: readonly number[]): string {
  return JSON.stringify(places.map((at) => row[at]));
}

/** How many rows there are of each class. */
export function classSizes(keys: readonly string[]): Map<string, number> {
  const sizes = new Map<string, number>();
  for (const key of keys) sizes.set(key, (sizes.get(key) ?? 0) + 1);
  return sizes;
}
