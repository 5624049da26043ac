/** From a line of an export's file to the events that it tells of. */
import { hash } from 'node:crypto';
import { isFhirId, isJsonObject, MappingError, parseJson } from '../../../mappings/index.js';
import type { JsonValue } from '../../../mappings/index.js';
import { AdapterError } from '../../errors.js';
import type { FhirEvent } from '../event.js';
import { eventsFromBody, fetchEvent } from '../intake.js';
import type { Arrival } from '../intake.js';

/** What one line is. */
export interface LineRead {
  readonly events: readonly FhirEvent[];
  /** It is no resource of the type that the file is said to hold. */
  readonly isDoubtful: boolean;
}

/**
 * A line of resources.
 *
 * A line that cannot be read is an event all the same: it becomes a dead letter with the reason, and is not lost. One
 * of another type than the file's is looked up at the source, which then says what it is.
 */
export function outputLine(bytes: Buffer, type: string, arrival: Arrival): LineRead {
  let events: FhirEvent[];
  try {
    events = eventsFromBody(bytes, arrival);
  } catch (error) {
    if (!isOfTheLine(error)) throw error;
    return { events: [unreadable(bytes, type, arrival)], isDoubtful: true };
  }
  const [event] = events;
  if (events.length === 1 && event?.type === type) return { events, isDoubtful: false };
  const news = events.flatMap((one) =>
    one.kind !== 'put' || !isFhirId(one.id) ? [] : [fetchEvent(one.type, one.id, arrival)],
  );
  return { events: news.length > 0 ? news : [unreadable(bytes, type, arrival)], isDoubtful: true };
}

/** A line of deletions: a transaction Bundle whose entries delete, and do nothing else. */
export function deletedLine(bytes: Buffer, arrival: Arrival): LineRead {
  let events: FhirEvent[];
  try {
    events = eventsFromBody(bytes, arrival);
  } catch (error) {
    if (!isOfTheLine(error)) throw error;
    return { events: [unreadable(bytes, 'Bundle', arrival)], isDoubtful: true };
  }
  const deletions = events.filter(({ kind }) => kind === 'delete');
  return { events: deletions, isDoubtful: deletions.length !== events.length };
}

/** Whether a line of an error file says that something could not be exported. */
export function isErrorLine(bytes: Buffer): boolean {
  let outcome: JsonValue;
  try {
    outcome = parseJson(bytes);
  } catch (error) {
    if (!isOfTheLine(error)) throw error;
    return true;
  }
  const issues = isJsonObject(outcome) ? outcome['issue'] : undefined;
  if (!Array.isArray(issues)) return true;
  return issues.some(
    (issue) =>
      !isJsonObject(issue) || (issue['severity'] !== 'information' && issue['severity'] !== 'warning'),
  );
}

/** Under the hash of its bytes, so that the same line read again is known. */
function unreadable(bytes: Buffer, type: string, arrival: Arrival): FhirEvent {
  const id = hash('sha256', bytes, 'hex');
  return { ...arrival, kind: 'put', type, id, version: 'unreadable', lane: `${type}/${id}`, bytes };
}

function isOfTheLine(error: unknown): boolean {
  if (error instanceof MappingError) return true;
  return error instanceof AdapterError && error.code === 'ADAPTER_UNPROCESSABLE';
}
