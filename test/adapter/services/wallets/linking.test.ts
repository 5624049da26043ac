import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Enrolled } from '../../../../adapter/http/contract/index.js';
import type { Instance } from '../../../../adapter/instance/instance.js';
import { prove } from '../../../../adapter/services/proofs/index.js';
import { fromPem, readCertificate } from '../../../../ledger/participants/index.js';
import { removeFolder, servicesOf, temporaryFolder } from '../../../support/instance.js';
import { consentFor, enrolWallet, signedBundle } from '../../../support/wallet.js';
import type { Wallet } from '../../../support/wallet.js';
import { byWallet, codeFor, linkOf, requestOf, unlinkOf } from '../../../support/wallet-acts.js';
import { failedChecks, readLog } from '../../support/bench.js';
import type { LogEntry } from '../../support/bench.js';
import { DAY_MS, openHospitals } from './hospitals.js';
import type { Hospitals } from './hospitals.js';

const dir = temporaryFolder();
let hospitals: Hospitals;

before(async () => {
  hospitals = await openHospitals(dir);
});
after(async () => {
  await hospitals.instance.close();
  removeFolder(dir);
});

function certificateOf({ certificate }: Enrolled): ReturnType<typeof readCertificate> {
  return readCertificate(fromPem('CERTIFICATE', certificate) ?? Buffer.alloc(0));
}

/** Links a record with the wallet's own key. */
async function link(wallet: Wallet, source: string, patient: string): Promise<Wallet> {
  const { instance } = hospitals;
  const invitation = await codeFor(instance, source, patient);
  const { csr } = await requestOf(wallet.seed);
  const enrolled = await instance.enrolment.link(linkOf(instance, wallet, { invitation, csr }));
  return { seed: wallet.seed, enrolled };
}

/** All that an entry shows, but what every entry shows. */
function shown({ tags, body }: LogEntry): string[] {
  const texts = Object.values(body).filter((value) => typeof value === 'string' && value.length > 20);
  return [...tags, ...(texts as string[])];
}

async function standing(instance: Instance, wallet: Wallet): Promise<string[]> {
  const id = wallet.enrolled.patient.reference.slice('Patient/'.length);
  const subject = await instance.subjects.findByFacadeId(id);
  assert.ok(subject);
  const { policies } = await instance.consents.policies(subject);
  return policies
    .filter(({ layer, withdrawnAtLeaf }) => layer === 'patient' && withdrawnAtLeaf === undefined)
    .map(({ root }) => root.type);
}

test('one wallet, two hospitals: a link is an enrolment of its own, and the log joins nothing', async () => {
  const { instance } = hospitals;
  const start = (await readLog(instance)).length;
  const one = await enrolWallet(servicesOf(instance), 'ward', 'p-1');
  const other = await link(one, 'clinic', 'x-9');
  const [a, b] = [certificateOf(one.enrolled), certificateOf(other.enrolled)];
  assert.ok(a.publicKey.equals(b.publicKey), 'one key');
  assert.notEqual(a.id, b.id);
  assert.notEqual(a.serialNumber, b.serialNumber);
  assert.notEqual(one.enrolled.patient.reference, other.enrolled.patient.reference);
  assert.equal(other.enrolled.custodian.display, 'The other clinic');
  for (const wallet of [one, other])
    assert.equal(
      (await instance.consents.submit(signedBundle(wallet, consentFor(wallet)))).outcome,
      'signed',
    );
  // A consent is of the link that its certificate is of.
  const crossed = { seed: one.seed, enrolled: { ...other.enrolled, fingerprint: one.enrolled.fingerprint } };
  await assert.rejects(instance.consents.submit(signedBundle(crossed, consentFor(crossed))), {
    code: 'ADAPTER_UNPROCESSABLE',
  });
  await instance.wallets.unlinking.end(unlinkOf(instance, other));
  const entries = (await readLog(instance)).slice(start).filter(({ type }) => type !== 'submission');
  assert.deepEqual(
    entries.map(({ type }) => type),
    [
      'participant.enrolled',
      'participant.enrolled',
      'consent.signed',
      'consent.signed',
      'consent.withdrawn',
      'participant.revoked',
    ],
  );
  const [enrolled1, enrolled2, signed1, signed2, withdrawn2, revoked2] = entries as [
    LogEntry,
    LogEntry,
    LogEntry,
    LogEntry,
    LogEntry,
    LogEntry,
  ];
  const ofOne = new Set([enrolled1, signed1].flatMap(shown));
  const ofOther = [enrolled2, signed2, withdrawn2, revoked2].flatMap(shown);
  assert.ok(ofOne.size >= 5 && ofOther.length >= 8);
  assert.deepEqual(
    ofOther.filter((text) => ofOne.has(text)),
    [],
    'no string of one link is one of the other’s',
  );
  const log = JSON.stringify(await readLog(instance));
  for (const secret of [a.fingerprint, b.fingerprint, a.id, b.id, a.serialNumber, b.serialNumber, 'x-9'])
    assert.ok(!log.includes(secret), 'certificates of patients are not on the log');
  for (const key of [a.publicKey, a.x25519Public])
    for (const form of ['base64', 'base64url', 'hex'] as const) assert.ok(!log.includes(key.toString(form)));
  assert.deepEqual(await failedChecks(instance), []);
});

