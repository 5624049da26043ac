import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { consenting, failedChecks, logSize, openBench, push, typesSince } from '../support/bench.js';
import type { Bench } from '../support/bench.js';
import { heartRate } from '../support/resources.js';

let bench: Bench;
before(async () => {
  bench = await openBench();
});
after(async () => {
  assert.deepEqual(await failedChecks(bench.instance), []);
  await bench.close();
});

test('what has waited too long is discarded, each for itself; a redelivery is heard again', async () => {
  const { inbox } = bench.instance;
  const size = logSize(bench.instance);
  const first = heartRate('w1', 'w', 70, { version: '1' });
  await push(bench, first, heartRate('w2', 'w', 71), heartRate('v1', 'v', 72));
  assert.equal(await inbox.expireWaiting(Date.now() - 60_000), 0);
  assert.equal((await inbox.waiting()).events, 3);
  const between = Date.now() + 1;
  await new Promise((resolve) => setTimeout(resolve, 5));
  await push(bench, heartRate('w3', 'w', 73));
  assert.equal(await inbox.expireWaiting(between), 3);
  assert.deepEqual(await inbox.waiting(), { events: 1, patients: 1 });
  assert.deepEqual(await typesSince(bench.instance, size), []);
  await push(bench, first);
  assert.equal((await inbox.waiting()).events, 2);
  await consenting(bench, 'w');
  const stored = (await typesSince(bench.instance, size)).filter((type) => type === 'record.stored');
  assert.equal(stored.length, 2);
});

test('what expires while it is released is released or gone, never both', async () => {
  const { inbox } = bench.instance;
  const size = logSize(bench.instance);
  const many = Array.from({ length: 40 }, (_, i) => heartRate(`r${i}`, 'race', 60 + i, { version: '1' }));
  await push(bench, ...many);
  const [expired] = await Promise.all([inbox.expireWaiting(Date.now() + 1), consenting(bench, 'race')]);
  const stored = (await typesSince(bench.instance, size)).filter((type) => type === 'record.stored');
  assert.equal(stored.length + expired, 40);
  assert.equal((await inbox.waiting()).events, 0);
});
