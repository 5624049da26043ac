import { isJsonObject } from '../json/index.js';
import type { JsonObject, JsonValue } from '../json/index.js';
import { isResourceType } from '../resource-types.js';
import { ViewError } from './errors.js';
import { isList } from './items.js';
import { VIEW_LIMITS } from './limits.js';
import type { Constant } from './path-compile.js';
import { kindOfType } from './path-functions.js';

/** A FHIRPath expression and where in the ViewDefinition it stands. */
export interface PathText {
  readonly text: string;
  readonly at: string;
}

/** A column as the definition gives it. */
export interface ColumnDefinition {
  readonly name: string;
  readonly path: PathText;
  /** FHIR type without its base, `undefined` where the definition leaves it open. */
  readonly type: string | undefined;
  readonly collection: boolean;
  readonly at: string;
}

/** How often a select's rows are made: once, or for each item of a path. */
export type Iteration =
  | { readonly kind: 'once' }
  | { readonly kind: 'forEach' | 'forEachOrNull'; readonly path: PathText }
  | { readonly kind: 'repeat'; readonly paths: readonly PathText[] };

/** A select with everything below it. */
export interface SelectDefinition {
  readonly at: string;
  readonly iteration: Iteration;
  readonly columns: readonly ColumnDefinition[];
  readonly selects: readonly SelectDefinition[];
  readonly unionAll: readonly SelectDefinition[];
}

/** A ViewDefinition whose form is right; its paths are still text. */
export interface Definition {
  readonly name: string | undefined;
  readonly resource: string;
  readonly constants: ReadonlyMap<string, Constant>;
  readonly where: readonly PathText[];
  readonly selects: readonly SelectDefinition[];
}

const SELECT_ELEMENTS = ['column', 'select', 'forEach', 'forEachOrNull', 'repeat', 'unionAll'];
const COLUMN_ELEMENTS = ['name', 'path', 'type', 'collection', 'description', 'tag'];
const CONSTANT_ELEMENTS = ['name'];
const WHERE_ELEMENTS = ['path', 'description'];
/** What any element may have besides. */
const COMMON_ELEMENTS = new Set(['id', 'extension']);

/** A name that any database takes without quotes. */
const NAME = /^[A-Za-z][A-Za-z0-9_]{0,254}$/;
/** Types may be written in full. */
const TYPE_BASES = ['http://hl7.org/fhir/StructureDefinition/', 'http://hl7.org/fhirpath/System.'];

/** Types that a constant may have, and the JSON type of their values. */
const CONSTANT_TYPES: ReadonlyMap<string, 'string' | 'number' | 'boolean'> = new Map([
  ...(
    ['base64Binary', 'canonical', 'code', 'date', 'dateTime', 'id', 'instant', 'markdown', 'oid'] as const
  ).map((type) => [type, 'string'] as const),
  ...(['string', 'time', 'uri', 'url', 'uuid'] as const).map((type) => [type, 'string'] as const),
  ...(['decimal', 'integer', 'integer64', 'positiveInt', 'unsignedInt'] as const).map(
    (type) => [type, 'number'] as const,
  ),
  ['boolean', 'boolean'],
]);

/**
 * Checks the form of a ViewDefinition. Elements that the specification does not name are refused where they would
 * be meant to do something: a misspelt `forEach` must not be passed over.
 *
 * @param json - The definition as parsed.
 * @throws ViewError VIEW_BAD_DEFINITION, VIEW_UNSUPPORTED, VIEW_TOO_LARGE with the path in the definition.
 * @see SQL on FHIR v2, ViewDefinition
 */
export function readDefinition(json: unknown): Definition {
  if (!isJsonObject(json)) throw bad('', 'the definition is no JSON object');
  const type = json['resourceType'];
  if (type !== undefined && type !== 'ViewDefinition') throw bad('resourceType', 'this is no ViewDefinition');
  const resource = json['resource'];
  if (typeof resource !== 'string') throw bad('resource', 'the type of the resources is missing');
  if (!isResourceType(resource)) {
    throw new ViewError('VIEW_UNSUPPORTED', 'this is no resource type of FHIR R4', { at: 'resource' });
  }
  const name = json['name'];
  if (name !== undefined && typeof name !== 'string') throw bad('name', 'a name is text');
  const selects = list(json, 'select', '').map(([item, at]) => readSelect(item, at, 1));
  if (selects.length === 0) throw bad('select', 'a view needs at least one select');
  return {
    name,
    resource,
    constants: readConstants(json),
    where: list(json, 'where', '').map(([item, at]) => {
      onlyKnown(item, WHERE_ELEMENTS, at);
      return pathText(item['path'], `${at}.path`);
    }),
    selects,
  };
}

function readSelect(json: JsonObject, at: string, depth: number): SelectDefinition {
  if (depth > VIEW_LIMITS.selectDepthMax) {
    throw new ViewError('VIEW_TOO_LARGE', `selects nest deeper than ${VIEW_LIMITS.selectDepthMax} levels`, {
      at,
    });
  }
  onlyKnown(json, SELECT_ELEMENTS, at);
  const below = (name: string): SelectDefinition[] =>
    list(json, name, at).map(([item, itemAt]) => readSelect(item, itemAt, depth + 1));
  return {
    at,
    iteration: readIteration(json, at),
    columns: list(json, 'column', at).map(([item, itemAt]) => readColumn(item, itemAt)),
    selects: below('select'),
    unionAll: below('unionAll'),
  };
}

