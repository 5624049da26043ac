/** An instance with simulated sources, and its channels at a pace for tests. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Instance } from '../../../adapter/instance/instance.js';
import { SourceChannels } from '../../../adapter/services/channels/index.js';
import type { ChannelTimes } from '../../../adapter/services/channels/index.js';
import { serveHttp } from '../../../adapter/services/server.js';
import { addSource } from '../../../adapter/services/source-admin.js';
import { SourceReadings } from '../../../adapter/services/source-readings.js';
import { openTestInstance, removeFolder, temporaryFolder } from '../../support/instance.js';
import type { SimulatedSource } from './simulated-source.js';

export const FAST: Partial<ChannelTimes> = {
  pollMs: 30,
  keepMs: 100,
  sweepMs: 150,
  graceMs: 40,
  silenceMs: 300,
  hintMs: 20,
  backOffMsMax: 200,
};

/** Nothing comes by itself in a test's time. */
export const NEVER: Partial<ChannelTimes> = {
  pollMs: 600_000,
  keepMs: 600_000,
  sweepMs: 600_000,
  graceMs: 600_000,
  silenceMs: 600_000,
};

export interface ChannelBench {
  readonly dir: string;
  readonly instance: Instance;
  readonly readings: SourceReadings;
  readonly channels: SourceChannels;
  readonly url: string;
  readonly logged: () => string;
  close(): Promise<void>;
}

export async function openChannels(
  times: Partial<ChannelTimes>,
  dir = temporaryFolder(),
  keep = false,
): Promise<ChannelBench> {
  const opened = await openTestInstance(dir);
  const { instance } = opened;
  const stop = new AbortController();
  const readings = new SourceReadings(instance, stop.signal);
  let address = '';
  const channels = new SourceChannels({
    instance,
    readings,
    address: () => address,
    signal: stop.signal,
    times,
  });
  const server = await serveHttp(
    instance,
    (id) => channels.hint(id),
    (id, notice) => channels.noticed(id, notice),
  );
  address = server.address;
  return {
    dir,
    instance,
    readings,
    channels,
    url: server.address,
    logged: opened.logged,
    close: async () => {
      stop.abort();
      await channels.close();
      await server.close();
      await opened.close();
      if (!keep) removeFolder(dir);
    },
  };
}

export async function addSimulated(
  { instance }: ChannelBench,
  id: string,
  source: SimulatedSource,
  wishes: { with?: string[]; without?: string[] } = {},
): Promise<void> {
  await addSource(instance, {
    id,
    url: source.base,
    name: id,
    allowResearch: false,
    requestsPerSecond: 10_000,
    ...wishes,
  });
}

/** What an instance holds of a source's resources: `Type/id` and the current version; `undefined` for what is deleted. */
export function heldState(
  { records, store }: Instance,
  source: string,
  names: Iterable<string>,
): Map<string, string | undefined> {
  const view = { get: (key: string) => store.getSync(key) };
  const held = new Map<string, string | undefined>();
  for (const name of names) {
    const [type = '', id = ''] = name.split('/');
    const state = records.state(view, records.resourceKey(source, type, id));
    if (state === undefined) held.set(name, 'unknown');
    else held.set(name, state.status === 'current' ? state.versionId : undefined);
  }
  return held;
}

/** Where an instance differs from a source; what was deleted before it was ever heard of counts as agreed. */
export function differences(instance: Instance, id: string, source: SimulatedSource): string[] {
  const theirs = source.state();
  const ours = heldState(instance, id, theirs.keys());
  return [...theirs].flatMap(([name, version]) => {
    const held = ours.get(name);
    if (held === version || (version === undefined && held === 'unknown')) return [];
    return [`${name}: theirs ${version ?? 'deleted'}, ours ${held ?? 'deleted'}`];
  });
}

/** Waits until something holds. */
export async function until(what: string, holds: () => boolean | string[], msMax = 10_000): Promise<void> {
  const endsAt = performance.now() + msMax;
  for (;;) {
    const answer = holds();
    if (answer === true || (Array.isArray(answer) && answer.length === 0)) return;
    if (performance.now() > endsAt) throw new Error(`${what}: ${JSON.stringify(answer)}`);
    await sleep(10);
  }
}

/** Numbers from 0 to 1 by a seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
