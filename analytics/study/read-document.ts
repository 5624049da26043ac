import { Ajv2020 } from 'ajv/dist/2020.js';
import type { ErrorObject, ValidateFunction } from 'ajv/dist/2020.js';
import { isNode, LineCounter, parseDocument, type Document } from 'yaml';
import { didYouMean } from './nearest.js';

/** A place in a file and what is wrong there. */
export interface DocumentFault {
  /** Member names and indexes from the root. */
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** How a file written by hand is read. */
export interface DocumentForm<T> {
  /** What it is called in messages, such as `study`. */
  readonly what: string;
  /** JSON Schema 2020-12. */
  readonly schema: object;
  /** What is wrong beyond the schema's shape. */
  readonly faults: (value: T) => DocumentFault[];
}

/** What came of reading: the value, or what is wrong, each line naming one of the file. */
export type ReadDocument<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly message: string; readonly cause?: unknown };

/** Letters of a file; one written by hand has some thousands. */
const LENGTH_MAX = 1024 * 1024;
/** Faults that are told at once. */
const FAULTS_MAX = 20;

const compiled = new WeakMap<object, ValidateFunction>();

/**
 * Reads a file in YAML or JSON that follows a schema.
 *
 * @param name - The file's name, for messages.
 */
export function readDocument<T>(text: string, name: string, form: DocumentForm<T>): ReadDocument<T> {
  const { what, schema, faults: namesAtFault } = form;
  if (text.length > LENGTH_MAX) return wrong(`${name} is too large for a ${what}`);
  const lines = new LineCounter();
  const document = parseDocument(text.replace(/^\uFEFF/, ''), { lineCounter: lines });
  const [first] = document.errors;
  if (first !== undefined) {
    return wrong(`${name}:${lines.linePos(first.pos[0]).line}: not YAML or JSON (${first.code})`, first);
  }
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 });
  } catch (cause) {
    return wrong(`${name}: its aliases cannot be followed`, cause);
  }
  const shape = shapeFaults(value, what, schema);
  const faults = shape.length > 0 ? shape : namesAtFault(value as T);
  if (faults.length === 0) return { ok: true, value: value as T };
  return wrong(
    faults
      .slice(0, FAULTS_MAX)
      .map(({ path, message }) => `${name}:${lineOf(document, lines, path)}: ${message}`)
      .join('\n'),
  );
}

function shapeFaults(value: unknown, what: string, schema: object): DocumentFault[] {
  let validate = compiled.get(schema);
  if (validate === undefined) {
    validate = new Ajv2020({ strict: false, allErrors: true, verbose: true }).compile(schema);
    compiled.set(schema, validate);
  }
  if (validate(value)) return [];
  return (validate.errors ?? []).filter(({ keyword }) => keyword !== 'if').map((e) => faultOf(e, what));
}

function faultOf(
  { instancePath, keyword, params, message, parentSchema, data }: ErrorObject,
  what: string,
): DocumentFault {
  const path = instancePath
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((part) => (/^[0-9]+$/.test(part) ? Number(part) : part));
  const at = path.length === 0 ? `the ${what}` : path.join('.');
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

function wrong<T>(message: string, cause?: unknown): ReadDocument<T> {
  return { ok: false, message, ...(cause === undefined ? {} : { cause }) };
}
