import { EARLIEST_MS, interval, LATEST_MS, periodInterval } from '../dates.js';
import type { Interval } from '../dates.js';
import {
  badDate,
  badElement,
  elementPath,
  fhirPathOf,
  forEachElement,
  forEachToken,
  readElement,
  textOf,
  tokenOf,
} from '../elements.js';
import type { ElementPath } from '../elements.js';
import { factsOf } from '../facts.js';
import { isJsonObject } from '../json/value.js';
import { labelled, sensitivityOf } from '../labels/index.js';
import type { JsonObject, JsonValue } from '../json/value.js';
import { isResourceType } from '../resource-types.js';
import table from '../tables/content.json' with { type: 'json' };
import { binariesOf, binaryDigest } from './attachments.js';
import type { MapContext, RecordContent } from './record.js';

/** System of the tokens that name a resource type where a consent's `class` does. */
export const RESOURCE_TYPES_SYSTEM = 'http://hl7.org/fhir/resource-types';

type Tokens = readonly { readonly path: ElementPath; readonly kind: string }[];

interface TypeContent {
  readonly typeClass: string;
  readonly codes: Tokens;
  readonly classes: Tokens;
  readonly when: Tokens;
  /** Elements that end what `when` began; `undefined` when `when` says all. */
  readonly until: Tokens | undefined;
  readonly attachments: readonly ElementPath[];
}

/**
 * What the gate and the vault want to know of a resource: its classes, codes, time, labels and facts.
 *
 * @throws MappingError MAPPING_BAD_ELEMENT, MAPPING_BAD_DATE with the FHIRPath.
 */
export function contentOf(
  resource: JsonObject,
  type: string,
  context: MapContext,
  notes: string[],
): RecordContent {
  const content = contentTable(type);
  const period = periodOf(resource, type, content, notes);
  const contained = containedOf(resource, type);
  const codes = tokensOf(resource, type, content.codes);
  const labels = labelsOf(resource, type);
  contained.forEach((inner, i) => {
    const innerType = inner['resourceType'];
    const at = `${type}.contained[${i}]`;
    // What is inside a resource leaves with it: its codes and labels count as the resource's own.
    if (typeof innerType === 'string' && isResourceType(innerType))
      codes.push(...tokensOf(inner, at, contentTable(innerType).codes));
    labels.push(...labelsOf(inner, at));
  });
  return {
    classes: [content.typeClass, ...tokensOf(resource, type, content.classes)],
    codes: contained.length === 0 ? codes : [...new Set(codes)],
    ...(period === undefined ? {} : { period }),
    labels: labelled(contained.length === 0 ? labels : [...new Set(labels)], sensitivityOf(resource)),
    facts: factsOf(resource, type, context.bytes),
    binaries:
      content.attachments.length === 0 ? [] : binariesOf(resource, type, content.attachments, context),
    ...(type === 'Binary' ? digestOf(resource, context) : {}),
    notes,
  };
}

function digestOf(binary: JsonObject, context: MapContext): { readonly dataDigest?: string } {
  const dataDigest = binaryDigest(binary, context);
  return dataDigest === undefined ? {} : { dataDigest };
}

/** The resources contained in this one. */
export function containedOf(resource: JsonObject, type: string): readonly JsonObject[] {
  const { contained } = resource;
  if (contained === undefined) return NONE;
  if (!Array.isArray(contained)) throw badElement(`${type}.contained`);
  contained.forEach((inner, i) => {
    if (!isJsonObject(inner)) throw badElement(`${type}.contained[${i}]`);
  });
  return contained as readonly JsonObject[];
}

const NONE: readonly JsonObject[] = [];

function tokensOf(resource: JsonObject, at: string, paths: Tokens): string[] {
  const tokens: string[] = [];
  const add = (token: string): void => {
    // Few codes are alike, and few there are: a set would cost more.
    if (!tokens.includes(token)) tokens.push(token);
  };
  for (const { path, kind } of paths) {
    forEachElement(resource, path, at, (value, expression) => {
      if (kind === 'concept') forEachToken(value, expression, add);
      else if (kind === 'text') add(`|${textOf(value, expression)}`);
      else {
        const token = tokenOf(value, expression);
        if (token !== undefined) add(token);
      }
    });
  }
  return tokens;
}

const SECURITY = elementPath('meta.security[]');

