import { AnalyticsError } from '../errors.js';
import type { FeatureColumn } from '../features/index.js';

/** A column's values in ascending order, by outcome; what is missing is counted. */
export interface OrderedColumn {
  readonly all: Float64Array;
  readonly events: Float64Array;
  readonly others: Float64Array;
  readonly missingEvents: number;
  readonly missingOthers: number;
}

/**
 * Orders a column once; everything about its distribution is then read off without another copy.
 *
 * @param outcome - 0 or 1, one a value.
 * @throws AnalyticsError ANALYTICS_NOT_FINITE for an infinite value.
 */
export function orderedColumn({ name, values }: FeatureColumn, outcome: Uint8Array): OrderedColumn {
  const rows = values.length;
  let [eventRows, events, others] = [0, 0, 0];
  for (let i = 0; i < rows; i++) {
    const v = values[i] ?? NaN;
    eventRows += outcome[i] ?? 0;
    if (Number.isNaN(v)) continue;
    if (!Number.isFinite(v))
      throw new AnalyticsError('ANALYTICS_NOT_FINITE', `feature ${name} has an infinite value`);
    if (outcome[i] === 1) events++;
    else others++;
  }
  const withOutcome = new Float64Array(events);
  const without = new Float64Array(others);
  let [a, b] = [0, 0];
  for (let i = 0; i < rows; i++) {
    const v = values[i] ?? NaN;
    if (Number.isNaN(v)) continue;
    if (outcome[i] === 1) withOutcome[a++] = v;
    else without[b++] = v;
  }
  withOutcome.sort();
  without.sort();
  return {
    all: merged(withOutcome, without),
    events: withOutcome,
    others: without,
    missingEvents: eventRows - events,
    missingOthers: rows - eventRows - others,
  };
}

function merged(a: Float64Array, b: Float64Array): Float64Array {
  const out = new Float64Array(a.length + b.length);
  let [i, j] = [0, 0];
  for (let k = 0; k < out.length; k++) {
    const x = a[i] ?? Infinity;
    const y = b[j] ?? Infinity;
    if (x <= y) {
      out[k] = x;
      i++;
    } else {
      out[k] = y;
      j++;
    }
  }
  return out;
}

/**
 * Area under the ROC curve of ordered values, by counting pairs: exact up to the division.
 *
 * @returns Undefined where a class has no value.
 */
export function areaOf({ events, others }: OrderedColumn): number | undefined {
  if (events.length === 0 || others.length === 0) return undefined;
  let [below, upTo, halves] = [0, 0, 0];
  for (const value of events) {
    while (below < others.length && (others[below] ?? Infinity) < value) below++;
    if (upTo < below) upTo = below;
    while (upTo < others.length && (others[upTo] ?? Infinity) <= value) upTo++;
    // A tie counts half a pair.
    halves += below + upTo;
  }
  return halves / 2 / (events.length * others.length);
}
