/** Filters on `_lastUpdated` over millisecond times. */
import { Operator } from '@medplum/core';
import type { Filter } from '@medplum/core';

/**
 * A filter as a test of a time in ms; `undefined` when it is not on `_lastUpdated`, or not one of the four orders.
 *
 * @see HL7 FHIR R4, search, prefixes
 */
export function datePredicate(filter: Filter): ((ms: number) => boolean) | undefined {
  if (filter.code !== '_lastUpdated') return undefined;
  const limit = Date.parse(filter.value);
  if (Number.isNaN(limit)) return undefined;
  switch (filter.operator) {
    case Operator.GREATER_THAN_OR_EQUALS:
      return (ms) => ms >= limit;
    case Operator.GREATER_THAN:
      return (ms) => ms > limit;
    case Operator.LESS_THAN_OR_EQUALS:
      return (ms) => ms <= limit;
    case Operator.LESS_THAN:
      return (ms) => ms < limit;
    default:
      return undefined;
  }
}
