/*
 * Reading parsed JSON that should be FHIR. Everything comes from outside, so nothing is taken for granted: what does
 * not have the expected form is as if it were absent.
 */
import { interval, type Interval } from '../../mappings/index.js';

/** A JSON object of unknown members. */
export type Json = Readonly<Record<string, unknown>>;

/** The value as an object, or undefined. */
export function object(value: unknown): Json | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined;
}

/** The value's elements that are objects; none where it is no array. */
export function objects(value: unknown): readonly Json[] {
  if (!Array.isArray(value)) return [];
  const out: Json[] = [];
  for (const element of value as readonly unknown[]) {
    const found = object(element);
    if (found !== undefined) out.push(found);
  }
  return out;
}

/** The value as a text that is not empty, or undefined. */
export function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** The value as a finite number, or undefined. */
export function finite(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

/** One name for a code in a system, to look codings up by. */
export function codingKey(system: string, code: string): string {
  return `${system}|${code}`;
}

/**
 * The names of a CodeableConcept's codings.
 *
 * @see codingKey
 */
export function codingKeys(concept: unknown): string[] {
  const keys: string[] = [];
  for (const coding of objects(object(concept)?.['coding'])) {
    const code = text(coding['code']);
    if (code !== undefined) keys.push(codingKey(text(coding['system']) ?? '', code));
  }
  return keys;
}

/** Milliseconds of `meta.lastUpdated`; 0 where there is none. */
export function lastUpdatedMs(resource: Json): number {
  const updated = text(object(resource['meta'])?.['lastUpdated']);
  return updated === undefined ? 0 : (interval(updated)?.startMs ?? 0);
}

/** The time a date, dateTime or instant means; undefined where it is none. */
export function time(value: unknown): Interval | undefined {
  return typeof value === 'string' ? interval(value) : undefined;
}

/**
 * The time of a choice element such as `effective[x]` or `performed[x]`.
 *
 * A Period without an end means its start. Timings and ages are none.
 *
 * @param name - `effective`, `performed` or `onset`.
 */
export function timeOf(resource: Json, name: string): Interval | undefined {
  const plain = time(resource[`${name}DateTime`]) ?? time(resource[`${name}Instant`]);
  if (plain !== undefined) return plain;
  const period = object(resource[`${name}Period`]);
  const start = time(period?.['start']);
  if (start === undefined) return undefined;
  const end = period?.['end'] === undefined ? start : time(period['end']);
  return end === undefined || end.endMs < start.startMs
    ? undefined
    : { startMs: start.startMs, endMs: end.endMs };
}