function labelsOf(resource: JsonObject, at: string): string[] {
  const labels: string[] = [];
  if (resource['meta'] === undefined) return labels;
  forEachElement(resource, SECURITY, at, (coding, expression) => {
    const token = tokenOf(coding, expression);
    if (token !== undefined) labels.push(token);
  });
  return labels;
}

function periodOf(
  resource: JsonObject,
  type: string,
  content: TypeContent,
  notes: string[],
): Interval | undefined {
  const from = firstTime(resource, type, content.when);
  if (content.until === undefined) return from;
  const to = firstTime(resource, type, content.until);
  if (from === undefined) return to;
  if (to === undefined) return { startMs: from.startMs, endMs: LATEST_MS };
  if (to.endMs >= from.startMs) return { startMs: from.startMs, endMs: to.endMs };
  // Two elements that contradict each other break no rule of FHIR: what both say is kept.
  notes.push('ends-before-it-begins');
  return { startMs: to.startMs, endMs: from.endMs };
}

function firstTime(resource: JsonObject, type: string, paths: Tokens): Interval | undefined {
  for (const { path, kind } of paths) {
    const value = readElement(resource, path, type);
    if (value === undefined) continue;
    const at = (): string => fhirPathOf(path, type);
    if (kind === 'date') {
      const found = interval(textOf(value, at));
      if (found === undefined) throw badDate(at());
      return found;
    }
    const found = kind === 'timing' ? readTiming(value, at) : readPeriod(value, at);
    if (found.startMs !== EARLIEST_MS || found.endMs !== LATEST_MS) return found;
  }
  return undefined;
}

function readPeriod(value: JsonValue, expression: () => string): Interval {
  if (!isJsonObject(value)) throw badElement(expression());
  const { start, end } = value;
  if (start !== undefined && typeof start !== 'string') throw badElement(`${expression()}.start`);
  if (end !== undefined && typeof end !== 'string') throw badElement(`${expression()}.end`);
  if (start !== undefined && interval(start) === undefined) throw badDate(`${expression()}.start`);
  if (end !== undefined && interval(end) === undefined) throw badDate(`${expression()}.end`);
  const found = periodInterval({ start, end });
  if (found === undefined) throw badDate(expression());
  return found;
}

/** From the first to the last event of a Timing, and the bounds of its repetition. */
function readTiming(value: JsonValue, expression: () => string): Interval {
  if (!isJsonObject(value)) throw badElement(expression());
  const at = expression();
  let startMs = LATEST_MS;
  let endMs = EARLIEST_MS;
  const cover = (found: Interval): void => {
    startMs = Math.min(startMs, found.startMs);
    endMs = Math.max(endMs, found.endMs);
  };
  forEachElement(value, TIMING_EVENTS, at, (event, where) => {
    const found = interval(textOf(event, where));
    if (found === undefined) throw badDate(where());
    cover(found);
  });
  const bounds = readElement(value, TIMING_BOUNDS, at);
  if (bounds !== undefined) cover(readPeriod(bounds, () => fhirPathOf(TIMING_BOUNDS, at)));
  return startMs > endMs ? { startMs: EARLIEST_MS, endMs: LATEST_MS } : { startMs, endMs };
}

const TIMING_EVENTS = elementPath('event[]');
const TIMING_BOUNDS = elementPath('repeat.boundsPeriod');

interface RawContent {
  readonly codes?: Readonly<Record<string, string>>;
  readonly classes?: Readonly<Record<string, string>>;
  readonly when?: Readonly<Record<string, string>>;
  readonly until?: Readonly<Record<string, string>>;
  readonly attachments?: readonly string[];
}

const contents = new Map<string, TypeContent>();

function contentTable(type: string): TypeContent {
  let found = contents.get(type);
  if (found === undefined) {
    const raw = (table.types as Readonly<Record<string, RawContent>>)[type] ?? {};
    found = {
      typeClass: `${RESOURCE_TYPES_SYSTEM}|${type}`,
      codes: tokenPaths(raw.codes),
      classes: tokenPaths(raw.classes),
      when: tokenPaths(raw.when),
      until: raw.until === undefined ? undefined : tokenPaths(raw.until),
      attachments: (raw.attachments ?? []).map(elementPath),
    };
    contents.set(type, found);
  }
  return found;
}

function tokenPaths(raw: Readonly<Record<string, string>> | undefined): Tokens {
  return Object.entries(raw ?? {}).map(([path, kind]) => ({ path: elementPath(path), kind }));
}
