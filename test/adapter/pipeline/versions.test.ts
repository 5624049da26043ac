import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { drain } from '../../../adapter/services/drain.js';
import { addSource, syncSource } from '../../../adapter/services/source-admin.js';
import {
  ask,
  consenting,
  deadLetters,
  failedChecks,
  logSize,
  openBench,
  push,
  readLog,
  typesSince,
} from '../support/bench.js';
import type { Answer, Bench } from '../support/bench.js';
import { startFhirServer } from '../support/fhir-server.js';
import type { FhirServer } from '../support/fhir-server.js';
import { heartRate, patient } from '../support/resources.js';
import type { Version } from '../support/resources.js';

let bench: Bench;
let hospital: FhirServer;
let secret = '';
let size = 0;
before(async () => {
  bench = await openBench();
  hospital = await startFhirServer();
  const args = { id: 'city', url: hospital.base, name: 'City', allowResearch: false };
  ({ secret } = await addSource(bench.instance, args));
  await consenting(bench, 'p', {}, 'city');
  await consenting(bench, 'p');
});
beforeEach(() => {
  size = logSize(bench.instance);
});
after(async () => {
  assert.deepEqual(await failedChecks(bench.instance), []);
  await bench.close();
  await hospital.close();
});

/** A hook of the city's server; waits until it has been dealt with. */
async function news(method: string, path: string, body?: object): Promise<Answer> {
  const headers = { 'content-type': 'application/fhir+json', authorization: `Bearer ${secret}` };
  const text = body === undefined ? '' : JSON.stringify(body);
  const answer = await ask(bench.url, `/hooks/city${path}`, { method, headers, body: text });
  assert.equal(answer.status, 200);
  await drain(bench.instance);
  return answer;
}

/** The city's server holds this now, without saying so. */
function hold(resource: { resourceType: string; id: string }): void {
  hospital.held.set(`${resource.resourceType}/${resource.id}`, resource);
}

const city = (id: string, value: number, of: Version = {}) => heartRate(id, 'p', value, of);
const since = (): Promise<string[]> => typesSince(bench.instance, size);

/** The current version of a resource, by its own version id. */
function current(id: string, source = 'city'): string {
  const { records, store } = bench.instance;
  const state = records.state(
    { get: (key) => store.getSync(key) },
    records.resourceKey(source, 'Observation', id),
  );
  return `${state?.status ?? 'unknown'} ${state?.versionId ?? ''}`.trim();
}

test('17: one version makes one entry, in whatever order and however often it comes', async () => {
  const versions = [1, 2, 3].map((n) => city('d1', 60 + n, { version: String(n), minute: n }));
  for (const n of [1, 0, 2, 2, 0, 1, 1, 0]) await news('PUT', '/Observation/d1', versions[n]);
  await Promise.all([0, 1, 2, 2, 1, 0].map((n) => news('POST', '', versions[n])));
  const types = await since();
  assert.equal(types.filter((type) => type === 'record.stored').length, 3);
  assert.equal(types.filter((type) => type === 'record.superseded').length, 2);
  assert.equal(current('d1'), 'current 3');
});

test('an older version that comes late is kept as that, and the newer one stays', async () => {
  await news('POST', '', city('l1', 72, { version: 'b', minute: 2 }));
  await news('POST', '', city('l1', 71, { version: 'a', minute: 1 }));
  const entries = (await readLog(bench.instance)).slice(size).filter(({ type }) => type !== 'submission');
  assert.deepEqual(
    entries.map(({ type }) => type),
    ['record.stored', 'record.stored', 'record.superseded'],
  );
  const [newer, older, superseded] = entries.map(({ body }) => body);
  assert.deepEqual(superseded, { handle: older?.['handle'], by: newer?.['handle'] });
  assert.equal(current('l1'), 'current b');
});

test('without version ids A, B, A are three versions, and A, A is one', async () => {
  for (const value of [70, 70, 71, 70]) await push(bench, heartRate('aba', 'p', value));
  assert.deepEqual(
    (await since()).filter((type) => type === 'record.stored'),
    ['record.stored', 'record.stored', 'record.stored'],
  );
});

test('equal lastUpdated: the source is read back, and what it shows is the current one', async () => {
  const [a, b] = [city('t1', 70, { version: 'a', minute: 5 }), city('t1', 71, { version: 'b', minute: 5 })];
  hold(a);
  await news('POST', '', a);
  assert.ok(!hospital.asked.includes('/fhir/Observation/t1'));
  await news('POST', '', b);
  assert.ok(hospital.asked.includes('/fhir/Observation/t1'));
  assert.equal(current('t1'), 'current a', 'b was an older one');
  const c = city('t1', 72, { version: 'c', minute: 5 });
  hold(c);
  await news('POST', '', c);
  assert.equal(current('t1'), 'current c');
});

