import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pemOf } from '../../../../adapter/services/ca/index.js';
import { prove } from '../../../../adapter/services/proofs/index.js';
import { fromPem, readCertificate } from '../../../../ledger/participants/index.js';
import { removeFolder, servicesOf, temporaryFolder } from '../../../support/instance.js';
import { consentFor, enrolWallet, signedBundle } from '../../../support/wallet.js';
import type { Wallet } from '../../../support/wallet.js';
import {
  byStaff,
  codeFor,
  linkOf,
  lossOf,
  renewalOf,
  requestOf,
  rotationOf,
} from '../../../support/wallet-acts.js';
import { failedChecks, readLog } from '../../support/bench.js';
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

function facts({ enrolled }: Wallet): ReturnType<typeof readCertificate> {
  return readCertificate(fromPem('CERTIFICATE', enrolled.certificate) ?? Buffer.alloc(0));
}

async function wrapOf({ enrolled }: Wallet): Promise<string> {
  const { subjects } = hospitals.instance;
  const subject = await subjects.findByFacadeId(enrolled.patient.reference.slice(8));
  assert.ok(subject?.wallet);
  return subject.wallet.fingerprint;
}

function file(name: string, text: string): string {
  const path = join(dir, name);
  writeFileSync(path, text);
  return path;
}

/** OpenSSL's word on a certificate, at the instance's clock. */
function opensslVerifies(wallet: Wallet): boolean {
  const { authority, nowMs } = hospitals.instance;
  const { status } = spawnSync('openssl', [
    'verify',
    '-attime',
    String(Math.floor(nowMs() / 1000)),
    '-CAfile',
    file('root.pem', pemOf(authority.root)),
    '-untrusted',
    file('issuing.pem', pemOf(authority.issuing)),
    file('leaf.pem', wallet.enrolled.certificate),
  ]);
  return status === 0;
}

test('keys are rotated: the former sign nothing new, what they signed is proved, the wrap is made anew', async () => {
  const { instance } = hospitals;
  const wallet = await enrolWallet(servicesOf(instance), 'ward', 'p-2');
  const now = (): string => new Date(instance.nowMs()).toISOString();
  const { handle } = await instance.consents.submit(
    signedBundle(wallet, consentFor(wallet, { dateTime: now() })),
  );
  const next = await requestOf();
  const { keys } = instance.wallets;
  const body = rotationOf(instance, wallet, next.csr);
  const rotated: Wallet = { seed: next.seed, enrolled: await keys.rotate(body) };
  assert.equal(rotated.enrolled.participant, wallet.enrolled.participant);
  assert.equal((await keys.rotate(body)).fingerprint, rotated.enrolled.fingerprint, 'its answer was lost');
  assert.ok(!facts(rotated).x25519Public.equals(facts(wallet).x25519Public));
  assert.equal(await wrapOf(rotated), rotated.enrolled.fingerprint);
  const consent = consentFor(wallet, { dateTime: now() });
  await assert.rejects(instance.consents.submit(signedBundle(wallet, consent)));
  assert.equal((await instance.consents.submit(signedBundle(rotated, consent))).outcome, 'signed');
  const third = await requestOf();
  const refusals: [string, Buffer, string][] = [
    ['by the former key', rotationOf(instance, wallet, third.csr), 'ADAPTER_FORBIDDEN'],
    [
      'to the former key',
      rotationOf(instance, rotated, (await requestOf(wallet.seed)).csr),
      'ADAPTER_CONFLICT',
    ],
    [
      'to the present key',
      rotationOf(instance, rotated, (await requestOf(next.seed)).csr),
      'ADAPTER_CONFLICT',
    ],
    [
      'a key of staff',
      rotationOf(instance, rotated, (await requestOf(hospitals.staff[1].seed)).csr),
      'ADAPTER_CONFLICT',
    ],
    [
      'another request',
      rotationOf(instance, rotated, third.csr, { csr: 'A'.repeat(43) }),
      'ADAPTER_UNPROCESSABLE',
    ],
  ];
  const { size } = instance.engine.head();
  for (const [what, bytes, code] of refusals)
    await assert.rejects(keys.rotate(bytes), (error: { code?: string }) => error.code === code, what);
  assert.equal(instance.engine.head().size, size);
  const proved = await prove(instance, { what: 'consent', handle, open: true });
  assert.ok(proved.proved, JSON.stringify(proved));
  const revoked = instance.certification.revocations.count;
  assert.ok(revoked >= 1);
  assert.ok(opensslVerifies(rotated));
  assert.deepEqual(await failedChecks(instance), []);
});

