import type { ColumnDefinition, SelectDefinition } from './definition.js';
import { ViewError } from './errors.js';
import { VIEW_LIMITS } from './limits.js';

/** How a column's values are kept: `json` for collections, complex types and columns without a declared type. */
export type ColumnKind = 'text' | 'number' | 'boolean' | 'json';

/** A column of a view's result. */
export interface ViewColumnInfo {
  readonly name: string;
  /** FHIR type as declared. */
  readonly type: string | undefined;
  /** Whether its values are lists. */
  readonly collection: boolean;
  readonly kind: ColumnKind;
}

const NUMBERS = new Set(['decimal', 'integer', 'integer64', 'positiveInt', 'unsignedInt']);

/**
 * The columns of a list of selects in normative order: a select's own columns, then those of its selects, then those
 * of its unionAll, which are the same in each branch.
 *
 * @throws ViewError VIEW_UNION_MISMATCH, VIEW_DUPLICATE_COLUMN, VIEW_TOO_LARGE, VIEW_BAD_DEFINITION where there is
 * no column.
 * @see SQL on FHIR v2, "Column ordering"; "Using unionAll"
 */
export function columnsOf(selects: readonly SelectDefinition[]): readonly ColumnDefinition[] {
  const counter = { count: 0 };
  const columns = selects.flatMap((select) => columnsOfSelect(select, counter));
  if (columns.length === 0) {
    throw new ViewError('VIEW_BAD_DEFINITION', 'the view has no column', { at: 'select' });
  }
  const names = new Set<string>();
  for (const { name, at } of columns) {
    if (names.has(name)) {
      throw new ViewError('VIEW_DUPLICATE_COLUMN', 'another column has this name', { at: `${at}.name` });
    }
    names.add(name);
  }
  return columns;
}

/** How many columns a select has. Its unionAll has been checked. */
export function widthOf(select: SelectDefinition): number {
  const [branch] = select.unionAll;
  const own = select.columns.length + (branch === undefined ? 0 : widthOf(branch));
  return select.selects.reduce((sum, nested) => sum + widthOf(nested), own);
}

/** What is told of a column. */
export function infoOf({ name, type, collection }: ColumnDefinition): ViewColumnInfo {
  return { name, type, collection, kind: collection ? 'json' : kindOf(type) };
}

function kindOf(type: string | undefined): ColumnKind {
  if (type === undefined || !/^[a-z]/.test(type)) return 'json';
  if (type === 'boolean') return 'boolean';
  return NUMBERS.has(type) ? 'number' : 'text';
}

function columnsOfSelect(select: SelectDefinition, counter: { count: number }): ColumnDefinition[] {
  counter.count += select.columns.length;
  if (counter.count > VIEW_LIMITS.columnsMax) {
    throw new ViewError('VIEW_TOO_LARGE', `more than ${VIEW_LIMITS.columnsMax} columns`, { at: select.at });
  }
  const [first, ...others] = select.unionAll.map((branch) => columnsOfSelect(branch, counter));
  others.forEach((branch, i) => sameColumns(first ?? [], branch, select.unionAll[i + 1]?.at ?? select.at));
  return [
    ...select.columns,
    ...select.selects.flatMap((nested) => columnsOfSelect(nested, counter)),
    ...(first ?? []),
  ];
}

function sameColumns(
  first: readonly ColumnDefinition[],
  other: readonly ColumnDefinition[],
  at: string,
): void {
  if (first.length !== other.length)
    throw differs('not as many columns as the first branch of the union', at);
  first.forEach((a, i) => {
    const b = other[i];
    if (b === undefined) return;
    if (a.name !== b.name) throw differs(`the first branch of the union has ${a.name} here`, `${b.at}.name`);
    if (
      a.collection !== b.collection ||
      (a.type !== undefined && b.type !== undefined && a.type !== b.type)
    ) {
      throw differs('the first branch of the union has another type here', b.at);
    }
  });
}

function differs(message: string, at: string): ViewError {
  return new ViewError('VIEW_UNION_MISMATCH', message, { at });
}
