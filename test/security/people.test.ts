import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { generateSeed } from '../../ledger/log/index.js';
import { challengeEnd, CHALLENGE_MS, newChallenge } from '../../adapter/services/people/challenge.js';
import {
  ask,
  consenting,
  failedChecks,
  issueOf,
  openBench,
  push,
  refusalOf,
} from '../adapter/support/bench.js';
import type { Answer, Bench } from '../adapter/support/bench.js';
import { facadeIdOf, namesIn } from '../adapter/support/facade.js';
import { heartRate, patient } from '../adapter/support/resources.js';
import { enrolClient, tokenFor } from '../support/client.js';
import { servicesOf } from '../support/instance.js';
import { bearer, challengeFrom, postSignIn, signerOf, signIn, signInBody } from '../support/session.js';
import type { Signer } from '../support/session.js';
import { enrolWallet } from '../support/wallet.js';
import type { Wallet } from '../support/wallet.js';

describe('people who sign in', () => {
  let bench: Bench;
  let a: Wallet;
  let b: Wallet;

  before(async () => {
    bench = await openBench();
    a = await consenting(bench, 'a');
    b = await consenting(bench, 'b');
    await push(bench, patient('a', { version: '1', minute: 1 }), heartRate('h1', 'a', 70));
    await push(bench, patient('b', { version: '1', minute: 1 }), heartRate('h2', 'b', 71));
  });
  after(() => bench.close());

  const get = (path: string, token: string): Promise<Answer> =>
    ask(bench.url, `/fhir/${path}`, { headers: bearer(token) });
  const refused = async (signer: Signer, more: Parameters<typeof signInBody>[3] = {}): Promise<string> => {
    const challenge = more.challenge ?? (await challengeFrom(bench.url));
    const answer = await postSignIn(bench.url, signInBody(bench.url, signer, challenge, more));
    return `${answer.status} ${await answer.text()}`;
  };

  it('read the own record, by the right to it alone', async () => {
    const token = await signIn(bench.url, signerOf(a));
    const answer = await get(`${a.enrolled.patient.reference}/$everything`, token);
    assert.equal(answer.status, 200);
    assert.deepEqual(namesIn(answer).toSorted(), [
      `Observation/${facadeIdOf(bench, 'Observation', 'h1')}`,
      a.enrolled.patient.reference,
    ]);
    assert.deepEqual(await failedChecks(bench.instance), []);
  });

  it('33: another patient’s id is one that does not exist', async () => {
    const token = await signIn(bench.url, signerOf(a));
    const hidden = await get(b.enrolled.patient.reference, token);
    const absent = await get(`Patient/${'a'.repeat(32)}`, token);
    assert.equal(hidden.status, 404);
    assert.deepEqual(hidden.body, absent.body);
    const record = await get(`Observation/${facadeIdOf(bench, 'Observation', 'h2')}`, token);
    assert.deepEqual(record.body, absent.body);
    const own = await get(`Observation?patient=${a.enrolled.patient.reference}`, token);
    assert.deepEqual(namesIn(own), [`Observation/${facadeIdOf(bench, 'Observation', 'h1')}`]);
    assert.deepEqual(namesIn(await get(`Observation?patient=${b.enrolled.patient.reference}`, token)), []);
    assert.deepEqual(namesIn(await get('Patient', token)), [a.enrolled.patient.reference]);
  });

  it('36: do not get to what systems and operators do', async () => {
    const token = await signIn(bench.url, signerOf(a));
    const pushed = await ask(bench.url, '/fhir/Observation', {
      method: 'POST',
      headers: { ...bearer(token), 'content-type': 'application/fhir+json' },
      body: JSON.stringify(heartRate('h9', 'a', 1)),
    });
    assert.equal(pushed.status, 401);
    for (const path of ['/operator/dead-letters', '/operator/sources', '/sources/ward/invitations']) {
      const { status } = await ask(bench.url, path, { method: 'POST', headers: bearer(token), body: '{}' });
      assert.ok([401, 404, 405].includes(status), `${path}: ${status}`);
    }
  });

  it('are answered the same whatever is wrong with the sign-in', async () => {
    const stranger: Signer = {
      seed: generateSeed(),
      participant: 'A'.repeat(43),
      fingerprint: 'A'.repeat(43),
    };
    const used = await challengeFrom(bench.url);
    await postSignIn(bench.url, signInBody(bench.url, signerOf(b), used));
    const answers = new Set([
      await refused(stranger),
      await refused({ ...signerOf(a), seed: generateSeed() }),
      await refused({ ...signerOf(a), fingerprint: b.enrolled.fingerprint }),
      await refused({ ...signerOf(b), participant: a.enrolled.participant }),
      await refused(signerOf(b), { challenge: used }),
      await refused(signerOf(b), { challenge: 'mine' }),
      await refused(signerOf(b), { server: 'https://elsewhere.example' }),
      await refused(signerOf(b), { purpose: 'TREAT' }),
      await refused({ ...signerOf(a), participant: 'p-abcdefghijklmnopqrstuvwxyz' }),
    ]);
    assert.equal(answers.size, 1);
    assert.match([...answers][0] ?? '', /^401 .*ADAPTER_UNAUTHORIZED/);
  });

  it('43: may not say more in a sign-in than there is to say', async () => {
    const challenge = await challengeFrom(bench.url);
    const good = JSON.parse(signInBody(bench.url, signerOf(a), challenge)) as {
      document: object;
      jws: string;
    };
    for (const more of [{ role: 'clinician' }, { group: 'provider' }, { kind: 'consent' }]) {
      const answer = await postSignIn(
        bench.url,
        JSON.stringify({ ...good, document: { ...good.document, ...more } }),
      );
      assert.equal(answer.status, 422);
    }
  });

  it('end their session, and a session is none of a system’s tokens', async () => {
    const token = await signIn(bench.url, signerOf(a));
    const path = '/auth/session';
    assert.equal((await ask(bench.url, path, { headers: bearer(token) })).status, 200);
    assert.equal((await ask(bench.url, path, { method: 'DELETE', headers: bearer(token) })).status, 204);
    const ended = await ask(bench.url, path, { headers: bearer(token) });
    assert.equal(refusalOf(ended), '401 login ADAPTER_UNAUTHORIZED');
    assert.equal((await get(a.enrolled.patient.reference, token)).status, 401);
    const client = await enrolClient(bench.instance);
    const system = await tokenFor(client, bench.url);
    assert.equal((await ask(bench.url, path, { headers: bearer(system) })).status, 401);
  });

  it('24: are out at once when their certificate is revoked', async () => {
    const wallet = await enrolWallet(servicesOf(bench.instance), bench.source.id, 'c');
    const token = await signIn(bench.url, signerOf(wallet));
    assert.equal((await get('Patient', token)).status, 200);
    await bench.instance.certification.revoke(wallet.enrolled.participant, 'keyCompromise');
    assert.equal((await get('Patient', token)).status, 401);
    assert.match(await refused(signerOf(wallet)), /^401 /);
  });

  it('leave neither token nor name in the log and the store', async () => {
    const token = await signIn(bench.url, signerOf(a));
    assert.ok(!bench.logged().includes(token) && !bench.logged().includes(a.enrolled.patient.reference));
    for await (const [key, value] of bench.instance.store.iterator())
      assert.ok(!key.includes(token) && !value.includes(token));
  });

  it('105: who asks too often is told to wait', async () => {
    const answers = await Promise.all(
      Array.from({ length: 120 }, () => ask(bench.url, '/auth/challenge', { method: 'POST' })),
    );
    const slowed = answers.find(({ status }) => status === 429);
    assert.ok(slowed !== undefined && Number(slowed.headers['retry-after']) >= 1);
    assert.match(issueOf(slowed).diagnostics ?? '', /ADAPTER_TOO_MANY_REQUESTS/);
  });
});

describe('a challenge', () => {
  const key = Buffer.alloc(32, 7);
  const now = 1_790_000_000_000;

  it('holds for two minutes, for this instance, as it was given', () => {
    const one = newChallenge(key, now);
    assert.equal(challengeEnd(key, one, now + CHALLENGE_MS - 1), now + CHALLENGE_MS);
    assert.equal(challengeEnd(key, one, now + CHALLENGE_MS), undefined);
    assert.equal(challengeEnd(Buffer.alloc(32, 8), one, now), undefined);
    const [random = '', until = '', marked = ''] = one.split('.');
    assert.equal(Buffer.from(random, 'base64url').length, 16);
    assert.equal(challengeEnd(key, `${random}.${Number(until) + 60_000}.${marked}`, now), undefined);
    assert.equal(challengeEnd(key, `${one} `, now), undefined);
    assert.notEqual(newChallenge(key, now), one);
  });
});
