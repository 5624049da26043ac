/** People sign in by a challenge, and a patient reads the own record, whatever was signed. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import type { SignedIn } from '../../../adapter/http/contract/index.js';
import { generateSeed } from '../../../ledger/log/index.js';
import { servicesOf } from '../../support/instance.js';
import { enrolClient } from '../../support/client.js';
import { challengeFrom, sendSignIn, signIn, signInFor } from '../../support/sign-in.js';
import type { SigningIn } from '../../support/sign-in.js';
import { consentFor, enrolWallet, signedBundle } from '../../support/wallet.js';
import type { Wallet } from '../../support/wallet.js';
import { ask, consenting, openBench, push, readLog, typesSince } from '../support/bench.js';
import type { Answer, Bench } from '../support/bench.js';
import { facadeIdOf, json, namesIn } from '../support/facade.js';
import { heartRate, patient } from '../support/resources.js';

const personOf = ({ enrolled, seed }: Wallet): SigningIn => ({
  participant: enrolled.participant,
  fingerprint: enrolled.fingerprint,
  key: seed,
  purpose: 'PATRQT',
});

describe('signing in', () => {
  let bench: Bench;
  let wallet: Wallet;
  let me: SigningIn;

  before(async () => {
    bench = await openBench();
    wallet = await consenting(bench, 'a');
    me = personOf(wallet);
    await push(bench, patient('a', { version: '1', minute: 1 }));
    await push(bench, heartRate('h1', 'a', 70, { version: '1', minute: 1 }));
  });
  after(() => bench.close());

  const get = (path: string, { token }: Pick<SignedIn, 'token'>): Promise<Answer> =>
    ask(bench.url, path, { headers: { authorization: `Bearer ${token}` } });
  const statusOf = async (body: object): Promise<number> => (await sendSignIn(bench.url, body)).status;

  it('gives a session that says who it is of, for a quarter of an hour', async () => {
    const session = await signIn(bench.url, me);
    assert.equal(session.expiresInS, 900);
    assert.equal(session.person.group, 'patient');
    assert.equal(session.person.patient, wallet.enrolled.patient.reference);
    const answer = await get('/auth/session', session);
    assert.deepEqual(JSON.parse(answer.body.toString()), session.person);
    assert.equal(answer.headers['cache-control'], 'no-store');
  });

  it('lets a patient read the own record and nothing else, with a receipt in the patient’s name', async () => {
    const other = await consenting(bench, 'b');
    await push(bench, patient('b', { version: '1', minute: 1 }));
    const session = await signIn(bench.url, me);
    const begun = bench.instance.engine.head().size;
    const own = wallet.enrolled.patient.reference;
    const all = await get(`/fhir/${own}/$everything`, session);
    assert.deepEqual(namesIn(all), [own, `Observation/${facadeIdOf(bench, 'Observation', 'h1')}`]);
    assert.deepEqual(await typesSince(bench.instance, begun), ['disclosure']);
    const receipt = (await readLog(bench.instance)).findLast(({ type }) => type === 'disclosure');
    assert.equal(receipt?.tags.length, 1);
    for (const path of ['', '/$everything', '/_history'])
      assert.equal((await get(`/fhir/${other.enrolled.patient.reference}${path}`, session)).status, 404);
    assert.deepEqual(namesIn(await get('/fhir/Patient', session)), [own]);
  });

  it('lets a patient read the own record also where the hospital may no longer', async () => {
    const refusing = await consenting(bench, 'c');
    await push(bench, patient('c', { version: '1', minute: 1 }));
    const refusal = consentFor(refusing, { type: 'deny', actions: ['access', 'collect', 'use'] });
    await bench.instance.consents.submit(signedBundle(refusing, refusal));
    const session = await signIn(bench.url, personOf(refusing));
    const answer = await get(`/fhir/${refusing.enrolled.patient.reference}`, session);
    assert.equal(answer.status, 200);
    assert.equal(json(answer).resourceType, 'Patient');
  });

  it('lets nobody write by a session', async () => {
    const session = await signIn(bench.url, me);
    const headers = { authorization: `Bearer ${session.token}`, 'content-type': 'application/fhir+json' };
    const body = JSON.stringify(heartRate('h9', 'a', 70));
    assert.equal((await ask(bench.url, '/fhir/Observation', { method: 'POST', headers, body })).status, 401);
  });

  it('refuses all that is wrong with one answer', async () => {
    const stranger = await enrolWallet(servicesOf(bench.instance), 'ward', 'stranger');
    const unknown = randomBytes(32).toString('base64url');
    const used = await signInFor(bench.url, me);
    assert.equal(await statusOf(used), 201);
    const good = await signInFor(bench.url, me);
    const [head = '', signature = ''] = good.jws.split('..');
    const challenge = await challengeFrom(bench.url);
    const [random = '', until = '', mark = ''] = challenge.split('.');
    const wrong: Readonly<Record<string, object>> = {
      'used before': used,
      'another key': await signInFor(bench.url, { ...me, key: generateSeed() }),
      'another’s certificate': await signInFor(bench.url, {
        ...me,
        fingerprint: stranger.enrolled.fingerprint,
      }),
      'another participant': await signInFor(bench.url, {
        ...me,
        participant: stranger.enrolled.participant,
      }),
      'an unknown participant': await signInFor(bench.url, { ...me, participant: unknown }),
      'another server': await signInFor(bench.url, me, { server: 'https://phishing.example' }),
      'a made-up challenge': await signInFor(bench.url, me, { challenge: unknown }),
      'a prolonged challenge': await signInFor(bench.url, me, {
        challenge: `${random}.${Number(until) + 1}.${mark}`,
      }),
      'another’s purpose': await signInFor(bench.url, { ...me, purpose: 'TREAT' }),
      'an altered document': { ...good, document: { ...good.document, purpose: 'HRESCH' } },
      'an altered signature': { ...good, jws: `${head}..A${signature.slice(1)}` },
    };
    const answers = new Set<string>();
    for (const [what, body] of Object.entries(wrong)) {
      const response = await sendSignIn(bench.url, body);
      assert.equal(response.status, 401, what);
      answers.add(await response.text());
    }
    assert.equal(answers.size, 1);
    for (const body of [
      {},
      { ...good, document: { ...good.document, more: 'x' } },
      { document: good.document },
    ])
      assert.equal(await statusOf(body), 422);
  });

  it('opens one session when one sign-in is sent many times at once', async () => {
    const sent = await signInFor(bench.url, me);
    const statuses = await Promise.all(Array.from({ length: 8 }, () => statusOf(sent)));
    assert.deepEqual(
      statuses.toSorted((a, b) => a - b),
      [201, ...Array.from({ length: 7 }, () => 401)],
    );
  });

  it('ends by sign-out, and at once with the certificate', async () => {
    const session = await signIn(bench.url, me);
    const other = await signIn(bench.url, me);
    const headers = { authorization: `Bearer ${session.token}` };
    assert.equal((await ask(bench.url, '/auth/session', { method: 'DELETE', headers })).status, 204);
    assert.equal((await get('/auth/session', session)).status, 401);
    assert.equal((await get(`/fhir/${wallet.enrolled.patient.reference}`, session)).status, 401);
    assert.equal((await get('/auth/session', other)).status, 200);
    const lost = await consenting(bench, 'lost');
    const open = await signIn(bench.url, personOf(lost));
    assert.equal((await get('/auth/session', open)).status, 200);
    await bench.instance.certification.revoke(lost.enrolled.participant, 'keyCompromise');
    assert.equal((await get('/auth/session', open)).status, 401);
    assert.equal(await statusOf(await signInFor(bench.url, personOf(lost))), 401);
  });

  it('is for members of organisations too, for what their group may', async () => {
    const client = await enrolClient(bench.instance, { group: 'authority', name: 'Ministry' });
    const member = { participant: client.id, fingerprint: client.kid, key: client.key, purpose: 'HRESCH' };
    const session = await signIn(bench.url, member);
    assert.deepEqual(session.person, {
      id: client.id,
      group: 'authority',
      role: 'organisation',
      organisation: 'Ministry',
      purpose: 'HRESCH',
    });
    assert.equal((await get(`/fhir/${wallet.enrolled.patient.reference}`, session)).status, 404);
    assert.equal(await statusOf(await signInFor(bench.url, { ...member, purpose: 'TREAT' })), 401);
  });

  it('leaves nothing of tokens, challenges or patients in the log of operation', async () => {
    const session = await signIn(bench.url, me);
    const sent = await signInFor(bench.url, me);
    await sendSignIn(bench.url, { ...sent, jws: `${sent.jws}A` });
    for (const secret of [session.token, sent.document.challenge, wallet.enrolled.participant])
      assert.equal(bench.logged().includes(secret), false);
    assert.match(bench.logged(), /sign-in refused/);
  });

  it('is slowed down where one address asks too often', async () => {
    const answers = [];
    for (let i = 0; i < 400; i++)
      answers.push(await fetch(`${bench.url}/auth/challenge`, { method: 'POST' }));
    const slowed = answers.find(({ status }) => status === 429);
    assert.match(slowed?.headers.get('retry-after') ?? '', /^\d+$/);
  });
});
