/**
 * What a FHIR server says of itself, and what we make of it: how it can be heard.
 *
 * @see https://hl7.org/fhir/R4/capabilitystatement.html
 * @see https://hl7.org/fhir/smart-app-launch/conformance.html
 */
import { isJsonObject, parseJson } from '../../mappings/index.js';
import type { JsonObject, JsonValue } from '../../mappings/index.js';
import { AdapterError } from '../errors.js';
import type { SourceClient } from '../inbound/source-client.js';
import type { SourceAlgorithm } from '../instance/source-keys.js';
import { SOURCE_ALGORITHMS } from '../instance/source-keys.js';
import { SOURCE_CHANNELS } from '../instance/sources.js';
import type { SourceChannel } from '../instance/sources.js';

export interface Discovery {
  readonly software?: string;
  readonly version?: string;
  readonly fhirVersion?: string;
  /** Types that it has. */
  readonly types: readonly string[];
  /** Types that can be searched. */
  readonly searchable: readonly string[];
  readonly restHook: boolean;
  /** Topic-based subscriptions (Backport); topics where it names them. */
  readonly topicSubscriptions: boolean;
  readonly topics: readonly string[];
  /** Types with a history of each resource, types with one of all of theirs, and whether the server has one of all. */
  readonly history: { readonly instance: number; readonly type: number; readonly system: boolean };
  readonly bulk: { readonly system: boolean; readonly patient: boolean; readonly group: boolean };
  /** Absent where there is no `smart-configuration`. */
  readonly smart?: SmartConfiguration;
  /** What is not as it should be, for whoever adds the source. */
  readonly warnings: readonly string[];
}

export interface SmartConfiguration {
  readonly tokenUrl?: string;
  /** That both sides can sign with, best first. */
  readonly algorithms: readonly SourceAlgorithm[];
  readonly hasPrivateKeyJwt: boolean;
}

export interface ChosenChannel {
  readonly channel: SourceChannel;
  readonly offered: boolean;
  readonly chosen: boolean;
  /** Why, in a few words. */
  readonly why: string;
}

const TEXT_CHARS_MAX = 120;
const NAMES_MAX = 500;
const TYPE = /^[A-Z][A-Za-z]{1,63}$/;
const BACKPORT = 'http://hl7.org/fhir/uv/subscriptions-backport/';
const SMART_BYTES_MAX = 1024 * 1024;
const SMART_TIMEOUT_MS = 15_000;

/**
 * Asks a server what it is.
 *
 * @throws AdapterError ADAPTER_SOURCE_UNREACHABLE, or ADAPTER_SOURCE_REFUSED when it does not answer as a FHIR server of
 * R4 does.
 */
export async function discover(client: SourceClient): Promise<Discovery> {
  const statement = await client.capabilities();
  const smart = await readSmart(client);
  const fhirVersion = textOf(statement['fhirVersion']);
  if (fhirVersion !== undefined && !fhirVersion.startsWith('4.')) {
    throw new AdapterError('ADAPTER_SOURCE_REFUSED', `the server speaks FHIR ${fhirVersion}; R4 is read`);
  }
  const software = isJsonObject(statement['software']) ? statement['software'] : {};
  const rest = objects(statement['rest']).find(({ mode }) => mode !== 'client') ?? {};
  const resources = objects(rest['resource']).flatMap((about) => {
    const { type } = about;
    return typeof type === 'string' && TYPE.test(type) ? [{ type, about }] : [];
  });
  const aboutType = (name: string): JsonObject | undefined =>
    resources.find(({ type }) => type === name)?.about;
  const withCode = (code: string): string[] =>
    resources.filter(({ about }) => hasInteraction(about, code)).map(({ type }) => type);
  const subscription = aboutType('Subscription');
  const topics = topicsOf(subscription);
  const isBackport =
    topics.length > 0 ||
    aboutType('SubscriptionTopic') !== undefined ||
    mentions(statement['instantiates'], BACKPORT) ||
    mentions(statement['implementationGuide'], BACKPORT) ||
    mentions(subscription?.['supportedProfile'], BACKPORT);
  const warnings: string[] = [];
  if (fhirVersion === undefined) warnings.push('it does not say which FHIR it speaks');
  if (aboutType('Patient') === undefined) warnings.push('it names no Patient');
  return {
    ...optional('software', textOf(software['name'])),
    ...optional('version', textOf(software['version'])),
    ...optional('fhirVersion', fhirVersion),
    types: resources.map(({ type }) => type).slice(0, NAMES_MAX),
    searchable: withCode('search-type').slice(0, NAMES_MAX),
    restHook: subscription !== undefined && hasInteraction(subscription, 'create'),
    topicSubscriptions: isBackport && subscription !== undefined,
    topics,
    history: {
      instance: withCode('history-instance').length,
      type: withCode('history-type').length,
      system: hasInteraction(rest, 'history-system'),
    },
    bulk: {
      system: hasOperation(rest, 'export'),
      patient: hasOperation(aboutType('Patient') ?? {}, 'export'),
      group: hasOperation(aboutType('Group') ?? {}, 'export'),
    },
    ...(smart === undefined ? {} : { smart }),
    warnings,
  };
}

/**
 * Chooses how a server is heard.
 *
 * @param wishes - Channels that are wanted or not, whatever would be chosen.
 * @throws AdapterError ADAPTER_USAGE when a channel is wanted that the server does not offer, or none is left.
 */
