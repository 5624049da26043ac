import { isResourceType } from './resource-types.js';
import { isJsonObject } from './json/value.js';

/** What a FHIR Reference points at. */
export type ResolvedReference =
  /** A resource of the same source. */
  | { readonly kind: 'local'; readonly type: string; readonly id: string; readonly versionId?: string }
  /** A resource of another server. Never fetched. */
  | { readonly kind: 'foreign'; readonly url: string }
  /** A resource contained in the same one, by its id there. */
  | { readonly kind: 'contained'; readonly id: string }
  /** `#`: the resource that contains this one. */
  | { readonly kind: 'container' }
  /** `urn:uuid:` or `urn:oid:` that no `fullUrl` of the Bundle explains. */
  | { readonly kind: 'unknown-urn'; readonly urn: string }
  /** `Type?query`: to be looked up at the source. The query may name the patient. */
  | { readonly kind: 'conditional'; readonly type: string; readonly query: string }
  /** Identifier alone. With system and value the source can be asked. */
  | {
      readonly kind: 'identifier';
      readonly type?: string;
      readonly system?: string;
      readonly value?: string;
    }
  /** A display text, an extension, or nothing at all. */
  | { readonly kind: 'nothing' }
  /** Not the JSON or the syntax of a Reference. */
  | { readonly kind: 'bad'; readonly element: '' | '.reference' | '.identifier' | '.type' };

/** What a reference is resolved with; the same names as in MapContext. */
export interface ReferenceContext {
  readonly sourceBase?: string;
  readonly urn: ReadonlyMap<string, string>;
}

const ID = /^[A-Za-z0-9\-.]{1,64}$/;
const DOTS = /^\.+$/;

/** `Reference.type` is relative to this, and may be written in full. */
const TYPE_BASE = 'http://hl7.org/fhir/StructureDefinition/';

/**
 * Whether a text is a logical id that may stand in a path: FHIR's syntax, and not dots alone, which a path would
 * swallow.
 *
 * @see HL7 FHIR R4, Data Types, id
 */
export function isFhirId(text: string): boolean {
  return ID.test(text) && !(text.charCodeAt(0) === 0x2e && DOTS.test(text));
}

/**
 * What a Reference means at its source. `reference` goes before `identifier`; a text that `context.urn` knows
 * means what stands there; a `type` that contradicts the reference makes it bad.
 *
 * @param reference - A FHIR Reference as parsed.
 * @see HL7 FHIR R4, References, and Bundle, "Resolving references in Bundles"
 */
export function resolveReference(reference: unknown, context: ReferenceContext): ResolvedReference {
  if (!isJsonObject(reference)) return { kind: 'bad', element: '' };
  const text = reference['reference'];
  const stated = reference['type'];
  if (stated !== undefined && typeof stated !== 'string') return { kind: 'bad', element: '.type' };
  const type = stated?.startsWith(TYPE_BASE) === true ? stated.slice(TYPE_BASE.length) : stated;
  if (text === undefined) return byIdentifier(reference['identifier'], type);
  if (typeof text !== 'string' || text === '') return { kind: 'bad', element: '.reference' };
  const resolved = resolveText(text, context);
  if (type !== undefined && 'type' in resolved && resolved.type !== type)
    return { kind: 'bad', element: '.type' };
  return resolved;
}

/**
 * The query that finds a resource by its identifier: `identifier=system|value`, percent-encoded. Without a system
 * a value may be somebody else's, so both are needed.
 */
export function identifierQuery(system: string, value: string): string {
  return `identifier=${encodeURIComponent(`${escapeToken(system)}|${escapeToken(value)}`)}`;
}

function resolveText(text: string, context: ReferenceContext): ResolvedReference {
  const known = context.urn.size === 0 ? undefined : context.urn.get(text);
  if (known !== undefined) return relative(known);
  const first = text.charCodeAt(0);
  if (first === 0x23)
    return text.length === 1 ? { kind: 'container' } : { kind: 'contained', id: text.slice(1) };
  // A relative reference begins with a type, so with a capital letter.
  if (first >= 0x41 && first <= 0x5a) return relative(text);
  if (text.startsWith('urn:uuid:') || text.startsWith('urn:oid:')) return { kind: 'unknown-urn', urn: text };
  if (!/^[a-z][a-z0-9+.-]*:/.test(text)) return { kind: 'bad', element: '.reference' };
  const base = context.sourceBase;
  if (base !== undefined && base !== '') {
    const prefix = base.endsWith('/') ? base : `${base}/`;
    if (text.startsWith(prefix)) return relative(text.slice(prefix.length));
  }
  return { kind: 'foreign', url: text };
}

/** `Type/id`, `Type/id/_history/version` or `Type?query`. */
function relative(text: string): ResolvedReference {
  const slash = text.indexOf('/');
  const mark = text.indexOf('?');
  if (mark !== -1 && (slash === -1 || mark < slash)) {
    const type = text.slice(0, mark);
    if (!isResourceType(type) || mark === text.length - 1) return { kind: 'bad', element: '.reference' };
    return { kind: 'conditional', type, query: text.slice(mark + 1) };
  }
  const type = text.slice(0, Math.max(slash, 0));
  if (!isResourceType(type)) return { kind: 'bad', element: '.reference' };
  const history = text.indexOf('/_history/', slash + 1);
  const id = history === -1 ? text.slice(slash + 1) : text.slice(slash + 1, history);
  if (!isFhirId(id)) return { kind: 'bad', element: '.reference' };
  if (history === -1) return { kind: 'local', type, id };
  const versionId = text.slice(history + '/_history/'.length);
  return isFhirId(versionId)
    ? { kind: 'local', type, id, versionId }
    : { kind: 'bad', element: '.reference' };
}

function byIdentifier(identifier: unknown, type: string | undefined): ResolvedReference {
  if (identifier === undefined) return { kind: 'nothing' };
  if (!isJsonObject(identifier)) return { kind: 'bad', element: '.identifier' };
  const system = identifier['system'];
  const value = identifier['value'];
  if (
    (system !== undefined && typeof system !== 'string') ||
    (value !== undefined && typeof value !== 'string')
  ) {
    return { kind: 'bad', element: '.identifier' };
  }
  return {
    kind: 'identifier',
    ...(type === undefined ? {} : { type }),
    ...(system === undefined ? {} : { system }),
    ...(value === undefined ? {} : { value }),
  };
}

/** Search parameters escape `\`, `,`, `$` and `|`. */
function escapeToken(text: string): string {
  return text.replaceAll(/[\\,$|]/g, '\\$&');
}
