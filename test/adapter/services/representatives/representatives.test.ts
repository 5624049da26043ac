import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Act } from '../../../../adapter/http/contract/index.js';
import type { JsonObject } from '../../../../ledger/log/index.js';
import {
  addImportSource,
  openTestInstance,
  removeFolder,
  servicesOf,
  temporaryFolder,
} from '../../../support/instance.js';
import type { TestInstance } from '../../../support/instance.js';
import { enrolOrganisation, enrolPerson } from '../../../support/person.js';
import type { TestPerson } from '../../../support/person.js';
import { byStaff, byWallet } from '../../../support/wallet-acts.js';
import { consentFor, enrolWallet, signedBundle } from '../../../support/wallet.js';
import type { Wallet } from '../../../support/wallet.js';

const dir = temporaryFolder();
let opened: TestInstance;
let patient: Wallet;
let helper: Wallet;
let staff: readonly TestPerson[];
let stranger: TestPerson;

before(async () => {
  opened = await openTestInstance(dir);
  const { instance } = opened;
  await addImportSource(instance);
  patient = await enrolWallet(servicesOf(instance), 'ward', 'p-1');
  helper = await enrolWallet(servicesOf(instance), 'ward', 'p-2');
  staff = [
    await enrolPerson(instance, 'staff'),
    await enrolPerson(instance, 'clinician'),
    await enrolPerson(instance, 'staff'),
  ];
  const other = await enrolOrganisation(instance, 'Hospital of elsewhere');
  stranger = await enrolPerson(instance, 'staff', other.id);
});
after(async () => {
  await opened.close();
  removeFolder(dir);
});

function appointment(more: JsonObject = {}): JsonObject {
  const { instance } = opened;
  return {
    kind: 'firebreak appointment',
    log: instance.identity.origin,
    at: new Date(instance.nowMs()).toISOString(),
    patient: patient.enrolled.patient.reference,
    representative: helper.enrolled.participant,
    relationship: 'power-of-attorney',
    acts: ['consent', 'withdraw'],
    until: new Date(instance.nowMs() + 3_600_000).toISOString(),
    ...more,
  };
}

function end(handle: string, more: JsonObject = {}): JsonObject {
  const { instance } = opened;
  return {
    kind: 'firebreak appointment end',
    log: instance.identity.origin,
    at: new Date(instance.nowMs()).toISOString(),
    patient: patient.enrolled.patient.reference,
    appointment: handle,
    ...more,
  };
}

const BIRTH_CERTIFICATE = { evidence: 'Zm9yIHRlc3RzOiBhIGJpcnRoIGNlcnRpZmljYXRlIWE' };

async function may(act: Act, by: Wallet): Promise<unknown> {
  const { subjects, representatives } = opened.instance;
  const subject = await subjects.findByFacadeId(patient.enrolled.patient.reference.slice('Patient/'.length));
  assert.ok(subject);
  const { participant, fingerprint } = by.enrolled;
  return representatives.actsFor(subject.key, { participant, fingerprint }, act);
}

/** The helper's signature under a consent of the patient. */
function asHelper(): Wallet {
  const { participant, fingerprint } = helper.enrolled;
  return { seed: helper.seed, enrolled: { ...patient.enrolled, participant, fingerprint } };
}

test('whom a patient appoints acts within scope, until the patient ends it', async () => {
  const { representatives, consents } = opened.instance;
  assert.equal(await may('consent', patient), 'self');
  assert.equal(await may('consent', helper), undefined);
  const consent = consentFor(patient);
  const byHelper = signedBundle(asHelper(), consent);
  await assert.rejects(consents.submit(byHelper), { code: 'ADAPTER_UNPROCESSABLE' });
  const body = byWallet(patient, appointment());
  const [one, other] = await Promise.all([representatives.appoint(body), representatives.appoint(body)]);
  assert.equal(one.handle, other.handle, 'the same document appoints once');
  assert.deepEqual(await may('consent', helper), { appointment: one.handle });
  assert.equal(await may('read', helper), undefined, 'reading is not in the scope');
  assert.equal((await consents.submit(byHelper)).outcome, 'signed');
  await assert.rejects(representatives.end(byWallet(asStranger(), end(one.handle))), {
    code: 'ADAPTER_FORBIDDEN',
  });
  await representatives.end(byWallet(patient, end(one.handle)));
  assert.equal(await may('consent', helper), undefined);
  const later = {
    ...consent,
    status: 'inactive' as const,
    dateTime: new Date(Date.now() + 1000).toISOString(),
  };
  await assert.rejects(consents.submit(signedBundle(asHelper(), later)), { code: 'ADAPTER_UNPROCESSABLE' });
  assert.equal((await consents.submit(signedBundle(patient, later))).outcome, 'withdrawn');
  await assert.rejects(representatives.appoint(body), { code: 'ADAPTER_CONFLICT' }, 'it does not come back');
});

function asStranger(): Wallet {
  return { seed: stranger.seed, enrolled: { ...patient.enrolled, fingerprint: stranger.fingerprint } };
}

test('an appointment that is over by its date', async () => {
  const { representatives } = opened.instance;
  const until = new Date(opened.instance.nowMs() + 400).toISOString();
  await representatives.appoint(byWallet(patient, appointment({ until })));
  assert.notEqual(await may('consent', helper), undefined);
  await new Promise((resolve) => setTimeout(resolve, 450));
  assert.equal(await may('consent', helper), undefined);
});

