/**
 * `/hooks/{source}`: what a hospital's server pushes. The sender is checked, the exact bytes are made durable, and
 * only then is it answered; all work comes later.
 *
 * @see HL7 FHIR R4 Subscription, rest-hook channel
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { AdapterError } from '../errors.js';
import type { FhirEvent } from '../inbound/event.js';
import { isFhirId } from '../../mappings/index.js';
import type { Notice } from '../inbound/backport-notice.js';
import { deleteEvent, fetchEvent, readBody } from '../inbound/intake.js';
import type { Accepted } from '../inbound/inbox.js';
import type { Source, Sources } from '../instance/sources.js';
import { isJson } from './media.js';

export interface HookRequest {
  readonly method: string;
  readonly source: string;
  /** What follows the source in the path: none, `/Type/id`. */
  readonly rest: readonly string[];
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface HookService {
  readonly sources: Sources;
  readonly accept: (events: readonly FhirEvent[]) => Promise<Accepted>;
  /** Reads what is new at a source that says only that something changed. */
  readonly catchUp: (source: string) => void;
  /** Told of what a topic Subscription says of itself, once the events with it are durable. */
  readonly noticed?: ((source: string, notice: Notice) => Promise<void>) | undefined;
  readonly nowMs: () => number;
}

const TYPE = /^[A-Z][A-Za-z]{1,63}$/;

/**
 * Takes one push.
 *
 * @returns How many of its events were new, after they are durable.
 * @throws AdapterError ADAPTER_NOT_FOUND for an unknown source, ADAPTER_UNAUTHORIZED for a wrong secret,
 * ADAPTER_STOPPING for a paused source, ADAPTER_UNSUPPORTED_MEDIA, ADAPTER_BAD_REQUEST; MappingError for a body that cannot be read.
 */
export async function takeHook(request: HookRequest, service: HookService): Promise<Accepted> {
  const source = sourceOf(request.source, service.sources);
  const sender = senderCheck(request.headers, source);
  sender.update(request.body);
  sender.finish();
  const arrival = { source: source.id, channel: 'hook' as const, receivedAt: service.nowMs() };
  const named = namedResource(request.rest);
  if (request.method === 'DELETE') {
    if (named === undefined) throw new AdapterError('ADAPTER_BAD_REQUEST', 'DELETE needs /{type}/{id}');
    return service.accept([deleteEvent(named.type, named.id, arrival)]);
  }
  const medplumDeleted = request.headers['x-medplum-deleted-resource'];
  if (typeof medplumDeleted === 'string') {
    const deleted = namedResource(medplumDeleted.split('/'));
    if (deleted === undefined)
      throw new AdapterError('ADAPTER_BAD_REQUEST', 'X-Medplum-Deleted-Resource is not Type/id');
    return service.accept([deleteEvent(deleted.type, deleted.id, arrival)]);
  }
  if (request.body.length === 0) {
    if (named !== undefined) return service.accept([fetchEvent(named.type, named.id, arrival)]);
    service.catchUp(source.id);
    return { accepted: 0, duplicates: 0 };
  }
  if (!isJson(request.headers['content-type'])) {
    throw new AdapterError('ADAPTER_UNSUPPORTED_MEDIA', 'send application/fhir+json in UTF-8');
  }
  const { events, notice } = readBody(request.body, arrival, versionOf(request.headers['if-match']));
  const first = events[0];
  if (named !== undefined && (events.length !== 1 || first?.type !== named.type || first.id !== named.id)) {
    throw notNamed();
  }
  const accepted = await service.accept(events);
  if (notice !== undefined) await service.noticed?.(source.id, notice);
  return accepted;
}

/** @throws AdapterError ADAPTER_NOT_FOUND */
export function sourceOf(id: string, sources: Sources): Source {
  const source = sources.get(id);
  if (source === undefined || source.state === 'removed')
    throw new AdapterError('ADAPTER_NOT_FOUND', `no source ${printable(id)}`);
  return source;
}

/** What tells whether a hook comes from its source. */
export interface SenderCheck {
  /** Sees the raw body, piece by piece. */
  readonly update: (piece: Uint8Array) => void;
  /** Judges. @throws AdapterError ADAPTER_UNAUTHORIZED */
  readonly finish: () => void;
}

/**
 * Checks a sender by a bearer token, at once, or by an HMAC-SHA-256 of the raw body under the source's secret, once all of
 * it has come.
 *
 * @throws AdapterError ADAPTER_UNAUTHORIZED for a wrong token, or neither of the two; ADAPTER_STOPPING for a source that is
 * paused.
 */
export function senderCheck(headers: IncomingHttpHeaders, source: Source): SenderCheck {
  const bearer = /^Bearer ([\x21-\x7e]+)$/i.exec(headers.authorization ?? '')?.[1];
  if (bearer !== undefined) {
    if (equal(Buffer.from(bearer), Buffer.from(source.secret))) {
      refusePaused(source);
      return { update: () => undefined, finish: () => undefined };
    }
    throw new AdapterError('ADAPTER_UNAUTHORIZED', 'the bearer token is not this source’s');
  }
  const sent = headers['x-hub-signature'] ?? headers['x-signature'] ?? headers['x-metriport-signature'];
  if (typeof sent !== 'string') {
    throw new AdapterError(
      'ADAPTER_UNAUTHORIZED',
      'a hook needs the source’s bearer token or a signature of its body',
    );
  }
  const mac = createHmac('sha256', source.secret);
  return {
    update: (piece) => void mac.update(piece),
    finish: () => {
      const text = sent.replace(/^sha256=/, '');
      const given = /^[0-9a-f]{64}$/i.test(text) ? Buffer.from(text, 'hex') : Buffer.from(text, 'base64');
      if (equal(given, mac.digest())) {
        refusePaused(source);
        return;
      }
      throw new AdapterError(
        'ADAPTER_UNAUTHORIZED',
        'the signature is not of this body under this source’s secret',
      );
    },
  };
}

/** Not acknowledged, so a sender that repeats itself will; the others are read when the source goes on. */
function refusePaused({ state }: Source): void {
  if (state === 'paused')
    throw new AdapterError('ADAPTER_STOPPING', 'the source is paused; send it again later');
}

function equal(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** @throws AdapterError ADAPTER_BAD_REQUEST for an address that names neither nothing nor a resource. */
export function namedResource(rest: readonly string[]): { type: string; id: string } | undefined {
  if (rest.length === 0) return undefined;
  const [type, id] = rest;
  if (rest.length !== 2 || type === undefined || id === undefined || !TYPE.test(type) || !isFhirId(id)) {
    throw new AdapterError('ADAPTER_BAD_REQUEST', 'the address ends in /{type}/{id}, or in nothing');
  }
  return { type, id };
}

/** `W/"3"` or `"3"`. */
export function versionOf(ifMatch: string | undefined): string | undefined {
  return /^(?:W\/)?"([^"]{1,64})"$/.exec(ifMatch ?? '')?.[1];
}

export function notNamed(): AdapterError {
  return new AdapterError('ADAPTER_BAD_REQUEST', 'the body is not the resource that the address names');
}

function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 64);
}