test('a link that must not be leaves log and record as they were', async () => {
  const { instance } = hospitals;
  const { enrolment, engine, identity } = instance;
  const one = await enrolWallet(servicesOf(instance), 'ward', 'p-2');
  const taken = await enrolWallet(servicesOf(instance), 'clinic', 'x-2');
  const stranger = await enrolWallet(servicesOf(instance), 'clinic', 'x-3');
  const { csr } = await requestOf(one.seed);
  const used = await codeFor(instance, 'clinic', 'x-4');
  await enrolment.link(linkOf(instance, one, { invitation: used, csr }));
  const open = await codeFor(instance, 'clinic', 'x-5');
  const ofTaken = await codeFor(instance, 'clinic', 'x-2');
  const organisation = await requestOf(hospitals.staff[0].seed);
  const other = await requestOf();
  const { size } = engine.head();
  const asOther = { seed: stranger.seed, enrolled: one.enrolled };
  const refusals: [string, Buffer, string][] = [
    [
      'used by another request',
      linkOf(instance, one, { invitation: used, csr: other.csr }),
      'ADAPTER_FORBIDDEN',
    ],
    ['unknown', linkOf(instance, one, { invitation: 'A'.repeat(22), csr }), 'ADAPTER_FORBIDDEN'],
    ['another key', linkOf(instance, asOther, { invitation: open, csr }), 'ADAPTER_FORBIDDEN'],
    ['nobody', linkOf(instance, one, { invitation: open, csr, signer: 'x' }), 'ADAPTER_FORBIDDEN'],
    [
      'another signer',
      linkOf(instance, one, { invitation: open, csr, signer: stranger.enrolled.participant }),
      'ADAPTER_FORBIDDEN',
    ],
    ['a record that has a wallet', linkOf(instance, one, { invitation: ofTaken, csr }), 'ADAPTER_CONFLICT'],
    [
      'a key of staff',
      linkOf(instance, one, { invitation: open, csr: organisation.csr }),
      'ADAPTER_CONFLICT',
    ],
    [
      'another log',
      linkOf(instance, one, { invitation: open, csr, log: `${identity.origin}x` }),
      'ADAPTER_UNPROCESSABLE',
    ],
    [
      'an old one',
      linkOf(instance, one, { invitation: open, csr, at: '2026-01-01T00:00:00Z' }),
      'ADAPTER_UNPROCESSABLE',
    ],
    ['more', linkOf(instance, one, { invitation: open, csr, more: 'x' }), 'ADAPTER_UNPROCESSABLE'],
    [
      'another request',
      swapped(linkOf(instance, one, { invitation: open, csr }), { csr: other.csr }),
      'ADAPTER_UNPROCESSABLE',
    ],
    [
      'another invitation',
      swapped(linkOf(instance, one, { invitation: used, csr }), { invitation: open }),
      'ADAPTER_UNPROCESSABLE',
    ],
    ['nothing beside', byWallet(one, { kind: 'firebreak link' }), 'ADAPTER_UNPROCESSABLE'],
  ];
  for (const [what, body, code] of refusals)
    await assert.rejects(enrolment.link(body), (error: { code?: string }) => error.code === code, what);
  const plain = Buffer.from(JSON.stringify({ invitation: ofTaken, csr: other.csr }));
  await assert.rejects(enrolment.enrol(plain), { code: 'ADAPTER_CONFLICT' }, 'nor by an enrolment');
  assert.equal(engine.head().size, size);
  const still = await instance.subjects.findByFacadeId(taken.enrolled.patient.reference.slice(8));
  assert.equal(still?.wallet?.participant, taken.enrolled.participant);
});

function swapped(body: Buffer, by: object): Buffer {
  return Buffer.from(JSON.stringify({ ...(JSON.parse(body.toString('utf8')) as object), ...by }));
}

