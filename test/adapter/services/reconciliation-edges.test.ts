/** What servers do that make a reconciliation hard: each by name. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, beforeEach, test } from 'node:test';
import { drain } from '../../../adapter/services/drain.js';
import { eraseAsAsked } from '../../../adapter/services/erasure/index.js';
import { readingKeyRow } from '../../../adapter/services/reconciliation/lines.js';
import { reconcileSource } from '../../../adapter/services/reconciliation/index.js';
import type { Reconciled } from '../../../adapter/services/reconciliation/index.js';
import { addSource, syncSource } from '../../../adapter/services/source-admin.js';
import {
  ask,
  consenting,
  deadLetters,
  failedChecks,
  openBench,
  sign,
  typesSince,
  logSize,
} from '../support/bench.js';
import type { Bench } from '../support/bench.js';
import { heartRate, patient } from '../support/resources.js';
import type { Version } from '../support/resources.js';
import { startShownServer } from '../support/shown-server.js';
import type { Shown, ShownServer } from '../support/shown-server.js';

let bench: Bench;
let city: ShownServer;
let secret = '';
let offers: ShownServer['offers'];
before(async () => {
  bench = await openBench();
  city = await startShownServer();
  ({ offers } = city);
  ({ secret } = await addSource(bench.instance, {
    id: 'city',
    url: city.base,
    name: 'C',
    allowResearch: false,
  }));
  for (const name of ['p', 'q', 'z']) await consenting(bench, name, {}, 'city');
});
beforeEach(async () => {
  city.onAsk = () => undefined;
  city.pageMax = 500;
  city.searchMax = Infinity;
  city.offers = offers;
  city.reset();
  await reconcile(true);
  city.asked.length = 0;
});
after(async () => {
  assert.deepEqual(await failedChecks(bench.instance), []);
  await bench.close();
  await city.close();
});

const reconcile = (believesLoss = false): Promise<Reconciled> =>
  reconcileSource(bench.instance, 'city', undefined, undefined, believesLoss);
const hr = (id: string, value: number, of: Version = {}): Shown => heartRate(id, 'p', value, of);

async function news(method: string, path: string, body?: object): Promise<void> {
  const headers = { 'content-type': 'application/fhir+json', authorization: `Bearer ${secret}` };
  const text = body === undefined ? '' : JSON.stringify(body);
  assert.equal((await ask(bench.url, `/hooks/city${path}`, { method, headers, body: text })).status, 200);
  await drain(bench.instance);
}

function current(id: string, type = 'Observation'): string {
  const { records, store } = bench.instance;
  const view = { get: (key: string) => store.getSync(key) };
  const state = records.state(view, records.resourceKey('city', type, id));
  return `${state?.status ?? 'unknown'} ${state?.versionId ?? ''}`.trim();
}

/** What the certificate counts, without the noughts. */
function counts({ document }: Reconciled): string {
  const { fates, unshown, healed } = document;
  return Object.entries({ ...fates, unshown, ...healed })
    .filter(([, count]) => count !== 0)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');
}

test('without version ids the bytes tell: A, B, A are heard of each time', async () => {
  city.put(hr('u1', 70));
  assert.equal(counts(await reconcile()), 'stored 1, fetched 1');
  city.put(hr('u1', 71));
  assert.equal(counts(await reconcile()), 'stored 1, fetched 1');
  city.put(hr('u1', 70));
  const size = logSize(bench.instance);
  assert.equal(counts(await reconcile()), 'stored 1, fetched 1');
  assert.deepEqual(await typesSince(bench.instance, size), [
    'record.stored',
    'record.superseded',
    'source.reconciled',
  ]);
  assert.equal(counts(await reconcile()), 'stored 1');
});

test('a version that goes back is told as missing, and never replaces a newer one', async () => {
  city.put(hr('b1', 70, { version: '1', minute: 1 }));
  await reconcile();
  city.put(hr('b1', 71, { version: '2', minute: 2 }));
  await reconcile();
  city.put(hr('b1', 70, { version: '1', minute: 1 }));
  const size = logSize(bench.instance);
  const found = await reconcile();
  assert.equal(counts(found), 'missing 1');
  assert.equal(found.isNothingMissed, false);
  assert.equal(current('b1'), 'current 2');
  assert.deepEqual(await typesSince(bench.instance, size), ['source.reconciled']);
  assert.notEqual(found.document.kept.root, found.document.listing.root);
  city.put(hr('b1', 72, { version: '3', minute: 3 }));
  assert.equal(counts(await reconcile()), 'stored 1, fetched 1');
});

