import { resolveReference } from '../references.js';
import { isList } from './items.js';
import type { Evaluation, Evaluator, Items } from './items.js';
import type { JsonValue } from '../json/index.js';

/**
 * Compiles `getResourceKey()`: the resource's logical id. Rows of two types are told apart by the view they are in.
 *
 * @see SQL on FHIR v2, getResourceKey
 */
export function resourceKeyOf(of: Evaluator): Evaluator {
  return (focus, evaluation) => {
    const item = of(focus, evaluation);
    if (typeof item !== 'object' || item === null || isList(item)) return undefined;
    return typeof item['resourceType'] === 'string' ? (item['id'] ?? undefined) : undefined;
  };
}

/**
 * Compiles `getReferenceKey(type)`: the key that `getResourceKey()` gives for the resource referred to, where that is
 * one of the same server or Bundle. A reference to another server keeps its whole URL, so that it never meets a
 * resource that has the same id here. One to a contained resource, or by identifier alone, has no key.
 *
 * @param type - Only references to this type have a key.
 * @see SQL on FHIR v2, getReferenceKey
 */
export function referenceKeyOf(of: Evaluator, type: string | undefined): Evaluator {
  return (focus, evaluation) => {
    const items = of(focus, evaluation);
    if (!isList(items)) return keyOf(items, type, evaluation);
    const keys: JsonValue[] = [];
    for (const item of items) {
      const key = keyOf(item, type, evaluation);
      if (key !== undefined) keys.push(key);
    }
    return keys;
  };
}

function keyOf(item: Items, type: string | undefined, { urn }: Evaluation): string | undefined {
  if (typeof item !== 'object' || item === null || isList(item)) return undefined;
  const reference = resolveReference(item, { urn });
  switch (reference.kind) {
    case 'local':
      return type === undefined || reference.type === type ? reference.id : undefined;
    case 'foreign':
      return type === undefined || typeOfUrl(reference.url) === type ? reference.url : undefined;
    case 'unknown-urn':
      return type === undefined || item['type'] === type ? reference.urn : undefined;
    case 'contained':
    case 'container':
    case 'conditional':
    case 'identifier':
    case 'nothing':
    case 'bad':
    default:
      // Contained, by condition, by identifier alone, or nothing at all.
      return undefined;
  }
}

/** The type that a RESTful URL names: `https://example.org/fhir/Patient/1`. */
function typeOfUrl(url: string): string | undefined {
  const history = url.indexOf('/_history/');
  const parts = (history === -1 ? url : url.slice(0, history)).split('/');
  return parts.at(-2);
}