test('sent twice at once, or again after a lost answer, it is one link', async () => {
  const { instance } = hospitals;
  const one = await enrolWallet(servicesOf(instance), 'ward', 'p-3');
  const invitation = await codeFor(instance, 'clinic', 'x-6');
  const { csr } = await requestOf(one.seed);
  const start = (await readLog(instance)).length;
  const body = linkOf(instance, one, { invitation, csr });
  const answers = await Promise.all([instance.enrolment.link(body), instance.enrolment.link(body)]);
  answers.push(await instance.enrolment.link(body));
  assert.equal(new Set(answers.map(({ fingerprint }) => fingerprint)).size, 1);
  const enrolled = (await readLog(instance))
    .slice(start)
    .filter(({ type }) => type === 'participant.enrolled');
  assert.equal(enrolled.length, 1);
  // Two codes for one record, at once: one of them gets it.
  const codes = [await codeFor(instance, 'clinic', 'x-7'), await codeFor(instance, 'clinic', 'x-7')];
  const both = await Promise.allSettled(
    codes.map((code) => instance.enrolment.link(linkOf(instance, one, { invitation: code, csr }))),
  );
  assert.deepEqual(both.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected']);
});

test('unlinking: the patient’s consents permit nothing any more, refusals stay, and the record can be linked anew', async () => {
  const { instance } = hospitals;
  const one = await enrolWallet(servicesOf(instance), 'ward', 'p-4');
  const other = await link(one, 'clinic', 'x-8');
  for (const choices of [{}, { type: 'deny' as const, purpose: 'HRESCH' }])
    await instance.consents.submit(signedBundle(other, consentFor(other, choices)));
  await instance.consents.submit(signedBundle(one, consentFor(one)));
  const later = signedBundle(other, consentFor(other));
  const answer = await instance.wallets.unlinking.end(unlinkOf(instance, other));
  assert.deepEqual(answer, { participant: other.enrolled.participant, withdrawn: 1 });
  assert.deepEqual(await instance.wallets.unlinking.end(unlinkOf(instance, other)), answer);
  assert.deepEqual(await standing(instance, other), ['deny']);
  assert.deepEqual(await standing(instance, one), ['permit'], 'the other link stays');
  await assert.rejects(instance.consents.submit(later), { code: 'ADAPTER_NOT_FOUND' });
  const subject = await instance.subjects.findByFacadeId(other.enrolled.patient.reference.slice(8));
  assert.equal(subject?.wallet, undefined);
  const row = instance.certification.rows.get(other.enrolled.participant);
  assert.notEqual(row?.revoked, undefined);

  const again = await link(one, 'clinic', 'x-8');
  const denial = await prove(instance, {
    what: 'denial',
    patient: 'x-8',
    source: 'clinic',
    actor: [other.enrolled.custodian.reference],
    action: 'collect',
    purpose: 'TREAT',
  });
  assert.ok(denial.proved, 'a proof opens the withdrawal to the unlinking');
  assert.notEqual(again.enrolled.participant, other.enrolled.participant);
  assert.deepEqual(await standing(instance, again), ['deny'], 'what was withdrawn does not come back');
  await instance.consents.submit(signedBundle(again, consentFor(again)));
  assert.deepEqual((await standing(instance, again)).toSorted(), ['deny', 'permit']);
  await assert.rejects(
    instance.wallets.unlinking.end(unlinkOf(instance, { ...again, seed: hospitals.staff[0].seed })),
    {
      code: 'ADAPTER_FORBIDDEN',
    },
  );
  assert.deepEqual(await failedChecks(instance), []);
});

test('cut off between its steps, an unlinking is finished at the next start', async () => {
  const { instance } = hospitals;
  const one = await enrolWallet(servicesOf(instance), 'ward', 'p-5');
  await instance.consents.submit(signedBundle(one, consentFor(one)));
  const { accessRequests } = instance;
  accessRequests.endAllOf = () => Promise.reject(new Error('the process has died'));
  await assert.rejects(instance.wallets.unlinking.end(unlinkOf(instance, one)), /died/);
  assert.deepEqual(await standing(instance, one), [], 'nothing rests on it from the first step on');
  await assert.rejects(instance.consents.submit(signedBundle(one, consentFor(one))));
  const next = await hospitals.reopen();
  assert.notEqual(next.certification.rows.get(one.enrolled.participant)?.revoked, undefined);
  assert.deepEqual(await next.store.keys({ gte: 'wallet-ending/', lt: 'wallet-ending/~' }).all(), []);
  assert.deepEqual(await failedChecks(next), []);
});

test('an invitation ends after a week', async () => {
  const { instance } = hospitals;
  const one = await enrolWallet(servicesOf(instance), 'ward', 'p-6');
  const invitation = await codeFor(instance, 'clinic', 'x-10');
  const { csr } = await requestOf(one.seed);
  hospitals.pass(8 * DAY_MS);
  await assert.rejects(instance.enrolment.link(linkOf(instance, one, { invitation, csr })), {
    code: 'ADAPTER_FORBIDDEN',
  });
});
