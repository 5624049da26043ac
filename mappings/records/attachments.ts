/**
 * Attachments: what they point at, and whether their data are what their hash says.
 *
 * @see HL7 FHIR R4, Attachment: `hash` is the SHA-1 of the data before they are put into base64
 */
import { createHash } from 'node:crypto';
import { badElement, forEachElement, textOf } from '../elements.js';
import type { ElementPath } from '../elements.js';
import { MappingError } from '../errors.js';
import { isJsonObject } from '../json/value.js';
import type { JsonObject, JsonValue } from '../json/value.js';
import { resolveReference } from '../references.js';
import type { MapContext } from './record.js';

/** A Binary of the same source that a resource refers to. */
export interface NamedBinary {
  readonly id: string;
  /** SHA-1 of its data as the resource states it, base64. */
  readonly digest?: string;
}

const SHA1_BASE64 = /^[A-Za-z0-9+/]{27}=$/;

/**
 * The Binary resources of this source that the attachments' addresses name. What lies elsewhere is kept as it is
 * written, and nobody asks for it.
 *
 * @throws MappingError MAPPING_HASH_MISMATCH for data that are not what their hash says; MAPPING_BAD_ELEMENT.
 */
export function binariesOf(
  resource: JsonObject,
  type: string,
  attachments: readonly ElementPath[],
  context: MapContext,
): NamedBinary[] {
  const found = new Map<string, NamedBinary>();
  const digests = new Digests(resource, context.dataDigests);
  for (const path of attachments) {
    forEachElement(resource, path, type, (attachment, expression) => {
      if (!isJsonObject(attachment)) throw badElement(expression());
      const { url } = attachment;
      const stated = digestStated(attachment, expression);
      if (stated !== undefined) {
        const actual = digests.of(attachment, expression);
        if (actual !== undefined && actual !== stated) throw mismatch(`${expression()}.hash`);
      }
      if (url === undefined) return;
      const target = resolveReference({ reference: textOf(url, () => `${expression()}.url`) }, context);
      if (target.kind !== 'local' || target.type !== 'Binary') return;
      const { id } = target;
      found.set(id, { ...found.get(id), id, ...(stated === undefined ? {} : { digest: stated }) });
    });
  }
  return [...found.values()];
}

/** SHA-1 of a Binary's own data, base64; `undefined` where it has none. */
export function binaryDigest(binary: JsonObject, context: MapContext): string | undefined {
  const { dataDigests: taken } = context;
  // It may have come as its content itself, in no member of anything.
  if (binary['data'] === undefined) return taken?.length === 1 ? taken[0] : undefined;
  return new Digests(binary, taken).of(binary, () => 'Binary');
}

/** What an attachment says; a hash that is no SHA-1 says nothing that could be checked. */
function digestStated(attachment: JsonObject, expression: () => string): string | undefined {
  const { hash } = attachment;
  if (hash === undefined) return undefined;
  const text = textOf(hash, () => `${expression()}.hash`);
  return SHA1_BASE64.test(text) ? text : undefined;
}

/** Digests of the data in a resource: of what stands there, or, where that was left out, as they were taken on the way. */
class Digests {
  readonly #resource: JsonObject;
  readonly #taken: readonly string[] | undefined;
  #places: Map<JsonObject, number> | undefined;

  constructor(resource: JsonObject, taken: readonly string[] | undefined) {
    this.#resource = resource;
    this.#taken = taken;
  }

  of(holder: JsonObject, expression: () => string): string | undefined {
    const { data } = holder;
    if (data === undefined) return undefined;
    const text = textOf(data, () => `${expression()}.data`);
    if (this.#taken === undefined) return createHash('sha1').update(text, 'base64').digest('base64');
    this.#places ??= placesOf(this.#resource);
    const place = this.#places.get(holder);
    return place === undefined ? undefined : this.#taken[place];
  }
}

/** The how-many-eth text named `data` each object holds, in the order in which they are written. */
function placesOf(resource: JsonObject): Map<JsonObject, number> {
  const places = new Map<JsonObject, number>();
  let count = 0;
  const visit = (value: JsonValue): void => {
    if (Array.isArray(value)) for (const one of value) visit(one);
    else if (isJsonObject(value)) {
      for (const [name, member] of Object.entries(value)) {
        if (name === 'data' && typeof member === 'string') places.set(value, count++);
        else if (member !== undefined) visit(member);
      }
    }
  };
  visit(resource);
  return places;
}

function mismatch(expression: string): MappingError {
  return new MappingError('MAPPING_HASH_MISMATCH', 'the data are not what their hash says', { expression });
}
