import type { JsonValue } from '../json/index.js';
import { ViewError } from './errors.js';

/**
 * A FHIRPath collection, without an object of its own: `undefined` or an empty array is empty, an array holds the
 * items in order, anything else is one item. A list in a resource is so a collection as it stands. `null` in an
 * array is where only an extension stands, and no item.
 */
export type Items = JsonValue | undefined;

/** What an evaluation knows besides the focus. */
export interface Evaluation {
  /** `%rowIndex` where the path stands. */
  rowIndex: number;
  /** Path in the ViewDefinition of what is evaluated, for errors. */
  at: string;
  /** `Type/id` by `fullUrl` of the Bundle that the resource came in. */
  urn: ReadonlyMap<string, string>;
}

/** A compiled expression. Pure: the same focus gives the same items. */
export type Evaluator = (focus: Items, evaluation: Evaluation) => Items;

/** Whether a value is an array: `Array.isArray`, which does not know of readonly arrays. */
export function isList(value: unknown): value is readonly JsonValue[] {
  return Array.isArray(value);
}

/** The items without `null`s; the array itself where it has none. */
export function listOf(items: Items): readonly JsonValue[] {
  if (items === undefined || items === null) return [];
  if (!isList(items)) return [items];
  return items.includes(null) ? items.filter((item) => item !== null) : items;
}

/** Whether there is no item. */
export function isEmpty(items: Items): boolean {
  if (items === undefined || items === null) return true;
  if (!isList(items)) return false;
  for (let i = 0; i < items.length; i++) if (items[i] !== null) return false;
  return true;
}

/** The first item; `undefined` where there is none. */
export function firstOf(items: Items): Exclude<JsonValue, null> | undefined {
  if (!isList(items)) return items ?? undefined;
  for (let i = 0; i < items.length; i++) {
    const item = items[i];
    if (item !== null) return item;
  }
  return undefined;
}

/**
 * The only item; `undefined` where there is none.
 *
 * @throws ViewError VIEW_SEVERAL_VALUES.
 */
export function single(items: Items, evaluation: Evaluation): Exclude<JsonValue, null> | undefined {
  if (!isList(items)) return items ?? undefined;
  if (items.length === 1) return items[0] ?? undefined;
  const list = listOf(items);
  if (list.length > 1) {
    throw new ViewError('VIEW_SEVERAL_VALUES', 'several values where one is needed', { at: evaluation.at });
  }
  return list[0] ?? undefined;
}

/**
 * The items as a truth value: `undefined` where there is none, and a single item that is no boolean is true.
 *
 * @throws ViewError VIEW_SEVERAL_VALUES.
 * @see FHIRPath N1, Singleton Evaluation of Collections
 */
export function truth(items: Items, evaluation: Evaluation): boolean | undefined {
  if (typeof items === 'boolean') return items;
  const item = single(items, evaluation);
  return item === undefined || typeof item === 'boolean' ? item : true;
}
