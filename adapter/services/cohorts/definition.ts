/** A cohort's definition as its file says it: who is in, what is asked for, what for, and how it is de-identified. */
import { createHash } from 'node:crypto';
import { bands, categories, prefixes } from '../../../analytics/anonymity/index.js';
import type { Hierarchy } from '../../../analytics/anonymity/index.js';
import { canBeCode, didYouMean, readDocument } from '../../../analytics/study/index.js';
import type { DocumentFault } from '../../../analytics/study/index.js';
import { canonicalBytes } from '../../../ledger/log/index.js';
import type { JsonValue } from '../../../ledger/log/index.js';
import { patientTypes } from '../../../mappings/index.js';
import { compileView, SHIPPED_VIEWS } from '../../../mappings/views/index.js';
import type { View } from '../../../mappings/views/index.js';
import { AdapterError, messageOf } from '../../errors.js';
import schema from './definition.schema.json' with { type: 'json' };

export interface CohortCoding {
  readonly system: string;
  readonly code: string;
}

/** Records of one of the codes, or a row of a view whose column has such a value. */
export interface Criterion {
  readonly codes?: readonly CohortCoding[];
  readonly valueSet?: string;
  /** Records, or rows, that there must be; 1 without it. */
  readonly atLeast?: number;
  readonly view?: string;
  readonly column?: string;
  readonly in?: readonly (string | number | boolean)[];
  readonly min?: number | string;
  readonly max?: number | string;
}

type Widening =
  | { readonly bands: readonly number[] }
  | { readonly prefixes: readonly number[] }
  | { readonly categories: true };

export interface CohortTable {
  readonly view: string;
  readonly columns: readonly string[];
  readonly quasiIdentifiers: Readonly<Record<string, Widening>>;
  readonly sensitive?: readonly string[];
  readonly k: number;
  readonly suppressedMax?: number;
}

export interface CohortDefinition {
  readonly cohort: string;
  readonly title: string;
  readonly study: string;
  readonly purpose: string;
  readonly profile: 'safe-harbor' | 'shifted' | 'limited' | 'gdpr';
  readonly agreement?: string;
  readonly window?: { readonly start: string; readonly end: string };
  readonly valueSets?: Readonly<Record<string, readonly CohortCoding[]>>;
  readonly include?: readonly Criterion[];
  readonly exclude?: readonly Criterion[];
  readonly types: readonly string[];
  readonly table?: CohortTable;
  /** Last day. */
  readonly expires: string;
}

/** JSON Schema of a definition's file. */
export const cohortSchema: object = schema;

/**
 * Reads a definition, YAML or JSON.
 *
 * @throws AdapterError ADAPTER_UNPROCESSABLE; each line of its message names a line of the file, and the nearest name for
 * one that is not known.
 */
export function readCohort(text: string, name: string): CohortDefinition {
  const read = readDocument<CohortDefinition>(text, name, { what: 'cohort', schema, faults });
  if (!read.ok) throw new AdapterError('ADAPTER_UNPROCESSABLE', read.message, { cause: read.cause });
  return read.value;
}

/** Names a definition by its content: base64url SHA-256 of its RFC 8785 form. */
export function definitionHash(definition: object): string {
  return createHash('sha256')
    .update(canonicalBytes(definition as unknown as JsonValue))
    .digest('base64url');
}

/** Last instant of a day, ms. */
export function endOfDay(day: string): number {
  return Date.parse(`${day}T23:59:59.999Z`);
}

/** A view that comes with us. */
export function viewNamed(name: string): View {
  const definition = SHIPPED_VIEWS.get(name);
  if (definition === undefined) throw new AdapterError('ADAPTER_UNPROCESSABLE', `no view is called ${name}`);
  return compileView(definition);
}

/** The hierarchies of a table's quasi-identifiers. @throws AnonymityError ANONYMITY_BAD_INPUT */
export function hierarchiesOf(table: CohortTable): Map<string, Hierarchy> {
  return new Map(
    Object.entries(table.quasiIdentifiers).map(([column, how]) => [
      column,
      'bands' in how ? bands(...how.bands) : 'prefixes' in how ? prefixes(...how.prefixes) : categories(),
    ]),
  );
}

