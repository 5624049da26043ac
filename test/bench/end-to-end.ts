/**
 * Resources a second from HTTP in to durable and committed: a real instance in a process of its own takes Bundles of
 * patients whose consents it has.
 */
import type { Bench, BenchContext, Measured } from './bench.js';
import { rate } from './bench.js';
import { deal, loadCorpus } from './corpus.js';
import type { PatientBundle } from './corpus.js';
import { enrolPatients, startInstance } from './instance-process.js';
import type { InstanceProcess } from './instance-process.js';
import { Poster } from './poster.js';
import { setTimeout as sleep } from 'node:timers/promises';

/** Hands of the corpus: the first warms up, each other one is a round. */
const ROUNDS = 4;
/** Bundles under way at once. */
const CONNECTIONS = 4;
/** How often it is asked whether all is committed, ms: small against a round of seconds. */
const POLL_MS = 25;
const RESOURCES_PER_S = 1500;
const MIB = 1024 * 1024;

export const endToEnd: Bench = {
  names: ['end-to-end', 'end-to-end-rss'],
  about: 'HTTP hook in → durable, mapped, permitted, encrypted, logged; and resident memory',
  run,
};

async function run({ say }: BenchContext): Promise<Measured[]> {
  const corpus = loadCorpus();
  const hands = deal(corpus.bundles, ROUNDS + 1);
  const instance = await startInstance();
  try {
    await enrolPatients(
      instance,
      corpus.bundles.map(({ patient }) => patient),
    );
    say(`${corpus.what}: ${corpus.bundles.length} patients have consented`);
    const rates: number[] = [];
    const rss: number[] = [];
    for (const [i, hand] of hands.entries()) {
      const round = await oneRound(instance, hand);
      say(
        `${i === 0 ? 'warm-up' : `round ${i}`}: ${round.committed} committed in ${round.ms.toFixed(0)} ms, acknowledged after ${round.acknowledgedMs.toFixed(0)} ms, ${round.perS.toFixed(0)} resources/s, ${round.cpuUs.toFixed(0)} µs of processor each, RSS ${round.rssMib.toFixed(0)} MiB`,
      );
      if (i === 0) continue;
      rates.push(round.perS);
      rss.push(round.rssMib);
    }
    return [
      { bench: 'end-to-end', unit: 'resources/s', ours: rates, aim: { of: 'ours', least: RESOURCES_PER_S } },
      { bench: 'end-to-end-rss', unit: 'MiB', ours: rss },
    ];
  } finally {
    await instance.stop();
  }
}

export interface Round {
  readonly committed: number;
  readonly ms: number;
  readonly acknowledgedMs: number;
  readonly perS: number;
  /** Of all the instance's threads, for each resource: tells more than time where others use the machine too. */
  readonly cpuUs: number;
  /** Greatest that was seen. */
  readonly rssMib: number;
}

/** Posts Bundles to an instance and waits until all is committed. */
export async function oneRound(instance: InstanceProcess, hand: readonly PatientBundle[]): Promise<Round> {
  const before = await instance.metrics();
  const poster = new Poster(instance.address, instance.secret);
  const waiting = [...hand];
  const startedMs = performance.now();
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
        await poster.send('POST', `/hooks/${instance.source}`, next.bytes);
      }
    }),
  );
  const acknowledgedMs = performance.now() - startedMs;
  let rss = 0;
  let after = await instance.metrics();
  for (; (after.get('firebreak_inbox_pending') ?? 0) > 0; after = await instance.metrics()) {
    rss = Math.max(rss, after.get('firebreak_process_resident_memory_bytes') ?? 0);
    await sleep(POLL_MS);
  }
  const ms = performance.now() - startedMs;
  poster.close();
  rss = Math.max(rss, after.get('firebreak_process_resident_memory_bytes') ?? 0);
  const handled = (outcome: string): number => {
    const name = `firebreak_events_handled{outcome="${outcome}"}`;
    return (after.get(name) ?? 0) - (before.get(name) ?? 0);
  };
  // What was known already cost less and is not counted; whoever waits or is refused has no place in this bench.
  const committed = handled('stored') + handled('directory');
  const astray = handled('waiting') + handled('denied') + handled('dead');
  if (astray > committed / 100) throw new Error(`${astray} resources were not committed`);
  const cpu = 'firebreak_process_cpu_seconds_total';
  const cpuUs = (((after.get(cpu) ?? 0) - (before.get(cpu) ?? 0)) * 1e6) / committed;
  return { committed, ms, acknowledgedMs, perS: rate(committed, 0, ms), cpuUs, rssMib: rss / MIB };
}