export function chooseChannels(
  found: Discovery,
  wishes: { readonly with?: readonly SourceChannel[]; readonly without?: readonly SourceChannel[] } = {},
): ChosenChannel[] {
  const hasHistory = found.history.system || found.history.type > 0;
  const hasBulk = found.bulk.system || found.bulk.patient || found.bulk.group;
  const offers: Record<SourceChannel, { offered: boolean; chosen: boolean; why: string }> = {
    hook: { offered: true, chosen: true, why: 'takes whatever the server pushes' },
    'rest-hook': {
      offered: found.restHook,
      chosen: found.restHook && !found.topicSubscriptions,
      why: !found.restHook
        ? 'no Subscription can be created'
        : found.topicSubscriptions
          ? 'topics number their events, so they are preferred'
          : 'Subscriptions can be created',
    },
    topic: {
      offered: found.topicSubscriptions,
      chosen: found.topicSubscriptions,
      why: found.topicSubscriptions ? 'topic subscriptions are offered' : 'no topic subscriptions',
    },
    poll: {
      offered: found.searchable.length > 0,
      chosen: found.searchable.length > 0,
      why: `${found.searchable.length} types can be searched`,
    },
    history: {
      offered: hasHistory,
      chosen: hasHistory,
      why: hasHistory ? 'tells deletions too' : 'no history of types or of the server',
    },
    bulk: {
      offered: hasBulk,
      chosen: false,
      why: hasBulk ? 'offered; slow to begin, so only when wanted' : 'no $export',
    },
  };
  const missing = (wishes.with ?? []).filter((channel) => !offers[channel].offered);
  if (missing.length > 0) {
    throw new AdapterError('ADAPTER_USAGE', `the server does not offer ${missing.join(', ')}`);
  }
  const chosen = SOURCE_CHANNELS.map((channel): ChosenChannel => {
    const offer = offers[channel];
    if (wishes.without?.includes(channel) === true) {
      return { channel, offered: offer.offered, chosen: false, why: 'left out as asked' };
    }
    if (wishes.with?.includes(channel) === true && !offer.chosen) {
      return { channel, offered: true, chosen: true, why: 'taken as asked' };
    }
    return { channel, ...offer };
  });
  if (!chosen.some((one) => one.chosen))
    throw new AdapterError('ADAPTER_USAGE', 'no channel is left to hear it by');
  return chosen;
}

async function readSmart(client: SourceClient): Promise<SmartConfiguration | undefined> {
  // Servers redirect what they do not have, or answer with a page: that they have none is no fault of theirs.
  const answer = await client
    .request({
      url: '.well-known/smart-configuration',
      headers: { accept: 'application/json' },
      bytesMax: SMART_BYTES_MAX,
      timeoutMs: SMART_TIMEOUT_MS,
      patienceMs: SMART_TIMEOUT_MS,
    })
    .catch(() => undefined);
  if (answer?.status !== 200) return undefined;
  let found: JsonValue;
  try {
    found = parseJson(answer.bytes);
  } catch {
    return undefined;
  }
  if (!isJsonObject(found)) return undefined;
  const algorithms = texts(found['token_endpoint_auth_signing_alg_values_supported']);
  const tokenUrl = found['token_endpoint'];
  return {
    ...(typeof tokenUrl === 'string' && URL.canParse(tokenUrl) ? { tokenUrl } : {}),
    algorithms: SOURCE_ALGORITHMS.filter((one) => algorithms.length === 0 || algorithms.includes(one)),
    hasPrivateKeyJwt: texts(found['token_endpoint_auth_methods_supported']).includes('private_key_jwt'),
  };
}

function topicsOf(subscription: JsonObject | undefined): string[] {
  return objects(subscription?.['extension'])
    .filter(({ url }) => typeof url === 'string' && url.startsWith(BACKPORT) && /topic/i.test(url))
    .flatMap((one) => texts([one['valueCanonical'] ?? one['valueUri'] ?? null]))
    .slice(0, NAMES_MAX);
}

function hasInteraction(holder: JsonObject, code: string): boolean {
  return objects(holder['interaction']).some((one) => one['code'] === code);
}

/** By name, as servers write it with and without the sign, or by definition. */
function hasOperation(holder: JsonObject, name: string): boolean {
  return objects(holder['operation']).some((one) => {
    const called = textOf(one['name']) ?? '';
    const definition = textOf(one['definition']) ?? '';
    return (
      called === name || called === `$${name}` || new RegExp(`/(?:[a-z]+-)?${name}(?:$|\\|)`).test(definition)
    );
  });
}

function mentions(value: JsonValue | undefined, prefix: string): boolean {
  return texts(value).some((text) => text.startsWith(prefix));
}

function objects(value: JsonValue | undefined): JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}

function texts(value: JsonValue | undefined): string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
}

/** Printable and short: it ends up on a terminal. */
function textOf(value: JsonValue | undefined): string | undefined {
  if (typeof value !== 'string' || value === '') return undefined;
  return value.replaceAll(/[^\p{L}\p{N}\p{P}\p{S} ]/gu, '?').slice(0, TEXT_CHARS_MAX);
}

function optional<K extends string>(name: K, value: string | undefined): { readonly [P in K]?: string } {
  return (value === undefined ? {} : { [name]: value }) as { readonly [P in K]?: string };
}
