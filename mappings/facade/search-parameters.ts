/** Which parameters searches of a type take, and which elements they read. */
import { mayBelong } from '../records/owner-rules.js';
import { isRecordType } from '../resource-types.js';
import all from '../tables/resource-types.json' with { type: 'json' };
import table from './search-parameters.json' with { type: 'json' };

/** How a parameter's values are read and compared. */
export type ParameterKind = 'token' | 'code' | 'date' | 'reference';

/** A parameter of one type. */
export interface SearchParameter {
  readonly name: string;
  readonly kind: ParameterKind;
  /** Elements, such as `context.encounter`; what repeats is read through. */
  readonly paths: readonly string[];
}

const KINDS: Readonly<Record<string, ParameterKind>> = {
  code: 'token',
  date: 'date',
  category: 'token',
  status: 'code',
  encounter: 'reference',
  identifier: 'token',
};

type Rows = Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;
const ROWS = table.types as Rows;

/** The parameters that read elements of a type. */
export function searchParameters(type: string): readonly SearchParameter[] {
  return Object.entries(Object.hasOwn(ROWS, type) ? (ROWS[type] ?? {}) : {}).map(([name, paths]) => ({
    name,
    // The one category that is a code by itself.
    kind: name === 'category' && type === 'AllergyIntolerance' ? 'code' : (KINDS[name] ?? 'token'),
    paths,
  }));
}

const DIRECTORY: ReadonlySet<string> = new Set(
  all.types.filter((type) => isRecordType(type) && !mayBelong(type)),
);

/** Types of which no patient has any: all of them are the custodian's directory. In the order of their names. */
export function directoryTypes(): readonly string[] {
  return [...DIRECTORY];
}

/** Whether no patient has resources of this type. */
export function isDirectoryType(type: string): boolean {
  return DIRECTORY.has(type);
}

/** Types of which a patient may have records, in the order of their names. */
export function patientTypes(): readonly string[] {
  return all.types.filter((type) => isRecordType(type) && mayBelong(type));
}