test('deleted here as the source denied it for a while: it is taken again', async () => {
  city.put(hr('d1', 70, { version: '1', minute: 1 }));
  await syncSource(bench.instance, 'city');
  await drain(bench.instance);
  const resource = city.held.get('Observation/d1');
  city.held.clear();
  await news('DELETE', '/Observation/d1');
  assert.equal(current('d1'), 'deleted 1');
  if (resource !== undefined) city.held.set('Observation/d1', resource);
  assert.equal(counts(await reconcile()), 'stored 1, fetched 1');
  assert.equal(current('d1'), 'current 1');
});

test('pages by offset that shift while they are read: the server’s count tells, and it is read again', async () => {
  for (let i = 0; i < 6; i++) city.put(hr(`o${i}`, 60 + i, { version: '1', minute: i + 1 }));
  city.pageMax = 2;
  let pages = 0;
  city.onAsk = (_method, path) => {
    if (path !== 'Observation' || ++pages !== 2) return undefined;
    // The first moves to the end: what stands at the third place now is on a page that was read.
    const first = city.held.get('Observation/o0');
    city.remove('Observation/o0');
    if (first !== undefined) city.put(hr('o0', 99, { version: '2', minute: 9 }));
    return undefined;
  };
  const found = await reconcile();
  assert.ok(found.isNothingMissed);
  assert.equal(found.document.listing.count, 6, 'none of them was heard of before');
  assert.deepEqual([current('o0'), current('o2')], ['current 2', 'current 1']);
});

test('what was skipped and is kept is found to be there; what goes while it is read goes the next time', async () => {
  for (let i = 0; i < 6; i++) city.put(hr(`s${i}`, 60 + i, { version: '1', minute: i + 1 }));
  await reconcile();
  city.pageMax = 2;
  let pages = 0;
  city.onAsk = (_method, path) => {
    if (path === 'Observation' && ++pages === 2) city.remove('Observation/s0');
    return undefined;
  };
  const found = await reconcile();
  assert.ok(found.isNothingMissed);
  assert.equal(found.document.listing.count, 6, 'the first was seen before it went');
  assert.equal(counts(await reconcile()), 'stored 5, deleted 1');
});

test('a server that cuts its searches off is told from one that holds no more', async () => {
  for (let i = 0; i < 5; i++) city.put(hr(`k${i}`, 60 + i, { version: '1', minute: i + 1 }));
  await reconcile();
  city.searchMax = 3;
  const found = await reconcile();
  assert.deepEqual(found.document.read.unread, ['Observation']);
  assert.equal(found.isNothingMissed, false);
  assert.equal(counts(found), 'stored 5', 'those that are kept were asked for one by one');
});

test('a history tells of each type, the newest first; its deletions have no content', async () => {
  city.offers = { Patient: ['search-type'], Observation: ['history-type', 'search-type'] };
  for (const minute of [1, 2, 3]) city.put(hr('y1', 60 + minute, { version: String(minute), minute }));
  city.put(hr('y2', 70, { version: '1', minute: 1 }));
  city.pageMax = 1;
  const first = await reconcile();
  assert.equal(counts(first), 'stored 2, fetched 2');
  assert.deepEqual(first.document.read, {
    history: ['Observation'],
    search: ['Patient'],
    sweep: [],
    unread: [],
  });
  assert.equal(current('y1'), 'current 3');
  for (const name of ['y2', 'y1']) city.remove(`Observation/${name}`);
  city.put(hr('y1', 80, { version: '5', minute: 5 }));
  assert.equal(counts(await reconcile()), 'stored 1, fetched 1, deleted 1');
  assert.deepEqual([current('y1'), current('y2')], ['current 5', 'deleted 1']);
});

test('a history that is offered and not answered gives way to a search', async () => {
  city.offers = { Patient: ['search-type'], Observation: ['history-type', 'search-type'] };
  city.put(hr('w1', 70, { version: '1', minute: 1 }));
  city.onAsk = (_method, path) => (path === 'Observation/_history' ? 404 : undefined);
  const { document } = await reconcile();
  assert.deepEqual(document.read.search, ['Observation', 'Patient']);
  assert.equal(document.fates.stored, 1);
});

test('a type that is offered and refused is named, and nothing of it is deleted', async () => {
  city.put(hr('f1', 70, { version: '1', minute: 1 }));
  await reconcile();
  city.onAsk = (_method, path) => (path === 'Observation' ? 403 : undefined);
  const found = await reconcile();
  assert.equal(found.isNothingMissed, false);
  assert.deepEqual(found.document.read.unread, ['Observation']);
  assert.equal(current('f1'), 'current 1');
});

