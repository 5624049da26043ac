/**
 * What a topic Subscription says of itself at the head of each notification: `Parameters` in R4, `SubscriptionStatus` in
 * R4B, which is also seen on R4, and in R5.
 *
 * @see https://hl7.org/fhir/uv/subscriptions-backport/STU1.1/notifications.html
 */
import { isFhirId, isJsonObject } from '../../mappings/index.js';
import type { JsonObject, JsonValue } from '../../mappings/index.js';

export const NOTICE_TYPES = [
  'handshake',
  'heartbeat',
  'event-notification',
  'query-status',
  'query-event',
] as const;
export type NoticeType = (typeof NOTICE_TYPES)[number];

export interface NoticeEvent {
  /** Counts a Subscription's events from 1. */
  readonly number?: number;
  /** `Type/id`; absent from empty notifications. */
  readonly focus?: string;
}

export interface Notice {
  /** Id of the Subscription at the source. */
  readonly subscription: string;
  readonly topic?: string;
  /** Such as `active`, `error`, `off`. */
  readonly status: string;
  readonly type: NoticeType;
  /** Events since the Subscription began. */
  readonly eventsSinceStart?: number;
  readonly events: readonly NoticeEvent[];
  readonly hasError: boolean;
}

const FOCUS =
  /^(?:https?:\/\/[^?#]*\/|\/)?([A-Z][A-Za-z]{1,63})\/([A-Za-z0-9.-]{1,64})(?:\/_history\/[^/?#]*)?$/;
const SUBSCRIPTION = /(?:^|\/)Subscription\/([A-Za-z0-9.-]{1,64})(?:\/_history\/[^/?#]*)?$/;
const BUNDLES: ReadonlySet<string> = new Set(['history', 'subscription-notification', 'searchset']);

/** What the first entry of a notification says; `undefined` for any other Bundle. */
export function noticeOf(bundle: JsonValue | object): Notice | undefined {
  return noticesOf(bundle, 1)[0];
}

/** The statuses that the entries of a Bundle hold: `$status` answers with one for each Subscription. */
export function noticesOf(bundle: JsonValue | object, entriesMax = 1000): Notice[] {
  if (typeof bundle !== 'object' || bundle === null) return [];
  const { resourceType, type, entry } = bundle as JsonObject;
  if (resourceType !== 'Bundle' || !BUNDLES.has(textOf(type)) || !Array.isArray(entry)) return [];
  return entry.slice(0, entriesMax).flatMap((one) => {
    const resource = isJsonObject(one) ? one['resource'] : undefined;
    const notice = isJsonObject(resource) ? readStatus(resource) : undefined;
    return notice === undefined ? [] : [notice];
  });
}

function readStatus(resource: JsonObject): Notice | undefined {
  const told =
    resource['resourceType'] === 'Parameters'
      ? fromParameters(resource)
      : resource['resourceType'] === 'SubscriptionStatus'
        ? fromStatus(resource)
        : undefined;
  if (told === undefined) return undefined;
  const type = NOTICE_TYPES.find((one) => one === told.type);
  const subscription = SUBSCRIPTION.exec(told.subscription)?.[1];
  if (type === undefined || subscription === undefined) return undefined;
  const { topic, status, since, events, hasError } = told;
  return {
    subscription,
    ...(topic === '' ? {} : { topic }),
    status,
    type,
    ...(since === undefined ? {} : { eventsSinceStart: since }),
    events,
    hasError,
  };
}

interface Told {
  readonly subscription: string;
  readonly topic: string;
  readonly status: string;
  readonly type: string;
  readonly since: number | undefined;
  readonly events: NoticeEvent[];
  readonly hasError: boolean;
}

function fromParameters(resource: JsonObject): Told {
  const parameters = objects(resource['parameter']);
  const named = (name: string): JsonObject | undefined => parameters.find((one) => one['name'] === name);
  return {
    subscription: referenceIn(valueOf(named('subscription'))),
    topic: textOf(valueOf(named('topic'))),
    status: textOf(valueOf(named('status'))),
    type: textOf(valueOf(named('type'))),
    since: countOf(valueOf(named('events-since-subscription-start'))),
    events: parameters
      .filter((one) => one['name'] === 'notification-event')
      .map((one) => {
        const parts = objects(one['part']);
        const part = (name: string): JsonValue | undefined =>
          valueOf(parts.find((each) => each['name'] === name));
        return eventOf(part('event-number'), part('focus'));
      }),
    hasError: named('error') !== undefined,
  };
}

function fromStatus(resource: JsonObject): Told {
  return {
    subscription: referenceIn(resource['subscription']),
    topic: textOf(resource['topic']),
    status: textOf(resource['status']),
    type: textOf(resource['type']),
    since: countOf(resource['eventsSinceSubscriptionStart']),
    events: objects(resource['notificationEvent']).map((one) => eventOf(one['eventNumber'], one['focus'])),
    hasError: objects(resource['error']).length > 0,
  };
}

function eventOf(number: JsonValue | undefined, focus: JsonValue | undefined): NoticeEvent {
  const count = countOf(number);
  const [, type, id] = FOCUS.exec(referenceIn(focus)) ?? [];
  return {
    ...(count === undefined ? {} : { number: count }),
    ...(type === undefined || id === undefined || !isFhirId(id) ? {} : { focus: `${type}/${id}` }),
  };
}

/** Servers choose different types for one value, such as a string for a count in R4. */
function valueOf(parameter: JsonObject | undefined): JsonValue | undefined {
  if (parameter === undefined) return undefined;
  const name = Object.keys(parameter).find((key) => key.startsWith('value'));
  return name === undefined ? undefined : parameter[name];
}

function referenceIn(value: JsonValue | undefined): string {
  return isJsonObject(value) ? textOf(value['reference']) : textOf(value);
}

function countOf(value: JsonValue | undefined): number | undefined {
  const count = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value;
  return typeof count === 'number' && Number.isSafeInteger(count) && count >= 0 ? count : undefined;
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : '';
}

function objects(value: JsonValue | undefined): JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}
