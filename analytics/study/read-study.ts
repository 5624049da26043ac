import { Ajv2020 } from 'ajv/dist/2020.js';
import type { ErrorObject, ValidateFunction } from 'ajv/dist/2020.js';
import { isNode, LineCounter, parseDocument, type Document } from 'yaml';
import { AnalyticsError } from '../errors.js';
import { resolveStudy, type Study, type StudyDefinition } from '../features/index.js';
import { namesAtFault, type StudyFault } from './names.js';
import { didYouMean } from './nearest.js';
import schema from './schema.json' with { type: 'json' };

/** Letters of a study file; one written by hand has some thousands. */
const STUDY_LENGTH_MAX = 1024 * 1024;
/** Faults that are told at once. */
const FAULTS_MAX = 20;

/** JSON Schema of a study file. */
export const studySchema: unknown = schema;

let compiled: ValidateFunction | undefined;

/**
 * Reads a study file, YAML or JSON.
 *
 * @param text - The file's text.
 * @param name - The file's name, for messages.
 * @throws AnalyticsError ANALYTICS_STUDY_INVALID; each line of its message names a line of the file, and the nearest name
 * for one that is not known.
 */
export function readStudy(text: string, name: string): Study {
  if (text.length > STUDY_LENGTH_MAX) throw invalid(`${name} is too large for a study`);
  const lines = new LineCounter();
  const document = parseDocument(text.replace(/^\uFEFF/, ''), { lineCounter: lines });
  const [wrong] = document.errors;
  if (wrong !== undefined) {
    throw invalid(`${name}:${lines.linePos(wrong.pos[0]).line}: not YAML or JSON (${wrong.code})`, wrong);
  }
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 });
  } catch (cause) {
    throw invalid(`${name}: its aliases cannot be followed`, cause);
  }
  const shape = shapeFaults(value);
  const faults = shape.length > 0 ? shape : namesAtFault(value as StudyDefinition);
  if (faults.length > 0) {
    throw invalid(
      faults
        .slice(0, FAULTS_MAX)
        .map(({ path, message }) => `${name}:${lineOf(document, lines, path)}: ${message}`)
        .join('\n'),
    );
  }
  try {
    return resolveStudy(value as StudyDefinition);
  } catch (cause) {
    if (!(cause instanceof AnalyticsError)) throw cause;
    throw invalid(`${name}: ${cause.message}`, cause);
  }
}

function shapeFaults(value: unknown): StudyFault[] {
  compiled ??= new Ajv2020({ strict: false, allErrors: true, verbose: true }).compile(schema);
  if (compiled(value)) return [];
  return (compiled.errors ?? []).filter(({ keyword }) => keyword !== 'if').map(faultOf);
}

function faultOf({ instancePath, keyword, params, message, parentSchema, data }: ErrorObject): StudyFault {
  const path = instancePath
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((part) => (/^[0-9]+$/.test(part) ? Number(part) : part));
  const at = path.length === 0 ? 'the study' : path.join('.');
  const details = params as Readonly<Record<string, unknown>>;
  if (keyword === 'additionalProperties') {
    const unknown = String(details['additionalProperty']);
    const { properties = {} } = parentSchema as { properties?: object };
    return {
      path: [...path, unknown],
      message: `${at} has no member ${unknown}${didYouMean(unknown, Object.keys(properties))}`,
    };
  }
  if (keyword === 'enum' && typeof data === 'string') {
    const allowed = (details['allowedValues'] as unknown[]).map(String);
    return {
      path,
      message: `${at}: ${data} is none of ${allowed.join(', ')}${didYouMean(data, allowed)}`,
    };
  }
  return { path, message: `${at} ${message ?? 'is not as it should be'}` };
}

/** The line of the node at a path, or of the nearest one above it that there is. */
function lineOf(document: Document, lines: LineCounter, path: readonly (string | number)[]): number {
  for (let length = path.length; length > 0; length--) {
    const node: unknown = document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
  }
  return 1;
}

function invalid(message: string, cause?: unknown): AnalyticsError {
  return new AnalyticsError('ANALYTICS_STUDY_INVALID', message, cause === undefined ? undefined : { cause });
}