test('a deletion ends the record; once more it says nothing', async () => {
  await news('POST', '', city('x1', 70, { version: '1', minute: 1 }));
  await news('DELETE', '/Observation/x1');
  await news('DELETE', '/Observation/x1');
  assert.deepEqual(await since(), ['record.stored', 'record.deleted']);
  assert.equal(current('x1'), 'deleted 1');
});

test('deletions, however many, before what they delete: it is kept, and as deleted', async () => {
  for (let i = 0; i < 3; i++) await news('DELETE', '/Observation/x2');
  assert.deepEqual(await since(), []);
  await news('POST', '', city('x2', 70, { version: '1', minute: 1 }));
  assert.deepEqual(await since(), ['record.stored', 'record.deleted']);
});

test('deleted and made again: what the source shows counts, and its own hook later adds nothing', async () => {
  await news('POST', '', city('x3', 70, { version: '1', minute: 1 }));
  const again = city('x3', 75, { version: '3', minute: 3 });
  hold(again);
  await news('DELETE', '/Observation/x3');
  assert.equal(current('x3'), 'current 3');
  await news('POST', '', again);
  await news('POST', '', city('x3', 76, { version: '4', minute: 4 }));
  await news('PUT', '/Observation/x3', again);
  assert.deepEqual(await since(), [
    'record.stored',
    'record.stored',
    'record.superseded',
    'record.stored',
    'record.superseded',
  ]);
});

test('deleted, then made again by an event of its own', async () => {
  await news('POST', '', city('x4', 70, { version: '1', minute: 1 }));
  await news('DELETE', '/Observation/x4');
  const again = city('x4', 75, { version: '3', minute: 3 });
  hold(again);
  await news('POST', '', again);
  assert.equal(current('x4'), 'current 3');
  assert.deepEqual(await since(), ['record.stored', 'record.deleted', 'record.stored']);
});

test('news without content is read back; the same version by another way in adds nothing', async () => {
  hold(city('f1', 70, { version: '1', minute: 1 }));
  await news('PUT', '/Observation/f1');
  assert.deepEqual(await since(), ['record.stored']);
  await news('POST', '', city('f1', 71, { version: '2', minute: 2 }));
  await news('POST', '', city('f1', 70, { version: '1', minute: 1 }));
  hold(city('f1', 71, { version: '2', minute: 2 }));
  await news('PUT', '/Observation/f1');
  assert.deepEqual(await since(), ['record.stored', 'record.stored', 'record.superseded']);
  hospital.held.delete('Observation/f1');
  await news('PUT', '/Observation/f1');
  assert.equal(current('f1'), 'deleted 2');
});

test('of a source of files: what waited is deleted by a deletion that came after it, not by one before', async () => {
  await push(bench, heartRate('i1', 'late', 70));
  await new Promise((resolve) => setTimeout(resolve, 5));
  const gone = {
    resourceType: 'Bundle',
    type: 'batch',
    entry: [{ request: { method: 'DELETE', url: 'Observation/i1' } }],
  };
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${bench.source.secret}` };
  await ask(bench.url, '/hooks/ward', { method: 'POST', headers, body: JSON.stringify(gone) });
  await drain(bench.instance);
  await consenting(bench, 'late');
  assert.equal(current('i1', 'ward'), 'deleted');
  await push(bench, heartRate('i1', 'late', 71));
  assert.equal(current('i1', 'ward'), 'current');
  assert.deepEqual((await since()).slice(2), ['record.stored', 'record.deleted', 'record.stored']);
});

test('what belongs to no patient is the directory: kept, counted, not on the log', async () => {
  const { directory, duplicate } = bench.instance.statistics.pipeline;
  const doctor = { resourceType: 'Practitioner', id: 'doc', meta: { versionId: '1' }, gender: 'female' };
  await news('POST', '', doctor);
  await news('POST', '', { ...doctor, gender: 'other' });
  await news('POST', '', { ...doctor, meta: { versionId: '2' } });
  assert.equal(bench.instance.statistics.pipeline.directory, directory + 2);
  assert.equal(bench.instance.statistics.pipeline.duplicate, duplicate + 1);
  assert.deepEqual(await since(), []);
  assert.deepEqual(await deadLetters(bench.instance), []);
});

test('reading the history afterwards adds only what no hook brought', async () => {
  hospital.held.clear();
  hold(patient('p', { version: '1', minute: 1 }));
  hold(city('h1', 70, { version: '1', minute: 1 }));
  hold(city('h2', 71, { version: '1', minute: 1 }));
  await news('POST', '', city('h1', 70, { version: '1', minute: 1 }));
  const first = await syncSource(bench.instance, 'city');
  assert.deepEqual([first.accepted, first.duplicates], [2, 1]);
  const second = await syncSource(bench.instance, 'city');
  assert.deepEqual([second.accepted, second.duplicates], [0, 3]);
  await drain(bench.instance);
  assert.deepEqual(await since(), ['record.stored', 'record.stored', 'record.stored']);
});
