/**
 * What a push asks for, read and checked entry by entry before anything is kept: one resource, its deletion, or a
 * transaction or batch of these. Whatever a push cannot honour is refused here, and never ignored.
 *
 * @see HL7 FHIR R4, RESTful API: create, update, delete, batch/transaction
 */
import {
  isFhirId,
  isJsonObject,
  isRecordType,
  MappingError,
  parseJson,
  sliceBundle,
} from '../../../mappings/index.js';
import type { BundleSlice, JsonObject, JsonValue } from '../../../mappings/index.js';
import { AdapterError } from '../../errors.js';
import type { LargeBody } from '../../inbound/event.js';
import type { Interaction } from '../tokens/index.js';
import { readCondition } from './identifiers.js';
import type { IdentifierCondition } from './identifiers.js';

/** A resource to be kept. */
export interface PutEntry {
  readonly kind: 'put';
  readonly method: 'POST' | 'PUT';
  readonly type: string;
  /** Absent where the source leaves it to us. */
  readonly id?: string;
  readonly resource: JsonObject;
  /** As received; with `large`, the resource without its data. */
  readonly bytes: Buffer;
  /** The file that has all of it. */
  readonly large?: LargeBody;
  readonly fullUrl?: string;
  readonly ifMatch?: string;
  readonly ifNoneExist?: IdentifierCondition;
}

export interface DeleteEntry {
  readonly kind: 'delete';
  readonly method: 'DELETE';
  readonly type: string;
  readonly id: string;
  readonly ifMatch?: string;
}

/** An entry of a batch that is refused by itself. */
export interface RefusedEntry {
  readonly kind: 'refused';
  readonly method: string;
  readonly error: unknown;
}

export type PushEntry = PutEntry | DeleteEntry | RefusedEntry;

/** The headers that a push heeds. */
export interface PushHeaders {
  readonly ifMatch?: string | undefined;
  readonly ifNoneMatch?: string | undefined;
  readonly ifNoneExist?: string | undefined;
  readonly ifModifiedSince?: string | undefined;
}

/** Refuses what a token does not reach. @throws AdapterError ADAPTER_FORBIDDEN */
export type RequireScope = (type: string, interaction: Interaction) => void;

const TYPE = /^[A-Z][A-Za-z]{1,63}$/;
const VERSION = /^(?:W\/)?"([\x21\x23-\x5b\x5d-\x7e]{1,64})"$/;
const URN_UUID = /^urn:uuid:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/i;

/**
 * `POST /Type` or `PUT /Type/id`.
 *
 * @throws AdapterError, MappingError with the FHIRPath of what is at fault.
 */
export function readResource(
  method: 'POST' | 'PUT',
  type: string,
  id: string | undefined,
  body: Buffer,
  headers: PushHeaders,
): PutEntry {
  refuseConditions(headers);
  const resource = resourceOf(parseJson(body), '');
  requireSame(resource, method, type, id, '');
  const ifMatch = matchOf(headers.ifMatch, method === 'PUT', 'If-Match');
  const ifNoneExist = noneExistOf(headers.ifNoneExist, method === 'POST', 'If-None-Exist');
  const own = id ?? ownId(resource, '');
  return {
    kind: 'put',
    method,
    type,
    ...(own === undefined ? {} : { id: own }),
    resource,
    bytes: body,
    ...(ifMatch === undefined ? {} : { ifMatch }),
    ...(ifNoneExist === undefined ? {} : { ifNoneExist }),
  };
}

/** `DELETE /Type/id`. @throws AdapterError */
export function readDelete(type: string, id: string, headers: PushHeaders): DeleteEntry {
  refuseConditions(headers);
  noneExistOf(headers.ifNoneExist, false, 'If-None-Exist');
  const ifMatch = matchOf(headers.ifMatch, true, 'If-Match');
  return { kind: 'delete', method: 'DELETE', type, id, ...(ifMatch === undefined ? {} : { ifMatch }) };
}

/**
 * A transaction or batch. In a transaction the first entry at fault refuses all; in a batch each stands for itself.
 *
 * @throws AdapterError, MappingError
 */