test('down while it is read: nothing is certified; the next run goes on behind what was read', async () => {
  city.put(patient('p', { version: '1', minute: 1 }));
  city.put(hr('g1', 70, { version: '1', minute: 1 }));
  city.onAsk = (_method, path) =>
    path === 'Patient' ? undefined : path === 'metadata' && city.asked.length < 3 ? undefined : 403;
  const size = logSize(bench.instance);
  await assert.rejects(reconcile(), { code: 'ADAPTER_SOURCE_REFUSED' });
  // What was read before may be stored already: it is true. That nothing was missed is not.
  const types = await typesSince(bench.instance, size);
  assert.deepEqual(
    types.filter((type) => type !== 'record.stored'),
    [],
  );
  city.onAsk = () => undefined;
  city.asked.length = 0;
  assert.ok((await reconcile()).isNothingMissed);
  assert.ok(!city.asked.includes('GET Patient'), 'read already');
  assert.deepEqual([current('p', 'Patient'), current('g1')], ['current 1', 'current 1']);
});

test('ids that are none go to the dead letters as they came, and are never asked for', async () => {
  city.held.set('x', { ...hr('../../admin', 70), id: '../../admin' });
  const found = await reconcile();
  assert.equal(found.document.listing.count, 0);
  assert.deepEqual((await deadLetters(bench.instance)).length, 1);
  assert.ok(city.asked.every((path) => !path.includes('admin')));
});

test('what cannot be mapped is set aside once, and counted as that', async () => {
  const odd = {
    ...hr('m1', 70, { version: '1', minute: 1 }),
    subject: { reference: 'Patient?identifier=none' },
  };
  city.put(odd);
  assert.equal(counts(await reconcile()), 'aside 1');
  const letters = (await deadLetters(bench.instance)).length;
  assert.equal(counts(await reconcile()), 'aside 1');
  assert.equal((await deadLetters(bench.instance)).length, letters);
});

test('images that no search shows are asked for one by one, by their headers', async () => {
  const binary = {
    resourceType: 'Binary',
    id: 'i1',
    meta: { versionId: '1', lastUpdated: '2026-01-01T00:01:00Z' },
    contentType: 'image/png',
    securityContext: { reference: 'Patient/p' },
    data: Buffer.alloc(3000, 7).toString('base64'),
  };
  city.put(binary);
  await news('PUT', '/Binary/i1', binary);
  assert.equal(current('i1', 'Binary'), 'current 1');
  const found = await reconcile();
  assert.equal(counts(found), 'stored 1');
  assert.deepEqual(found.document.read.sweep, ['Binary']);
  assert.deepEqual(
    city.asked.filter((path) => path.includes('Binary')),
    ['HEAD Binary/i1'],
  );
  city.put({ ...binary, meta: { versionId: '2', lastUpdated: '2026-01-01T00:02:00Z' } });
  assert.equal(counts(await reconcile()), 'stored 1, fetched 1');
  city.remove('Binary/i1');
  assert.equal(counts(await reconcile()), 'deleted 1');
  assert.equal(current('i1', 'Binary'), 'deleted 2');
});

test('what was erased is not brought back, known or never seen', async () => {
  city.put(patient('z', { version: '1', minute: 1 }));
  city.put(heartRate('z1', 'z', 70, { version: '1', minute: 1 }));
  await reconcile();
  const duty = { ground: 'objection', by: 'M. Keller', reason: 'letter of 3 May', yes: true };
  await eraseAsAsked(bench.instance, { name: 'Patient/z', source: 'city', ...duty });
  city.put(heartRate('z2', 'z', 71, { version: '1', minute: 1 }));
  const size = logSize(bench.instance);
  const found = await reconcile();
  assert.equal(counts(found), 'erased 3');
  assert.ok(found.isNothingMissed);
  assert.deepEqual(await typesSince(bench.instance, size), ['source.reconciled']);
});

test('an erasure ends a reading that was cut off: what it had noted can be opened no more', async () => {
  await consenting(bench, 'y', {}, 'city');
  city.put(patient('y', { version: '1', minute: 1 }));
  await reconcile();
  const stop = new AbortController();
  const isCut = reconcileSource(bench.instance, 'city', () => stop.abort(), stop.signal);
  await assert.rejects(isCut, { name: 'AbortError' });
  const { store } = bench.instance;
  assert.ok(store.getSync(readingKeyRow('city')) !== undefined);
  const duty = { ground: 'objection', by: 'M. Keller', reason: 'letter of 3 May', yes: true };
  await eraseAsAsked(bench.instance, { name: 'Patient/y', source: 'city', ...duty });
  assert.equal(store.getSync(readingKeyRow('city')), undefined);
  assert.equal(counts(await reconcile()), 'erased 1');
  assert.equal(store.getSync(readingKeyRow('city')), undefined, 'nor is one left of a reading that ended');
});

