/** Whether a resource is what a search asks for, and where it stands in its order. */
import { isJsonObject } from '../json/value.js';
import type { JsonObject, JsonValue } from '../json/value.js';
import { searchParameters } from './search-parameters.js';
import type { SearchFilter, SortKey, Token } from './search-query.js';
import { passesTime, rangeOfElement } from './search-time.js';

/** A resource to be judged. */
export interface Candidate {
  readonly resource: JsonObject;
  /** When it came to be as it is, ms. */
  readonly lastUpdatedMs: number;
  /** `Type/id` at the facade of what a reference's text names, or `undefined`. */
  readonly nameOf: (reference: string) => string | undefined;
}

/** Whether all filters hold. */
export function matchesFilters(filters: readonly SearchFilter[], candidate: Candidate): boolean {
  return filters.every((filter) => holds(filter, candidate));
}

function holds(filter: SearchFilter, { resource, lastUpdatedMs, nameOf }: Candidate): boolean {
  if (filter.kind === 'lastUpdated') {
    const moment = { startMs: lastUpdatedMs, endMs: lastUpdatedMs };
    return filter.any.some((test) => passesTime(test, moment));
  }
  const values = valuesAt(resource, filter.paths);
  if (filter.kind === 'token') return values.some((value) => hasToken(value, filter.any));
  if (filter.kind === 'date')
    return values.some((value) => {
      const range = rangeOfElement(value);
      return range !== undefined && filter.any.some((test) => passesTime(test, range));
    });
  return values.some((value) => {
    const text = isJsonObject(value) ? value['reference'] : undefined;
    const name = typeof text === 'string' ? nameOf(text) : undefined;
    return name !== undefined && filter.any.some((id) => name === `Encounter/${id}`);
  });
}

/** The values of elements, through all lists on the way. */
export function valuesAt(resource: JsonObject, paths: readonly string[]): JsonValue[] {
  const found: JsonValue[] = [];
  for (const path of paths) collect(resource, path.split('.'), 0, found);
  return found;
}

function collect(
  value: JsonValue | undefined,
  steps: readonly string[],
  at: number,
  found: JsonValue[],
): void {
  if (value === undefined || value === null) return;
  if (Array.isArray(value)) {
    for (const item of value as readonly JsonValue[]) collect(item, steps, at, found);
    return;
  }
  const step = steps[at];
  if (step === undefined) found.push(value);
  else if (isJsonObject(value) && Object.hasOwn(value, step)) collect(value[step], steps, at + 1, found);
}

/** Of a code, a Coding, a CodeableConcept or an Identifier. */
function hasToken(value: JsonValue, any: readonly Token[]): boolean {
  if (typeof value === 'string') return any.some((token) => token.code === value);
  if (!isJsonObject(value)) return false;
  const { coding } = value;
  if (Array.isArray(coding))
    return (coding as readonly JsonValue[]).some(
      (one) => isJsonObject(one) && isToken(one, one['code'], any),
    );
  return isToken(value, value['code'] ?? value['value'], any);
}

function isToken({ system }: JsonObject, code: JsonValue | undefined, any: readonly Token[]): boolean {
  return any.some(
    (token) =>
      (token.code === undefined || token.code === code) &&
      (token.system === undefined || token.system === (typeof system === 'string' ? system : '')),
  );
}

/** What a resource is ordered by: numbers and texts, one a key. */
export type SortValue = number | string;

/** The values that a resource is ordered by; the last is its id, so that no two are alike. */
export function sortValues(
  keys: readonly SortKey[],
  candidate: Pick<Candidate, 'resource' | 'lastUpdatedMs'>,
  type: string,
  id: string,
): SortValue[] {
  const values = keys.map(({ field }): SortValue => {
    if (field === '_id') return id;
    if (field === '_lastUpdated') return candidate.lastUpdatedMs;
    const paths = searchParameters(type).find(({ name }) => name === 'date')?.paths ?? [];
    const first = valuesAt(candidate.resource, paths)[0];
    const startMs = first === undefined ? undefined : rangeOfElement(first)?.startMs;
    // What has no time comes last when the oldest is first.
    return startMs === undefined || !Number.isFinite(startMs) ? Number.MAX_SAFE_INTEGER : startMs;
  });
  return [...values, id];
}

/** Orders by {@link sortValues}. */
export function compareSorted(
  keys: readonly SortKey[],
  a: readonly SortValue[],
  b: readonly SortValue[],
): number {
  for (let i = 0; i < a.length; i++) {
    const [left, right] = [a[i], b[i]];
    if (left === right || left === undefined || right === undefined) continue;
    const order = left < right ? -1 : 1;
    return keys[i]?.isDescending === true ? -order : order;
  }
  return 0;
}