function readIteration(json: JsonObject, at: string): Iteration {
  const given = (['forEach', 'forEachOrNull', 'repeat'] as const).filter((name) => json[name] !== undefined);
  const [kind, second] = given;
  if (second !== undefined) throw bad(`${at}.${second}`, 'only one of forEach, forEachOrNull and repeat');
  if (kind === undefined) return { kind: 'once' };
  if (kind !== 'repeat') return { kind, path: pathText(json[kind], `${at}.${kind}`) };
  const paths = json['repeat'];
  if (!isList(paths) || paths.length === 0) throw bad(`${at}.repeat`, 'repeat is a list of paths');
  tooMany(paths, `${at}.repeat`);
  return { kind, paths: paths.map((path, i) => pathText(path, `${at}.repeat[${i}]`)) };
}

function readColumn(json: JsonObject, at: string): ColumnDefinition {
  onlyKnown(json, COLUMN_ELEMENTS, at);
  const { name, type, collection } = json;
  if (typeof name !== 'string' || !NAME.test(name)) {
    throw bad(`${at}.name`, 'a column has a name of letters, digits and _, a letter first');
  }
  if (type !== undefined && (typeof type !== 'string' || type === ''))
    throw bad(`${at}.type`, 'a type is text');
  if (collection !== undefined && typeof collection !== 'boolean') {
    throw bad(`${at}.collection`, 'collection is true or false');
  }
  return {
    name,
    path: pathText(json['path'], `${at}.path`),
    type: type === undefined ? undefined : shortType(type),
    collection: collection ?? false,
    at,
  };
}

function shortType(type: string): string {
  const base = TYPE_BASES.find((prefix) => type.startsWith(prefix));
  if (base === undefined) return type;
  const short = type.slice(base.length);
  // FHIRPath's own types differ from FHIR's by their capital letter: System.String.
  return base.endsWith('System.') ? short.charAt(0).toLowerCase() + short.slice(1) : short;
}

function readConstants(json: JsonObject): Map<string, Constant> {
  const constants = new Map<string, Constant>();
  for (const [item, at] of list(json, 'constant', '')) {
    const name = item['name'];
    if (typeof name !== 'string' || !NAME.test(name)) throw bad(`${at}.name`, 'a constant has a name');
    if (constants.has(name) || name === 'rowIndex') throw bad(`${at}.name`, 'the name is taken');
    const values = Object.keys(item).filter((key) => key.startsWith('value'));
    const [key] = values;
    if (key === undefined || values.length > 1) throw bad(at, 'a constant has one value');
    onlyKnown(item, [...CONSTANT_ELEMENTS, key], at);
    constants.set(name, readConstant(item[key], key, `${at}.${key}`));
  }
  return constants;
}

function readConstant(value: JsonValue | undefined, key: string, at: string): Constant {
  const suffix = key.slice('value'.length);
  const type = suffix.charAt(0).toLowerCase() + suffix.slice(1);
  const wanted = CONSTANT_TYPES.get(type);
  if (wanted === undefined) throw bad(at, 'a constant cannot have this type');
  const fits = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
  if (!fits || typeof value !== wanted) throw bad(at, `the value is no ${type}`);
  return { kind: kindOfType(type), value };
}

function pathText(value: JsonValue | undefined, at: string): PathText {
  if (typeof value !== 'string') throw bad(at, 'a FHIRPath expression is missing');
  return { text: value, at };
}

/** The objects of a list, each with its path. */
function list(json: JsonObject, name: string, at: string): (readonly [JsonObject, string])[] {
  const value = json[name];
  const path = at === '' ? name : `${at}.${name}`;
  if (value === undefined) return [];
  if (!isList(value)) throw bad(path, 'this is a list');
  tooMany(value, path);
  return value.map((item, i) => {
    if (!isJsonObject(item)) throw bad(`${path}[${i}]`, 'this is an object');
    return [item, `${path}[${i}]`];
  });
}

function tooMany(value: readonly JsonValue[], at: string): void {
  if (value.length > VIEW_LIMITS.partsMax) {
    throw new ViewError('VIEW_TOO_LARGE', `more than ${VIEW_LIMITS.partsMax} parts`, { at });
  }
}

function onlyKnown(json: JsonObject, known: readonly string[], at: string): void {
  for (const name of Object.keys(json)) {
    if (known.includes(name) || COMMON_ELEMENTS.has(name) || name.startsWith('_')) continue;
    const near = known.find((other) => other.toLowerCase() === name.toLowerCase());
    throw bad(`${at}.${name}`, near === undefined ? 'this element is not known' : `did you mean ${near}?`);
  }
}

function bad(at: string, message: string): ViewError {
  return new ViewError('VIEW_BAD_DEFINITION', message, { at });
}
