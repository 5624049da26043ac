/** Our own attempt to find the patients again: nothing that names one in the source may stand in what would leave. */
import type { JsonObject, JsonValue } from '../../../mappings/index.js';

/** Elements whose texts name a person, wherever they stand. */
const NAMING = new Set([
  'name',
  'identifier',
  'telecom',
  'contact',
  'photo',
  'text',
  'note',
  'contained',
  'extension',
]);
/** Parts of an address that no profile lets out. */
const ADDRESS = new Set(['line', 'city', 'district', 'text']);
/** Of an identifier: what is alike for many. */
const SHARED = new Set(['system', 'use', 'type', 'code', 'display', 'url', 'status', 'rank', 'start', 'end']);
/** Shorter texts are found anywhere. */
const CHARS_MIN = 4;

/** Texts of one patient's records that must not leave. */
export class NamingTexts {
  readonly #texts = new Set<string>();
  readonly #shared = new Set<string>();

  /** @param sourceId - Id of the resource at its source. */
  add(resource: JsonObject, sourceId: string): void {
    if (sourceId.length >= 2 * CHARS_MIN) this.#texts.add(sourceId);
    this.#walk(resource, false);
  }

  get size(): number {
    return this.#texts.size;
  }

  /** How many of the texts stand, whole, in a resource that would leave. */
  foundIn(out: JsonObject): number {
    let found = 0;
    const look = (value: JsonValue | undefined): void => {
      if (typeof value === 'string') {
        if (this.#texts.has(value) && !this.#shared.has(value)) found++;
      } else if (Array.isArray(value)) for (const one of value as readonly JsonValue[]) look(one);
      else if (typeof value === 'object' && value !== null) for (const one of Object.values(value)) look(one);
    };
    look(out);
    return found;
  }

  #walk(value: JsonValue | undefined, isNaming: boolean): void {
    if (typeof value === 'string') {
      if (isNaming && value.length >= CHARS_MIN && /[^0-9.\-:TZ+]/.test(value)) this.#texts.add(value);
      return;
    }
    if (Array.isArray(value)) {
      for (const one of value as readonly JsonValue[]) this.#walk(one, isNaming);
      return;
    }
    if (typeof value !== 'object' || value === null) return;
    for (const [name, one] of Object.entries(value)) {
      if (name === 'address') this.#address(one);
      else if (SHARED.has(name)) continue;
      else this.#walk(one, isNaming || NAMING.has(name));
    }
  }

  #address(value: JsonValue | undefined): void {
    const all = Array.isArray(value) ? (value as readonly JsonValue[]) : [value];
    for (const one of all) {
      if (typeof one !== 'object' || one === null || Array.isArray(one)) continue;
      for (const [name, part] of Object.entries(one)) {
        if (ADDRESS.has(name)) this.#walk(part, true);
        // A city may be called as its state, which may leave.
        else if (typeof part === 'string') this.#shared.add(part);
      }
    }
  }
}
