/**
 * Sources of every kind that lose, repeat, reorder and commit late, by seeds: in the end Firebreak holds exactly what each
 * of them holds. 40 runs; 1,000 with FIREBREAK_TEST_LONG=1.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { enrolWallet, consentFor, signedBundle } from '../../support/wallet.js';
import { servicesOf } from '../../support/instance.js';
import { failedChecks } from '../support/bench.js';
import { addSimulated, differences, FAST, openChannels, seeded, until } from '../support/channel-bench.js';
import type { ChannelBench } from '../support/channel-bench.js';
import { heartRate, patient } from '../support/resources.js';
import { NO_FAULTS, SimulatedSource } from '../support/simulated-source.js';
import type { Offers, TopicContent, TopicForm } from '../support/simulated-source.js';

const RUNS = process.env['FIREBREAK_TEST_LONG'] === '1' ? 1000 : 40;
const AT_ONCE = 5;
/** Of these a version was read back before the source showed a later one that it had told of. */
const TELLING = [161, 602];

const HEARING: readonly Offers[] = [
  { restHook: true, sendsDeletes: true, history: 'system' },
  { restHook: true, history: 'type', caches: true },
  { restHook: true, sendsDeletes: true, history: 'none', gone: 404 },
  { history: 'empty-search', tellsTime: false },
  { history: 'none' },
  ...(['R4', 'R4B', 'R5'] as const).flatMap((form: TopicForm) =>
    (['empty', 'id-only', 'full-resource'] as const).map((content: TopicContent): Offers => ({
      topic: { form, content },
      history: content === 'empty' ? 'system' : 'none',
      hasEvents: form !== 'R5',
      hasStatus: form !== 'R4B',
    })),
  ),
];

let bench: ChannelBench;
const sources: SimulatedSource[] = [];
before(async () => {
  bench = await openChannels(FAST);
  bench.channels.start();
});
after(async () => {
  assert.deepEqual(await failedChecks(bench.instance), []);
  await bench.close();
  await Promise.all(sources.map((source) => source.close()));
});

async function run(seed: number): Promise<void> {
  const random = seeded(seed);
  const below = (n: number): number => Math.floor(random() * n);
  const versions = random() < 0.5 ? 'numbers' : 'uuids';
  const offers: Offers = {
    ...HEARING[seed % HEARING.length],
    versions,
    pageSize: 1 + below(8),
  };
  const source = await SimulatedSource.start(offers, random);
  sources.push(source);
  const id = `sim-${seed}`;
  try {
    source.clockAheadMs = (below(3) - 1) * below(3_600_000);
    source.put(patient('p'));
    await addSimulated(bench, id, source);
    const wallet = await enrolWallet(servicesOf(bench.instance), id, 'p');
    await bench.instance.consents.submit(signedBundle(wallet, consentFor(wallet)));
    source.faults = {
      lost: random() * 0.5,
      repeated: random() * 0.3,
      delayMs: below(80),
      lateMs: below(120),
    };
    const steps = 12 + below(18);
    for (let step = 0; step < steps; step++) {
      const name = `o${below(5)}`;
      if (random() < 0.2) source.delete('Observation', name);
      else source.put(heartRate(name, 'p', 60 + step));
      // A clock that is set back, where versions are counted: where they are not, nothing tells the order but reading.
      if (versions === 'numbers' && random() < 0.05) source.clockAheadMs -= 30_000;
      if (random() < 0.1) source.failing = 503;
      if (random() < 0.3) source.failing = undefined;
      if (random() < 0.05) for (const one of source.subscriptions.values()) one.status = 'error';
      if (random() < 0.05) source.subscriptions.clear();
      if (random() < 0.7) await sleep(below(20));
    }
    source.failing = undefined;
    source.faults = NO_FAULTS;
    await until(
      `seed ${seed} ${JSON.stringify(offers)}`,
      () => differences(bench.instance, id, source),
      25_000,
    );
    // And it stays so, when what is under way has come.
    await Promise.allSettled(source.delivering);
    await sleep(100);
    await until(`seed ${seed} again`, () => differences(bench.instance, id, source), 25_000);
  } finally {
    // It stays reachable: events under way that find nobody would hold up those of the others.
    await bench.instance.sources.update(id, { state: 'paused' }).catch(() => undefined);
  }
}

test(`${RUNS} random sources are held exactly, whatever they lost`, { timeout: RUNS * 5000 }, async () => {
  const first = Number(process.env['FIREBREAK_TEST_SEED'] ?? 0);
  const seeds = new Set([...Array.from({ length: RUNS }, (_, i) => first + i), ...TELLING]);
  const waiting = seeds.values();
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (const seed of waiting) await run(seed);
    }),
  );
});