export function readBundle(
  body: Buffer,
  requireScope: RequireScope,
): { readonly type: 'batch' | 'transaction'; readonly entries: PushEntry[] } {
  const parsed = resourceOf(parseJson(body), '');
  if (parsed['resourceType'] !== 'Bundle')
    throw unprocessable('a Bundle is sent here; a resource goes to /fhir/{type}', 'resourceType');
  const { type } = parsed;
  if (type !== 'transaction' && type !== 'batch')
    throw new AdapterError('ADAPTER_BAD_REQUEST', 'a push is a Bundle of type transaction or batch', {
      expression: 'Bundle.type',
    });
  const slices = sliceBundle(body).entries;
  const items = Array.isArray(parsed['entry']) ? (parsed['entry'] as readonly JsonValue[]) : [];
  const named = new Set<string>();
  const fullUrls = new Set<string>();
  const entries = slices.map((slice, i): PushEntry => {
    const path = `Bundle.entry[${i}]`;
    try {
      const entry = readEntry(slice, items[i], body, path);
      requireScope(entry.type, INTERACTIONS[entry.method]);
      requireOnce(entry, named, fullUrls, path);
      return entry;
    } catch (error) {
      if (type === 'transaction' || !(error instanceof AdapterError || error instanceof MappingError))
        throw error;
      return { kind: 'refused', method: (slice.method ?? '').slice(0, 16), error };
    }
  });
  return { type, entries };
}

/** What each method asks of a token's scopes. */
export const INTERACTIONS = { POST: 'c', PUT: 'u', DELETE: 'd' } as const satisfies Record<
  string,
  Interaction
>;

function readEntry(
  slice: BundleSlice,
  item: JsonValue | undefined,
  body: Buffer,
  path: string,
): PutEntry | DeleteEntry {
  const request = isJsonObject(item) && isJsonObject(item['request']) ? item['request'] : {};
  for (const name of ['ifNoneMatch', 'ifModifiedSince']) {
    if (request[name] !== undefined)
      throw notSupported(`${name} is not taken by a push`, `${path}.request.${name}`);
  }
  const { method, url = '' } = slice;
  if (method !== 'POST' && method !== 'PUT' && method !== 'DELETE') {
    throw notSupported('a push takes POST, PUT and DELETE', `${path}.request.method`);
  }
  const { type, id } = readUrl(url, `${path}.request.url`);
  const ifMatch = matchOf(slice.ifMatch, method !== 'POST', `${path}.request.ifMatch`);
  const match = ifMatch === undefined ? {} : { ifMatch };
  const ifNoneExist = noneExistOf(slice.ifNoneExist, method === 'POST', `${path}.request.ifNoneExist`);
  if (method === 'DELETE') {
    if (slice.resource !== undefined)
      throw new AdapterError('ADAPTER_BAD_REQUEST', 'a DELETE has no resource', {
        expression: `${path}.resource`,
      });
    if (id === undefined) throw conditional(`${path}.request.url`);
    return { kind: 'delete', method, type, id, ...match };
  }
  if (method === 'PUT' && id === undefined) throw conditional(`${path}.request.url`);
  if (method === 'POST' && id !== undefined)
    throw new AdapterError('ADAPTER_BAD_REQUEST', 'a POST names a type', {
      expression: `${path}.request.url`,
    });
  if (slice.resource === undefined)
    throw new AdapterError('ADAPTER_BAD_REQUEST', `a ${method} has a resource`, {
      expression: `${path}.resource`,
    });
  const { start, end } = slice.resource;
  const resource = resourceOf(isJsonObject(item) ? item['resource'] : undefined, `${path}.resource`);
  requireSame(resource, method, type, id, `${path}.resource`);
  const own = id ?? ownId(resource, `${path}.resource`) ?? uuidOf(slice.fullUrl);
  return {
    kind: 'put',
    method,
    type,
    ...(own === undefined ? {} : { id: own }),
    resource,
    bytes: body.subarray(start, end),
    ...(slice.fullUrl === undefined ? {} : { fullUrl: slice.fullUrl }),
    ...match,
    ...(ifNoneExist === undefined ? {} : { ifNoneExist }),
  };
}