test('a version that was erased stays out while it is the one shown, and its resource comes again with a new one', async () => {
  const duty = { ground: 'objection', by: 'M. Keller', reason: 'letter of 3 May', yes: true };
  city.put(hr('e1', 70, { version: '1', minute: 1 }));
  city.put(hr('e2', 71));
  await reconcile();
  const { instance } = bench;
  const [version = ''] = (await eraseAsAsked(instance, { name: 'Observation/e1', source: 'city' })).versions;
  await eraseAsAsked(instance, { name: version, ...duty });
  await eraseAsAsked(instance, { name: 'Observation/e2', source: 'city', ...duty });
  assert.equal(counts(await reconcile()), 'erased 2');
  city.put(hr('e1', 72, { version: '2', minute: 2 }));
  assert.equal(counts(await reconcile()), 'stored 1, erased 1, fetched 1');
});

test('cut off at any step, it ends as if it had not been', async () => {
  for (let step = 1, isCut = true; isCut; step++) {
    for (let i = step; i < step + 6; i++) city.put(hr(`t${i}`, 60 + i, { version: '1', minute: i }));
    city.remove(`Observation/t${step}`);
    const stop = new AbortController();
    let told = 0;
    const cut = reconcileSource(
      bench.instance,
      'city',
      () => {
        told += 1;
        if (told === step) stop.abort();
      },
      stop.signal,
    );
    isCut = await cut.then(
      () => told >= step,
      () => true,
    );
    const found = await reconcile();
    assert.ok(found.isNothingMissed, `step ${step}: ${counts(found)}`);
    assert.equal(found.document.fates.stored, city.held.size);
    for (const name of city.held.keys())
      assert.equal(current(name.slice('Observation/'.length)), 'current 1');
    assert.doesNotMatch(current(`t${step}`), /^current/);
    assert.equal(counts(await reconcile()), `stored ${city.held.size}`);
    assert.ok(step < 100);
  }
  const rows = await bench.instance.store.keys({ gte: 'reconcile/', lt: 'reconcile/~' }).all();
  assert.deepEqual(rows, [], 'nothing of a reading is left');
});

test('read while a hospital is at work: each certificate adds up, and the last one is the end state', async () => {
  const over = new AbortController();
  const work = (async () => {
    for (let i = 0; !over.signal.aborted; i++) {
      const id = `w${i % 20}`;
      if (i % 7 === 3) city.remove(`Observation/${id}`);
      else city.put(hr(id, i % 200, { version: String(i), minute: i }));
      if (i % 3 === 0) await news('PUT', `/Observation/${id}`);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  })();
  for (let i = 0; i < 4; i++) {
    const { document } = await reconcile();
    const sum = Object.values(document.fates).reduce((a, b) => a + b, 0);
    assert.equal(sum, document.listing.count);
  }
  over.abort();
  await work;
  const { document, isNothingMissed } = await reconcile();
  assert.ok(isNothingMissed);
  assert.equal(document.kept.root, document.listing.root);
  assert.equal(document.fates.stored, city.held.size);
  for (const [name, { meta }] of city.held)
    assert.equal(current(name.slice('Observation/'.length)), `current ${meta?.versionId}`);
});

test('a server that was restored empty is asked about, and believed when somebody says so', async () => {
  for (let i = 0; i < 120; i++) city.put(hr(`lost${i}`, 70, { version: '1', minute: 1 }));
  assert.equal(counts(await reconcile()), 'stored 120, fetched 120');
  city.reset();
  const size = logSize(bench.instance);
  await assert.rejects(reconcile(), { code: 'ADAPTER_SOURCE_REFUSED', message: /--believe-loss/ });
  assert.deepEqual(await typesSince(bench.instance, size), []);
  assert.equal(current('lost7'), 'current 1');
  assert.equal(counts(await reconcile(true)), 'deleted 120');
  assert.equal(current('lost7'), 'deleted 1');
});

test('a patient who has withdrawn: what the source no longer shows stays, and is told', async () => {
  const identifier = randomUUID();
  const now = new Date().toISOString();
  const wallet = await consenting(bench, 'v', { identifier, dateTime: now }, 'city');
  city.put(heartRate('v1', 'v', 70, { version: '1', minute: 1 }));
  await reconcile();
  const later = new Date(Date.now() + 60_000).toISOString();
  await sign(bench, wallet, { identifier, status: 'inactive', dateTime: later });
  city.remove('Observation/v1');
  const found = await reconcile();
  assert.equal(counts(found), 'unshown 1');
  assert.equal(found.isNothingMissed, false);
  assert.equal(found.document.kept.count, 1);
});
