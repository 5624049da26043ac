/** Whether a source can be read now: does it answer, does it let us in, how fast, and does its clock agree with ours. */
import { AdapterError, codeOf, messageOf } from '../errors.js';
import type { SourceClient } from '../inbound/source-client.js';
import type { Instance } from '../instance/instance.js';
import { discover } from './source-discovery.js';
import type { Discovery } from './source-discovery.js';
import { probeType } from './source-admin.js';

export interface SourceCheck {
  readonly check: 'server' | 'channels' | 'reading' | 'clock';
  readonly ok: boolean;
  readonly detail: string;
  /** How long it took, ms. */
  readonly ms?: number;
  /** Of what failed. */
  readonly code?: string;
}

export interface TestedSource {
  readonly id: string;
  readonly ok: boolean;
  readonly checks: readonly SourceCheck[];
  /** How far the source's clock is ahead of ours, ms, to about a second; absent where it does not tell the time. */
  readonly clockAheadMs?: number;
}

/** Polling reads again what is younger than two minutes: a clock further off loses changes. */
const SKEW_MS_MAX = 60_000;
/** Answers tell the time in whole seconds. */
const HALF_SECOND_MS = 500;

/**
 * Tries a source, without storing anything.
 *
 * @throws AdapterError ADAPTER_NOT_FOUND for one that is no FHIR server, or was removed.
 */
export async function testSource(instance: Instance, id: string): Promise<TestedSource> {
  const client = instance.client(id);
  const source = instance.sources.get(id);
  if (client === undefined || source === undefined)
    throw new AdapterError('ADAPTER_NOT_FOUND', `no FHIR server is registered as ${id.slice(0, 64)}`);
  const checks: SourceCheck[] = [];
  let found: Discovery | undefined;
  const server = await attempt('server', async () => {
    found = await discover(client);
    const { software = 'a FHIR server', version = '', fhirVersion = 'of unknown version' } = found;
    return `${software} ${version}`.trim() + `, FHIR ${fhirVersion}, ${found.types.length} types`;
  });
  checks.push(server);
  if (found !== undefined) {
    const offered: Readonly<Record<string, boolean>> = {
      'rest-hook': found.restHook,
      topic: found.topicSubscriptions,
      poll: found.searchable.length > 0,
      history: found.history.system || found.history.type > 0,
      bulk: found.bulk.system || found.bulk.patient || found.bulk.group,
    };
    const gone = source.channels.filter((channel) => offered[channel] === false);
    checks.push({
      check: 'channels',
      ok: gone.length === 0,
      detail:
        gone.length === 0 ? source.channels.join(', ') : `no longer offered: ${gone.join(', ')}; add it anew`,
    });
  }
  checks.push(await attempt('reading', () => tryReading(client, found)));
  const aheadMs = await clockAhead(client, instance.nowMs).catch(() => undefined);
  if (aheadMs !== undefined) {
    checks.push({
      check: 'clock',
      ok: Math.abs(aheadMs) <= SKEW_MS_MAX,
      detail: `${Math.round(Math.abs(aheadMs) / 1000)} s ${aheadMs < 0 ? 'behind' : 'ahead of'} ours`,
    });
  }
  return {
    id,
    ok: checks.every(({ ok }) => ok),
    checks,
    ...(aheadMs === undefined ? {} : { clockAheadMs: aheadMs }),
  };
}

async function tryReading(client: SourceClient, found: Discovery | undefined): Promise<string> {
  const type = probeType(found ?? { searchable: [] });
  await client.match(type, '_count=1');
  return `${type} can be searched`;
}

async function clockAhead(client: SourceClient, nowMs: () => number): Promise<number | undefined> {
  const before = nowMs();
  const { headers } = await client.request({ url: 'metadata?_summary=true' });
  const after = nowMs();
  const theirs = Date.parse(headers.get('date') ?? '');
  return Number.isNaN(theirs) ? undefined : Math.round(theirs + HALF_SECOND_MS - (before + after) / 2);
}

async function attempt(check: SourceCheck['check'], run: () => Promise<string>): Promise<SourceCheck> {
  const startedAt = performance.now();
  const ms = (): number => Math.round(performance.now() - startedAt);
  try {
    return { check, ok: true, detail: await run(), ms: ms() };
  } catch (error) {
    return { check, ok: false, detail: messageOf(error), ms: ms(), code: codeOf(error) };
  }
}
