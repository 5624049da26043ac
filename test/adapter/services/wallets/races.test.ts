import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { removeFolder, servicesOf, temporaryFolder } from '../../../support/instance.js';
import { consentFor, enrolWallet, signedBundle } from '../../../support/wallet.js';
import { byStaff, lossOf, renewalOf, requestOf, rotationOf, unlinkOf } from '../../../support/wallet-acts.js';
import { failedChecks, readLog } from '../../support/bench.js';
import type { LogEntry } from '../../support/bench.js';
import { DAY_MS, openHospitals } from './hospitals.js';
import type { Hospitals } from './hospitals.js';

const dir = temporaryFolder();
let hospitals: Hospitals;
const ROUNDS = 8;

before(async () => {
  hospitals = await openHospitals(dir);
});
after(async () => {
  assert.deepEqual(await failedChecks(hospitals.instance), []);
  await hospitals.instance.close();
  removeFolder(dir);
});

async function since(leaf: number): Promise<LogEntry[]> {
  return (await readLog(hospitals.instance)).slice(leaf).filter(({ type }) => type !== 'submission');
}

test('whatever comes at the same time as an end, nothing of the wallet follows it', async () => {
  const { instance, staff } = hospitals;
  const { keys, unlinking, reEnrolment } = instance.wallets;
  for (let i = 0; i < ROUNDS; i++) {
    const name = `race-${i}`;
    const wallet = await enrolWallet(servicesOf(instance), 'ward', name);
    const { participant } = wallet.enrolled;
    const { size } = instance.engine.head();
    const next = await requestOf();
    const isLoss = i % 2 === 0;
    const end = (): Promise<unknown> =>
      isLoss
        ? reEnrolment.begin(byStaff([staff[0], staff[1]], lossOf(instance, name)))
        : unlinking.end(unlinkOf(instance, wallet));
    const acts = [
      () => keys.rotate(rotationOf(instance, wallet, next.csr)),
      () => instance.consents.submit(signedBundle(wallet, consentFor(wallet))),
      end,
      () => instance.consents.submit(signedBundle(wallet, consentFor(wallet, { purpose: 'HRESCH' }))),
    ];
    const turned = [...acts.slice(i % acts.length), ...acts.slice(0, i % acts.length)];
    await Promise.allSettled(turned.map((act) => act()));
    const entries = await since(size);
    const endedAt = entries.findIndex(({ type }) => type === 'participant.revoked');
    const withdrawals = entries.flatMap(({ type }, at) => (type === 'consent.withdrawn' ? [at] : []));
    const lastWord = entries.findLastIndex(({ type }) => type === 'consent.signed' || type === 'key.rotated');
    // A rotation that came first leaves the unlinking without a key in force: then it is refused, and nothing ended.
    if (endedAt < 0) {
      assert.ok(entries.some(({ type }) => type === 'key.rotated') && !isLoss);
      continue;
    }
    assert.equal(entries[endedAt]?.body['handle'], participant);
    assert.ok(
      lastWord < (isLoss ? endedAt : (withdrawals[0] ?? endedAt)),
      'no word of the wallet behind its end',
    );
    if (!isLoss)
      assert.equal(withdrawals.length, entries.filter(({ type }) => type === 'consent.signed').length);
  }
});

test('two rotations, and a rotation and a renewal at once: one of them is made', async () => {
  let { instance } = hospitals;
  const wallet = await enrolWallet(servicesOf(instance), 'ward', 'two');
  hospitals.pass(200 * DAY_MS);
  instance = await hospitals.reopen();
  const { keys } = instance.wallets;
  const { size } = instance.engine.head();
  const [one, other] = [await requestOf(), await requestOf()];
  const results = await Promise.allSettled([
    keys.rotate(rotationOf(instance, wallet, one.csr)),
    keys.renew(renewalOf(instance, wallet)),
    keys.rotate(rotationOf(instance, wallet, other.csr)),
  ]);
  assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
  const made = (await since(size)).filter(({ body }) => body['handle'] === wallet.enrolled.participant);
  assert.equal(made.length, 1);
});
