import type { JsonObject, JsonValue } from '../json/index.js';
import elements from './elements.json' with { type: 'json' };
import { isList } from './items.js';
import type { Evaluator, Items } from './items.js';

const CHOICES = new Map<string, readonly string[]>(Object.entries(elements.choices));
const DATES = new Set<string>(elements.dates);

/** The types that an element `name[x]` may have; `undefined` where no element is written so. */
export function choiceTypes(name: string): readonly string[] | undefined {
  return CHOICES.get(name);
}

/** Whether an element of this name is of type `date` wherever it occurs. */
export function isDateElement(name: string): boolean {
  return DATES.has(name);
}

/** The JSON name of an element `name[x]` that has this type: `valueQuantity`. */
export function choiceName(name: string, type: string): string {
  return name + type.charAt(0).toUpperCase() + type.slice(1);
}

/** Compiles `.name` on the focus; an element that may be written with its type is found so: `valueQuantity`. */
export function memberReader(name: string): Evaluator {
  const types = choiceTypes(name);
  if (types === undefined) return readerOf(name);
  const names = new Set(types.map((type) => choiceName(name, type)));
  return (items) => {
    if (typeof items !== 'object' || items === null) return undefined;
    return isList(items) ? collect(items, (item) => chosen(item, name, names)) : chosen(items, name, names);
  };
}

/** Compiles the reading of the JSON member `name` of the focus. */
export function readerOf(name: string): Evaluator {
  return (items) => read(items, name);
}

function chosen(item: JsonObject, name: string, names: ReadonlySet<string>): Items {
  const plain = item[name];
  if (plain !== undefined) return plain ?? undefined;
  for (const key in item) if (key.startsWith(name) && names.has(key)) return item[key] ?? undefined;
  return undefined;
}

/** The member of each item, lists of them in a row. */
export function read(items: Items, name: string): Items {
  if (typeof items !== 'object' || items === null) return undefined;
  if (!isList(items)) return items[name] ?? undefined;
  if (items.length === 1) {
    const item = items[0];
    return typeof item === 'object' && item !== null && !isList(item) ? (item[name] ?? undefined) : undefined;
  }
  return collect(items, (item) => item[name]);
}

/** What a function gives for each object among the items, in a row. */
export function collect(items: readonly JsonValue[], get: (item: JsonObject) => Items): Items {
  const found: JsonValue[] = [];
  for (let i = 0; i < items.length; i++) {
    const item = items[i];
    if (typeof item !== 'object' || item === null || isList(item)) continue;
    const value = get(item);
    if (value === undefined || value === null) continue;
    if (!isList(value)) found.push(value);
    else for (const one of value) if (one !== null) found.push(one);
  }
  return found;
}
