import { AnalyticsError } from '../errors.js';
import { resolveStudy, type Study, type StudyDefinition } from '../features/index.js';
import { namesAtFault } from './names.js';
import { readDocument } from './read-document.js';
import schema from './schema.json' with { type: 'json' };

/** JSON Schema of a study file. */
export const studySchema: unknown = schema;

/**
 * Reads a study file, YAML or JSON.
 *
 * @param text - The file's text.
 * @param name - The file's name, for messages.
 * @throws AnalyticsError ANALYTICS_STUDY_INVALID; each line of its message names a line of the file, and the nearest name
 * for one that is not known.
 */
export function readStudy(text: string, name: string): Study {
  const read = readDocument<StudyDefinition>(text, name, { what: 'study', schema, faults: namesAtFault });
  if (!read.ok) throw invalid(read.message, read.cause);
  try {
    return resolveStudy(read.value);
  } catch (cause) {
    if (!(cause instanceof AnalyticsError)) throw cause;
    throw invalid(`${name}: ${cause.message}`, cause);
  }
}

function invalid(message: string, cause?: unknown): AnalyticsError {
  return new AnalyticsError('ANALYTICS_STUDY_INVALID', message, cause === undefined ? undefined : { cause });
}
