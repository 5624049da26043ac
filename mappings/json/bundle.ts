import { isUtf8 } from 'node:buffer';
import { MappingError } from '../errors.js';
import { parseJson } from './scan.js';
import { skipSpace, skipString, skipValue } from './skip.js';
import { isJsonObject } from './value.js';
import type { JsonObject, JsonValue } from './value.js';

/**
 * Most entries of one Bundle. The largest patient of a public test set has a few thousand; what is larger should
 * come as NDJSON, which is read line by line.
 */
export const BUNDLE_ENTRIES_MAX = 20_000;

/** A stretch of bytes: `end` is the first index behind it. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** One entry of a Bundle, its resource as a stretch of the Bundle's bytes. */
export interface BundleSlice {
  readonly fullUrl?: string;
  /** `request.method`. */
  readonly method?: string;
  /** `request.url`. */
  readonly url?: string;
  /** `request.ifMatch`. */
  readonly ifMatch?: string;
  /** `request.ifNoneExist`. */
  readonly ifNoneExist?: string;
  readonly resource?: ByteRange;
  /** `response.status`. */
  readonly status?: string;
  /** `response.etag`. */
  readonly etag?: string;
  /** `response.location`. */
  readonly location?: string;
  /** `response.lastModified`, as text. */
  readonly lastModified?: string;
}

/** A Bundle cut into its resources, which stay unread. */
export interface SlicedBundle {
  /** `Bundle.type`; empty where it has none. */
  readonly type: string;
  readonly entries: readonly BundleSlice[];
  /** `Bundle.link`: relation and address, of which `next` leads on through a search or history. */
  readonly links: readonly { readonly relation: string; readonly url: string }[];
}

/** Bounds of {@link sliceBundle}. */
export interface BundleOptions {
  /** Default {@link BUNDLE_ENTRIES_MAX}. */
  readonly entriesMax?: number;
}

/**
 * Cuts a Bundle into the exact bytes of its resources, so that each is hashed and kept as it was sent (7.40
 * stays 7.40). What is around the resources is checked and parsed here; a resource itself is only measured, and
 * is checked when its slice goes through {@link parseJson}, so that one bad entry does not condemn the rest.
 *
 * @throws MappingError MAPPING_NOT_A_BUNDLE, MAPPING_BUNDLE_TOO_LARGE, MAPPING_BAD_ELEMENT with the FHIRPath, and
 * those of parseJson for what is around the resources.
 * @see HL7 FHIR R4, Bundle
 */
export function sliceBundle(bytes: Buffer, options: BundleOptions = {}): SlicedBundle {
  if (!isUtf8(bytes)) throw new MappingError('MAPPING_NOT_UTF8', 'the bytes are not UTF-8');
  const entriesMax = options.entriesMax ?? BUNDLE_ENTRIES_MAX;
  const slices = locateResources(bytes, entriesMax);
  const frame = parseJson(frameOf(bytes, slices));
  if (!isJsonObject(frame) || frame['resourceType'] !== 'Bundle') {
    throw new MappingError('MAPPING_NOT_A_BUNDLE', 'the text is no Bundle', { expression: 'Bundle' });
  }
  const entries = list(frame['entry'], 'Bundle.entry');
  if (entries.length > entriesMax) throw tooLarge(entriesMax);
  return {
    type: text(frame['type'], 'Bundle.type') ?? '',
    entries: entries.map((entry, i) => readEntry(entry, `Bundle.entry[${i}]`, slices)),
    links: list(frame['link'], 'Bundle.link').flatMap((link, i) => readLink(link, `Bundle.link[${i}]`)),
  };
}

/** The Bundle's own bytes, each resource replaced by its place among the slices. */
function frameOf(bytes: Buffer, slices: readonly ByteRange[]): Buffer {
  const parts: Buffer[] = [];
  let from = 0;
  slices.forEach((slice, i) => {
    parts.push(bytes.subarray(from, slice.start), Buffer.from(String(i), 'latin1'));
    from = slice.end;
  });
  parts.push(bytes.subarray(from));
  return Buffer.concat(parts);
}

/** Where the values of `entry[].resource` lie. Text that is not JSON ends the search; the frame then fails. */
function locateResources(bytes: Buffer, entriesMax: number): ByteRange[] {
  const found: ByteRange[] = [];
  let count = 0;
  forEachMember(bytes, skipSpace(bytes, 0), (keyStart, keyEnd, at) => {
    if (!isKey(bytes, keyStart, keyEnd, 'entry') || bytes[at] !== 0x5b) return skipValue(bytes, at);
    at = skipSpace(bytes, at + 1);
    while (at < bytes.length && bytes[at] !== 0x5d) {
      if (++count > entriesMax) throw tooLarge(entriesMax);
      at = locateIn(bytes, at, found);
      at = skipSpace(bytes, at);
      if (bytes[at] !== 0x2c) break;
      at = skipSpace(bytes, at + 1);
    }
    return at + 1;
  });
  return found;
}

