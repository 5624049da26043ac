/** Deletions that nobody told: by a source's histories, or by a sweep of its ids where it has none. */
import { AdapterError } from '../../errors.js';
import type { FhirEvent } from '../../inbound/event.js';
import { fetchEvent } from '../../inbound/intake.js';
import { overruled } from '../../inbound/overruled.js';
import { pollHistory, sweepIds } from '../../inbound/polling.js';
import type { SourceClient } from '../../inbound/source-client.js';
import type { Instance } from '../../instance/instance.js';
import { Loss } from '../implausible-loss.js';
import type { ChannelStates } from './states.js';

export interface Looking {
  readonly instance: Instance;
  readonly states: ChannelStates;
  readonly source: string;
  readonly client: SourceClient;
  readonly accept: (events: readonly FhirEvent[]) => Promise<void>;
  readonly signal?: AbortSignal | undefined;
}

/** Ids of one sweep; a source with more is reconciled, not swept. */
const IDS_MAX = 5_000_000;
const BATCH_EVENTS = 500;

/**
 * Reads the histories of a source since the last time: the server's own, or where it has none, that of each type.
 *
 * @param scopes - `['']` or types, less those that were found not to be offered.
 * @returns The scopes that were read.
 * @throws AdapterError; marks of what was read to its end have moved.
 */
export async function readHistories(looking: Looking, scopes: readonly string[]): Promise<string[]> {
  const { instance, states, source, client, accept, signal } = looking;
  const { records, store, sources } = instance;
  const view = { get: (key: string) => store.getSync(key) };
  const isDeleted = (type: string, id: string): boolean =>
    records.state(view, records.resourceKey(source, type, id))?.status === 'deleted';
  const read: string[] = [];
  for (const scope of scopes) {
    signal?.throwIfAborted();
    // What was there before the first time is read by search; deletions since then are what is looked for.
    const since =
      states.of(source).histories[scope] ??
      Object.values(sources.get(source)?.syncedTo ?? {}).reduce((a, b) => Math.max(a, b), 0);
    const polled = await pollHistory({
      client,
      arrival: { source, channel: 'history', receivedAt: instance.nowMs() },
      scope,
      since: since === 0 ? client.clockMs : since,
      accept,
      overruled: (present) => overruled(instance, present),
      isDeleted,
      signal,
    });
    if (polled.outcome === 'not-offered') continue;
    read.push(scope);
    await states.change(source, (state) => ({
      ...state,
      histories: { ...state.histories, [scope]: polled.upTo },
    }));
  }
  return read;
}

/**
 * Asks for what is kept as current and is not among the ids that a source shows; reading it back tells whether it is gone.
 *
 * @param types - That the source can be searched by.
 * @returns How many were asked for.
 */
export async function sweepDeleted(looking: Looking, types: readonly string[]): Promise<number> {
  const { instance, states, source, client, accept, signal } = looking;
  const { records, subjects, store } = instance;
  const shown = new Set<string>();
  const swept = new Set<string>();
  for (const type of types) {
    await sweepIds({ client, type, signal, onId: (id) => shown.add(records.resourceKey(source, type, id)) });
    if (shown.size > IDS_MAX)
      throw new AdapterError(
        'ADAPTER_SOURCE_REFUSED',
        `more than ${IDS_MAX} ids; firebreak source reconcile`,
      );
    swept.add(type);
  }
  const view = { get: (key: string) => store.getSync(key) };
  const missing: FhirEvent[] = [];
  const loss = new Loss(source, shown.size);
  for await (const key of subjects.keys()) {
    signal?.throwIfAborted();
    const subject = await subjects.find(key);
    if (subject === undefined) continue;
    for await (const { card, handle } of records.cards(store, subject)) {
      const { type, id } = card.gate;
      if (card.source !== source || !swept.has(type)) continue;
      const resourceKey = records.resourceKey(source, type, id);
      if (shown.has(resourceKey)) continue;
      const state = records.state(view, resourceKey);
      if (state?.status !== 'current' || (state.lastKept ?? state.handle) !== handle) continue;
      loss.count();
      missing.push(fetchEvent(type, id, { source, channel: 'history', receivedAt: instance.nowMs() }));
    }
  }
  for (let at = 0; at < missing.length; at += BATCH_EVENTS)
    await accept(missing.slice(at, at + BATCH_EVENTS));
  await states.change(source, (state) => ({ ...state, sweptAt: instance.nowMs() }));
  return missing.length;
}
