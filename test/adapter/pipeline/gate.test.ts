import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { drain } from '../../../adapter/services/drain.js';
import { decide } from '../../../ledger/consent/index.js';
import type { AccessRequest } from '../../../ledger/consent/index.js';
import { servicesOf } from '../../support/instance.js';
import { consentFor, enrolWallet, signedBundle } from '../../support/wallet.js';
import {
  consenting,
  failedChecks,
  hook,
  logSize,
  openBench,
  push,
  readLog,
  sign,
  typesSince,
} from '../support/bench.js';
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

const waiting = async (): Promise<number> => (await bench.instance.inbox.waiting()).events;
const handled = () => ({ ...bench.instance.statistics.pipeline });
const inMinutes = (minutes: number): string => new Date(Date.now() + minutes * 60_000).toISOString();

test('without an answer records wait, sealed; a consent releases them', async () => {
  const size = logSize(bench.instance);
  await push(bench, heartRate('a1', 'a', 70), heartRate('a2', 'a', 71), heartRate('b1', 'b', 72));
  assert.deepEqual(await bench.instance.inbox.waiting(), { events: 3, patients: 2 });
  assert.deepEqual(await typesSince(bench.instance, size), []);
  await consenting(bench, 'a');
  assert.deepEqual(await bench.instance.inbox.waiting(), { events: 1, patients: 1 });
  assert.deepEqual(await typesSince(bench.instance, size), [
    'participant.enrolled',
    'consent.signed',
    'record.stored',
    'record.stored',
  ]);
  await consenting(bench, 'b');
  assert.equal(await waiting(), 0);
});

test('a refusal discards what waits and what comes; a redelivery after a later consent is taken', async () => {
  await push(bench, heartRate('r1', 'r', 70, { version: '1' }));
  const size = logSize(bench.instance);
  const wallet = await consenting(bench, 'r', { type: 'deny' });
  assert.equal(await waiting(), 0);
  await push(bench, heartRate('r2', 'r', 71));
  assert.equal(await waiting(), 0);
  const refused = handled().denied;
  assert.equal(refused, 2);
  assert.deepEqual(await typesSince(bench.instance, size), ['participant.enrolled', 'consent.signed']);
  const rows = bench.instance.store.keys({ gte: 'inbox/p/', lt: 'inbox/x' });
  for (const key of await rows.all()) assert.ok(key.startsWith('inbox/r/'), `${key} is left`);
  await sign(bench, wallet);
  await push(bench, heartRate('r1', 'r', 70, { version: '1' }));
  assert.equal(
    (await typesSince(bench.instance, size)).filter((type) => type === 'record.stored').length,
    0,
    'deny wins',
  );
});

test('a refusal that is withdrawn, and a consent then', async () => {
  const identifier = randomUUID();
  const wallet = await consenting(bench, 'rw', { type: 'deny', identifier, dateTime: inMinutes(0) });
  await push(bench, heartRate('rw1', 'rw', 70, { version: '1' }));
  await sign(bench, wallet, { identifier, dateTime: inMinutes(1) });
  const size = logSize(bench.instance);
  await push(bench, heartRate('rw1', 'rw', 70, { version: '1' }));
  assert.deepEqual(await typesSince(bench.instance, size), ['record.stored'], 'judged anew');
});

test('a withdrawal denies what comes later', async () => {
  const identifier = randomUUID();
  const wallet = await consenting(bench, 'w', { identifier, dateTime: inMinutes(0) });
  await push(bench, heartRate('w1', 'w', 70));
  await sign(bench, wallet, { identifier, status: 'inactive', dateTime: inMinutes(1) });
  const size = logSize(bench.instance);
  const { denied } = handled();
  await push(bench, heartRate('w2', 'w', 71));
  assert.equal(handled().denied, denied + 1);
  assert.deepEqual(await typesSince(bench.instance, size), []);
});

/** A permit for this patient as things stand, and the epoch that it belongs to. */
async function permitFor(patient: string) {
  const { subjects, consents, sources } = bench.instance;
  const subject = await subjects.ensure('ward', patient);
  const { policies, epoch } = await consents.policies(subject);
  const request: AccessRequest = {
    subject: subject.key,
    actor: { references: [`Organization/${sources.get('ward')?.custodian.id}`] },
    action: 'collect',
    purposes: ['http://terminology.hl7.org/CodeSystem/v3-ActReason|TREAT'],
    resource: { type: 'Observation', id: 'x', classes: [], codes: [], labels: undefined },
  };
  const decision = decide(request, policies, Date.now());
  assert.ok(decision.outcome === 'permit');
  return { subject, epoch, permit: decision.permit };
}

