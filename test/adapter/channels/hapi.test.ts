/** What a real HAPI server was seen to do, by what it was recorded to send and to answer. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FhirEvent } from '../../../adapter/inbound/event.js';
import { pollHistory } from '../../../adapter/inbound/polling.js';
import { SourceClient } from '../../../adapter/inbound/source-client.js';
import { needsRepair, shownSubscription } from '../../../adapter/inbound/subscription-resource.js';
import { drain } from '../../../adapter/services/drain.js';
import { discover } from '../../../adapter/services/source-discovery.js';
import type { JsonValue } from '../../../mappings/index.js';
import { servicesOf } from '../../support/instance.js';
import { sharedData } from '../../support/shared-data.js';
import { consentFor, enrolWallet, signedBundle } from '../../support/wallet.js';
import { ask } from '../support/bench.js';
import type { Answer } from '../support/bench.js';
import {
  addSimulated,
  differences,
  heldState,
  NEVER,
  openChannels,
  until,
} from '../support/channel-bench.js';
import type { ChannelBench } from '../support/channel-bench.js';
import { heartRate, patient } from '../support/resources.js';
import { SimulatedSource } from '../support/simulated-source.js';
import type { Offers } from '../support/simulated-source.js';

const folder = sharedData('hapi-captures');
const skip = folder === undefined ? 'the shared test data is not here' : false;

interface Recorded {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

function load(name: string): Recorded {
  return JSON.parse(readFileSync(join(folder ?? '', name), 'utf8')) as Recorded;
}

let bench: ChannelBench;
before(async () => {
  bench = await openChannels({ ...NEVER, hintMs: 10 });
  bench.channels.start();
});
after(() => bench.close());

/** A source that says nothing by itself, with a patient who permits it. */
async function quiet(id: string, offers: Offers, subject = 'p'): Promise<SimulatedSource> {
  const source = await SimulatedSource.start(offers);
  source.put(patient(subject));
  await addSimulated(bench, id, source);
  const wallet = await enrolWallet(servicesOf(bench.instance), id, subject);
  await bench.instance.consents.submit(signedBundle(wallet, consentFor(wallet)));
  await until('the patient', () => differences(bench.instance, id, source));
  return source;
}

/** Sends what HAPI was recorded to send; only who it is for, and its secret, are ours. */
function deliver(id: string, { method, path, headers, body }: Recorded): Promise<Answer> {
  const { host: _host, connection: _connection, 'content-length': _length, ...sent } = headers;
  const rest = path.split('/').slice(2).join('/');
  const { secret = '' } = bench.instance.sources.get(id) ?? {};
  return ask(bench.url, `/hooks/${id}${rest === '' ? '' : `/${rest}`}`, {
    method,
    headers: {
      ...sent,
      authorization: `Bearer ${secret}`,
      'content-length': String(Buffer.byteLength(String(body))),
    },
    body: String(body),
  });
}

test('HAPI sends version 4 before version 2: version 4 stays the current one', { skip }, async () => {
  const capture = load('05-rest-hook-synthea-observation-from-transaction.json');
  const resource = JSON.parse(String(capture.body)) as {
    id: string;
    subject: { reference: string };
    meta: object;
  };
  const subject = resource.subject.reference.split('/')[1] ?? '';
  const source = await quiet('order', {}, subject);
  const version = (n: number): Recorded => ({
    ...capture,
    headers: { ...capture.headers, 'if-match': `W/"${n}"` },
    body: JSON.stringify({
      ...resource,
      meta: { ...resource.meta, versionId: String(n), lastUpdated: `2026-11-22T21:00:5${n}.000+00:00` },
    }),
  });
  for (const n of [1, 4, 2, 3, 2]) assert.equal((await deliver('order', version(n))).status, 200);
  await drain(bench.instance);
  const name = `Observation/${resource.id}`;
  assert.equal(heldState(bench.instance, 'order', [name]).get(name), '4');
  await source.close();
});

test('HAPI says nothing of a deletion with an empty payload: the history tells of it', { skip }, async () => {
  const source = await quiet('empty', { history: 'system' });
  const empty = load('04-rest-hook-empty-payload.json');
  source.put(heartRate('a', 'p', 61));
  source.put(heartRate('b', 'p', 62));
  // A POST of no bytes, as a form: something changed.
  assert.equal((await deliver('empty', empty)).status, 200);
  await until('what changed', () => differences(bench.instance, 'empty', source));
  source.delete('Observation', 'a');
  source.put(heartRate('b', 'p', 63));
  await deliver('empty', empty);
  await until('the deletion', () => differences(bench.instance, 'empty', source));
  await source.close();
});

test(
  'HAPI’s own deletion message has neither version nor body: read back, it is a deletion',
  { skip },
  async () => {
    const source = await quiet('delete', {});
    const capture = load('03-rest-hook-delete-with-channel-extension.json');
    source.put(heartRate('20141', 'p', 61));
    bench.channels.hint('delete');
    await until('the resource', () => differences(bench.instance, 'delete', source));
    // It came too early: the source still shows the resource, and that is the truth.
    await deliver('delete', capture);
    await drain(bench.instance);
    assert.deepEqual(differences(bench.instance, 'delete', source), []);
    source.delete('Observation', '20141');
    await deliver('delete', capture);
    await until('the deletion', () => differences(bench.instance, 'delete', source));
    await source.close();
  },
);

