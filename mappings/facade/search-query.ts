/**
 * What a search asks, read from its parameters. Whatever is not understood is refused, never left out: a filter that
 * is dropped widens the answer, and a parameter that follows references or counts matches would tell of what the
 * caller may not see.
 */
import { isDirectoryType, searchParameters } from './search-parameters.js';
import { readTimeTest } from './search-time.js';
import type { TimeTest } from './search-time.js';

/** A token as `system|code`: without a system `undefined` is any, and `''` is none. */
export interface Token {
  readonly system?: string;
  readonly code?: string;
}

/** One parameter: any of its values must hold. */
export type SearchFilter =
  | { readonly kind: 'token'; readonly paths: readonly string[]; readonly any: readonly Token[] }
  | { readonly kind: 'date'; readonly paths: readonly string[]; readonly any: readonly TimeTest[] }
  | { readonly kind: 'lastUpdated'; readonly any: readonly TimeTest[] }
  /** Ids of encounters. */
  | { readonly kind: 'reference'; readonly paths: readonly string[]; readonly any: readonly string[] };

export type SortField = '_id' | '_lastUpdated' | 'date';

export interface SortKey {
  readonly field: SortField;
  readonly isDescending: boolean;
}

/** What a search asks. All of it must hold. */
export interface SearchQuery {
  /** Ids that are meant; absent: any. */
  readonly ids?: ReadonlySet<string>;
  /** Ids of the patients whose records are meant; absent: not said. */
  readonly patients?: ReadonlySet<string>;
  readonly filters: readonly SearchFilter[];
  readonly sort: readonly SortKey[];
  /** At most so many in one answer; absent: not said. */
  readonly count?: number;
}

/** Why a search is refused. */
export type QueryRefusal =
  | 'unknown-parameter'
  | 'modifier'
  | 'bad-value'
  | 'too-many-values'
  | 'repeated'
  | 'unsupported-sort'
  | 'bad-count';

export type ReadQuery =
  | { readonly ok: true; readonly query: SearchQuery }
  | { readonly ok: false; readonly parameter: string; readonly refusal: QueryRefusal };

/** Values of one parameter, and parameters of one search. */
const VALUES_MAX = 100;
const PARAMETERS_MAX = 50;
const SORTED: ReadonlySet<string> = new Set<SortField>(['_id', '_lastUpdated', 'date']);
const COUNT = /^[1-9]\d{0,8}$/;
const ID = /^[A-Za-z0-9\-.]{1,64}$/;

class Refused {
  readonly parameter: string;
  readonly refusal: QueryRefusal;

  constructor(parameter: string, refusal: QueryRefusal) {
    this.parameter = parameter;
    this.refusal = refusal;
  }
}

/**
 * Reads the parameters of a search of one type.
 *
 * @param pairs - Names and values, percent-decoded, in their order.
 * @param base - Address of the FHIR endpoint, under which a reference may be written in full.
 * @see HL7 FHIR R4, Search
 */
export function readQuery(
  type: string,
  pairs: readonly (readonly [name: string, value: string])[],
  base: string,
): ReadQuery {
  try {
    return { ok: true, query: read(type, pairs, base) };
  } catch (error) {
    if (error instanceof Refused) return { ok: false, parameter: error.parameter, refusal: error.refusal };
    throw error;
  }
}

