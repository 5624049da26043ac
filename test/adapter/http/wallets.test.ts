/** What becomes of a wallet, over HTTP. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Enrolled, ReEnrolled, Unlinked } from '../../../adapter/http/contract/index.js';
import { WALLETS_ALLOWED } from '../../../adapter/http/wallets.js';
import { addImportSource } from '../../support/instance.js';
import { enrolPerson } from '../../support/person.js';
import { bearer, challengeFrom, postSignIn, signerOf, signIn, signInBody } from '../../support/session.js';
import type { Wallet } from '../../support/wallet.js';
import {
  byStaff,
  codeFor,
  linkOf,
  lossOf,
  renewalOf,
  requestOf,
  rotationOf,
  unlinkOf,
} from '../../support/wallet-acts.js';
import { ask, consenting, failedChecks, openBench, push, refusalOf } from '../support/bench.js';
import type { Answer, Bench } from '../support/bench.js';
import { namesIn } from '../support/facade.js';
import { heartRate, patient } from '../support/resources.js';

async function enrolledBy(answer: Promise<Answer>, status: number): Promise<Enrolled> {
  const { status: found, body } = await answer;
  assert.equal(found, status, body.toString());
  return JSON.parse(body.toString()) as Enrolled;
}

describe('wallets over HTTP', () => {
  let bench: Bench;
  before(async () => {
    bench = await openBench();
    await addImportSource(bench.instance, 'clinic');
  });
  after(async () => {
    assert.deepEqual(await failedChecks(bench.instance), []);
    await bench.close();
  });
  const post = (path: string, body: Buffer): Promise<Answer> =>
    ask(bench.url, path, { method: 'POST', body });
  const signInStatus = async (wallet: Wallet): Promise<number> => {
    const challenge = await challengeFrom(bench.url);
    return (await postSignIn(bench.url, signInBody(bench.url, signerOf(wallet), challenge))).status;
  };

  it('links, renews, rotates, is lost and found, and unlinks', async () => {
    const { instance } = bench;
    let wallet = await consenting(bench, 'a');
    const invitation = await codeFor(instance, 'clinic', 'x');
    const { csr } = await requestOf(wallet.seed);
    const linked = await enrolledBy(post('/pki/links', linkOf(instance, wallet, { invitation, csr })), 201);
    const link: Wallet = { seed: wallet.seed, enrolled: linked };
    assert.equal(await signInStatus(link), 201);
    const renewed = await enrolledBy(post('/pki/wallet/renewals', renewalOf(instance, wallet)), 200);
    assert.equal(renewed.fingerprint, wallet.enrolled.fingerprint, 'it is not due');

    const session = await signIn(bench.url, signerOf(wallet));
    const next = await requestOf();
    const rotation = post('/pki/wallet/rotations', rotationOf(instance, wallet, next.csr));
    const former = wallet;
    wallet = { seed: next.seed, enrolled: await enrolledBy(rotation, 200) };
    assert.equal((await ask(bench.url, '/me', { headers: bearer(session) })).status, 401, 'bound to the key');
    assert.equal(await signInStatus(former), 401);
    assert.equal(await signInStatus(wallet), 201);

    const staff = [await enrolPerson(instance, 'staff'), await enrolPerson(instance, 'clinician')];
    const lost = await post('/pki/re-enrolments', byStaff(staff, lossOf(instance, 'a')));
    assert.equal(lost.status, 201, lost.body.toString());
    const recovery = JSON.parse(lost.body.toString()) as ReEnrolled;
    assert.equal(recovery.revoked, wallet.enrolled.participant);
    assert.equal(await signInStatus(wallet), 401, 'from the moment on that it is said to be lost');
    const fresh = await requestOf();
    const body = Buffer.from(JSON.stringify({ invitation: recovery.invitation, csr: fresh.csr }));
    wallet = { seed: fresh.seed, enrolled: await enrolledBy(post('/pki/enrol', body), 201) };
    assert.equal(await signInStatus(wallet), 201);
    await push(bench, patient('a', { version: '1', minute: 1 }), heartRate('h', 'a', 70));
    const own = wallet.enrolled.patient.reference;
    const reading = async (): Promise<Answer> => {
      const headers = bearer(await signIn(bench.url, signerOf(wallet)));
      return ask(bench.url, `/fhir/Observation?patient=${own}`, { headers });
    };
    assert.equal(namesIn(await reading()).length, 1, 'the consent of before stands');

    const ended = await post('/pki/links/end', unlinkOf(instance, wallet));
    assert.deepEqual(JSON.parse(ended.body.toString()) as Unlinked, {
      participant: wallet.enrolled.participant,
      withdrawn: 1,
    });
    assert.equal(await signInStatus(wallet), 401);
    assert.equal(await signInStatus(link), 201, 'the other hospital’s stays');
    const stored = bench.instance.statistics.pipeline.stored;
    await push(bench, heartRate('h2', 'a', 71));
    assert.equal(bench.instance.statistics.pipeline.stored, stored, 'no new record under it');
  });

  it('answers what is no document of a wallet in one shape', async () => {
    for (const [path] of WALLETS_ALLOWED) {
      assert.match(refusalOf(await post(path, Buffer.from('{}'))), /^422 /, path);
      assert.match(refusalOf(await post(path, Buffer.from('{'))), /^4\d\d /, path);
      assert.match(refusalOf(await post(path, Buffer.alloc(100_000, 0x20))), /^413 /, path);
      const { status, headers } = await ask(bench.url, path);
      assert.deepEqual([status, headers['allow']], [405, 'POST'], path);
    }
  });
});