/** `Type` or `Type/id`: addresses in a Bundle are relative to this endpoint. */
function readUrl(url: string, expression: string): { type: string; id?: string } {
  if (url.includes('?')) throw conditional(expression);
  const [type = '', id, ...more] = url.replace(/^\//, '').split('/');
  if (!TYPE.test(type) || !isRecordType(type) || more.length > 0 || (id !== undefined && !isFhirId(id)))
    throw new AdapterError('ADAPTER_BAD_REQUEST', 'an address is {type} or {type}/{id}', { expression });
  return { type, ...(id === undefined ? {} : { id }) };
}

/** Two entries on one resource have no order that all agree on. */
function requireOnce(
  entry: PutEntry | DeleteEntry,
  named: Set<string>,
  fullUrls: Set<string>,
  path: string,
): void {
  const name = entry.id === undefined ? undefined : `${entry.type}/${entry.id}`;
  const fullUrl = entry.kind === 'put' ? entry.fullUrl : undefined;
  if ((name !== undefined && named.has(name)) || (fullUrl !== undefined && fullUrls.has(fullUrl)))
    throw new AdapterError('ADAPTER_BAD_REQUEST', 'another entry is about the same resource', {
      expression: path,
    });
  if (name !== undefined) named.add(name);
  if (fullUrl !== undefined) fullUrls.add(fullUrl);
}

function requireSame(
  resource: JsonObject,
  method: 'POST' | 'PUT',
  type: string,
  id: string | undefined,
  path: string,
): void {
  if (resource['resourceType'] !== type)
    throw badAt('the body is not of the type that the address names', path, 'resourceType');
  if (method === 'PUT' && resource['id'] !== id)
    throw badAt('the body is not the resource that the address names', path, 'id');
}

/** The id in the resource: a client writes under the ids of its own source, by POST too. */
function ownId(resource: JsonObject, path: string): string | undefined {
  const { id } = resource;
  if (id === undefined) return undefined;
  if (typeof id !== 'string' || !isFhirId(id)) {
    throw new MappingError('MAPPING_BAD_ID', 'an id has letters, digits, hyphens and dots, at most 64', {
      expression: path === '' ? 'id' : `${path}.id`,
    });
  }
  return id;
}

function uuidOf(fullUrl: string | undefined): string | undefined {
  return URN_UUID.exec(fullUrl ?? '')?.[1];
}

function resourceOf(value: JsonValue | undefined, path: string): JsonObject {
  const type = isJsonObject(value) ? value['resourceType'] : undefined;
  if (isJsonObject(value) && typeof type === 'string' && TYPE.test(type)) return value;
  throw unprocessable(
    'that is JSON, but not a FHIR resource',
    path === '' ? 'resourceType' : `${path}.resourceType`,
  );
}

function matchOf(text: string | undefined, isTaken: boolean, where: string): string | undefined {
  if (text === undefined) return undefined;
  if (!isTaken) throw notSupported('If-Match is for PUT and DELETE', where);
  if (text.trim() === '*') return '*';
  const version = VERSION.exec(text.trim())?.[1];
  if (version === undefined)
    throw new AdapterError('ADAPTER_BAD_REQUEST', `${where} is one entity tag, such as W/"3"`);
  return version;
}

function noneExistOf(
  text: string | undefined,
  isTaken: boolean,
  where: string,
): IdentifierCondition | undefined {
  if (text === undefined) return undefined;
  if (!isTaken) throw notSupported('If-None-Exist is for POST', where);
  const condition = readCondition(text);
  if (condition === undefined) throw notSupported('If-None-Exist is identifier=system|value', where);
  return condition;
}

function refuseConditions({ ifNoneMatch, ifModifiedSince }: PushHeaders): void {
  if (ifNoneMatch !== undefined) throw notSupported('If-None-Match is not taken by a push', 'If-None-Match');
  if (ifModifiedSince !== undefined)
    throw notSupported('If-Modified-Since is not taken by a push', 'If-Modified-Since');
}

/** A conditional update, patch or delete asks for a search of all that the source has. */
export function conditional(expression?: string): AdapterError {
  return notSupported(
    'a push names its resource by type and id; conditions are for POST, by If-None-Exist',
    expression,
  );
}

function notSupported(message: string, expression?: string): AdapterError {
  return new AdapterError('ADAPTER_NOT_SUPPORTED', message, expression === undefined ? {} : { expression });
}

function unprocessable(message: string, expression: string): AdapterError {
  return new AdapterError('ADAPTER_UNPROCESSABLE', message, { expression });
}

function badAt(message: string, path: string, element: string): AdapterError {
  return new AdapterError('ADAPTER_BAD_REQUEST', message, {
    expression: path === '' ? element : `${path}.${element}`,
  });
}
