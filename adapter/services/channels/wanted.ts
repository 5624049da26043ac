/** Which Subscriptions a source should have, by what it offers and how it is heard. */
import { patientTypes } from '../../../mappings/index.js';
import { isLoopbackHost } from '../../inbound/connections.js';
import { NOT_RECORDS } from '../../inbound/history.js';
import type { WantedSubscription } from '../../inbound/subscription-resource.js';
import type { Instance } from '../../instance/instance.js';
import type { Source } from '../../instance/sources.js';
import type { Discovery } from '../source-discovery.js';

const TOPICS_MAX = 50;

export interface WantedBy {
  readonly found: Discovery;
  /** Where sources reach us. */
  readonly address: string;
  /** How often a topic is to be heard of, s. */
  readonly heartbeatSeconds: number;
}

/** Whether the channels of a source are such as need Subscriptions. */
export function mayHaveSubscriptions({ channels }: Source): boolean {
  return channels.includes('topic') || channels.includes('rest-hook');
}

/** One for each topic that a source offers, else a rest-hook for each type that may be of a patient. */
export function wantedSubscriptions(
  instance: Instance,
  source: Source,
  { found, address, heartbeatSeconds }: WantedBy,
): WantedSubscription[] {
  const isHere = isLoopbackHost(new URL(source.baseUrl ?? address).hostname);
  if (!isHere && isLoopbackHost(new URL(address).hostname)) {
    instance.logger.warn('no Subscriptions: the source cannot reach this address; set publicUrl', {
      source: source.id,
    });
    return [];
  }
  const common = {
    endpoint: `${address}/hooks/${source.id}`,
    secret: source.secret,
    reason: reasonOf(instance, source.id),
  };
  const topics = source.channels.includes('topic') ? found.topics.slice(0, TOPICS_MAX) : [];
  if (topics.length > 0) {
    return topics.map((topic) => ({
      ...common,
      key: `topic ${topic}`,
      kind: 'topic',
      criteria: topic,
      heartbeatSeconds,
    }));
  }
  if (!found.restHook) return [];
  const types = new Set(['Patient', ...patientTypes()]);
  // Without parameters: HAPI tells of no deletions else.
  return recordTypes(found)
    .filter((type) => types.has(type))
    .map((type) => ({ ...common, key: `rest-hook ${type}`, kind: 'rest-hook', criteria: `${type}?` }));
}

/** By which our Subscriptions are known among others. */
export function reasonOf(instance: Instance, source: string): string {
  return `Firebreak ${instance.identity.origin} hears ${source}`;
}

/** Types that can be searched, and are no conformance resources. */
export function recordTypes({ searchable }: Discovery): string[] {
  return searchable.filter((type) => !NOT_RECORDS.has(type));
}
