/** From a received body to events: one resource, or the entries of a Bundle, each with its own exact bytes. */
import { isFhirId, parseJson, sliceBundle } from '../../mappings/index.js';
import type { BundleSlice } from '../../mappings/index.js';
import { AdapterError } from '../errors.js';
import { noticeOf } from './backport-notice.js';
import type { Notice } from './backport-notice.js';
import type { Channel, FhirEvent } from './event.js';

export interface Arrival {
  readonly source: string;
  readonly channel: Channel;
  readonly receivedAt: number;
}

const RESOURCE_TYPE = /^[A-Z][A-Za-z]{1,63}$/;
/** `Type/id`, relative or absolute, of whatever version. */
const NAMED = /^(?:https?:\/\/[^?#]*\/|\/)?([A-Za-z]+)\/([A-Za-z0-9.-]+)(?:\/_history\/[^/?#]*)?$/;
/** Methods of a Bundle's entry that change something at the source. */
const CHANGES: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);
/** Types of the Bundles in which notifications come; their first entry says of which subscription. */
const NOTICES: ReadonlySet<string> = new Set(['history', 'subscription-notification']);
const URN = /urn:(?:uuid|oid):[^"\s\\]+/g;

type Json = Readonly<Record<string, unknown>>;

/**
 * The events of one JSON body: a resource, or a Bundle of any type.
 *
 * @param ifMatch - Version by the request's `If-Match`, used where the resource has none.
 * @throws MappingError for what is not JSON, too deep or too large; AdapterError ADAPTER_UNPROCESSABLE for JSON
 * that is no FHIR resource.
 */
export function eventsFromBody(bytes: Buffer, arrival: Arrival, ifMatch?: string): FhirEvent[] {
  return readBody(bytes, arrival, ifMatch).events;
}

/**
 * As {@link eventsFromBody}, with what a notification of a topic Subscription says of itself. What it names as changed
 * and does not bring is to be read.
 */
export function readBody(
  bytes: Buffer,
  arrival: Arrival,
  ifMatch?: string,
): { readonly events: FhirEvent[]; readonly notice?: Notice } {
  const body = asResource(parseJson(bytes));
  if (body.resourceType !== 'Bundle') return { events: [putEvent(body, bytes, arrival, [], ifMatch)] };
  const events = eventsFromBundle(body, bytes, arrival);
  const notice = NOTICES.has(String(body['type'])) ? noticeOf(body) : undefined;
  if (notice === undefined) return { events };
  const brought = new Set(events.map(({ type, id }) => `${type}/${id}`));
  for (const { focus } of notice.events) {
    if (focus === undefined || brought.has(focus)) continue;
    brought.add(focus);
    const [type = '', id = ''] = focus.split('/');
    events.push(fetchEvent(type, id, arrival));
  }
  return { events, notice };
}

/** News that a resource changed, without its content. */
export function fetchEvent(type: string, id: string, arrival: Arrival): FhirEvent {
  return { ...arrival, kind: 'fetch', type, id, lane: laneOf(type, id), bytes: Buffer.alloc(0) };
}

/** News that a resource was deleted. */
export function deleteEvent(type: string, id: string, arrival: Arrival): FhirEvent {
  return { ...arrival, kind: 'delete', type, id, lane: laneOf(type, id), bytes: Buffer.alloc(0) };
}

/**
 * A version, or a deletion, whose address and bytes were looked at already.
 *
 * @param urns - What `fullUrl`s of the Bundle that it came in stand for.
 */
export function resourceEvent(
  of: { readonly type: string; readonly id: string; readonly resource?: Json; readonly bytes?: Buffer },
  arrival: Arrival,
  urns: ReadonlyMap<string, string> = new Map(),
): FhirEvent {
  const { type, id, resource, bytes } = of;
  if (resource === undefined || bytes === undefined) return deleteEvent(type, id, arrival);
  return {
    ...putEvent({ ...resource, resourceType: type, id }, bytes, arrival, referredUrns(bytes, urns)),
    id,
  };
}

function eventsFromBundle(bundle: Json, bytes: Buffer, arrival: Arrival): FhirEvent[] {
  const parsed = Array.isArray(bundle['entry']) ? (bundle['entry'] as unknown[]) : [];
  const entries = sliceBundle(bytes).entries;
  const urns = new Map<string, string>();
  parsed.forEach((entry, i) => {
    const resource = isObject(entry) ? entry['resource'] : undefined;
    const fullUrl = entries[i]?.fullUrl;
    if (fullUrl === undefined || !fullUrl.startsWith('urn:') || !isObject(resource)) return;
    urns.set(fullUrl, `${String(resource['resourceType'])}/${idOf(resource, fullUrl)}`);
  });
  const events: FhirEvent[] = [];
  entries.forEach((entry, i) => {
    const path = `Bundle.entry[${i}]`;
    const item = parsed[i];
    if (isAboutTheBundle(item, bundle, i)) return;
    if (entry.resource === undefined) {
      const news = newsOf(entry, arrival, path);
      if (news !== undefined) events.push(news);
      return;
    }
    const resource = asResource(isObject(item) ? item['resource'] : undefined, `${path}.resource`);
    const slice = bytes.subarray(entry.resource.start, entry.resource.end);
    const urn = referredUrns(slice, urns);
    events.push(putEvent(resource, slice, arrival, urn, undefined, entry.fullUrl));
  });
  return events;
}

/** Whether an entry tells how a search went, or what a notification is: nothing of any patient. */
function isAboutTheBundle(item: unknown, bundle: Json, index: number): boolean {
  if (!isObject(item) || !isObject(item['resource'])) return false;
  const type = item['resource']['resourceType'];
  const { search } = item;
  if (isObject(search) && search['mode'] === 'outcome') return type === 'OperationOutcome';
  const isNotice = type === 'Parameters' || type === 'SubscriptionStatus';
  return isNotice && index === 0 && NOTICES.has(String(bundle['type']));
}

/** What an entry without a resource tells: that one was deleted, or that one changed and must be read. */
function newsOf(entry: BundleSlice, arrival: Arrival, path: string): FhirEvent | undefined {
  const { method } = entry;
  if (method === undefined || !CHANGES.has(method)) return undefined;
  // A notification without content still names what changed; what was created is named by its new address alone.
  const names = method === 'POST' ? [entry.location, entry.fullUrl] : [entry.url, entry.fullUrl];
  for (const name of names) {
    const [, type = '', id = ''] = NAMED.exec(name ?? '') ?? [];
    if (!RESOURCE_TYPE.test(type) || !isFhirId(id)) continue;
    return method === 'DELETE' ? deleteEvent(type, id, arrival) : fetchEvent(type, id, arrival);
  }
  throw new AdapterError('ADAPTER_UNPROCESSABLE', `a ${method} without resource names none by type and id`, {
    expression: `${path}.request.url`,
  });
}

function putEvent(
  resource: Json & { resourceType: string },
  bytes: Buffer,
  arrival: Arrival,
  urn: readonly (readonly [string, string])[],
  ifMatch?: string,
  fullUrl?: string,
): FhirEvent {
  const type = resource.resourceType;
  const id = idOf(resource, fullUrl);
  const meta = resource['meta'];
  const versionId = isObject(meta) ? meta['versionId'] : undefined;
  const version = typeof versionId === 'string' && versionId !== '' ? versionId : ifMatch;
  return {
    ...arrival,
    kind: 'put',
    type,
    id,
    ...(version === undefined ? {} : { version }),
    ...(urn.length === 0 ? {} : { urn }),
    lane: laneOf(type, id, resource, urn),
    bytes,
  };
}

/** A transaction's entry may leave its id to the server; then its `urn:uuid` names it. */
function idOf(resource: Json, fullUrl?: string): string {
  if (typeof resource['id'] === 'string') return resource['id'];
  return fullUrl?.startsWith('urn:uuid:') === true ? fullUrl.slice('urn:uuid:'.length) : '';
}

/** Those of the Bundle's `fullUrl`s that these bytes mention. */
function referredUrns(slice: Buffer, urns: ReadonlyMap<string, string>): (readonly [string, string])[] {
  if (urns.size === 0 || !slice.includes('urn:')) return [];
  const found = new Map<string, string>();
  for (const [urn] of slice.toString('utf8').matchAll(URN)) {
    const target = urns.get(urn);
    if (target !== undefined) found.set(urn, target);
  }
  return [...found];
}

const LANE_ELEMENTS = ['subject', 'patient', 'beneficiary', 'for'] as const;

/** What keeps a patient's events in one lane; a wrong guess costs order, never truth. */
function laneOf(
  type: string,
  id: string,
  resource?: Json,
  urn: readonly (readonly [string, string])[] = [],
): string {
  if (type === 'Patient') return `Patient/${id}`;
  for (const element of LANE_ELEMENTS) {
    const value = resource?.[element];
    const reference = isObject(value) ? value['reference'] : undefined;
    if (typeof reference !== 'string') continue;
    const local = urn.find(([name]) => name === reference)?.[1] ?? reference;
    const patient = /Patient\/[A-Za-z0-9.-]{1,64}/.exec(local)?.[0];
    if (patient !== undefined) return patient;
  }
  return `${type}/${id}`;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function asResource(value: unknown, path = ''): Json & { resourceType: string } {
  const type = isObject(value) ? value['resourceType'] : undefined;
  if (!isObject(value) || typeof type !== 'string' || !RESOURCE_TYPE.test(type)) {
    throw new AdapterError('ADAPTER_UNPROCESSABLE', 'the body is JSON, but not a FHIR resource', {
      expression: path === '' ? 'resourceType' : `${path}.resourceType`,
    });
  }
  return value as Json & { resourceType: string };
}
