/**
 * Keeps the Subscriptions at a source as they should be: made where they are not, repaired where they are off, in error or
 * changed, renewed before they end, and taken away when they are no longer wanted.
 */
import { isFhirId, parseJson } from '../../../mappings/index.js';
import type { JsonValue } from '../../../mappings/index.js';
import { AdapterError, codeOf } from '../../errors.js';
import type { SourceClient } from '../../inbound/source-client.js';
import {
  needsRepair,
  shownSubscription,
  specificationOf,
  subscriptionResource,
} from '../../inbound/subscription-resource.js';
import type { ShownSubscription, WantedSubscription } from '../../inbound/subscription-resource.js';
import type { Logger } from '../../logger.js';
import type { ChannelStates } from './states.js';

export interface Keeping {
  readonly source: string;
  readonly client: SourceClient;
  readonly states: ChannelStates;
  readonly wanted: readonly WantedSubscription[];
  /** By which ours are known at the source. */
  readonly reason: string;
  readonly nowMs: () => number;
  readonly logger: Logger;
  readonly signal?: AbortSignal | undefined;
}

export interface Kept {
  readonly made: number;
  readonly repaired: number;
  readonly removed: number;
  /** What the source would not make. */
  readonly refused: number;
}

/** What a source would not make is asked for again after an hour, ms: it may have been a proxy that answered. */
const REFUSED_MS = 60 * 60 * 1000;
const FRESH = { 'cache-control': 'no-cache' };
const SENT = { ...FRESH, 'content-type': 'application/fhir+json', prefer: 'return=representation' };
/** Subscriptions looked through for ours. */
const LISTED_MAX = 10_000;

/**
 * Makes what a source has what it should have.
 *
 * @throws AdapterError ADAPTER_SOURCE_UNREACHABLE, ADAPTER_SOURCE_REFUSED; what was done until then is noted.
 */
export async function keepSubscriptions(keeping: Keeping): Promise<Kept> {
  const { source, states, wanted, nowMs } = keeping;
  const kept = { made: 0, repaired: 0, removed: 0, refused: 0 };
  const names = new Set(wanted.map(({ key }) => key));
  for (const [name, { id }] of Object.entries(states.of(source).subscriptions)) {
    if (names.has(name)) continue;
    await endSubscription(keeping, id);
    await states.subscription(source, name, () => undefined);
    kept.removed += 1;
  }
  let ours: ShownSubscription[] | undefined;
  for (const one of wanted) {
    keeping.signal?.throwIfAborted();
    const held = states.of(source).subscriptions[one.key];
    if (held !== undefined) {
      const shown = await readSubscription(keeping, held.id);
      const isGood = shown !== undefined && !needsRepair(shown, one, nowMs());
      if (isGood && held.specification === specificationOf(one)) continue;
      if (shown !== undefined && (await repair(keeping, one, held.id))) {
        kept.repaired += 1;
        continue;
      }
      if (shown !== undefined) await endSubscription(keeping, held.id);
      await states.subscription(source, one.key, () => undefined);
    }
    const refusedAt = states.of(source).refused[one.key];
    if (refusedAt !== undefined && nowMs() - refusedAt < REFUSED_MS) {
      kept.refused += 1;
      continue;
    }
    // One that a crash left between its making and our noting it.
    ours ??= await listOurs(keeping);
    const [orphan, ...doubles] = ours.filter(({ criteria }) => criteria === one.criteria);
    for (const { id } of doubles) await endSubscription(keeping, id);
    ours = ours.filter(({ criteria }) => criteria !== one.criteria);
    if (orphan !== undefined && (await repair(keeping, one, orphan.id))) {
      kept.repaired += 1;
      continue;
    }
    if (orphan !== undefined) await endSubscription(keeping, orphan.id);
    if (await make(keeping, one)) kept.made += 1;
    else kept.refused += 1;
  }
  return kept;
}

/** Takes all our Subscriptions at a source away; those that it does not let us are left to fail there. */
export async function endSubscriptions(keeping: Omit<Keeping, 'wanted'>): Promise<number> {
  const { removed } = await keepSubscriptions({ ...keeping, wanted: [] });
  return removed;
}

/** Asks for a Subscription anew, as it should be; the topic's count begins with its next handshake. */
export async function resetSubscription(
  keeping: Omit<Keeping, 'wanted'>,
  one: WantedSubscription,
): Promise<boolean> {
  const held = keeping.states.of(keeping.source).subscriptions[one.key];
  return held !== undefined && repair({ ...keeping, wanted: [one] }, one, held.id);
}

