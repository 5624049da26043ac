/** A representative over HTTP: signs in for the patient, reads, decides, and is out at once when the patient ends it. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type {
  Act,
  Appointed,
  OwnAccesses,
  OwnHome,
  OwnRepresentatives,
} from '../../../adapter/http/contract/index.js';
import type { AccessOutcome } from '../../../adapter/services/access/index.js';
import { signedDecision, signedTask, taskOf } from '../../support/access.js';
import { servicesOf } from '../../support/instance.js';
import { enrolOrganisation, enrolPerson } from '../../support/person.js';
import type { TestPerson } from '../../support/person.js';
import { bearer, challengeFrom, postSignIn, signerOf, signInBody, signIn } from '../../support/session.js';
import { enrolWallet } from '../../support/wallet.js';
import type { Wallet } from '../../support/wallet.js';
import { byStaff, byWallet } from '../../support/wallet-acts.js';
import { ask, consenting, failedChecks, openBench, push, refusalOf } from '../support/bench.js';
import type { Answer, Bench } from '../support/bench.js';
import { namesIn } from '../support/facade.js';
import { heartRate, patient } from '../support/resources.js';

describe('representatives', () => {
  let bench: Bench;
  let wallet: Wallet;
  let helper: Wallet;
  let staff: readonly [TestPerson, TestPerson];
  let own: string;

  before(async () => {
    bench = await openBench();
    const { instance } = bench;
    wallet = await consenting(bench, 'a');
    own = wallet.enrolled.patient.reference;
    helper = await enrolWallet(servicesOf(instance), 'ward', 'b');
    staff = [await enrolPerson(instance, 'staff'), await enrolPerson(instance, 'clinician')];
    await push(bench, patient('a', { version: '1', minute: 1 }));
    await push(bench, heartRate('h1', 'a', 70, { version: '1', minute: 1 }));
  });
  after(async () => {
    assert.deepEqual(await failedChecks(bench.instance), []);
    await bench.close();
  });

  const appointment = (acts: readonly Act[], more: object = {}) => ({
    kind: 'firebreak appointment',
    log: bench.instance.identity.origin,
    at: new Date().toISOString(),
    patient: own,
    representative: helper.enrolled.participant,
    relationship: 'parent',
    acts: [...acts],
    until: new Date(Date.now() + 3_600_000).toISOString(),
    ...more,
  });
  const post = (path: string, body: Buffer): Promise<Answer> =>
    ask(bench.url, path, { method: 'POST', body });
  const appoint = async (acts: readonly Act[]): Promise<string> => {
    const answer = await post('/pki/representatives', byWallet(wallet, appointment(acts)));
    assert.equal(answer.status, 201, answer.body.toString());
    return (JSON.parse(answer.body.toString()) as Appointed).handle;
  };
  const end = (handle: string): Promise<Answer> => {
    const { origin } = bench.instance.identity;
    const document = {
      kind: 'firebreak appointment end',
      log: origin,
      at: new Date().toISOString(),
      patient: own,
      appointment: handle,
    };
    return post('/pki/representatives/end', byWallet(wallet, document));
  };
  const session = (more: object = { for: own }): Promise<string> => signIn(bench.url, signerOf(helper), more);
  const get = (path: string, token: string): Promise<Answer> =>
    ask(bench.url, path, { headers: bearer(token) });
  const refusedSignIn = async (more: object): Promise<number> => {
    const challenge = await challengeFrom(bench.url);
    return (await postSignIn(bench.url, signInBody(bench.url, signerOf(helper), challenge, more))).status;
  };

  it('reads for the patient in a session of its own, which names it and ends with the appointment', async () => {
    for (const more of [{ for: own }, { for: 'Patient/nobody' }, { for: helper.enrolled.patient.reference }])
      assert.equal(await refusedSignIn(more), 401);
    assert.equal(await refusedSignIn({ for: 'x'.repeat(600) }), 422);
    const handle = await appoint(['read']);
    assert.equal(await refusedSignIn({ for: own, purpose: 'HRESCH' }), 401);
    const token = await session();
    const home = await get('/me', token);
    assert.equal((JSON.parse(home.body.toString()) as OwnHome).patient, own);
    const found = await get(`/fhir/Observation?patient=${own}`, token);
    assert.equal(namesIn(found).length, 1);
    const who = JSON.parse((await get('/auth/session', token)).body.toString()) as object;
    assert.deepEqual(Object.entries(who).find(([name]) => name === 'appointment')?.[1], handle);
    const shown = await get('/me/representatives', await signIn(bench.url, signerOf(wallet)));
    const { representatives } = JSON.parse(shown.body.toString()) as OwnRepresentatives;
    assert.deepEqual(
      representatives.map(({ standing, acts, appointedBy }) => [standing, acts, appointedBy]),
      [['in-force', ['read'], 'patient']],
    );
    const name = `RelatedPerson/${representatives[0]?.person.id}`;
    const accesses = await get('/me/accesses', await signIn(bench.url, signerOf(wallet)));
    const list = JSON.parse(accesses.body.toString()) as OwnAccesses;
    assert.ok(
      list.accesses.some(({ to, under }) => to === name && under.includes(handle)),
      'the account says who read',
    );
    assert.equal((await get(`/me/accesses/${list.accesses[0]?.handle}/proof`, token)).status, 403);
    assert.equal((await get(`/me/exports/${handle}/proof`, token)).status, 403);
    // The own record of the representative is another session's.
    const mine = JSON.parse((await get('/me', await session({}))).body.toString()) as OwnHome;
    assert.equal(mine.patient, helper.enrolled.patient.reference);
    assert.equal(namesIn(await get(`/fhir/Observation?patient=${own}`, await session({}))).length, 0);
    assert.equal((await end(handle)).status, 200);
    for (const path of ['/me', '/me/waiting', `/fhir/Observation?patient=${own}`])
      assert.equal((await get(path, token)).status, 401, path);
    assert.equal(await refusedSignIn({ for: own }), 401);
  });

  it('decides on requests where the appointment says so, and not otherwise', async () => {
    const ministry = await enrolOrganisation(bench.instance, 'Ministry of Health', 'authority');
    const task = taskOf(ministry, { patient: own, custodian: bench.source.custodian.id, purpose: 'HRESCH' });
    const asked = await post('/requests', signedTask(ministry, task));
    const { id } = JSON.parse(asked.body.toString()) as AccessOutcome;
    const decide = (who: Parameters<typeof signedDecision>[0]): Promise<Answer> => {
      const { origin } = bench.instance.identity;
      return post('/requests/decisions', signedDecision(who, origin, { id, task }, { outcome: 'approved' }));
    };
    assert.equal((await decide(staff[0])).status, 200);
    const reading = await appoint(['read', 'consent']);
    assert.equal((await decide(signerOf(helper))).status, 404, 'reading is not deciding');
    await end(reading);
    const paper = { evidence: 'YSBjb3VydCBvcmRlciB0aGF0IGlzIHN5bnRoZXRpYyE', relationship: 'guardian' };
    const made = await post('/pki/representatives', byStaff(staff, appointment(['decide'], paper)));
    assert.equal(made.status, 201, made.body.toString());
    const decided = await decide(signerOf(helper));
    assert.equal((JSON.parse(decided.body.toString()) as AccessOutcome).state, 'in-force');
    const once = await post(
      '/pki/representatives',
      byStaff([staff[0], staff[0]], appointment(['read'], paper)),
    );
    assert.equal(refusalOf(once), '403 forbidden ADAPTER_FORBIDDEN');
  });
});
