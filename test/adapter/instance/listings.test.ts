import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Listings } from '../../../adapter/instance/listings.js';
import type { ListedVersion } from '../../../adapter/instance/listings.js';
import type { Subject } from '../../../adapter/instance/subjects.js';
import { drain } from '../../../adapter/services/drain.js';
import { consenting, hook, openBench, push } from '../support/bench.js';
import type { Bench } from '../support/bench.js';
import { heartRate, patient } from '../support/resources.js';

async function subjectOf(bench: Bench, id: string): Promise<Subject> {
  const { subjects } = bench.instance;
  const subject = await subjects.find(subjects.keyOf(bench.source.id, id));
  assert.ok(subject !== undefined);
  return subject;
}

function names(versions: readonly ListedVersion[]): string[] {
  return versions.map(
    ({ card, version, isCurrent }) => `${card.gate.id} ${version}${isCurrent ? '' : ' past'}`,
  );
}

test('a listing is remembered until something of the patient is stored, deleted or erased', async () => {
  const bench = await openBench();
  const { listings, store } = bench.instance;
  await consenting(bench, 'a');
  await consenting(bench, 'b');
  await push(
    bench,
    heartRate('h1', 'a', 70, { version: '1', minute: 1 }),
    patient('a'),
    heartRate('x', 'b', 1),
  );
  const subject = await subjectOf(bench, 'a');
  const first = await listings.of(subject);
  assert.deepEqual(names(first), ['a 1', 'h1 1'], 'the Patient first');
  assert.equal(await listings.of(subject), first, 'the same, not read again');

  await push(bench, heartRate('x', 'b', 2));
  assert.equal(await listings.of(subject), first, 'another patient’s records change nothing');

  await push(bench, heartRate('h1', 'a', 71, { version: '2', minute: 2 }));
  const second = await listings.of(subject);
  assert.deepEqual(names(second), ['a 1', 'h1 2', 'h1 1 past']);

  await hook(bench, '/Observation/h1', { method: 'DELETE' });
  await drain(bench.instance);
  assert.deepEqual(names(await listings.of(subject)), ['a 1', 'h1 2 past', 'h1 1 past']);

  // A listing that something changes under is read again.
  let changes = 2;
  const changing = {
    getSync: (key: string) => store.getSync(key),
    iterator: (range: object) => {
      if (changes-- > 0) void store.put(`record-epoch/${subject.key}`, Buffer.from(`changed ${changes}`));
      return store.iterator(range);
    },
  } as unknown as typeof store;
  const apart = new Listings(changing, bench.instance.records);
  const read = await apart.of(subject);
  assert.equal(changes, -1, 'three times: twice it had changed');
  assert.equal(await apart.of(subject), read);
  apart.forget(subject.key);
  assert.notEqual(await apart.of(subject), read);
  await bench.close();
});