function read(
  type: string,
  pairs: readonly (readonly [name: string, value: string])[],
  base: string,
): SearchQuery {
  const known = searchParameters(type);
  const filters: SearchFilter[] = [];
  const once = new Set<string>();
  let ids: Set<string> | undefined;
  let patients: Set<string> | undefined;
  let sort: SortKey[] = [];
  let count: number | undefined;
  if (pairs.length > PARAMETERS_MAX) throw new Refused(pairs[PARAMETERS_MAX]?.[0] ?? '', 'too-many-values');
  for (const [name, value] of pairs) {
    switch (name) {
      case '_id':
        ids = intersect(
          ids,
          values(name, value).map((one) => idOf(name, one)),
        );
        break;
      case 'patient':
        if (type === 'Patient' || isDirectoryType(type)) throw new Refused(name, 'unknown-parameter');
        patients = intersect(
          patients,
          values(name, value).map((one) => targetOf(name, one, 'Patient', base)),
        );
        break;
      case '_lastUpdated':
        filters.push({ kind: 'lastUpdated', any: values(name, value).map((one) => timeOf(name, one)) });
        break;
      case '_count':
        mustBeOnce(once, name);
        if (!COUNT.test(value)) throw new Refused(name, 'bad-count');
        count = Number(value);
        break;
      case '_sort':
        mustBeOnce(once, name);
        sort = values(name, value).map((one) =>
          sortKey(
            name,
            one,
            known.some((p) => p.name === 'date'),
          ),
        );
        break;
      default: {
        const parameter = known.find((one) => one.name === name);
        if (parameter === undefined) {
          const [plain = ''] = name.split(/[:.]/, 1);
          const isKnown = known.some((one) => one.name === plain) || COMMON.has(plain);
          throw new Refused(name, isKnown && plain !== name ? 'modifier' : 'unknown-parameter');
        }
        const { kind, paths } = parameter;
        const texts = values(name, value);
        if (kind === 'date') filters.push({ kind, paths, any: texts.map((one) => timeOf(name, one)) });
        else if (kind === 'reference')
          filters.push({ kind, paths, any: texts.map((one) => targetOf(name, one, 'Encounter', base)) });
        else filters.push({ kind: 'token', paths, any: texts.map((one) => tokenOf(name, one, kind)) });
      }
    }
  }
  return {
    ...(ids === undefined ? {} : { ids }),
    ...(patients === undefined ? {} : { patients }),
    filters,
    sort,
    ...(count === undefined ? {} : { count }),
  };
}

const COMMON: ReadonlySet<string> = new Set(['_id', '_lastUpdated', 'patient']);

function intersect(before: ReadonlySet<string> | undefined, now: readonly string[]): Set<string> {
  return new Set(before === undefined ? now : now.filter((one) => before.has(one)));
}

function mustBeOnce(seen: Set<string>, name: string): void {
  if (seen.has(name)) throw new Refused(name, 'repeated');
  seen.add(name);
}

/** The alternatives of a value, still escaped. */
function values(name: string, value: string): string[] {
  const found = splitAt(value, ',');
  if (found.length > VALUES_MAX) throw new Refused(name, 'too-many-values');
  if (found.some((one) => one === '')) throw new Refused(name, 'bad-value');
  return found;
}

/** Parts between separators that no backslash stands before. */
function splitAt(text: string, separator: string): string[] {
  const parts: string[] = [];
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === separator) {
      parts.push(text.slice(from, at));
      from = at + 1;
    }
  }
  parts.push(text.slice(from));
  return parts;
}

function unescaped(name: string, text: string): string {
  // A backslash escapes one of four characters; before anything else it means nothing.
  if (/\\(?![\\,$|])/.test(text.replaceAll('\\\\', ''))) throw new Refused(name, 'bad-value');
  return text.replaceAll(/\\([\\,$|])/g, '$1');
}

function idOf(name: string, text: string): string {
  if (!ID.test(text)) throw new Refused(name, 'bad-value');
  return text;
}

/** An id, `Type/id`, or that below our own base. */
function targetOf(name: string, text: string, type: string, base: string): string {
  const local = text.startsWith(`${base}/`) ? text.slice(base.length + 1) : text;
  const id = local.startsWith(`${type}/`) ? local.slice(type.length + 1) : local;
  return idOf(name, id);
}

function timeOf(name: string, text: string): TimeTest {
  const test = readTimeTest(text);
  if (test === undefined) throw new Refused(name, 'bad-value');
  return test;
}

function tokenOf(name: string, text: string, kind: 'token' | 'code'): Token {
  const parts = splitAt(text, '|').map((part) => unescaped(name, part));
  const [first = '', second] = parts;
  if (parts.length > 2) throw new Refused(name, 'bad-value');
  if (second === undefined) return { code: first };
  // The element is a code by itself; of which system, its definition says and not the resource.
  if (kind === 'code' && first !== '') throw new Refused(name, 'bad-value');
  if (second === '' && first === '') throw new Refused(name, 'bad-value');
  return { system: first, ...(second === '' ? {} : { code: second }) };
}

function sortKey(name: string, text: string, hasDate: boolean): SortKey {
  const isDescending = text.startsWith('-');
  const field = isDescending ? text.slice(1) : text;
  if (!SORTED.has(field) || (field === 'date' && !hasDate)) throw new Refused(name, 'unsupported-sort');
  return { field: field as SortField, isDescending };
}
