import { elementPath } from './elements.js';
import type { ElementPath } from './elements.js';
import { numberPlaces } from './json/numbers.js';
import type { NumberPlaces } from './json/numbers.js';
import content from './tables/content.json' with { type: 'json' };
import table from './tables/facts.json' with { type: 'json' };

/** How a fact is read from its element. */
export type FactKind =
  'text' | 'boolean' | 'date' | 'decimal' | 'coding' | 'concept' | 'identifier' | 'reference' | 'unit';

/** One element that may give a fact. */
export interface FactSource {
  readonly kind: FactKind;
  readonly path: ElementPath;
}

/** A fact, or a list of objects of facts. */
export type FactRow =
  | { readonly name: string; readonly from: readonly FactSource[] }
  | { readonly name: string; readonly each: ElementPath; readonly rows: readonly FactRow[] };

/** The facts of one type, and where among them decimals stand. */
export interface FactsTable {
  readonly rows: readonly FactRow[];
  readonly numbers: NumberPlaces;
}

/** Version of the whole table. */
export const TABLE_VERSION: number = table.version;

type RawRow = Readonly<Record<string, unknown>>;

const tables = new Map<string, FactsTable>();

/** The table of a type, read once; the default one for types without rows of their own. */
export function factsTable(type: string): FactsTable {
  let found = tables.get(type);
  if (found === undefined) {
    const listed = (table.types as Readonly<Record<string, RawRow>>)[type];
    const rows = listed === undefined ? defaultRows(type) : rowsOf(listed);
    const places = numberPaths(rows, '');
    found = { rows, numbers: numberPlaces(places) };
    tables.set(type, found);
  }
  return found;
}

function rowsOf(raw: RawRow): FactRow[] {
  return Object.entries(raw).map(([name, row]) => {
    const { each, rows, ...from } = row as { each?: string; rows?: RawRow } & RawRow;
    if (each !== undefined && rows !== undefined)
      return { name, each: elementPath(each), rows: rowsOf(rows) };
    return {
      name,
      from: Object.entries(from).map(([path, kind]) => ({ kind: kind as FactKind, path: elementPath(path) })),
    };
  });
}

interface RawContent {
  readonly codes?: Readonly<Record<string, string>>;
  readonly when?: Readonly<Record<string, string>>;
  readonly until?: Readonly<Record<string, string>>;
}

/** Types without a table of their own: status, what it is about, and when, by the table of content. */
function defaultRows(type: string): FactRow[] {
  const own = (content.types as Readonly<Record<string, RawContent>>)[type] ?? {};
  const when = Object.entries(own.when ?? {});
  const until = Object.entries(own.until ?? {});
  const code = Object.entries(own.codes ?? {}).slice(0, 1);
  const ends = until.length > 0 ? until : when;
  return [
    { name: 'status', from: [{ kind: 'text', path: elementPath('status') }] },
    { name: 'code', from: code.map(([path, kind]) => ({ kind: kind as FactKind, path: elementPath(path) })) },
    { name: 'start', from: when.map(([path, kind]) => dateSource(path, kind, 'start')) },
    {
      name: 'end',
      from: ends
        .filter(([, kind]) => until.length > 0 || kind === 'period')
        .map(([path, kind]) => dateSource(path, kind, 'end')),
    },
  ];
}

function dateSource(path: string, kind: string, end: 'start' | 'end'): FactSource {
  return { kind: 'date', path: elementPath(kind === 'period' ? `${path}.${end}` : path) };
}

function numberPaths(rows: readonly FactRow[], place: string): string[] {
  return rows.flatMap((row) => {
    if ('each' in row) return numberPaths(row.rows, `${place}${row.each.text}.`);
    return row.from.filter(({ kind }) => kind === 'decimal').map(({ path }) => `${place}${path.text}`);
  });
}
