/** The channels of one source at a time: what is made there, what is asked for, and what is left behind. */
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { channelStates } from '../../../adapter/services/channels/index.js';
import { drain } from '../../../adapter/services/drain.js';
import { pauseSource, removeSource, resumeSource } from '../../../adapter/services/source-admin.js';
import { removeFolder, servicesOf, temporaryFolder } from '../../support/instance.js';
import { consentFor, enrolWallet, signedBundle } from '../../support/wallet.js';
import { ask } from '../support/bench.js';
import { addSimulated, differences, FAST, NEVER, openChannels, until } from '../support/channel-bench.js';
import type { ChannelBench } from '../support/channel-bench.js';
import { heartRate, patient } from '../support/resources.js';
import { SimulatedSource } from '../support/simulated-source.js';
import type { Offers, SimulatedSubscription } from '../support/simulated-source.js';

let bench: ChannelBench;
let source: SimulatedSource;
let id = '';
let count = 0;
const ended: (() => Promise<void>)[] = [];

before(async () => {
  bench = await openChannels({ ...FAST, pollMs: 600_000, sweepMs: 600_000, keepMs: 60 });
  bench.channels.start();
});
after(() => bench.close());
beforeEach(() => {
  count += 1;
  id = `city-${count}`;
});
afterEach(async () => {
  await bench.instance.sources.update(id, { state: 'paused' });
  await drain(bench.instance);
  await source.close();
  for (const end of ended.splice(0)) await end();
});

/** A source that is heard, with a patient who permits it. */
async function heard(offers: Offers, on = bench): Promise<void> {
  source = await SimulatedSource.start(offers);
  source.put(patient('p'));
  await addSimulated(on, id, source);
  const wallet = await enrolWallet(servicesOf(on.instance), id, 'p');
  await on.instance.consents.submit(signedBundle(wallet, consentFor(wallet)));
  await until('the patient', () => differences(on.instance, id, source));
}

const held = () => channelStates(bench.instance).of(id).subscriptions;
const theirs = (): SimulatedSubscription[] => [...source.subscriptions.values()];
const same = (): string[] => differences(bench.instance, id, source);
const FULL: Offers['topic'] = { form: 'R4', content: 'full-resource' };
const asked = (text: string): number => source.asked.filter((one) => one.includes(text)).length;

test('a rest-hook for each type of a patient, with our secret, and deletions asked for', async () => {
  await heard({ restHook: true, sendsDeletes: true });
  await until('Subscriptions', () => Object.keys(held()).length === 2);
  const [one] = theirs();
  const { secret } = bench.instance.sources.get(id) ?? {};
  assert.deepEqual(
    new Set(theirs().map(({ resource }) => resource['criteria'])),
    new Set(['Observation?', 'Patient?']),
  );
  assert.deepEqual(one?.resource['channel'], {
    extension: [
      {
        url: 'http://hapifhir.io/fhir/StructureDefinition/subscription-send-delete-messages',
        valueBoolean: true,
      },
    ],
    type: 'rest-hook',
    endpoint: `${bench.url}/hooks/${id}`,
    payload: 'application/fhir+json',
    header: [`Authorization: Bearer ${secret ?? ''}`],
  });
  source.put(heartRate('a', 'p', 61));
  source.put(heartRate('b', 'p', 62));
  await until('hooks', same);
  source.delete('Observation', 'a');
  await until('the deletion', same);
});

test('one that is gone is made again, one that is off or in error is asked for anew', async () => {
  await heard({ restHook: true });
  await until('Subscriptions', () => theirs().length === 2);
  const [first, second] = theirs();
  assert.ok(first !== undefined && second !== undefined);
  source.subscriptions.delete(first.id);
  second.status = 'error';
  await until('repair', () => theirs().length === 2 && theirs().every(({ status }) => status === 'active'));
  second.status = 'off';
  await until('repair', () => second.status === 'active');
  assert.equal(source.subscriptions.get(second.id), second, 'that one, and no other');
});

test('a changed secret is told to the source', async () => {
  await heard({ restHook: true });
  await until('Subscriptions', () => theirs().length === 2);
  await bench.instance.sources.update(id, { secret: 'another-secret' });
  await until('the new secret', () =>
    theirs().every(({ resource }) => JSON.stringify(resource).includes('Bearer another-secret')),
  );
  assert.equal(theirs().length, 2);
});

