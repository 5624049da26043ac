/**
 * A FHIR server that misbehaves as servers do, by a table and a seed: it commits late, answers searches from a cache, has a
 * clock of its own, and loses, repeats and reorders what it sends.
 */
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { ask } from './bench.js';

export type TopicForm = 'R4' | 'R4B' | 'R5';
export type TopicContent = 'empty' | 'id-only' | 'full-resource';

/** What a server offers. */
export interface Offers {
  readonly restHook?: boolean;
  /** Sends deletions by rest-hook, where the channel asks for them. */
  readonly sendsDeletes?: boolean;
  readonly topic?: { readonly form: TopicForm; readonly content: TopicContent };
  readonly hasEvents?: boolean;
  readonly hasStatus?: boolean;
  readonly history?: 'system' | 'type' | 'none' | 'empty-search';
  readonly versions?: 'numbers' | 'uuids';
  /** Deleted resources are answered 410, or 404. */
  readonly gone?: 410 | 404;
  /** A search is answered from its first result, unless it is asked not to be. */
  readonly caches?: boolean;
  /** Pages of so many. */
  readonly pageSize?: number;
  /** Answers tell the time. */
  readonly tellsTime?: boolean;
}

/** What goes wrong, each from 0 to 1. */
export interface Faults {
  readonly lost: number;
  readonly repeated: number;
  /** Longest delay of a delivery, ms; what is sent later may come sooner. */
  readonly delayMs: number;
  /** Longest time from the stamp to where it can be seen, ms. */
  readonly lateMs: number;
}

export const NO_FAULTS: Faults = { lost: 0, repeated: 0, delayMs: 0, lateMs: 0 };

interface Version {
  readonly type: string;
  readonly id: string;
  readonly version: string;
  /** Absent for a deletion. */
  readonly resource: (Resource & { meta: { versionId: string; lastUpdated: string } }) | undefined;
  readonly stampedAt: number;
  readonly visibleAt: number;
}

export interface Resource {
  readonly resourceType: string;
  readonly id: string;
}

/** A Subscription that it has. */
export interface SimulatedSubscription {
  readonly id: string;
  status: string;
  resource: Record<string, unknown>;
  /** Events so far. */
  events: { number: number; type: string; id: string; version: Version }[];
}

interface Channel {
  readonly endpoint: string;
  readonly header: readonly string[];
  readonly extension?: readonly { url: string; valueBoolean?: boolean }[];
}

const TOPIC = 'http://example.org/topics/changes';
const TYPES = ['Patient', 'Observation'];
/** One change is sent so often at most; seen of a server in the field. */
const REPEATS = 19;

export class SimulatedSource {
  readonly offers: Offers;
  readonly asked: string[] = [];
  readonly subscriptions = new Map<string, SimulatedSubscription>();
  readonly delivering = new Set<Promise<void>>();
  faults: Faults = NO_FAULTS;
  clockAheadMs = 0;
  /** Status of every answer while it is set. */
  failing: number | undefined;
  /** Types whose searches are refused. */
  readonly refusing = new Set<string>();
  /** Deliveries that were made. */
  delivered = 0;
  readonly #versions: Version[] = [];
  readonly #cache = new Map<string, string>();
  readonly #random: () => number;
  readonly #server = createServer((request, response) => void this.#answer(request, response));
  #counts = new Map<string, number>();
  #made = 0;
  #ended = false;

  private constructor(offers: Offers, random: () => number) {
    this.offers = offers;
    this.#random = random;
  }

