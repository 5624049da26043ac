/**
 * Regular expressions made from the published JSON Schemas: each matches an entry's canonical text if its form is
 * good and plain (ASCII without escapes), so that one pass over the text does the work of a UTF-8 check, a JSON
 * parser, a canonical writer and a schema validator. What no pattern matches is judged by those four.
 */
import { entrySchemas, envelopeSchema } from '../log/index.js';
import type { Entry, EntryType, JsonValue } from '../log/index.js';

/** Reads one member out of the text that its group matched; `undefined` refuses. */
type Read = (text: string) => JsonValue | undefined;

/** One value: what its text looks like, in one capturing group, and what it means. */
interface Value {
  readonly source: string;
  readonly read: Read;
}

/** One way that a body may look. */
interface Shape {
  readonly pattern: RegExp;
  /** Names of the body's members, in the order of the groups behind the envelope's. */
  readonly names: readonly string[];
  readonly reads: readonly Read[];
}

/** Printable ASCII that stands for itself in a JSON string. */
const PLAIN = String.raw`[ !#-\[\]-~]`;
/** What a schema's pattern may be made of, so that it matches plain text only and captures nothing. */
const PATTERN = /^\^((?:\[[A-Za-z0-9+/_=.:-]+\]|\(\?:|\\\+|[A-Za-z0-9_/=:,{}()|*+?-])+)\$$/;
/** Of 16 digits at most: each is written back as it was read. */
const INTEGER = String.raw`0|-?[1-9]\d{0,15}`;

type Schema = Readonly<Record<string, unknown>>;
const IGNORED = new Set(['$schema', '$id', 'title', 'description']);

/** Plain forms of entries, compiled once. */
export class FormPatterns {
  readonly #shapes = new Map<string, readonly Shape[]>();

  constructor() {
    for (const [type, schema] of entrySchemas) {
      const shapes = shapesOf(type, { ...schema });
      if (shapes !== undefined) this.#shapes.set(type, shapes);
    }
  }

  /** Types that have a pattern: all whose schema uses no keyword that is unknown here. */
  get types(): string[] {
    return [...this.#shapes.keys()];
  }

  /**
   * The entry that a text is, if it is of a plain form.
   *
   * @param text - The entry's bytes, a character a byte.
   * @returns `undefined` says nothing: the text is then for the slower check.
   */
  read(text: string): Entry | undefined {
    // `…,"type":"record.stored","v":1}`: the type is sought from the end.
    const end = text.length - TAIL.length;
    const start = text.lastIndexOf('"', end - 1) + 1;
    const type = text.slice(start, end);
    const shapes = this.#shapes.get(type);
    if (shapes === undefined) return undefined;
    let found: Entry | undefined;
    for (const shape of shapes) {
      const entry = readShape(shape, type as EntryType, text);
      if (entry === undefined) continue;
      // `oneOf` takes one, and not two.
      if (found !== undefined) return undefined;
      found = entry;
    }
    return found;
  }
}

const TAIL = '","v":1}';

function readShape({ pattern, names, reads }: Shape, type: EntryType, text: string): Entry | undefined {
  const match = pattern.exec(text);
  if (match === null) return undefined;
  const at = Number(match[2]);
  const tags = readTags(match[match.length - 1] ?? '');
  if (!Number.isSafeInteger(at) || tags === undefined) return undefined;
  const body: Record<string, JsonValue> = {};
  for (let i = 0; i < names.length; i++) {
    const found = match[3 + i];
    if (found === undefined) continue;
    const value = reads[i]?.(found);
    if (value === undefined) return undefined;
    body[names[i] ?? ''] = value;
  }
  return { v: 1, type, at, actor: match[1] ?? '', tags, nonce: match[match.length - 2] ?? '', body };
}

const TAG_CHARACTERS = 43;
const TAGS_MAX = 256;

/** `"…","…"`: tags of one length, none twice. */
function readTags(text: string): string[] | undefined {
  const tags: string[] = [];
  for (let at = 1; at < text.length; at += TAG_CHARACTERS + 3) tags.push(text.slice(at, at + TAG_CHARACTERS));
  if (tags.length > 1 && (tags.length > TAGS_MAX || new Set(tags).size < tags.length)) return undefined;
  return tags;
}

/** The ways a type's entries may look; `undefined` where the schema says what no pattern here can say. */
function shapesOf(type: string, { oneOf, ...schema }: Schema): Shape[] | undefined {
  const variants = Array.isArray(oneOf) ? (oneOf as Schema[]) : [schema];
  if (Array.isArray(oneOf) && !hasOnly(schema, ['type'])) return undefined;
  const shapes = variants.map((variant) => shapeOf(type, variant));
  return shapes.every((shape) => shape !== undefined) ? shapes : undefined;
}

function shapeOf(type: string, schema: Schema): Shape | undefined {
  const { additionalProperties, properties, required = [] } = schema;
  if (!hasOnly(schema, ['type', 'additionalProperties', 'properties', 'required'])) return undefined;
  if (schema['type'] !== 'object' || additionalProperties !== false || !isSchema(properties))
    return undefined;
  const names = Object.keys(properties).toSorted((a, b) => (a < b ? -1 : 1));
  const needed = new Set(required as string[]);
  const values = names.map((name) => valueOf(properties[name]));
  const firstNeeded = names.findIndex((name) => needed.has(name));
  // With no member for certain, it would not be known where commas stand.
  if (firstNeeded < 0 || names.some((name) => !/^[a-zA-Z]+$/.test(name))) return undefined;
  let body = '';
  for (const [i, value] of values.entries()) {
    if (value === undefined) return undefined;
    const member = `"${names[i] ?? ''}":${value.source}`;
    const withComma = i < firstNeeded ? `${member},` : i === firstNeeded ? member : `,${member}`;
    body += needed.has(names[i] ?? '') ? withComma : `(?:${withComma})?`;
  }
  const envelope = envelopeOf();
  if (envelope === undefined) return undefined;
  const source =
    `^\\{"actor":${envelope.actor},"at":(0|[1-9]\\d{0,15}),"body":\\{${body}\\},"nonce":${envelope.nonce},` +
    `"tags":\\[(|${envelope.tag}(?:,${envelope.tag})*)\\],"type":"${type.replaceAll('.', '\\.')}","v":1\\}$`;
  return { pattern: new RegExp(source), names, reads: values.flatMap((value) => value?.read ?? []) };
}

/** Sources of the envelope's patterns, out of its schema. */
function envelopeOf(): { actor: string; nonce: string; tag: string } | undefined {
  const properties = (envelopeSchema as unknown as Schema)['properties'];
  if (!isSchema(properties)) return undefined;
  const { actor, nonce, tags } = properties;
  const tag = isSchema(tags) && isSchema(tags['items']) ? innerPattern(tags['items']['pattern']) : undefined;
  const [ofActor, ofNonce] = [actor, nonce].map((each) =>
    isSchema(each) ? innerPattern(each['pattern']) : undefined,
  );
  if (ofActor === undefined || ofNonce === undefined || tag === undefined) return undefined;
  return { actor: `"(${ofActor})"`, nonce: `"(${ofNonce})"`, tag: `"(?:${tag})"` };
}

function valueOf(schema: unknown): Value | undefined {
  if (!isSchema(schema)) return undefined;
  const { const: constant, enum: list, type } = schema;
  if (constant !== undefined || list !== undefined) {
    const texts: unknown[] = constant === undefined ? (list as unknown[]) : [constant];
    const isPlain = texts.every((each) => typeof each === 'string' && /^[\w.-]+$/.test(each));
    if (!isPlain || !hasOnly(schema, ['const', 'enum', 'type'])) return undefined;
    return { source: `"(${texts.join('|').replaceAll('.', '\\.')})"`, read: (text) => text };
  }
  if (type === 'string') return stringOf(schema);
  const isNullable = Array.isArray(type) && type.length === 2 && type[0] === 'integer' && type[1] === 'null';
  return type === 'integer' || isNullable ? integerOf(schema, isNullable) : undefined;
}

function stringOf(schema: Schema): Value | undefined {
  if (!hasOnly(schema, ['type', 'pattern', 'minLength', 'maxLength'])) return undefined;
  const least = numberOr(schema['minLength'], 0);
  const most = numberOr(schema['maxLength'], Infinity);
  const inner = schema['pattern'] === undefined ? `${PLAIN}*` : innerPattern(schema['pattern']);
  if (inner === undefined) return undefined;
  return {
    source: `"(${inner})"`,
    read: (text) => (text.length >= least && text.length <= most ? text : undefined),
  };
}

function integerOf(schema: Schema, isNullable: boolean): Value | undefined {
  if (!hasOnly(schema, ['type', 'minimum', 'maximum'])) return undefined;
  const least = numberOr(schema['minimum'], -Infinity);
  const most = numberOr(schema['maximum'], Infinity);
  return {
    source: `(${isNullable ? `null|${INTEGER}` : INTEGER})`,
    read: (text) => {
      if (text === 'null') return null;
      const value = Number(text);
      return Number.isSafeInteger(value) && value >= least && value <= most ? value : undefined;
    },
  };
}

/** A schema's pattern without its anchors, if it matches only text that stands for itself. */
function innerPattern(pattern: unknown): string | undefined {
  const inner = typeof pattern === 'string' ? PATTERN.exec(pattern)?.[1] : undefined;
  // Groups that capture would shift the others.
  if (inner === undefined || /\((?!\?:)/.test(inner)) return undefined;
  return `(?:${inner})`;
}

function hasOnly(schema: Schema, keywords: readonly string[]): boolean {
  return Object.keys(schema).every((keyword) => IGNORED.has(keyword) || keywords.includes(keyword));
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function numberOr(value: unknown, otherwise: number): number {
  return typeof value === 'number' ? value : otherwise;
}
