import assert from 'node:assert/strict';
import { test } from 'node:test';
import { completeFacadeIndex } from '../../../adapter/instance/facade-index.js';
import { consenting, openBench, push } from '../support/bench.js';
import { heartRate, patient } from '../support/resources.js';

const ROWS = { gte: 'facade-record/', lt: 'facade-record/~' };

test('a store without the index gets it, whatever a crash has left of it', async () => {
  const bench = await openBench();
  const { instance } = bench;
  const { store, subjects, records } = instance;
  await consenting(bench, 'a');
  await push(bench, patient('a'), heartRate('h1', 'a', 70, { version: '1' }));
  await push(bench, heartRate('h1', 'a', 71, { version: '2', minute: 1 }), heartRate('h2', 'a', 72));
  const written = await store.iterator(ROWS).all();
  assert.equal(written.length, 3, 'one row a resource');
  assert.equal(await completeFacadeIndex(store, subjects, records), undefined, 'a new store is complete');

  // As an older version left it; then as a crash on the way would.
  for (const left of [0, 1]) {
    const deleted = written.slice(left).map(([key]) => ({ type: 'del' as const, key }));
    await store.batch([...deleted, { type: 'del', key: 'facade-records-complete' }]);
    assert.equal(await completeFacadeIndex(store, subjects, records), 4, 'every version names its resource');
    assert.deepEqual(await store.iterator(ROWS).all(), written);
  }
  await bench.close();
});

test('an index that fails on the way is begun anew by the next opening', async () => {
  const bench = await openBench();
  const { store, subjects, records } = bench.instance;
  await consenting(bench, 'a');
  await push(bench, heartRate('h1', 'a', 70));
  const written = await store.iterator(ROWS).all();
  await store.batch([
    ...written.map(([key]) => ({ type: 'del' as const, key })),
    { type: 'del', key: 'facade-records-complete' },
  ]);
  const torn = {
    getSync: (key: string) => store.getSync(key),
    iterator: (range: object) => store.iterator(range),
    batch: () => Promise.reject(new Error('torn')),
  } as unknown as typeof store;
  await assert.rejects(completeFacadeIndex(torn, subjects, records), /torn/);
  assert.equal(store.getSync('facade-records-complete'), undefined);
  assert.equal(await completeFacadeIndex(store, subjects, records), 1);
  assert.deepEqual(await store.iterator(ROWS).all(), written);
  await bench.close();
});