test('two of the hospital’s staff appoint on a paper; the patient ends it, staff do, and who was appointed may', async () => {
  const { representatives } = opened.instance;
  const [a, b, c] = staff as [TestPerson, TestPerson, TestPerson];
  const guardian = { relationship: 'guardian', acts: ['read'], ...BIRTH_CERTIFICATE };
  const made = await representatives.appoint(byStaff([a, b], appointment(guardian)));
  assert.deepEqual(await may('read', helper), { appointment: made.handle });
  await representatives.end(byWallet(patient, end(made.handle)));
  assert.equal(await may('read', helper), undefined);

  const again = { ...guardian, acts: ['read', 'decide'] };
  const second = await representatives.appoint(byStaff([b, c], appointment(again)));
  await representatives.end(byStaff([a, c], end(second.handle)));
  assert.equal(await may('read', helper), undefined);
  const third = await representatives.appoint(
    byStaff([a, b], appointment({ ...guardian, acts: ['decide'] })),
  );
  await representatives.end(byWallet(helper, end(third.handle)));
  assert.equal(await may('decide', helper), undefined);

  const own = await representatives.appoint(byWallet(patient, appointment({ acts: ['decide'] })));
  await assert.rejects(representatives.end(byStaff([a, b], end(own.handle))), { code: 'ADAPTER_FORBIDDEN' });
  await representatives.end(byWallet(patient, end(own.handle)));
  const { notices } = opened.instance;
  const told = await notices.list(patient.enrolled.participant);
  for (const [kind, count] of [
    ['representative-appointed', 4],
    ['representative-ended', 4],
  ] as const)
    assert.ok(told.filter((one) => one.kind === kind).length >= count, `the patient hears: ${kind}`);
  assert.ok((await notices.list(helper.enrolled.participant)).some(({ id }) => id === made.handle));
  const shown = representatives.shown({ key: 'nobody', facadeId: 'x' });
  assert.deepEqual(shown, { representatives: [] });
});

test('what is not signed as it must be, or is past or unclear, appoints nobody and leaves the log as it was', async () => {
  const { representatives, engine, identity } = opened.instance;
  const { size } = engine.head();
  const [a, b] = staff as [TestPerson, TestPerson];
  const paper = appointment({ relationship: 'parent', ...BIRTH_CERTIFICATE });
  const refusals: [Buffer, string][] = [
    [byWallet(helper, appointment()), 'ADAPTER_FORBIDDEN'],
    [byWallet(asHelper(), appointment()), 'ADAPTER_FORBIDDEN'],
    [byWallet(patient, appointment({ patient: 'Patient/nobody' })), 'ADAPTER_FORBIDDEN'],
    [byWallet(patient, appointment({ patient: helper.enrolled.patient.reference })), 'ADAPTER_FORBIDDEN'],
    [byWallet(patient, appointment({ until: '2020-01-01T00:00:00Z' })), 'ADAPTER_UNPROCESSABLE'],
    [byWallet(patient, appointment({ until: 'tomorrow' })), 'ADAPTER_UNPROCESSABLE'],
    [byWallet(patient, appointment({ acts: ['everything'] })), 'ADAPTER_UNPROCESSABLE'],
    [byWallet(patient, appointment({ acts: ['read', 'read'] })), 'ADAPTER_UNPROCESSABLE'],
    [byWallet(patient, appointment({ acts: [] })), 'ADAPTER_UNPROCESSABLE'],
    [byWallet(patient, appointment({ more: true })), 'ADAPTER_UNPROCESSABLE'],
    [byWallet(patient, appointment({ relationship: 'friend' })), 'ADAPTER_UNPROCESSABLE'],
    [byWallet(patient, appointment({ log: `${identity.origin}x` })), 'ADAPTER_UNPROCESSABLE'],
    [byWallet(patient, appointment({ at: '2026-01-01T00:00:00Z' })), 'ADAPTER_UNPROCESSABLE'],
    [
      byWallet(patient, appointment({ representative: patient.enrolled.participant })),
      'ADAPTER_UNPROCESSABLE',
    ],
    [byWallet(patient, appointment({ representative: 'x' })), 'ADAPTER_UNPROCESSABLE'],
    [byStaff([a, a], paper), 'ADAPTER_FORBIDDEN'],
    [byStaff([a, stranger], paper), 'ADAPTER_FORBIDDEN'],
    [byStaff([a], paper), 'ADAPTER_UNPROCESSABLE'],
    [byStaff([a, b], appointment()), 'ADAPTER_UNPROCESSABLE'],
    [
      byStaff([a, b], { ...paper, until: new Date(Date.now() + 20 * 366 * 86_400_000).toISOString() }),
      'ADAPTER_UNPROCESSABLE',
    ],
    [byStaff([a, b], { ...paper, patient: 'Patient/nobody' }), 'ADAPTER_FORBIDDEN'],
    [Buffer.from('{}'), 'ADAPTER_UNPROCESSABLE'],
  ];
  for (const [i, [body, code]] of refusals.entries())
    await assert.rejects(representatives.appoint(body), { code }, `refusal ${i}`);
  assert.equal(engine.head().size, size);
});

test('whoever is revoked no longer acts', async () => {
  const { representatives, certification } = opened.instance;
  await representatives.appoint(byWallet(patient, appointment({ acts: ['read'] })));
  assert.notEqual(await may('read', helper), undefined);
  await certification.revoke(helper.enrolled.participant, 'keyCompromise');
  assert.equal(await may('read', helper), undefined);
});
