import { AnonymityError } from './errors.js';
import { placesOf } from './table.js';
import type { TextTable } from './table.js';

/** Why a column is taken for one that tells who a person is. */
export type Suspicion =
  | 'undeclared'
  | 'date'
  | 'year'
  | 'postal-code'
  | 'sex'
  | 'age'
  | 'place'
  | 'identifier'
  | 'contact'
  | 'copy';

/** A suspicious column. */
export interface Suspect {
  readonly column: string;
  readonly why: Suspicion;
  /** For `copy`: the quasi-identifier that it tells. */
  readonly of?: string;
}

/** What a study says of its columns. */
export interface Declared {
  readonly quasiIdentifiers: readonly string[];
  /** Columns whose values no outsider knows, such as results. */
  readonly sensitive: readonly string[];
}

/** Share of a column's values that look alike before it is suspected. */
const SHARE = 0.8;
/** Rows below which values tell nothing by their distribution. */
const ROWS_MIN = 20;

const BY_NAME: readonly (readonly [RegExp, Suspicion])[] = [
  [/birth|dob|geburt/, 'date'],
  [/(^|_)(date|day|month|time|timestamp)(_|$)|datum/, 'date'],
  [/(^|_)year(_|$)/, 'year'],
  [/zip|postal|postcode|plz/, 'postal-code'],
  [/(^|_)(sex|gender)(_|$)/, 'sex'],
  [/(^|_)(age|alter)(_|$)/, 'age'],
  [
    /city|town|county|state(_|$)|address|street|region|country|nationality|race|ethnic|language|occupation|religion|marital/,
    'place',
  ],
  [
    /(^|_)(id|identifier|mrn|ssn|uuid|name|surname|initials|record|account|licen[cs]e|passport|insurance)(_|$)/,
    'identifier',
  ],
  [/phone|mail|fax|(^|_)(url|ip|tel)(_|$)/, 'contact'],
];

const BY_VALUE: readonly (readonly [RegExp, Suspicion])[] = [
  [/^\d{4}-\d\d(?:-\d\d(?:T.*)?)?$|^\d{1,2}[./]\d{1,2}[./]\d{2,4}$/, 'date'],
  [/^(?:19|20)\d\d$/, 'year'],
  [/^\d{5}(?:-\d{4})?$/, 'postal-code'],
  [/^(?:m|f|d|male|female|other|unknown|man|woman)$/i, 'sex'],
  [/^[0-9a-f]{8}-[0-9a-f]{4}-|^\d{3}-\d\d-\d{4}$|^[A-Z][A-Za-z]+\/[A-Za-z0-9.-]{4,}$/i, 'identifier'],
  [/^\S+@\S+\.\S+$|^https?:|^\+?\d[\d\s()/-]{6,}\d$/, 'contact'],
];

/**
 * Columns that tell who a person is and are not declared as quasi-identifiers: by their name, by how their values
 * look, or because each value tells a declared quasi-identifier's, so that a copy in other words gives it away. A
 * column that is not declared at all is one too.
 *
 * @throws AnonymityError ANONYMITY_BAD_INPUT for columns that are not there.
 */
export function suspects(table: TextTable, declared: Declared): Suspect[] {
  const quasi = placesOf(table, declared.quasiIdentifiers);
  placesOf(table, declared.sensitive);
  return table.columns.flatMap((column, at): Suspect[] => {
    if (quasi.includes(at)) return [];
    const why = byName(column) ?? byValue(table, at);
    if (why !== undefined) return [{ column, why }];
    const copied = quasi.find((other) => tells(table, at, other));
    if (copied !== undefined) return [{ column, why: 'copy', of: table.columns[copied] ?? '' }];
    return declared.sensitive.includes(column) ? [] : [{ column, why: 'undeclared' }];
  });
}

/**
 * Refuses a table in which quasi-identifiers are left undeclared.
 *
 * @throws AnonymityError ANONYMITY_UNDECLARED, which names the columns and why; those of {@link suspects}.
 */
export function refuseUndeclared(table: TextTable, declared: Declared): void {
  const found = suspects(table, declared);
  if (found.length === 0) return;
  const words = found.map(
    ({ column, why, of }) => `${column} (${why}${of === undefined ? '' : ` of ${of}`})`,
  );
  throw new AnonymityError('ANONYMITY_UNDECLARED', `not declared as quasi-identifiers: ${words.join(', ')}`);
}

function byName(column: string): Suspicion | undefined {
  const name = column
    .replaceAll(/([a-z])([A-Z])/g, '$1_$2')
    .replaceAll(/[\s.-]/g, '_')
    .toLowerCase();
  return BY_NAME.find(([pattern]) => pattern.test(name))?.[1];
}

function byValue(table: TextTable, at: number): Suspicion | undefined {
  const values = table.rows.map((row) => row[at] ?? '').filter((value) => value !== '');
  if (values.length === 0) return undefined;
  for (const [pattern, why] of BY_VALUE)
    if (values.filter((value) => pattern.test(value)).length >= SHARE * values.length) return why;
  // Texts, no two alike: as record numbers are. Measured numbers are seldom alike too.
  const isText = values.every((value) => !Number.isFinite(Number(value)));
  return isText && values.length >= ROWS_MIN && new Set(values).size >= SHARE * values.length
    ? 'identifier'
    : undefined;
}

/** Whether a column's values tell another's, and repeat enough for that to be no accident. */
function tells(table: TextTable, at: number, other: number): boolean {
  const told = new Map<string, string>();
  const others = new Set<string>();
  for (const row of table.rows) {
    const [value = '', tellsOf = ''] = [row[at], row[other]];
    if (value === '') continue;
    if (told.has(value) && told.get(value) !== tellsOf) return false;
    told.set(value, tellsOf);
    others.add(tellsOf);
  }
  return others.size > 1 && table.rows.length >= ROWS_MIN && told.size <= table.rows.length / 2;
}
