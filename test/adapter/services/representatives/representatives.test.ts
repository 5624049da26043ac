import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import type { JsonObject } from '../../../../ledger/log/index.js';
import { signDocument } from '../../../../ledger/consent/index.js';
import {
  addImportSource,
  openTestInstance,
  removeFolder,
  servicesOf,
  temporaryFolder,
} from '../../../support/instance.js';
import type { TestInstance } from '../../../support/instance.js';
import { enrolWallet } from '../../../support/wallet.js';
import type { Wallet } from '../../../support/wallet.js';

const dir = temporaryFolder();
let opened: TestInstance;
let patient: Wallet;
let helper: Wallet;

before(async () => {
  opened = await openTestInstance(dir);
  await addImportSource(opened.instance);
  patient = await enrolWallet(servicesOf(opened.instance), 'ward', 'p-1');
  helper = await enrolWallet(servicesOf(opened.instance), 'ward', 'p-2');
});
after(async () => {
  await opened.close();
  removeFolder(dir);
});

function appointment(more: JsonObject = {}): JsonObject {
  return {
    kind: 'appointment',
    patient: patient.enrolled.patient.reference,
    representative: helper.enrolled.participant,
    relationship: 'power-of-attorney',
    acts: ['consent', 'withdraw'],
    until: new Date(opened.instance.nowMs() + 3_600_000).toISOString(),
    nonce: randomBytes(16).toString('base64url'),
    ...more,
  };
}

function signed(document: JsonObject, by: Wallet): Buffer {
  const signature = signDocument(document, by.seed, by.enrolled.fingerprint);
  return Buffer.from(JSON.stringify({ document, signature }));
}

async function may(act: 'consent' | 'read', by: Wallet, at = opened.instance.nowMs()): Promise<unknown> {
  const { subjects, representatives } = opened.instance;
  const subject = await subjects.findByFacadeId(patient.enrolled.patient.reference.slice('Patient/'.length));
  assert.ok(subject);
  const { participant, fingerprint } = by.enrolled;
  return representatives.actsFor(subject, { participant, fingerprint }, act, at);
}

test('whom a patient appoints acts within scope and time, until the patient ends it', async () => {
  const { representatives } = opened.instance;
  assert.equal(await may('consent', patient), 'self');
  assert.equal(await may('consent', helper), undefined);
  const body = signed(appointment(), patient);
  const [one, other] = await Promise.all([representatives.appoint(body), representatives.appoint(body)]);
  assert.equal(one.handle, other.handle, 'the same document appoints once');
  assert.deepEqual(await may('consent', helper), { appointment: one.handle });
  assert.equal(await may('read', helper), undefined, 'reading is not in the scope');
  assert.equal(await may('consent', helper, opened.instance.nowMs() + 3_600_001), undefined, 'it is over');
  const end = {
    kind: 'appointment-end',
    patient: patient.enrolled.patient.reference,
    appointment: one.handle,
  };
  await assert.rejects(representatives.end(signed(end, helper)), { code: 'ADAPTER_FORBIDDEN' });
  await representatives.end(signed(end, patient));
  assert.equal(await may('consent', helper), undefined);
  await assert.rejects(representatives.appoint(body), { code: 'ADAPTER_CONFLICT' }, 'it does not come back');
});

test('what the patient did not sign, or is past or unclear, appoints nobody and leaves the log as it was', async () => {
  const { representatives, engine } = opened.instance;
  const { size } = engine.head();
  const refusals: [Buffer, string][] = [
    [signed(appointment(), helper), 'ADAPTER_FORBIDDEN'],
    [signed(appointment({ patient: 'Patient/nobody' }), patient), 'ADAPTER_FORBIDDEN'],
    [signed(appointment({ patient: helper.enrolled.patient.reference }), patient), 'ADAPTER_FORBIDDEN'],
    [signed(appointment({ until: '2020-01-01T00:00:00Z' }), patient), 'ADAPTER_UNPROCESSABLE'],
    [signed(appointment({ acts: ['everything'] }), patient), 'ADAPTER_UNPROCESSABLE'],
    [signed(appointment({ acts: [] }), patient), 'ADAPTER_UNPROCESSABLE'],
    [signed(appointment({ more: true }), patient), 'ADAPTER_UNPROCESSABLE'],
    [signed(appointment({ representative: patient.enrolled.participant }), patient), 'ADAPTER_UNPROCESSABLE'],
    [signed(appointment({ representative: 'x' }), patient), 'ADAPTER_UNPROCESSABLE'],
    [Buffer.from('{}'), 'ADAPTER_UNPROCESSABLE'],
  ];
  for (const [body, code] of refusals) await assert.rejects(representatives.appoint(body), { code });
  assert.equal(engine.head().size, size);
});
