/**
 * The Subscriptions that we have a source make, and what we read out of those it shows: rest-hooks of R4 for one type of
 * resource each, and topic Subscriptions of the Backport guide.
 *
 * @see https://hl7.org/fhir/R4/subscription.html
 * @see https://hl7.org/fhir/uv/subscriptions-backport/STU1.1/
 */
import { createHash } from 'node:crypto';
import { isFhirId, isJsonObject } from '../../mappings/index.js';
import type { JsonObject, JsonValue } from '../../mappings/index.js';

/** A Subscription that a source should have. */
export interface WantedSubscription {
  /** Our name for it: `rest-hook Observation`, `topic http://…`. */
  readonly key: string;
  readonly kind: 'rest-hook' | 'topic';
  /** Search criteria such as `Observation?`, or the topic's canonical address. */
  readonly criteria: string;
  /** Where the source sends to. */
  readonly endpoint: string;
  /** What it shows as a bearer token. */
  readonly secret: string;
  /** By which we know ours among others; the same for all of one source. */
  readonly reason: string;
  /** How often a topic is to be heard of when nothing happens, s. */
  readonly heartbeatSeconds?: number;
}

/** A Subscription of ours, as a source shows it. */
export interface ShownSubscription {
  readonly id: string;
  readonly status: string;
  readonly criteria: string;
  readonly endpoint: string;
  readonly reason: string;
  /** When it ends by itself, ms. */
  readonly endsAt?: number;
}

/** HAPI sends deletions only to channels that have it, and only for criteria without parameters. */
const SEND_DELETES = 'http://hapifhir.io/fhir/StructureDefinition/subscription-send-delete-messages';
const BACKPORT = 'http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/';
const BACKPORT_PROFILE = `${BACKPORT}backport-subscription`;
const TIMEOUT_SECONDS = 20;
const EVENTS_MAX = 100;
/** One that ends sooner is renewed, ms. */
const RENEW_MS = 24 * 60 * 60 * 1000;

/** The resource to be sent to the source. @param id - Of the one that it takes the place of. */
export function subscriptionResource(wanted: WantedSubscription, id?: string): JsonObject {
  const { kind, criteria, endpoint, secret, reason, heartbeatSeconds } = wanted;
  const common = {
    resourceType: 'Subscription',
    ...(id === undefined ? {} : { id }),
    ...(kind === 'topic' ? { meta: { profile: [BACKPORT_PROFILE] } } : {}),
    status: 'requested',
    reason,
    criteria,
  };
  const channel = {
    type: 'rest-hook',
    endpoint,
    payload: 'application/fhir+json',
    header: [`Authorization: Bearer ${secret}`],
  };
  if (kind === 'rest-hook') {
    return {
      ...common,
      channel: { extension: [{ url: SEND_DELETES, valueBoolean: true }], ...channel },
    };
  }
  const heartbeat =
    heartbeatSeconds === undefined
      ? []
      : [{ url: `${BACKPORT}backport-heartbeat-period`, valueUnsignedInt: heartbeatSeconds }];
  return {
    ...common,
    channel: {
      extension: [
        ...heartbeat,
        { url: `${BACKPORT}backport-timeout`, valueUnsignedInt: TIMEOUT_SECONDS },
        { url: `${BACKPORT}backport-max-count`, valuePositiveInt: EVENTS_MAX },
      ],
      ...channel,
      _payload: {
        extension: [{ url: `${BACKPORT}backport-payload-content`, valueCode: 'full-resource' }],
      },
    },
  };
}

/** Changes when what we want of a Subscription does; tells nothing of the secret in it. */
export function specificationOf(wanted: WantedSubscription): string {
  return createHash('sha256')
    .update(JSON.stringify(subscriptionResource(wanted)))
    .digest('base64url');
}

/** What a source shows of a Subscription; `undefined` for what is none, or has no id. */
export function shownSubscription(resource: JsonValue | undefined): ShownSubscription | undefined {
  if (!isJsonObject(resource) || resource['resourceType'] !== 'Subscription') return undefined;
  const { id, status, criteria, reason, end } = resource;
  if (typeof id !== 'string' || !isFhirId(id)) return undefined;
  const channel = isJsonObject(resource['channel']) ? resource['channel'] : {};
  const endsAt = typeof end === 'string' ? Date.parse(end) : Number.NaN;
  return {
    id,
    status: text(status),
    criteria: text(criteria),
    endpoint: text(channel['endpoint']),
    reason: text(reason),
    ...(Number.isNaN(endsAt) ? {} : { endsAt }),
  };
}

/** What has to be done about a Subscription: nothing, or asking for it anew. Headers are not compared: servers hide them. */
export function needsRepair(shown: ShownSubscription, wanted: WantedSubscription, nowMs: number): boolean {
  if (shown.status !== 'active' && shown.status !== 'requested') return true;
  if (shown.endpoint !== wanted.endpoint || shown.criteria !== wanted.criteria) return true;
  return shown.endsAt !== undefined && shown.endsAt - nowMs < RENEW_MS;
}

function text(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : '';
}