  static async start(offers: Offers, random: () => number = () => 0): Promise<SimulatedSource> {
    const source = new SimulatedSource(offers, random);
    await new Promise<void>((resolve) => source.#server.listen(0, '127.0.0.1', resolve));
    return source;
  }

  get base(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/fhir`;
  }

  async close(): Promise<void> {
    this.#ended = true;
    await Promise.allSettled(this.delivering);
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  put(resource: Resource): void {
    this.#commit(resource.resourceType, resource.id, resource);
  }

  delete(type: string, id: string): void {
    if (this.present(type, id)?.resource !== undefined) this.#commit(type, id, undefined);
  }

  /** Sends a hook's or notification's body to all that listen, whatever happened. */
  async send(body: object, subscription: SimulatedSubscription): Promise<number> {
    const { endpoint, header } = channelOf(subscription);
    const url = new URL(endpoint);
    const { status } = await ask(url.origin, url.pathname, {
      method: 'POST',
      headers: { 'content-type': 'application/fhir+json', ...headersOf(header) },
      body: JSON.stringify(body),
    });
    return status;
  }

  /** The last version of a resource, whether it can be seen yet or not. */
  present(type: string, id: string): Version | undefined {
    return this.#versions.findLast((one) => one.type === type && one.id === id);
  }

  /** `Type/id` of all there ever was, with its present version; `undefined` for what is deleted. */
  state(): Map<string, string | undefined> {
    const state = new Map<string, string | undefined>();
    for (const { type, id, version, resource } of this.#versions)
      state.set(`${type}/${id}`, resource === undefined ? undefined : version);
    return state;
  }

  /** A notification as a topic Subscription sends it. */
  notification(
    subscription: SimulatedSubscription,
    type: string,
    events: SimulatedSubscription['events'] = [],
  ): object {
    const { form = 'R4', content = 'full-resource' } = this.offers.topic ?? {};
    const reference = `${this.base}/Subscription/${subscription.id}`;
    const count = subscription.events.length;
    const isNamed = content !== 'empty' || type === 'query-event';
    const status =
      form === 'R4'
        ? {
            resourceType: 'Parameters',
            parameter: [
              { name: 'subscription', valueReference: { reference } },
              { name: 'topic', valueCanonical: TOPIC },
              { name: 'status', valueCode: subscription.status },
              { name: 'type', valueCode: type },
              { name: 'events-since-subscription-start', valueString: String(count) },
              ...events.map((event) => ({
                name: 'notification-event',
                part: [
                  { name: 'event-number', valueString: String(event.number) },
                  ...(isNamed ? [{ name: 'focus', valueReference: focusOf(event) }] : []),
                ],
              })),
            ],
          }
        : {
            resourceType: 'SubscriptionStatus',
            status: subscription.status,
            type,
            eventsSinceSubscriptionStart: form === 'R4B' ? String(count) : count,
            subscription: { reference },
            topic: TOPIC,
            notificationEvent: events.map((event) => ({
              eventNumber: form === 'R4B' ? String(event.number) : event.number,
              ...(isNamed ? { focus: focusOf(event) } : {}),
            })),
          };
    const isFull = content === 'full-resource';
    const shown = isFull ? events.map((event) => entryOf(this.base, event.version)) : [];
    return {
      resourceType: 'Bundle',
      type: form === 'R5' ? 'subscription-notification' : 'history',
      entry: [{ resource: status }, ...shown],
    };
  }

  #commit(type: string, id: string, resource: Resource | undefined): void {
    const now = Date.now();
    const count = (this.#counts.get(`${type}/${id}`) ?? 0) + 1;
    this.#counts.set(`${type}/${id}`, count);
    const version =
      this.offers.versions === 'uuids'
        ? `${Math.floor(this.#random() * 2 ** 48).toString(16)}-${id}-${Math.floor(this.#random() * 2 ** 30).toString(16)}`
        : String(count);
    const stampedAt = now + this.clockAheadMs;
    const lastUpdated = new Date(stampedAt).toISOString();
    const committed: Version = {
      type,
      id,
      version,
      resource:
        resource === undefined
          ? undefined
          : {
              ...resource,
              meta: { ...(resource as { meta?: object }).meta, versionId: version, lastUpdated },
            },
      stampedAt,
      visibleAt: now + this.#random() * this.faults.lateMs,
    };
    this.#versions.push(committed);
    for (const subscription of this.subscriptions.values()) this.#tell(subscription, committed);
  }

  #tell(subscription: SimulatedSubscription, version: Version): void {
    if (subscription.status !== 'active') return;
    const { criteria } = subscription.resource as { criteria: string };
    let send: () => Promise<void>;
    if (criteria === TOPIC) {
      const { type, id } = version;
      const event = { number: subscription.events.length + 1, type, id, version };
      subscription.events.push(event);
      const body = this.notification(subscription, 'event-notification', [event]);
      send = async () => void (await this.send(body, subscription));
    } else {
      if (criteria !== `${version.type}?`) return;
      const { extension = [] } = channelOf(subscription);
      const asks = extension.some(
        ({ url, valueBoolean }) => url.endsWith('send-delete-messages') && valueBoolean,
      );
      if (version.resource === undefined && !(asks && this.offers.sendsDeletes === true)) return;
      send = () => this.#hook(subscription, version);
    }
    const repeats = this.#random() < this.faults.repeated ? REPEATS : 1;
    for (let i = 0; i < repeats; i++) {
      if (this.#random() < this.faults.lost) continue;
      const delayMs = this.#random() * this.faults.delayMs;
      const delivery = sleep(delayMs)
        .then(() => (this.#ended ? undefined : send()))
        // A receiver that is away loses it, as with servers that give up.
        .catch(() => undefined)
        .finally(() => {
          this.delivered += 1;
          this.delivering.delete(delivery);
        });
      this.delivering.add(delivery);
    }
  }

  async #hook(subscription: SimulatedSubscription, { type, id, version, resource }: Version): Promise<void> {
    const { endpoint, header } = channelOf(subscription);
    const url = new URL(`${endpoint}/${type}/${id}`);
    await ask(url.origin, url.pathname, {
      method: resource === undefined ? 'DELETE' : 'PUT',
      headers: {
        ...headersOf(header),
        ...(resource === undefined
          ? {}
          : { 'content-type': 'application/fhir+json', 'if-match': `W/"${version}"` }),
      },
      ...(resource === undefined ? {} : { body: JSON.stringify(resource) }),
    });
  }

  #visible(): Map<string, Version> {
    const now = Date.now();
    const visible = new Map<string, Version>();
    for (const one of this.#versions) if (one.visibleAt <= now) visible.set(`${one.type}/${one.id}`, one);
    return visible;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
    const method = request.method ?? 'GET';
    this.asked.push(`${method} ${(request.url ?? '').replace(/^\/fhir/, '')}`);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const send = (status: number, body: object = { resourceType: 'OperationOutcome' }): void => {
      response.sendDate = false;
      if (this.offers.tellsTime !== false)
        response.setHeader('date', new Date(Date.now() + this.clockAheadMs).toUTCString());
      response.writeHead(status, { 'content-type': 'application/fhir+json' }).end(JSON.stringify(body));
    };
    if (this.failing !== undefined) return send(this.failing);
    const [, , type = '', id, operation] = pathname.split('/');
    if (type === 'metadata') return send(200, this.#capability());
    if (type === 'Subscription')
      return this.#onSubscription(method, id, operation, searchParams, chunks, send);
    if (type === '_history' || id === '_history')
      return this.#history(type === '_history' ? undefined : type, searchParams, send);
    if (id !== undefined) {
      const found = this.#visible().get(`${type}/${id}`);
      if (found?.resource !== undefined) return send(200, found.resource);
      return send(found === undefined ? 404 : (this.offers.gone ?? 410));
    }
    if (this.refusing.has(type)) return send(403);
    return this.#search(type, request, searchParams, send);
  }

  #search(
    type: string,
    request: IncomingMessage,
    params: URLSearchParams,
    send: (status: number, body?: object) => void,
  ): void {
    const isFresh = this.offers.caches !== true || request.headers['cache-control'] === 'no-cache';
    const url = request.url ?? '';
    const cached = this.#cache.get(url);
    if (!isFresh && cached !== undefined) return send(200, JSON.parse(cached) as object);
    const from = Date.parse(params.get('_lastUpdated')?.slice(2) ?? '1970-01-01T00:00:00Z');
    const start = Number(params.get('_pageOffset') ?? '0');
    const size = Math.min(this.offers.pageSize ?? 1000, Number(params.get('_count') ?? '20'));
    const all = [...this.#visible().values()]
      .filter((one) => one.type === type && one.resource !== undefined && one.stampedAt >= from)
      .toSorted((a, b) => a.stampedAt - b.stampedAt);
    const next = new URLSearchParams(params);
    next.set('_pageOffset', String(start + size));
    const body = {
      resourceType: 'Bundle',
      type: 'searchset',
      link:
        start + size < all.length
          ? [{ relation: 'next', url: `${this.base}/${type}?${next.toString()}` }]
          : [{ relation: 'self', url: this.base }],
      entry: all.slice(start, start + size).map(({ resource }) => ({
        fullUrl: `${this.base}/${type}/${resource?.id ?? ''}`,
        resource: params.has('_elements') ? { resourceType: type, id: resource?.id } : resource,
      })),
    };
    this.#cache.set(url, JSON.stringify(body));
    send(200, body);
  }

  #history(
    type: string | undefined,
    params: URLSearchParams,
    send: (status: number, body?: object) => void,
  ): void {
    const { history = 'none', pageSize = 1000 } = this.offers;
    if (history === 'empty-search' && type === undefined)
      return send(200, { resourceType: 'Bundle', type: 'searchset' });
    if (type === undefined ? history !== 'system' : history === 'none' || history === 'empty-search')
      return send(404);
    const from = Date.parse(params.get('_since') ?? '1970-01-01T00:00:00Z');
    const start = Number(params.get('_offset') ?? '0');
    const now = Date.now();
    const all = this.#versions
      .filter(
        (one) => (type === undefined || one.type === type) && one.stampedAt >= from && one.visibleAt <= now,
      )
      .toReversed();
    const next = new URLSearchParams(params);
    next.set('_offset', String(start + pageSize));
    send(200, {
      resourceType: 'Bundle',
      type: 'history',
      link:
        start + pageSize < all.length
          ? [
              {
                relation: 'next',
                url: `${this.base}/${type === undefined ? '' : `${type}/`}_history?${next.toString()}`,
              },
            ]
          : [],
      entry: all.slice(start, start + pageSize).map((one) => entryOf(this.base, one)),
    });
  }

  #onSubscription(
    method: string,
    id: string | undefined,
    operation: string | undefined,
    params: URLSearchParams,
    chunks: Buffer[],
    send: (status: number, body?: object) => void,
  ): void {
    const body = (): Record<string, unknown> => JSON.parse(Buffer.concat(chunks).toString('utf8')) as never;
    if (id === undefined && method === 'GET') {
      const entry = [...this.subscriptions.values()].map((one) => ({ resource: shownOf(one) }));
      return send(200, { resourceType: 'Bundle', type: 'searchset', entry });
    }
    if (id === undefined) {
      const made: SimulatedSubscription = {
        id: `s${++this.#made}`,
        status: 'active',
        resource: body(),
        events: [],
      };
      this.subscriptions.set(made.id, made);
      if (made.resource['criteria'] === TOPIC) this.#shake(made);
      return send(201, shownOf(made));
    }
    const found = this.subscriptions.get(id);
    if (found === undefined) return send(404);
    if (operation === '$status') {
      if (this.offers.hasStatus !== true) return send(404);
      const status = this.notification(found, 'query-status');
      return send(200, { ...status, type: 'searchset' });
    }
    if (operation === '$events') {
      if (this.offers.hasEvents !== true) return send(404);
      const [from, to] = [Number(params.get('eventsSinceNumber')), Number(params.get('eventsUntilNumber'))];
      const events = found.events.filter(({ number }) => number >= from && number <= to);
      return send(200, this.notification(found, 'query-event', events));
    }
    if (method === 'DELETE') {
      this.subscriptions.delete(id);
      return send(204);
    }
    if (method === 'PUT') {
      found.resource = body();
      found.status = 'active';
      if (found.resource['criteria'] === TOPIC) this.#shake(found);
      return send(200, shownOf(found));
    }
    return send(200, shownOf(found));
  }

  #shake(subscription: SimulatedSubscription): void {
    const shake = this.send(this.notification(subscription, 'handshake'), subscription)
      .then(() => undefined)
      .catch(() => undefined)
      .finally(() => this.delivering.delete(shake));
    this.delivering.add(shake);
  }

  #capability(): object {
    const { restHook, topic, history = 'none' } = this.offers;
    const codes = [
      'read',
      'search-type',
      ...(history === 'type' || history === 'system' ? ['history-type'] : []),
    ];
    const topicsUrl =
      'http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/capabilitystatement-subscriptiontopic-canonical';
    const subscription = {
      type: 'Subscription',
      interaction: [{ code: 'create' }, { code: 'read' }, { code: 'search-type' }],
      ...(topic === undefined ? {} : { extension: [{ url: topicsUrl, valueCanonical: TOPIC }] }),
    };
    return {
      resourceType: 'CapabilityStatement',
      status: 'active',
      date: '2026-01-01',
      kind: 'instance',
      fhirVersion: '4.0.1',
      format: ['json'],
      rest: [
        {
          mode: 'server',
          resource: [
            ...TYPES.map((type) => ({ type, interaction: codes.map((code) => ({ code })) })),
            ...(restHook === true || topic !== undefined ? [subscription] : []),
          ],
          ...(history === 'system' || history === 'empty-search'
            ? { interaction: [{ code: 'history-system' }] }
            : {}),
        },
      ],
    };
  }
}

function entryOf(base: string, { type, id, version, resource }: Version): object {
  return {
    fullUrl: `${base}/${type}/${id}`,
    ...(resource === undefined ? {} : { resource }),
    request: {
      method: resource === undefined ? 'DELETE' : 'PUT',
      url: resource === undefined ? `${type}/${id}/_history/${version}` : `${type}/${id}`,
    },
    response: { status: '200 OK', etag: `W/"${version}"` },
  };
}

function channelOf({ resource }: SimulatedSubscription): Channel {
  return resource['channel'] as Channel;
}

function headersOf(lines: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    lines.map((line) => [line.split(':')[0] ?? '', line.slice(line.indexOf(':') + 1).trim()]),
  );
}

function focusOf({ type, id }: { readonly type: string; readonly id: string }): { reference: string } {
  return { reference: `${type}/${id}` };
}

function shownOf({ resource, id, status }: SimulatedSubscription): object {
  return { ...resource, id, status };
}
