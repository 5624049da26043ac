/** How every source does: can it be read, what of it waits here and for how long, what was set aside, what to do. */
import { codeOf, messageOf } from '../errors.js';
import type { SourceTraffic } from '../inbound/traffic.js';
import type { Instance } from '../instance/instance.js';
import type { Source, SourceState } from '../instance/sources.js';
import { testSource } from './source-check.js';
import type { SourceCheck } from './source-check.js';
import type { Reading } from './statistics.js';

export interface SourceHealth {
  readonly id: string;
  readonly kind: Source['kind'];
  readonly state: SourceState;
  readonly ok: boolean;
  /** What was tried just now; none for a source that is not read. */
  readonly checks: readonly HealthCheck[];
  readonly traffic: SourceTraffic;
  readonly reading: Reading | null;
  readonly deadLetters: number;
}

export interface HealthCheck extends Omit<SourceCheck, 'check'> {
  readonly check: string;
  /** What to do where it is not well. */
  readonly advice?: string;
}

/** Beyond this, events come faster than they are dealt with, ms. */
const LAG_MS_MAX = 60_000;

/** Looks at all sources but the removed ones, each in its own time. */
export async function sourceHealth(instance: Instance): Promise<SourceHealth[]> {
  const dead = new Map<string, number>();
  for await (const { source } of instance.inbox.deadLetters()) dead.set(source, (dead.get(source) ?? 0) + 1);
  const sources = instance.sources.list().filter(({ state }) => state !== 'removed');
  return Promise.all(sources.map((source) => healthOf(instance, source, dead.get(source.id) ?? 0)));
}

async function healthOf(instance: Instance, source: Source, deadLetters: number): Promise<SourceHealth> {
  const { id, kind, state } = source;
  const traffic = instance.inbox.traffic.of(id);
  const reading = instance.statistics.readings.get(id) ?? null;
  const checks: HealthCheck[] = [];
  if (kind === 'fhir' && state === 'active') checks.push(...(await tried(instance, id)));
  if (kind === 'push') checks.push(pushers(instance, id));
  if (state === 'paused')
    checks.push({ check: 'state', ok: true, detail: 'paused', advice: `firebreak source resume ${id}` });
  if (reading !== null && reading.failures > 0) {
    checks.push({
      check: 'last readings',
      ok: false,
      detail: `${reading.failures} failed in a row, ${reading.code ?? ''}`.trim(),
      advice: adviceFor(reading.code ?? '', id),
    });
  }
  const isBehind = traffic.lagMs > LAG_MS_MAX;
  checks.push({
    check: 'lag',
    ok: !isBehind,
    detail: `${traffic.pending} events at work, ${Math.round(traffic.lagMs / 1000)} s behind`,
    ...(isBehind
      ? {
          advice:
            'events come faster than they are dealt with: look at redis and at the load of this machine',
        }
      : {}),
  });
  if (deadLetters > 0) {
    checks.push({
      // For somebody to look at; the source itself is well.
      check: 'dead letters',
      ok: true,
      detail: `${deadLetters} set aside`,
      advice: `firebreak dead-letters list --source ${id}`,
    });
  }
  return { id, kind, state, ok: checks.every(({ ok }) => ok), checks, traffic, reading, deadLetters };
}

async function tried(instance: Instance, id: string): Promise<HealthCheck[]> {
  try {
    const { checks } = await testSource(instance, id);
    return checks.map((check) =>
      check.ok ? check : { ...check, advice: adviceFor(check.code ?? check.check, id) },
    );
  } catch (error) {
    const code = codeOf(error);
    return [{ check: 'server', ok: false, detail: messageOf(error), code, advice: adviceFor(code, id) }];
  }
}

/** Who may write a source that only speaks to us. */
function pushers({ clients, nowMs }: Instance, id: string): HealthCheck {
  const all = clients.list().filter(({ source }) => source === id);
  const active = all.filter((client) => clients.active(client.id, nowMs()) !== undefined);
  return {
    check: 'clients',
    ok: active.length > 0,
    detail: `${active.length} of ${all.length} may push`,
    ...(active.length > 0
      ? {}
      : { advice: `every client of it is revoked or expired: firebreak client add … --source ${id}` }),
  };
}

function adviceFor(code: string, id: string): string {
  return ADVICE[code] ?? `firebreak source test ${id} tells more`;
}

const ADVICE: Readonly<Record<string, string>> = {
  ADAPTER_SOURCE_UNREACHABLE:
    'is it up, and does this machine reach it? A server in your own network needs --allow-private when it is added',
  ADAPTER_SOURCE_REFUSED:
    'its answer is a refusal: have its credentials changed? Remove the source and add it again with the new ones; its records stay',
  ADAPTER_FORBIDDEN:
    'its address is not one that may be asked: add it with --allow-private and the range it is in',
  channels: 'it offers less than when it was added: remove it and add it again; its records stay',
  clock: 'set the clocks by NTP, here and there: by a wrong clock changes are missed',
};
