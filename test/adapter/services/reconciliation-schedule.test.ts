import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Certificates, Reconciliations } from '../../../adapter/services/reconciliation/index.js';
import { addSource } from '../../../adapter/services/source-admin.js';
import { logSize, openBench, typesSince } from '../support/bench.js';
import type { Bench } from '../support/bench.js';
import { patient } from '../support/resources.js';
import { startShownServer } from '../support/shown-server.js';
import type { ShownServer } from '../support/shown-server.js';

const HOUR_MS = 3_600_000;

let bench: Bench;
let city: ShownServer;
let skewMs = 0;
before(async () => {
  bench = await openBench();
  city = await startShownServer();
  city.put(patient('p', { version: '1', minute: 1 }));
  await addSource(bench.instance, { id: 'city', url: city.base, name: 'C', allowResearch: false });
});
after(async () => {
  await bench.close();
  await city.close();
});

/** The same instance with a clock that is ahead; nothing is looked at by itself. */
function scheduled(signal = new AbortController().signal): Reconciliations {
  const later = { ...bench.instance, nowMs: () => Date.now() + skewMs };
  return new Reconciliations(later, signal, 2 ** 30);
}

test('it is due a day after the source came, and after each certificate, less a fifth at most', async () => {
  const schedule = scheduled();
  const size = logSize(bench.instance);
  const reconciled = async (): Promise<number> =>
    (await typesSince(bench.instance, size)).filter((type) => type === 'source.reconciled').length;
  skewMs = 19 * HOUR_MS;
  await schedule.look();
  assert.equal(await reconciled(), 0);
  skewMs = 24 * HOUR_MS + 1000;
  await Promise.all([schedule.look(), schedule.look()]);
  await schedule.look();
  assert.equal(await reconciled(), 1);
  skewMs += 24 * HOUR_MS + 1000;
  // Another process, of which nothing is remembered but what lies in the store.
  await scheduled().look();
  assert.equal(await reconciled(), 2);
  await schedule.close();
});

test('a failure is logged, and tried again an hour later', async () => {
  const schedule = scheduled();
  city.onAsk = () => 403;
  skewMs += 24 * HOUR_MS + 1000;
  await schedule.look();
  assert.match(bench.logged(), /"message":"source not reconciled".*"code":"ADAPTER_SOURCE_REFUSED"/);
  city.onAsk = () => undefined;
  const size = logSize(bench.instance);
  await schedule.look();
  assert.equal(logSize(bench.instance), size);
  skewMs += HOUR_MS + 1000;
  await schedule.look();
  assert.deepEqual(await typesSince(bench.instance, size), ['source.reconciled']);
  await schedule.close();
});

test('two who ask at once get one reconciliation', async () => {
  const schedule = scheduled();
  const told: string[][] = [[], []];
  const [one, two] = await Promise.all(
    told.map((phases) => schedule.run('city', ({ phase }) => phases.push(phase))),
  );
  assert.equal(one?.handle, two?.handle);
  for (const phases of told) assert.equal(phases.at(-1), 'concluding');
  await schedule.close();
});

test('told to stop it ends, and leaves no certificate', async () => {
  const stop = new AbortController();
  const schedule = scheduled(stop.signal);
  const certificates = new Certificates(bench.instance.store, bench.instance.keys.storage.indexKey);
  const newest = await certificates.last('city');
  city.onAsk = () => {
    stop.abort();
    return undefined;
  };
  await assert.rejects(schedule.run('city'), { name: 'AbortError' });
  await schedule.close();
  city.onAsk = () => undefined;
  assert.deepEqual(await certificates.last('city'), newest);
});