test('what a crash left between the making and its noting is found again, and doubles are ended', async () => {
  await heard({ restHook: true });
  await until('Subscriptions', () => Object.keys(held()).length === 2);
  const made = theirs().map(({ id: name }) => name);
  const double = { ...(theirs()[0] as SimulatedSubscription), id: 'double' };
  source.subscriptions.set('double', double);
  await channelStates(bench.instance).change(id, (state) => ({ ...state, subscriptions: {} }));
  await bench.instance.sources.update(id, { name: 'the same' });
  await until('adopted', () => Object.keys(held()).length === 2);
  assert.deepEqual(new Set(theirs().map(({ id: name }) => name)), new Set(made));
});

test('a Subscription of somebody else is left alone', async () => {
  await heard({ restHook: true });
  const foreign = {
    id: 'foreign',
    status: 'off',
    resource: { resourceType: 'Subscription', reason: 'else', criteria: 'Observation?', channel: {} },
    events: [],
  };
  source.subscriptions.set('foreign', foreign);
  await until('Subscriptions', () => theirs().length === 3);
  await pauseSource(bench.instance, id);
  await until('ended', () => theirs().length === 1);
  assert.deepEqual([foreign.status, theirs()[0]?.id], ['off', 'foreign']);
});

test('a pause takes them away, going on brings them back, and what happened meanwhile is read', async () => {
  await heard({ restHook: true, history: 'system' });
  await until('Subscriptions', () => theirs().length === 2);
  source.put(heartRate('a', 'p', 61));
  source.put(heartRate('gone', 'p', 61));
  await until('hooks', same);
  await pauseSource(bench.instance, id);
  await until('ended', () => theirs().length === 0);
  source.put(heartRate('b', 'p', 62));
  source.delete('Observation', 'gone');
  await resumeSource(bench.instance, id);
  await until('Subscriptions', () => theirs().length === 2);
  await until('what was missed', same);
});

test('a removed source has no Subscription of ours', async () => {
  await heard({ restHook: true });
  await until('Subscriptions', () => theirs().length === 2);
  await removeSource(bench.instance, id);
  assert.deepEqual([theirs(), held()], [[], {}]);
  await sleep(150);
  assert.deepEqual(theirs(), []);
});

test('a source that makes none is not asked at every look', async () => {
  await heard({ restHook: true });
  await until('Subscriptions', () => theirs().length === 2);
  await channelStates(bench.instance).change(id, (state) => ({
    ...state,
    refused: { 'rest-hook Observation': bench.instance.nowMs() },
  }));
  for (const one of theirs()) source.subscriptions.delete(one.id);
  await until('the other', () => theirs().length === 1);
  await sleep(200);
  assert.equal(theirs()[0]?.resource['criteria'], 'Patient?');
});

for (const form of ['R4', 'R4B', 'R5'] as const) {
  test(`a topic in ${form}: a gap is waited for, then asked for by $events`, async () => {
    await heard({ topic: { form, content: 'full-resource' }, hasEvents: true });
    await until('the handshake', () => Object.values(held())[0]?.counter !== undefined);
    source.put(heartRate('a', 'p', 61));
    await until('the first', same);
    source.faults = { ...source.faults, lost: 1 };
    source.put(heartRate('b', 'p', 62));
    source.put(heartRate('c', 'p', 63));
    source.faults = { ...source.faults, lost: 0 };
    source.put(heartRate('d', 'p', 64));
    await until('what was lost', same);
    await until('no gap', () => Object.values(held())[0]?.counter?.missing.length === 0);
    assert.equal(asked('$events?eventsSinceNumber=2&eventsUntilNumber=3'), 1);
  });
}

test('a late event within the grace period is not asked for', async () => {
  const calm = await openChannels({ ...NEVER, graceMs: 60_000 });
  ended.push(() => calm.close());
  calm.channels.start();
  await heard({ topic: FULL, hasEvents: true }, calm);
  const states = channelStates(calm.instance);
  const counter = () => Object.values(states.of(id).subscriptions)[0]?.counter;
  await until('the handshake', () => counter() !== undefined);
  const [one] = theirs();
  assert.ok(one !== undefined);
  source.faults = { ...source.faults, lost: 1 };
  source.put(heartRate('a', 'p', 61));
  source.put(heartRate('b', 'p', 62));
  const [first, second] = one.events;
  assert.ok(first !== undefined && second !== undefined);
  await source.send(source.notification(one, 'event-notification', [second]), one);
  assert.deepEqual(counter()?.missing, [[1, 1]]);
  await source.send(source.notification(one, 'event-notification', [first]), one);
  assert.deepEqual(counter(), { upTo: 2, missing: [] });
  await until('both', () => differences(calm.instance, id, source));
  assert.equal(asked('$events'), 0);
  await calm.instance.sources.update(id, { state: 'paused' });
  await addSimulated(bench, id, source);
});

