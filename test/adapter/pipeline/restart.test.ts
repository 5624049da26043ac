/** What a crash or a lost answer between two steps leaves is ended later. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, test } from 'node:test';
import { Consents } from '../../../adapter/instance/consents.js';
import { Merges } from '../../../adapter/instance/merges.js';
import type { Instance } from '../../../adapter/instance/instance.js';
import { drain } from '../../../adapter/services/drain.js';
import {
  addImportSource,
  openTestInstance,
  removeFolder,
  servicesOf,
  temporaryFolder,
} from '../../support/instance.js';
import { consentFor, enrolWallet, signedBundle } from '../../support/wallet.js';
import { eventsFromBody } from '../../../adapter/inbound/intake.js';
import { failedChecks, logSize, typesSince } from '../support/bench.js';
import { heartRate } from '../support/resources.js';

const dir = temporaryFolder();
after(() => removeFolder(dir));

async function take(instance: Instance, ...resources: readonly object[]): Promise<void> {
  const arrival = { source: 'ward', channel: 'hook' as const, receivedAt: Date.now() };
  for (const resource of resources)
    await instance.inbox.accept(eventsFromBody(Buffer.from(JSON.stringify(resource)), arrival));
  await drain(instance);
}

const release = (): Promise<number> => Promise.reject(new Error('the process has died'));

/** Consents of the same store whose releases never come about, as if the process had died before them. */
function withoutRelease(instance: Instance): Consents {
  const { store, keys, appender, subjects, sources, representatives, nowMs } = instance;
  const { attestations } = instance.wallets;
  const instanceReference = `Organization/${instance.organisation.id}`;
  const merges = new Merges(keys, () => appender);
  return new Consents({
    store,
    keys,
    appender,
    subjects,
    sources,
    merges,
    representatives,
    attestations,
    exceptional: (subjectKey, source) => instance.exceptional.policies(subjectKey, source),
    instanceReference,
    nowMs,
    onSigned: () => undefined,
    release,
  });
}

test('a consent that was committed and not yet followed by its release', async () => {
  const first = await openTestInstance(dir);
  await addImportSource(first.instance);
  await take(first.instance, heartRate('a', 'p', 70), heartRate('b', 'p', 71));
  const wallet = await enrolWallet(servicesOf(first.instance), 'ward', 'p');
  const document = signedBundle(wallet, consentFor(wallet));
  await assert.rejects(withoutRelease(first.instance).submit(document), /died/);
  assert.deepEqual(await first.instance.inbox.waiting(), { events: 2, patients: 1 });
  await first.close();

  const second = await openTestInstance(dir);
  await drain(second.instance);
  assert.deepEqual(await second.instance.inbox.waiting(), { events: 0, patients: 0 });
  assert.equal(second.instance.statistics.pipeline.stored, 2);
  assert.deepEqual(await second.instance.store.keys({ gte: 'release/', lt: 'release/~' }).all(), []);
  assert.deepEqual(await failedChecks(second.instance), []);
  await second.close();
});

test('the same without a restart: the document sent again ends it, and old answers are not believed', async () => {
  const opened = await openTestInstance(dir);
  const { instance } = opened;
  const size = logSize(instance);
  const identifier = randomUUID();
  await take(instance, heartRate('c', 'q', 70));
  const wallet = await enrolWallet(servicesOf(instance), 'ward', 'q');
  // What is known of the patient's consents so far is remembered here.
  await take(instance, heartRate('d', 'q', 71));
  const document = signedBundle(
    wallet,
    consentFor(wallet, { identifier, dateTime: new Date().toISOString() }),
  );
  await assert.rejects(withoutRelease(instance).submit(document), /died/);
  await take(instance, heartRate('e', 'q', 72));
  assert.deepEqual(
    (await typesSince(instance, size)).slice(2),
    ['record.stored'],
    'the new consent counts at once',
  );
  const again = await instance.consents.submit(document);
  assert.deepEqual([again.outcome, again.released], ['known', 2]);
  await drain(instance);
  assert.deepEqual((await typesSince(instance, size)).slice(2), Array<string>(3).fill('record.stored'));
  assert.deepEqual(await failedChecks(instance), []);
  await opened.close();
});

test('what was acknowledged before a stop is worked on after it', async () => {
  const first = await openTestInstance(dir);
  const wallet = await enrolWallet(servicesOf(first.instance), 'ward', 's');
  await first.instance.consents.submit(signedBundle(wallet, consentFor(wallet)));
  const size = logSize(first.instance);
  const entry = Array.from({ length: 300 }, (_, i) => ({ resource: heartRate(`s${i}`, 's', 60) }));
  const bytes = Buffer.from(JSON.stringify({ resourceType: 'Bundle', type: 'batch', entry }));
  const arrival = { source: 'ward', channel: 'hook' as const, receivedAt: Date.now() };
  assert.deepEqual(await first.instance.inbox.accept(eventsFromBody(bytes, arrival)), {
    accepted: 300,
    duplicates: 0,
  });
  await first.close();
  await assert.rejects(first.instance.inbox.accept(eventsFromBody(bytes, arrival)), {
    code: 'ADAPTER_STOPPING',
  });

  const second = await openTestInstance(dir);
  await drain(second.instance);
  const types = await typesSince(second.instance, size);
  assert.equal(types.filter((type) => type === 'record.stored').length, 300);
  assert.equal(types.length, 300);
  assert.deepEqual(await failedChecks(second.instance), []);
  await second.close();
});
