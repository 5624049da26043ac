/** Filters on `_lastUpdated` over millisecond times. */
import { Operator } from '@medplum/core';
import type { Filter } from '@medplum/core';

const TESTS: Readonly<Partial<Record<Operator, (ms: number, limit: number) => boolean>>> = {
  [Operator.GREATER_THAN_OR_EQUALS]: (ms, limit) => ms >= limit,
  [Operator.GREATER_THAN]: (ms, limit) => ms > limit,
  [Operator.LESS_THAN_OR_EQUALS]: (ms, limit) => ms <= limit,
  [Operator.LESS_THAN]: (ms, limit) => ms < limit,
};

/**
 * A filter as a test of a time in ms; `undefined` when it is not on `_lastUpdated`, or not one of the four orders.
 *
 * @see HL7 FHIR R4, search, prefixes
 */
export function datePredicate(filter: Filter): ((ms: number) => boolean) | undefined {
  if (filter.code !== '_lastUpdated') return undefined;
  const limit = Date.parse(filter.value);
  if (Number.isNaN(limit)) return undefined;
  const test = TESTS[filter.operator];
  return test === undefined ? undefined : (ms) => test(ms, limit);
}