test('a gap where there is no $events: the source is read', async () => {
  await heard({ topic: { form: 'R5', content: 'id-only' } });
  await until('the handshake', () => Object.values(held())[0]?.counter !== undefined);
  source.faults = { ...source.faults, lost: 1 };
  source.put(heartRate('a', 'p', 61));
  source.faults = { ...source.faults, lost: 0 };
  source.put(heartRate('b', 'p', 62));
  await until('what was lost', same);
  await until('no gap', () => Object.values(held())[0]?.counter?.missing.length === 0);
});

test('silence beyond the heartbeat: $status tells of what was lost', async () => {
  await heard({ topic: FULL, hasEvents: true, hasStatus: true });
  await until('the handshake', () => Object.values(held())[0]?.counter !== undefined);
  source.faults = { ...source.faults, lost: 1 };
  source.put(heartRate('a', 'p', 61));
  await until('what was lost', same);
  assert.ok(asked('$status') >= 1);
  assert.ok(asked('$events') >= 1);
});

test('heartbeats keep a Subscription from being asked', async () => {
  await heard({ topic: FULL, hasStatus: true });
  await until('the handshake', () => Object.values(held())[0]?.counter !== undefined);
  const [one] = theirs();
  assert.ok(one !== undefined);
  const asks = asked('$status');
  for (let i = 0; i < 8; i++) {
    assert.equal(await source.send(source.notification(one, 'heartbeat'), one), 200);
    await sleep(60);
  }
  assert.equal(asked('$status'), asks);
});

test('a Subscription in error is reset, and what it lost is read', async () => {
  await heard({ topic: FULL, hasStatus: true });
  await until('the handshake', () => Object.values(held())[0]?.counter !== undefined);
  const [one] = theirs();
  assert.ok(one !== undefined);
  one.status = 'error';
  source.put(heartRate('a', 'p', 61));
  await source.send(source.notification(one, 'heartbeat'), one);
  await until('the reset', () => one.status === 'active');
  await until('what was lost', same);
});

test('a count that begins anew is followed, and the source is read', async () => {
  await heard({ topic: FULL });
  await until('the handshake', () => Object.values(held())[0]?.counter !== undefined);
  const [one] = theirs();
  assert.ok(one !== undefined);
  for (const n of [1, 2, 3]) source.put(heartRate(`a${n}`, 'p', 60 + n));
  await until('three', () => Object.values(held())[0]?.counter?.upTo === 3);
  source.faults = { ...source.faults, lost: 1 };
  source.put(heartRate('b', 'p', 70));
  one.events = [];
  await source.send(source.notification(one, 'handshake'), one);
  await until('what was lost', same);
  assert.equal(Object.values(held())[0]?.counter?.upTo, 0);
});

test('counters and marks outlive the process: what was missed while it was down is asked for', async () => {
  const dir = temporaryFolder();
  ended.push(async () => removeFolder(dir));
  const times = { ...NEVER, graceMs: 40 };
  let other = await openChannels(times, dir, true);
  other.channels.start();
  await heard({ topic: FULL, hasEvents: true, history: 'system' }, other);
  const counter = () => Object.values(channelStates(other.instance).of(id).subscriptions)[0]?.counter;
  await until('the handshake', () => counter() !== undefined);
  source.put(heartRate('gone', 'p', 61));
  await until('the first', () => differences(other.instance, id, source));
  const [one] = theirs();
  assert.ok(one !== undefined);
  source.faults = { ...source.faults, lost: 1 };
  source.put(heartRate('a', 'p', 62));
  source.faults = { ...source.faults, lost: 0 };
  await drain(other.instance);
  await other.close();
  source.delete('Observation', 'gone');
  await Promise.allSettled(source.delivering);

  other = await openChannels(times, dir, true);
  assert.equal(counter()?.upTo, 1);
  other.channels.start();
  await until('what was missed', () => differences(other.instance, id, source));
  await drain(other.instance);
  await other.close();
  // Its id is this bench's too, for what comes after each test.
  await addSimulated(bench, id, source);
});