/** Notes the resource of the entry that begins at `at`; returns the index behind the entry. */
function locateIn(bytes: Buffer, at: number, found: ByteRange[]): number {
  if (bytes[at] !== 0x7b) return skipValue(bytes, at);
  return forEachMember(bytes, at, (keyStart, keyEnd, valueAt) => {
    const end = skipValue(bytes, valueAt);
    if (end > valueAt && isKey(bytes, keyStart, keyEnd, 'resource')) found.push({ start: valueAt, end });
    return end;
  });
}

/**
 * Calls back with each member of the object at `at`; the callback answers the index behind the value.
 *
 * @returns the index behind the object, or where the text stopped being one.
 */
function forEachMember(
  bytes: Buffer,
  at: number,
  member: (keyStart: number, keyEnd: number, valueAt: number) => number,
): number {
  if (bytes[at] !== 0x7b) return at;
  at = skipSpace(bytes, at + 1);
  while (bytes[at] === 0x22) {
    const keyEnd = skipString(bytes, at);
    const colon = skipSpace(bytes, keyEnd);
    if (bytes[colon] !== 0x3a) return colon;
    at = skipSpace(bytes, member(at + 1, keyEnd - 1, skipSpace(bytes, colon + 1)));
    if (bytes[at] !== 0x2c) break;
    at = skipSpace(bytes, at + 1);
  }
  return at + 1;
}

/** Whether the key is this name, also when written with escapes. */
function isKey(bytes: Buffer, start: number, end: number, name: string): boolean {
  const written = bytes.toString('latin1', start, end);
  if (!written.includes('\\')) return written === name;
  try {
    return JSON.parse(`"${written}"`) === name;
  } catch {
    return false;
  }
}

function readEntry(entry: JsonValue, path: string, slices: readonly ByteRange[]): BundleSlice {
  if (!isJsonObject(entry)) throw bad(path);
  const request = object(entry['request'], `${path}.request`);
  const response = object(entry['response'], `${path}.response`);
  const index = entry['resource'];
  const resource = typeof index === 'number' ? slices[index] : undefined;
  return {
    ...optional('fullUrl', text(entry['fullUrl'], `${path}.fullUrl`)),
    ...optional('method', text(request?.['method'], `${path}.request.method`)),
    ...optional('url', text(request?.['url'], `${path}.request.url`)),
    ...optional('ifMatch', text(request?.['ifMatch'], `${path}.request.ifMatch`)),
    ...optional('ifNoneExist', text(request?.['ifNoneExist'], `${path}.request.ifNoneExist`)),
    ...(resource === undefined ? {} : { resource }),
    ...optional('status', text(response?.['status'], `${path}.response.status`)),
    ...optional('etag', text(response?.['etag'], `${path}.response.etag`)),
    ...optional('location', text(response?.['location'], `${path}.response.location`)),
    ...optional('lastModified', text(response?.['lastModified'], `${path}.response.lastModified`)),
  };
}

function readLink(link: JsonValue, path: string): { relation: string; url: string }[] {
  if (!isJsonObject(link)) throw bad(path);
  const relation = text(link['relation'], `${path}.relation`);
  const url = text(link['url'], `${path}.url`);
  return relation === undefined || url === undefined ? [] : [{ relation, url }];
}

function optional<K extends string>(name: K, value: string | undefined): Partial<Record<K, string>> {
  return value === undefined ? {} : ({ [name]: value } as Partial<Record<K, string>>);
}

function text(value: JsonValue | undefined, path: string): string | undefined {
  if (value !== undefined && typeof value !== 'string') throw bad(path);
  return value;
}

function object(value: JsonValue | undefined, path: string): JsonObject | undefined {
  if (value !== undefined && !isJsonObject(value)) throw bad(path);
  return value;
}

function list(value: JsonValue | undefined, path: string): readonly JsonValue[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw bad(path);
  return value as readonly JsonValue[];
}

function bad(path: string): MappingError {
  return new MappingError('MAPPING_BAD_ELEMENT', 'an element of the Bundle has the wrong JSON type', {
    expression: path,
  });
}

function tooLarge(entriesMax: number): MappingError {
  return new MappingError('MAPPING_BUNDLE_TOO_LARGE', `the Bundle has more than ${entriesMax} entries`, {
    expression: 'Bundle.entry',
  });
}