type Fault = (path: DocumentFault['path'], message: string) => void;

function faults(definition: CohortDefinition): DocumentFault[] {
  const found: DocumentFault[] = [];
  const fault: Fault = (path, message) => {
    found.push({ path, message });
  };
  const types = patientTypes();
  definition.types.forEach((type, i) => {
    if (!types.includes(type))
      fault(['types', i], `no records of patients are ${type}${didYouMean(type, types)}`);
  });
  for (const side of ['include', 'exclude'] as const)
    definition[side]?.forEach((criterion, i) => criterionFaults(definition, criterion, [side, i], fault));
  for (const [name, codings] of Object.entries(definition.valueSets ?? {}))
    codings.forEach((coding, i) => codingFault(coding, ['valueSets', name, i], fault));
  const { window, expires, profile, agreement, table } = definition;
  for (const [path, day] of [
    [['expires'], expires],
    [['window', 'start'], window?.start],
    [['window', 'end'], window?.end],
  ] as const)
    if (day !== undefined && Number.isNaN(endOfDay(day))) fault(path, `${day} is no day`);
  if (window !== undefined && window.start > window.end)
    fault(['window'], 'the window ends before it begins');
  if (profile === 'limited' && agreement === undefined)
    fault(['profile'], 'the profile limited needs the reference of a data use agreement (agreement)');
  if (table !== undefined) tableFaults(table, definition.types, fault);
  return found;
}

function criterionFaults(
  { valueSets = {} }: CohortDefinition,
  { codes, valueSet, view, column, in: values, min, max }: Criterion,
  at: DocumentFault['path'],
  fault: Fault,
): void {
  const kinds = [codes, valueSet, view].filter((one) => one !== undefined).length;
  if (kinds !== 1) return fault(at, 'a criterion has one of codes, valueSet and view');
  codes?.forEach((coding, i) => codingFault(coding, [...at, 'codes', i], fault));
  if (valueSet !== undefined && !Object.hasOwn(valueSets, valueSet))
    fault(
      [...at, 'valueSet'],
      `no value set is called ${valueSet}${didYouMean(valueSet, Object.keys(valueSets))}`,
    );
  const tests = [values, min, max].some((one) => one !== undefined);
  if (view === undefined) {
    if (column !== undefined || tests) fault(at, 'column, in, min and max belong to a view');
    return;
  }
  if (column === undefined || !tests)
    return fault(at, 'a criterion on a view names a column, and in, min or max');
  columnFault(view, column, at, fault);
}

function tableFaults(table: CohortTable, types: readonly string[], fault: Fault): void {
  const { view, columns, quasiIdentifiers, sensitive = [] } = table;
  columns.forEach((column, i) => columnFault(view, column, ['table', 'columns', i], fault));
  const resource = SHIPPED_VIEWS.has(view) ? viewNamed(view).resource : undefined;
  if (resource !== undefined && !types.includes(resource))
    fault(['table', 'view'], `view ${view} is of ${resource}, which is not among the types`);
  for (const name of [...Object.keys(quasiIdentifiers), ...sensitive])
    if (!columns.includes(name))
      fault(['table'], `column ${name} is not asked for${didYouMean(name, columns)}`);
  for (const name of sensitive)
    if (Object.hasOwn(quasiIdentifiers, name))
      fault(['table', 'sensitive'], `column ${name} is a quasi-identifier, too`);
  try {
    hierarchiesOf(table);
  } catch (error) {
    fault(['table', 'quasiIdentifiers'], messageOf(error));
  }
}

function columnFault(name: string, column: string, at: DocumentFault['path'], fault: Fault): void {
  if (!SHIPPED_VIEWS.has(name)) {
    fault(at, `no view is called ${name}${didYouMean(name, SHIPPED_VIEWS.keys())}`);
    return;
  }
  const names = viewNamed(name).columns.map((one) => one.name);
  if (!names.includes(column)) fault(at, `view ${name} has no column ${column}${didYouMean(column, names)}`);
}

function codingFault({ system, code }: CohortCoding, at: DocumentFault['path'], fault: Fault): void {
  if (!canBeCode(system, code)) fault(at, `${code} is no code of ${system}: its check digit is wrong`);
}
