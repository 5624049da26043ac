import {
  badDate,
  badElement,
  fhirPathOf,
  forEachElement,
  forEachToken,
  readElement,
  textOf,
  tokenOf,
} from './elements.js';
import { interval } from './dates.js';
import { numberTexts } from './json/numbers.js';
import { factsTable, TABLE_VERSION } from './facts-table.js';
import type { FactKind, FactRow, FactSource } from './facts-table.js';
import type { NumberPlaces } from './json/numbers.js';
import { isJsonObject } from './json/value.js';
import type { JsonObject, JsonValue } from './json/value.js';

/** One thing that a record says and that can be opened without the rest. */
export interface Fact {
  readonly name: string;
  readonly value: JsonValue;
}

/** Version of the table of facts; every set of facts names it, as `table`. */
export const FACTS_TABLE_VERSION: number = TABLE_VERSION;

/** Most facts of one record, `resourceType` and `table` among them. */
export const FACTS_MAX = 16;

/** What a set of facts is read with, beside the element: where it lies, and the text of numbers once needed. */
interface Reading {
  readonly numbers: NumberPlaces;
  readonly bytes: Buffer | undefined;
  texts?: ReadonlyMap<string, string>;
}

/**
 * The facts of a resource by the table of its type, each always there, null when the resource does not say it.
 * They follow from the resource's bytes alone.
 *
 * Dates keep their text, and so do decimals where the bytes are given. A concept is the list of its codings as
 * `system|code`; one without codings is null, for its text is free text.
 *
 * @param resource - As parsed; its type is known to be one of R4.
 * @param bytes - The resource's exact bytes, for the text of decimals.
 * @returns 2 to {@link FACTS_MAX} facts: `resourceType`, `table`, then the table's rows in order.
 * @throws MappingError MAPPING_BAD_ELEMENT, MAPPING_BAD_DATE with the FHIRPath.
 */
export function factsOf(resource: JsonObject, type: string, bytes?: Buffer): Fact[] {
  const { rows, numbers } = factsTable(type);
  const reading: Reading = { numbers, bytes };
  const facts: Fact[] = [
    { name: 'resourceType', value: type },
    { name: 'table', value: FACTS_TABLE_VERSION },
  ];
  for (const row of rows) facts.push({ name: row.name, value: readRow(row, resource, type, '', reading) });
  return facts;
}

/** Names of the facts of a type, in the order of {@link factsOf}. */
export function factNames(type: string): string[] {
  return ['resourceType', 'table', ...factsTable(type).rows.map((row) => row.name)];
}

/**
 * @param at - FHIRPath of `element`.
 * @param place - The same as a place among the numbers, with a dot behind it; empty for the resource.
 */
function readRow(row: FactRow, element: JsonObject, at: string, place: string, reading: Reading): JsonValue {
  if ('from' in row) {
    for (const source of row.from) {
      const value = readSource(source, element, at, place, reading);
      if (value !== null) return value;
    }
    return null;
  }
  const items: JsonObject[] = [];
  const name = row.each.text.slice(0, -2);
  forEachElement(element, row.each, at, (item, expression) => {
    if (!isJsonObject(item)) throw badElement(expression());
    const here = expression();
    const below = `${place}${name}${here.slice(here.lastIndexOf('['))}.`;
    const object: Record<string, JsonValue> = {};
    for (const inner of row.rows) object[inner.name] = readRow(inner, item, here, below, reading);
    items.push(object);
  });
  return items.length === 0 ? null : items;
}

function readSource(
  source: FactSource,
  element: JsonObject,
  at: string,
  place: string,
  reading: Reading,
): JsonValue {
  const { path, kind } = source;
  if (!path.repeats) {
    const value = readElement(element, path, at);
    if (value === undefined) return null;
    return readKind(kind, value, () => fhirPathOf(path, at), `${place}${path.text}`, reading);
  }
  const values: JsonValue[] = [];
  forEachElement(element, path, at, (item, expression) => {
    const value = readKind(kind, item, expression, '', reading);
    if (Array.isArray(value)) values.push(...(value as readonly JsonValue[]));
    else if (value !== null) values.push(value);
  });
  return values.length === 0 ? null : values;
}

function readKind(
  kind: FactKind,
  value: JsonValue,
  expression: () => string,
  place: string,
  reading: Reading,
): JsonValue {
  switch (kind) {
    case 'text':
      return textOf(value, expression);
    case 'boolean':
      if (typeof value !== 'boolean') throw badElement(expression());
      return value;
    case 'date':
      if (interval(textOf(value, expression)) === undefined) throw badDate(expression());
      return value;
    case 'decimal':
      if (typeof value !== 'number') throw badElement(expression());
      return decimalText(value, place, reading);
    case 'coding':
      return tokenOf(value, expression) ?? null;
    case 'concept': {
      const tokens: string[] = [];
      forEachToken(value, expression, (token) => tokens.push(token));
      return tokens.length === 0 ? null : tokens;
    }
    case 'identifier':
      return pairOf(value, 'system', 'value', expression);
    case 'unit':
      return unitOf(value, expression);
    case 'reference':
    default:
      return referenceText(value, expression);
  }
}

/** A number as the bytes write it; looked up in them when the first of a resource is met. */
function decimalText(value: number, place: string, reading: Reading): string {
  const { bytes } = reading;
  if (bytes === undefined) return String(value);
  reading.texts ??= numberTexts(bytes, reading.numbers);
  const text = reading.texts.get(place);
  // Bytes that are not this resource's must not put another number into a fact.
  return text !== undefined && Number(text) === value ? text : String(value);
}

/** Unit of a Quantity: `system|code` when coded, such as `http://unitsofmeasure.org|mg/dL`, else `|` and its text. */
function unitOf(quantity: JsonValue, expression: () => string): string | null {
  const coded = pairOf(quantity, 'system', 'code', expression);
  if (coded !== null) return coded;
  const unit = isJsonObject(quantity) ? quantity['unit'] : undefined;
  return unit === undefined ? null : `|${textOf(unit, () => `${expression()}.unit`)}`;
}

function referenceText(reference: JsonValue, expression: () => string): string | null {
  if (!isJsonObject(reference)) throw badElement(expression());
  const { reference: text, identifier } = reference;
  if (text !== undefined) return textOf(text, () => `${expression()}.reference`);
  if (identifier === undefined) return null;
  return pairOf(identifier, 'system', 'value', () => `${expression()}.identifier`);
}

function pairOf(value: JsonValue, left: string, right: string, expression: () => string): string | null {
  if (!isJsonObject(value)) throw badElement(expression());
  const first = value[left];
  const second = value[right];
  if (first !== undefined && typeof first !== 'string') throw badElement(`${expression()}.${left}`);
  if (second === undefined) return null;
  if (typeof second !== 'string') throw badElement(`${expression()}.${right}`);
  return `${first ?? ''}|${second}`;
}