test('notices of a Subscription that is not ours move no counter of ours', async () => {
  await heard({ topic: FULL });
  await until('the handshake', () => Object.values(held())[0]?.counter !== undefined);
  const [one] = theirs();
  assert.ok(one !== undefined);
  const foreign = { ...one, id: 'foreign', events: [] };
  const known = held();
  assert.equal(await source.send(source.notification(foreign, 'heartbeat'), one), 200);
  assert.deepEqual(Object.values(held())[0]?.counter, Object.values(known)[0]?.counter);
  // Nor does one without the secret.
  const { status } = await ask(bench.url, `/hooks/${id}`, {
    method: 'POST',
    headers: { 'content-type': 'application/fhir+json', authorization: 'Bearer wrong' },
    body: JSON.stringify(source.notification(one, 'handshake')),
  });
  assert.equal(status, 401);
});

test('polling: a type that is refused does not keep the others from being read', async () => {
  await heard({});
  source.refusing.add('Patient');
  source.put(heartRate('a', 'p', 61));
  await assert.rejects(bench.readings.read(id), { code: 'ADAPTER_SOURCE_REFUSED' });
  await until('the other type', same);
  source.refusing.clear();
});

test('polling: a resource of the year 2099, and a clock that is set back, hide nothing that follows', async () => {
  await heard({});
  const year2099 = Date.parse('2099-01-01T00:00:00Z') - Date.now();
  source.clockAheadMs = year2099;
  source.put(heartRate('future', 'p', 61));
  source.clockAheadMs = 0;
  await bench.readings.read(id);
  await until('the future', same);
  const { syncedTo = {} } = bench.instance.sources.get(id) ?? {};
  assert.ok((syncedTo['Observation'] ?? Infinity) < Date.now() + 10_000);
  source.clockAheadMs = -3_600_000;
  source.put(heartRate('past', 'p', 62));
  // Its clock is known by its last answer: the first reading tells it, the second follows it.
  await bench.readings.read(id);
  await bench.readings.read(id);
  await until('what came after', same);
});

test('polling: the mark moves only after what was read is durable', async () => {
  await heard({});
  const mark = bench.instance.sources.get(id)?.syncedTo['Observation'];
  source.put(heartRate('a', 'p', 61));
  const { inbox } = bench.instance;
  const accept = inbox.accept.bind(inbox);
  inbox.accept = () => Promise.reject(new Error('the disk is gone'));
  try {
    await assert.rejects(bench.readings.read(id), /the disk is gone/);
  } finally {
    inbox.accept = accept;
  }
  assert.equal(bench.instance.sources.get(id)?.syncedTo['Observation'], mark);
  await bench.readings.read(id);
  await until('the resource', same);
});

test('polling: a source that fails is asked less and less often, and heard again when it is back', async () => {
  await heard({ restHook: true });
  await until('Subscriptions', () => theirs().length === 2);
  source.failing = 401;
  await sleep(100);
  const asks = source.asked.length;
  await sleep(600);
  const looks = source.asked.length - asks;
  assert.ok(looks < 40, `${looks} requests`);
  source.failing = undefined;
  source.subscriptions.clear();
  await until('it is back', () => theirs().length === 2);
});

test('deletions without a history are found by a sweep, and nothing that is there is taken for gone', async () => {
  const swift = await openChannels({ ...NEVER, sweepMs: 50 });
  ended.push(() => swift.close());
  swift.channels.start();
  await heard({ history: 'empty-search', pageSize: 2, gone: 404 }, swift);
  for (const n of [1, 2, 3, 4, 5]) source.put(heartRate(`a${n}`, 'p', 60 + n));
  await swift.readings.read(id);
  await until('all', () => differences(swift.instance, id, source));
  source.delete('Observation', 'a2');
  source.delete('Observation', 'a5');
  await until('the deletions', () => differences(swift.instance, id, source));
  assert.ok(asked('_elements=id') >= 1);
  await swift.instance.sources.update(id, { state: 'paused' });
  await addSimulated(bench, id, source);
});

test('a source far away is not told to send to this machine’s own address', async () => {
  await heard({ restHook: true });
  await until('Subscriptions', () => theirs().length === 2);
  // The same server, by a name that is not of this machine.
  await bench.instance.sources.update(id, { baseUrl: 'http://hospital.invalid/fhir' });
  await sleep(200);
  assert.match(bench.logged(), /set publicUrl|ADAPTER_SOURCE/);
  assert.ok(!source.asked.slice(-3).some((one) => one.startsWith('POST')));
  await bench.instance.sources.update(id, { baseUrl: source.base });
});
