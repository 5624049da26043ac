import { MappingError } from './errors.js';
import { isJsonObject } from './json/value.js';
import type { JsonObject, JsonValue } from './json/value.js';

/**
 * An element of a resource, as the tables write it: `component[].valueQuantity.value`. `[]` marks an element
 * that repeats; where the JSON has a list and the path none, or the other way round, the JSON is wrong.
 */
export interface ElementPath {
  readonly text: string;
  readonly steps: readonly ElementStep[];
  /** Whether any step repeats. */
  readonly repeats: boolean;
}

interface ElementStep {
  readonly name: string;
  readonly list: boolean;
  /** Name in FHIRPath: `effective` for `effectiveDateTime`. */
  readonly fhirPath: string;
}

/** `value[x]` elements of the tables. JSON appends the type to the name, FHIRPath does not. */
const CHOICE = new RegExp(
  '^(abatement|asNeeded|bounds|collected|content|created|deceased|detail|diagnosis|dose|effective|identified|item' +
    '|medication|multipleBirth|occurred|occurrence|onset|performed|procedure|rate|serviced|source|timing|topic|value)' +
    '(Age|Attachment|Boolean|CodeableConcept|Date|DateTime|Instant|Integer|Period|Quantity|Reference|String|Time|Timing)$',
);

/** Reads the notation of the tables. */
export function elementPath(text: string): ElementPath {
  const steps = text.split('.').map((part) => {
    const list = part.endsWith('[]');
    const name = list ? part.slice(0, -2) : part;
    return { name, list, fhirPath: CHOICE.exec(name)?.[1] ?? name };
  });
  return { text, steps, repeats: steps.some((step) => step.list) };
}

/** FHIRPath of the element below `at`, without indices. */
export function fhirPathOf(path: ElementPath, at: string): string {
  return path.steps.reduce((below, step) => `${below}.${step.fhirPath}`, at);
}

/**
 * The element, of a path on which nothing repeats.
 *
 * @param at - FHIRPath of `root`, for errors.
 * @returns `undefined` when it or an element on the way is absent.
 * @throws MappingError MAPPING_BAD_ELEMENT when something on the way is not an object, or the element is null or
 * a list.
 */
export function readElement(root: JsonObject, path: ElementPath, at: string): JsonValue | undefined {
  const { steps } = path;
  let value: JsonValue | undefined = root;
  for (let i = 0; i < steps.length; i++) {
    if (!isJsonObject(value)) throw badElement(partialPath(path, at, i));
    value = value[(steps[i] as ElementStep).name];
    if (value === undefined) return undefined;
  }
  if (value === null || Array.isArray(value)) throw badElement(fhirPathOf(path, at));
  return value;
}

/**
 * Visits every value of the element, in order, with its FHIRPath.
 *
 * @param at - FHIRPath of `root`.
 * @throws MappingError MAPPING_BAD_ELEMENT as readElement, and when what repeats is no list.
 */
export function forEachElement(
  root: JsonObject,
  path: ElementPath,
  at: string,
  visit: (value: JsonValue, expression: () => string) => void,
): void {
  if (path.repeats) visitFrom(root, path, 0, at, visit);
  else {
    const value = readElement(root, path, at);
    if (value !== undefined) visit(value, () => fhirPathOf(path, at));
  }
}

function visitFrom(
  value: JsonValue,
  path: ElementPath,
  from: number,
  at: string,
  visit: (value: JsonValue, expression: () => string) => void,
): void {
  const step = path.steps[from];
  if (step === undefined) {
    visit(value, () => at);
    return;
  }
  if (!isJsonObject(value)) throw badElement(at);
  const child = value[step.name];
  if (child === undefined) return;
  const here = `${at}.${step.fhirPath}`;
  if (!step.list) {
    if (child === null || Array.isArray(child)) throw badElement(here);
    visitFrom(child, path, from + 1, here, visit);
    return;
  }
  if (!Array.isArray(child)) throw badElement(here);
  for (let i = 0; i < child.length; i++) {
    const item = child[i] as JsonValue;
    // A list of primitives may hold null where only an extension stands; a list of objects may not.
    if (item === null && from === path.steps.length - 1) continue;
    visitFrom(item, path, from + 1, `${here}[${i}]`, visit);
  }
}

function partialPath(path: ElementPath, at: string, count: number): string {
  return path.steps.slice(0, count).reduce((below, step) => `${below}.${step.fhirPath}`, at);
}

/** The error for an element that is not of the JSON type its definition asks for. */
export function badElement(expression: string): MappingError {
  return new MappingError('MAPPING_BAD_ELEMENT', `${expression} has the wrong JSON type`, { expression });
}

/** The error for a date that names no time. */
export function badDate(expression: string): MappingError {
  return new MappingError('MAPPING_BAD_DATE', `${expression} is no valid date or time`, { expression });
}

/** A string. */
export function textOf(value: JsonValue, expression: () => string): string {
  if (typeof value !== 'string') throw badElement(expression());
  return value;
}

/** `system|code` of a Coding; `undefined` without a code. */
export function tokenOf(coding: JsonValue, expression: () => string): string | undefined {
  if (!isJsonObject(coding)) throw badElement(expression());
  const { system, code } = coding;
  if (system !== undefined && typeof system !== 'string') throw badElement(`${expression()}.system`);
  if (code === undefined) return undefined;
  if (typeof code !== 'string') throw badElement(`${expression()}.code`);
  return `${system ?? ''}|${code}`;
}

/** Calls back with `system|code` of each Coding of a CodeableConcept. */
export function forEachToken(
  concept: JsonValue,
  expression: () => string,
  visit: (token: string) => void,
): void {
  if (!isJsonObject(concept)) throw badElement(expression());
  const { coding } = concept;
  if (coding === undefined) return;
  if (!Array.isArray(coding)) throw badElement(`${expression()}.coding`);
  for (let i = 0; i < coding.length; i++) {
    const token = tokenOf(coding[i] as JsonValue, () => `${expression()}.coding[${i}]`);
    if (token !== undefined) visit(token);
  }
}