test('the sequencer voids a permit when its consent is withdrawn, replaced, or a refusal of another name comes', async () => {
  const later: ((identifier: string) => Parameters<typeof sign>[2])[] = [
    (identifier) => ({ identifier, status: 'inactive', dateTime: inMinutes(1) }),
    (identifier) => ({ identifier, dateTime: inMinutes(1) }),
    () => ({ type: 'deny' }),
  ];
  for (const [i, choices] of later.entries()) {
    const identifier = randomUUID();
    const wallet = await consenting(bench, `v${i}`, { identifier, dateTime: inMinutes(0) });
    const { subject, epoch, permit } = await permitFor(`v${i}`);
    await sign(bench, wallet, choices(identifier));
    const size = logSize(bench.instance);
    let staged = false;
    const { outcome } = await bench.instance.appender.append(permit, epoch, subject, () => {
      staged = true;
      return { drafts: [], writes: [], value: undefined };
    });
    assert.deepEqual([outcome, staged], ['permit-void', false]);
    assert.equal(logSize(bench.instance), size);
  }
});

test('24 writers at once, and a withdrawal among them: no record after its leaf', async () => {
  const identifier = randomUUID();
  const wallet = await consenting(bench, 'race', { identifier, dateTime: inMinutes(0) });
  const size = logSize(bench.instance);
  const { denied } = handled();
  const withdrawal = signedBundle(
    wallet,
    consentFor(wallet, { identifier, status: 'inactive', dateTime: inMinutes(1) }),
  );
  let withdrawn: Promise<unknown> = Promise.resolve();
  const writers = Array.from({ length: 24 }, async (_, writer) => {
    for (let i = 0; i < 12; i++) {
      if (writer === 7 && i === 5) withdrawn = bench.instance.consents.submit(withdrawal);
      const body = JSON.stringify(heartRate(`race-${writer}-${i}`, 'race', 60 + i));
      assert.equal((await hook(bench, '', { body })).status, 200);
    }
  });
  await Promise.all(writers);
  await withdrawn;
  await drain(bench.instance);
  const entries = (await readLog(bench.instance)).slice(size);
  const at = entries.find(({ type }) => type === 'consent.withdrawn')?.leaf ?? -1;
  const stored = entries.filter(({ type }) => type === 'record.stored');
  assert.ok(at > 0 && stored.length > 0);
  assert.deepEqual(
    stored.filter(({ leaf }) => leaf > at),
    [],
  );
  assert.equal(stored.length + handled().denied - denied, 24 * 12);
});

test('several consents signed at once release what waits once', async () => {
  await push(bench, ...Array.from({ length: 40 }, (_, i) => heartRate(`many-${i}`, 'many', 60 + i)));
  const wallet = await enrolWallet(servicesOf(bench.instance), 'ward', 'many');
  const { stored } = handled();
  const documents = Array.from({ length: 6 }, () => signedBundle(wallet, consentFor(wallet)));
  await Promise.all(documents.map((document) => bench.instance.consents.submit(document)));
  await drain(bench.instance);
  assert.equal(handled().stored - stored, 40);
  assert.equal(bench.instance.inbox.pendingCount, 0);
  assert.equal(await waiting(), 0);
});

test('a consent of another class leaves the rest waiting', async () => {
  const waits = await waiting();
  const only = [{ system: 'http://hl7.org/fhir/resource-types', code: 'Observation' }];
  const size = logSize(bench.instance);
  await consenting(bench, 'class', { provision: { class: only } });
  const condition = { resourceType: 'Condition', id: 'k1', subject: { reference: 'Patient/class' } };
  await push(bench, heartRate('k2', 'class', 70), condition);
  assert.equal(await waiting(), waits + 1);
  // Its deletion is judged as the record was, so the consent that let it in covers it.
  await hook(bench, '/Observation/k2', { method: 'DELETE' });
  await drain(bench.instance);
  assert.deepEqual((await typesSince(bench.instance, size)).slice(2), ['record.stored', 'record.deleted']);
});