test('HAPI shows a Bundle 1.8 s late, after younger single writes: the overlap finds it', async () => {
  const source = await quiet('late', {});
  source.faults = { ...source.faults, lateMs: 0 };
  const late = source.present('Patient', 'p');
  assert.ok(late !== undefined);
  source.put(heartRate('bundle', 'p', 61));
  const [bundle] = [source.present('Observation', 'bundle')];
  assert.ok(bundle !== undefined);
  const visibleAt = bundle.visibleAt;
  (bundle as { visibleAt: number }).visibleAt = visibleAt + 1_000_000;
  await sleep(5);
  source.put(heartRate('single', 'p', 62));
  await bench.readings.read('late');
  await drain(bench.instance);
  assert.deepEqual(
    [...heldState(bench.instance, 'late', ['Observation/single', 'Observation/bundle']).values()],
    ['1', 'unknown'],
  );
  (bundle as { visibleAt: number }).visibleAt = visibleAt;
  await bench.readings.read('late');
  await until('the late one', () => differences(bench.instance, 'late', source));
  await source.close();
});

test('HAPI answers a search again from its cache for a minute: we are not answered by it', async () => {
  const source = await quiet('cache', { caches: true });
  const url = `${source.base}/Observation?_count=500`;
  const total = async (headers: Record<string, string> = {}): Promise<number> =>
    (((await (await fetch(url, { headers })).json()) as { entry?: unknown[] }).entry ?? []).length;
  assert.equal(await total(), 0);
  for (const n of [1, 2, 3]) {
    source.put(heartRate(`c${n}`, 'p', 60 + n));
    await bench.readings.read('cache');
    await until('each change', () => differences(bench.instance, 'cache', source));
  }
  assert.deepEqual([await total(), await total({ 'cache-control': 'no-cache' })], [0, 3]);
  await source.close();
});

test('HAPI’s history: newest first, deletions without a time, its own links', { skip }, async () => {
  const recorded = load('07-history-system-since-with-deletes.json');
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    const isFirst = asked.length === 1;
    const { port } = server.address() as AddressInfo;
    const page = isFirst ? recorded.body : { resourceType: 'Bundle', type: 'history', link: [] };
    response
      .writeHead(200, { 'content-type': 'application/fhir+json' })
      .end(JSON.stringify(page).replaceAll('127.0.0.1:18080', `127.0.0.1:${port}`));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = new SourceClient({
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/fhir`,
  });
  const events: FhirEvent[] = [];
  const since = Date.now() - 60_000;
  const polled = await pollHistory({
    client,
    arrival: { source: 'hapi', channel: 'history', receivedAt: 0 },
    scope: '',
    since,
    accept: async (more) => void events.push(...more),
    overruled: () => [],
    isDeleted: () => false,
  });
  client.close();
  server.close();
  const { entry } = recorded.body as { entry: { request: { method: string; url: string } }[] };
  const records = entry.filter(({ request }) => !/^(?:Binary|Subscription)(?:\/|$)/.test(request.url));
  assert.equal(events.length, records.length);
  assert.deepEqual(
    events.map(({ kind }) => (kind === 'delete' ? 'DELETE' : 'put')),
    records.map(({ request }) => (request.method === 'DELETE' ? 'DELETE' : 'put')).toReversed(),
  );
  const from = new Date(since - 120_000).toISOString();
  assert.ok(asked[0]?.includes(`_since=${encodeURIComponent(from)}`), asked[0]);
  assert.match(asked[1] ?? '', /_offset=40/);
  assert.ok(polled.outcome === 'read' && Math.abs(polled.upTo - Date.now()) < 10_000);
});

test('HAPI’s answer to a new Subscription: requested, and well', { skip }, () => {
  const shown = shownSubscription(load('11-subscription-create-response.json') as unknown as JsonValue);
  assert.deepEqual(shown, {
    id: '20115',
    status: 'requested',
    criteria: 'Observation?',
    endpoint: 'http://127.0.0.1:18099/full',
    reason: 't',
  });
  const wanted = {
    key: 'rest-hook Observation',
    kind: 'rest-hook',
    criteria: 'Observation?',
    endpoint: 'http://127.0.0.1:18099/full',
    secret: 's',
    reason: 't',
  } as const;
  assert.equal(needsRepair(shown, wanted, 0), false);
  assert.equal(needsRepair({ ...shown, status: 'error' }, wanted, 0), true);
  assert.equal(needsRepair({ ...shown, endpoint: 'http://elsewhere.example/' }, wanted, 0), true);
  assert.equal(needsRepair({ ...shown, endsAt: 3_600_000 }, wanted, 0), true, 'it ends within a day');
});

test('HAPI offers rest-hooks and histories, and no topics', { skip }, async () => {
  const statement = gunzipSync(readFileSync(join(folder ?? '', '09-capabilitystatement.json.gz')));
  const { body = JSON.parse(statement.toString('utf8')) as unknown } = JSON.parse(
    statement.toString('utf8'),
  ) as {
    body?: unknown;
  };
  const server = createServer((request, response) => {
    const isFound = request.url?.includes('metadata') === true;
    response.writeHead(isFound ? 200 : 404, { 'content-type': 'application/fhir+json' });
    response.end(isFound ? JSON.stringify(body) : '{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = new SourceClient({
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/fhir`,
  });
  const { restHook, topicSubscriptions, history } = await discover(client);
  client.close();
  server.close();
  assert.deepEqual([restHook, topicSubscriptions, history.system], [true, false, true]);
});