test('a lost wallet: two of the hospital’s staff, the key ends everywhere, and a new one takes its place', async () => {
  const { instance, staff } = hospitals;
  const [a, b, elsewhere] = staff;
  const wallet = await enrolWallet(servicesOf(instance), 'ward', 'p-3');
  const now = (): string => new Date(instance.nowMs()).toISOString();
  await instance.consents.submit(signedBundle(wallet, consentFor(wallet, { dateTime: now() })));
  const { csr } = await requestOf(wallet.seed);
  const invitation = await codeFor(instance, 'clinic', 'x-3');
  const linked = await instance.enrolment.link(linkOf(instance, wallet, { invitation, csr }));
  const other: Wallet = { seed: wallet.seed, enrolled: linked };
  const { reEnrolment } = instance.wallets;
  const { size } = instance.engine.head();
  const refusals: [string, Buffer, string][] = [
    ['one twice', byStaff([a, a], lossOf(instance, 'p-3')), 'ADAPTER_FORBIDDEN'],
    ['of two hospitals', byStaff([a, elsewhere], lossOf(instance, 'p-3')), 'ADAPTER_FORBIDDEN'],
    ['one alone', byStaff([a], lossOf(instance, 'p-3')), 'ADAPTER_UNPROCESSABLE'],
    [
      'another hospital’s patient',
      byStaff([a, b], lossOf(instance, 'x-3', { source: 'clinic' })),
      'ADAPTER_FORBIDDEN',
    ],
    ['unknown source', byStaff([a, b], lossOf(instance, 'p-3', { source: 'x' })), 'ADAPTER_FORBIDDEN'],
    ['nobody', byStaff([a, b], lossOf(instance, 'p-nobody')), 'ADAPTER_NOT_FOUND'],
    [
      'an old one',
      byStaff([a, b], lossOf(instance, 'p-3', { at: '2026-01-01T00:00:00Z' })),
      'ADAPTER_UNPROCESSABLE',
    ],
    ['no reason', byStaff([a, b], lossOf(instance, 'p-3', { reason: ' ' })), 'ADAPTER_UNPROCESSABLE'],
  ];
  for (const [what, bytes, code] of refusals)
    await assert.rejects(reEnrolment.begin(bytes), (error: { code?: string }) => error.code === code, what);
  assert.equal(instance.engine.head().size, size);

  const document = byStaff([a, b], lossOf(instance, 'p-3'));
  const [first, second] = await Promise.all([
    reEnrolment.begin(document),
    reEnrolment.begin(byStaff([b, a], lossOf(instance, 'p-3'))),
  ]);
  await assert.rejects(reEnrolment.begin(document), { code: 'ADAPTER_CONFLICT' }, 'a document is good once');
  const ended = (await readLog(instance)).slice(size).filter(({ type }) => type === 'participant.revoked');
  assert.equal(ended.length, 1, 'revoked once');
  for (const lost of [wallet, other]) {
    const consent = consentFor(lost, { dateTime: now() });
    await assert.rejects(instance.consents.submit(signedBundle(lost, consent)), {
      code: 'ADAPTER_UNPROCESSABLE',
    });
  }
  const next = await requestOf();
  const enrol = (code: string, request: string): Promise<unknown> =>
    instance.enrolment.enrol(Buffer.from(JSON.stringify({ invitation: code, csr: request })));
  await assert.rejects(enrol(second.invitation, csr), { code: 'ADAPTER_CONFLICT' }, 'not the lost key');
  // Of two re-enrolments the later counts.
  const results = await Promise.allSettled([
    enrol(first.invitation, next.csr),
    enrol(second.invitation, next.csr),
  ]);
  assert.deepEqual(results.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected']);
  const id = wallet.enrolled.patient.reference.slice(8);
  const subject = await instance.subjects.findByFacadeId(id);
  assert.ok(subject?.wallet);
  assert.notEqual(subject.wallet.participant, wallet.enrolled.participant);
  assert.deepEqual(subject.former, [wallet.enrolled.participant]);
  const { policies } = await instance.consents.policies(subject);
  assert.ok(
    policies.some(({ layer, root }) => layer === 'patient' && root.type === 'permit'),
    'what was signed before stays',
  );
  await hospitals.reopen();
  assert.deepEqual(await failedChecks(hospitals.instance), []);
});

test('a wallet is renewed without a new enrolment; what it signed before stays, and OpenSSL verifies it', async () => {
  let { instance } = hospitals;
  const wallet = await enrolWallet(servicesOf(instance), 'ward', 'p-1');
  let { keys } = instance.wallets;
  const early = await keys.renew(renewalOf(instance, wallet));
  assert.equal(early.fingerprint, wallet.enrolled.fingerprint, 'more than half is left');
  await instance.consents.submit(signedBundle(wallet, consentFor(wallet)));
  const start = (await readLog(instance)).length;
  const later = async (days: number): Promise<void> => {
    hospitals.pass(days * DAY_MS);
    instance = await hospitals.reopen();
    ({ keys } = instance.wallets);
  };
  await later(200);
  const body = renewalOf(instance, wallet);
  const both = await Promise.allSettled([keys.renew(body), keys.renew(body)]);
  const answers = both.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  assert.ok(answers.length >= 1);
  const renewed: Wallet = { seed: wallet.seed, enrolled: await keys.renew(renewalOf(instance, wallet)) };
  assert.ok(answers.every(({ fingerprint }) => fingerprint === renewed.enrolled.fingerprint));
  const entries = (await readLog(instance))
    .slice(start)
    .filter(
      (entry) => entry.type === 'participant.renewed' && entry.body['handle'] === wallet.enrolled.participant,
    );
  assert.equal(entries.length, 1);
  assert.deepEqual(Object.keys(entries[0]?.body ?? {}).toSorted(), ['commitment', 'handle']);
  const [old, now] = [facts(wallet), facts(renewed)];
  assert.ok(now.publicKey.equals(old.publicKey) && now.id === old.id && now.notAfter > old.notAfter);
  assert.ok(opensslVerifies(renewed));
  assert.equal(await wrapOf(renewed), renewed.enrolled.fingerprint);
  await later(170);
  assert.ok(!opensslVerifies(wallet) && opensslVerifies(renewed), 'the former one has expired');
  const consent = consentFor(renewed, { dateTime: new Date(instance.nowMs()).toISOString() });
  await assert.rejects(instance.consents.submit(signedBundle(wallet, consent)));
  assert.equal((await instance.consents.submit(signedBundle(renewed, consent))).outcome, 'signed');
  await assert.rejects(keys.renew(renewalOf(instance, wallet)), { code: 'ADAPTER_FORBIDDEN' });
  assert.deepEqual(await failedChecks(instance), []);
});