async function make(keeping: Keeping, one: WantedSubscription): Promise<boolean> {
  const { client, source, states, logger, signal, nowMs } = keeping;
  const { status, headers, bytes } = await client.request({
    url: 'Subscription',
    method: 'POST',
    headers: SENT,
    body: JSON.stringify(subscriptionResource(one)),
    signal,
  });
  if (status === 200 || status === 201) {
    const id = shownSubscription(tried(bytes))?.id ?? idIn(headers.get('location'));
    if (id === undefined)
      throw new AdapterError('ADAPTER_SOURCE_REFUSED', 'the source does not say what it made');
    await note(keeping, one, id);
    // Its events are counted from here: a handshake may have come before this answer.
    await states.subscription(source, one.key, (held) =>
      held === undefined || one.kind !== 'topic' || held.counter !== undefined
        ? held
        : { ...held, counter: { upTo: 0, missing: [] } },
    );
    await states.change(source, (state) => {
      const { [one.key]: _refused, ...refused } = state.refused;
      return { ...state, refused };
    });
    return true;
  }
  refuseUnreachable(status, 'making a Subscription');
  logger.warn('the source makes no such Subscription', { source, subscription: one.key, status });
  await states.change(source, (state) => ({ ...state, refused: { ...state.refused, [one.key]: nowMs() } }));
  return false;
}

/** False where the source does not take it. */
async function repair(keeping: Keeping, one: WantedSubscription, id: string): Promise<boolean> {
  const { client, signal, logger, source } = keeping;
  const { status } = await client.request({
    url: `Subscription/${id}`,
    method: 'PUT',
    headers: SENT,
    body: JSON.stringify(subscriptionResource(one, id)),
    signal,
  });
  if (status >= 200 && status < 300) {
    await note(keeping, one, id);
    logger.info('Subscription asked for anew', { source, subscription: one.key });
    return true;
  }
  refuseUnreachable(status, 'repairing a Subscription');
  return false;
}

async function note({ states, source, nowMs }: Keeping, one: WantedSubscription, id: string): Promise<void> {
  const specification = specificationOf(one);
  await states.subscription(source, one.key, (held) => ({
    ...(held?.id === id ? held : {}),
    id,
    specification,
    // From now on it is to be heard of.
    ...(one.kind === 'topic' ? { heardAt: nowMs() } : {}),
  }));
}

async function readSubscription(
  { client, signal }: Keeping,
  id: string,
): Promise<ShownSubscription | undefined> {
  const { status, bytes } = await client.request({ url: `Subscription/${id}`, headers: FRESH, signal });
  if (status === 404 || status === 410) return undefined;
  refuseUnreachable(status, 'reading a Subscription');
  return status === 200 ? shownSubscription(tried(bytes)) : undefined;
}

async function endSubscription(keeping: Keeping, id: string): Promise<void> {
  const { client, signal, logger, source } = keeping;
  const { status } = await client.request({ url: `Subscription/${id}`, method: 'DELETE', signal });
  if (status < 300 || status === 404 || status === 410) return;
  refuseUnreachable(status, 'ending a Subscription');
  logger.warn('the source keeps a Subscription of ours', { source, status });
}

/** Ours among all that it shows; a source that lists none has none of ours, as far as we can know. */
async function listOurs({ client, reason, source, logger, signal }: Keeping): Promise<ShownSubscription[]> {
  const ours: ShownSubscription[] = [];
  let count = 0;
  try {
    for await (const page of client.search('Subscription', { _count: '200' })) {
      signal?.throwIfAborted();
      const { entry } = tried(page) as { entry?: { resource?: JsonValue }[] };
      for (const { resource } of entry ?? []) {
        const shown = shownSubscription(resource);
        if (shown?.reason === reason) ours.push(shown);
        count += 1;
      }
      if (count >= LISTED_MAX) break;
    }
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof AdapterError)) throw error;
    logger.debug('the source does not list its Subscriptions', { source, code: codeOf(error) });
  }
  return ours;
}

function refuseUnreachable(status: number, what: string): void {
  if (status === 401 || status === 403)
    throw new AdapterError(
      'ADAPTER_SOURCE_REFUSED',
      `the source refuses our credentials (${status}, ${what})`,
    );
  if (status === 429 || status >= 500)
    throw new AdapterError('ADAPTER_SOURCE_UNREACHABLE', `the source answered ${status} (${what})`);
}

function idIn(location: string | null): string | undefined {
  const id = /\/Subscription\/([^/?#]+)/.exec(location ?? '')?.[1];
  return id !== undefined && isFhirId(id) ? id : undefined;
}

function tried(bytes: Buffer): JsonValue {
  try {
    return parseJson(bytes);
  } catch {
    return null;
  }
}
