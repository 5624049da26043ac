/**
 * A received resource as the facade serves it: the same bytes, but for its own id and the references, which take the
 * ids that the facade gives. Only these few stretches of text are exchanged, so that 7.40 stays 7.40 and what was
 * indented stays so.
 */
import { skipSpace, skipString, skipValue } from '../json/skip.js';
import { resolveReference } from '../references.js';
import type { ReferenceContext } from '../references.js';

/** What a resource is rewritten with. */
export interface RewriteOptions {
  /** The id that the facade gives the resource. */
  readonly id: string;
  /** The id that the facade gives any resource of the same source. */
  readonly facadeId: (type: string, id: string) => string;
  /** Base of the source's FHIR server: absolute references below it are its own. */
  readonly sourceBase?: string;
  /** What texts such as `urn:uuid:…` or `Patient?identifier=…` were found to mean, as `Type/id`. */
  readonly links?: ReadonlyMap<string, string>;
  /** Says of members `data` that they are left out, for a resource whose data is too large to be carried along. */
  readonly omitsData?: boolean;
}

interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

interface Rewriting {
  readonly bytes: Buffer;
  readonly options: RewriteOptions;
  readonly context: ReferenceContext;
  readonly edits: Edit[];
  hasId: boolean;
}

const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const COMMA = 0x2c;
const COLON = 0x3a;
const QUOTE = 0x22;
const NO_LINKS: ReadonlyMap<string, string> = new Map();

/**
 * Exchanges the resource's id and its references for the facade's own.
 *
 * References to resources of the same source become relative ones, whether they were relative, absolute or `urn:`;
 * so do attachments' addresses of a `Binary`. What points to another server, into the resource itself, or at nothing
 * that is known stays as it is. A resource that was named by its Bundle's entry alone is given its id.
 *
 * @param bytes - A resource that `parseJson` takes.
 * @see HL7 FHIR R4, References
 */
export function rewriteResource(bytes: Buffer, options: RewriteOptions): Buffer {
  const { sourceBase, links = NO_LINKS } = options;
  const context = { urn: links, ...(sourceBase === undefined ? {} : { sourceBase }) };
  const rewriting: Rewriting = { bytes, options, context, edits: [], hasId: false };
  const at = skipSpace(bytes, 0);
  readObject(rewriting, at, 0, false);
  if (!rewriting.hasId) {
    rewriting.edits.unshift({ start: at + 1, end: at + 1, text: `"id":"${options.id}",` });
  }
  return applied(bytes, rewriting.edits);
}

/** @see HL7 FHIR R4, StructureDefinition/data-absent-reason */
const NO_DATA =
  '"_data":{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason",' +
  '"valueCode":"unsupported"}]}';

/** @param depth - 0 for the resource itself. @returns Index behind the object. */
function readObject(rewriting: Rewriting, at: number, depth: number, isExtension: boolean): number {
  const { bytes } = rewriting;
  at = skipSpace(bytes, at + 1);
  while (at < bytes.length && bytes[at] !== CLOSE_OBJECT) {
    const keyEnd = skipString(bytes, at);
    const key = keyText(bytes, at, keyEnd);
    // Behind the colon.
    const valueAt = skipSpace(bytes, skipSpace(bytes, keyEnd) + 1);
    if (rewriting.options.omitsData === true && key === 'data' && bytes[valueAt] === QUOTE) {
      const end = skipString(bytes, valueAt);
      rewriting.edits.push({ start: at, end, text: NO_DATA });
      at = end;
    } else at = readMember(rewriting, key, valueAt, depth, isExtension);
    at = skipSpace(bytes, at);
    if (bytes[at] === COMMA) at = skipSpace(bytes, at + 1);
    else if (bytes[at] !== CLOSE_OBJECT) return bytes.length;
  }
  return at + 1;
}

function readMember(
  rewriting: Rewriting,
  key: string,
  at: number,
  depth: number,
  isExtension: boolean,
): number {
  const { bytes, options, edits } = rewriting;
  if (bytes[at] !== QUOTE) return readValue(rewriting, at, depth + 1, EXTENSIONS.has(key));
  const end = skipString(bytes, at);
  if (depth === 0 && key === 'id') {
    rewriting.hasId = true;
    edits.push({ start: at, end, text: `"${options.id}"` });
  } else if (key === 'reference' || (key === 'url' && !isExtension)) {
    const text = targetOf(rewriting, at, end, key === 'url');
    if (text !== undefined) edits.push({ start: at, end, text: JSON.stringify(text) });
  }
  return end;
}

/** Extensions have a `url` that names what they mean. */
const EXTENSIONS: ReadonlySet<string> = new Set(['extension', 'modifierExtension']);

function readValue(rewriting: Rewriting, at: number, depth: number, isExtension: boolean): number {
  const { bytes } = rewriting;
  if (bytes[at] === OPEN_OBJECT) return readObject(rewriting, at, depth, isExtension);
  if (bytes[at] !== OPEN_ARRAY) return skipValue(bytes, at);
  at = skipSpace(bytes, at + 1);
  while (at < bytes.length && bytes[at] !== CLOSE_ARRAY) {
    at = skipSpace(bytes, readValue(rewriting, at, depth, isExtension));
    if (bytes[at] === COMMA) at = skipSpace(bytes, at + 1);
    else if (bytes[at] !== CLOSE_ARRAY) return bytes.length;
  }
  return at + 1;
}

function keyText(bytes: Buffer, start: number, end: number): string {
  const text = bytes.toString('latin1', start + 1, end - 1);
  return text.includes('\\') ? (JSON.parse(bytes.toString('utf8', start, end)) as string) : text;
}

/** What a reference says at the facade, or `undefined` where it stays. */
function targetOf(
  { bytes, options, context }: Rewriting,
  start: number,
  end: number,
  isAddress: boolean,
): string | undefined {
  const raw = bytes.toString('utf8', start + 1, end - 1);
  const text = raw.includes('\\') ? (JSON.parse(bytes.toString('utf8', start, end)) as string) : raw;
  const target = resolveReference({ reference: text }, context);
  if (target.kind !== 'local' || (isAddress && target.type !== 'Binary')) return undefined;
  const { type, id, versionId } = target;
  const version = versionId === undefined ? '' : `/_history/${versionId}`;
  return `${type}/${options.facadeId(type, id)}${version}`;
}

function applied(bytes: Buffer, edits: readonly Edit[]): Buffer {
  const parts: Buffer[] = [];
  let from = 0;
  for (const { start, end, text } of edits) {
    parts.push(bytes.subarray(from, start), Buffer.from(text, 'utf8'));
    from = end;
  }
  parts.push(bytes.subarray(from));
  return Buffer.concat(parts);
}

/** Where, in a resource's text, the texts of its members `data` begin: behind their opening quotes, in order. */
export function dataPlaces(bytes: Buffer): number[] {
  const places: number[] = [];
  let isKey = false;
  for (let at = 0; at < bytes.length; at++) {
    if (bytes[at] !== QUOTE) continue;
    const end = skipString(bytes, at);
    const after = skipSpace(bytes, end);
    // What a colon follows is a key.
    if (isKey) places.push(at + 1);
    isKey = bytes[after] === COLON && bytes.toString('latin1', at + 1, end - 1) === 'data';
    isKey &&= bytes[skipSpace(bytes, after + 1)] === QUOTE;
    at = end - 1;
  }
  return places;
}
