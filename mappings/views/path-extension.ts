import type { JsonObject, JsonValue } from '../json/index.js';
import { collect, read } from './path-members.js';
import { isList } from './items.js';
import type { Evaluator, Items } from './items.js';

/**
 * Compiles `of.extension(url)`.
 *
 * @see FHIR R4, FHIRPath, extension
 */
export function extensionOf(of: Evaluator, url: string): Evaluator {
  return (focus, evaluation) => withUrl(read(of(focus, evaluation), 'extension'), url);
}

/**
 * Compiles `of.name.extension(url)`: a primitive has its extensions in the member `_name` beside it.
 *
 * @see FHIR R4, JSON, Representation of primitive elements
 */
export function memberExtensionOf(of: Evaluator, name: string, url: string): Evaluator {
  const beside = `_${name}`;
  const get = (item: JsonObject): Items => {
    const [inside, outside] = [read(item[name], 'extension'), read(item[beside], 'extension')];
    const found = [...asList(withUrl(inside, url)), ...asList(withUrl(outside, url))];
    return found.length > 1 ? found : found[0];
  };
  return (focus, evaluation) => {
    const items = of(focus, evaluation);
    if (typeof items !== 'object' || items === null) return undefined;
    return isList(items) ? collect(items, get) : get(items);
  };
}

function withUrl(extensions: Items, url: string): Items {
  if (!isList(extensions)) return hasUrl(extensions, url) ? extensions : undefined;
  const found = extensions.filter((extension) => hasUrl(extension, url));
  return found.length > 1 ? found : found[0];
}

function hasUrl(extension: Items, url: string): boolean {
  return (
    typeof extension === 'object' && extension !== null && !isList(extension) && extension['url'] === url
  );
}

function asList(items: Items): readonly JsonValue[] {
  return items === undefined ? [] : isList(items) ? items : [items];
}
