/** Access requests over HTTP: the hospital first, then the patient, and only what both have permitted. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Task } from 'fhir/r4.js';
import type { ShownAccess } from '../../../adapter/http/contract/index.js';
import type { AccessOutcome } from '../../../adapter/services/access/index.js';
import { signedDecision, signedTask, taskOf } from '../../support/access.js';
import type { Asking } from '../../support/access.js';
import { enrolOrganisation, enrolPerson } from '../../support/person.js';
import type { TestPerson } from '../../support/person.js';
import { bearer, signerOf, signIn } from '../../support/session.js';
import type { Signer } from '../../support/session.js';
import { consentFor, signedBundle } from '../../support/wallet.js';
import type { Wallet } from '../../support/wallet.js';
import { ask, consenting, failedChecks, openBench, push, refusalOf, typesSince } from '../support/bench.js';
import type { Answer, Bench } from '../support/bench.js';
import { namesIn } from '../support/facade.js';
import { heartRate, patient } from '../support/resources.js';

const outcomeOf = ({ body }: Answer): AccessOutcome => JSON.parse(body.toString()) as AccessOutcome;

describe('access requests', () => {
  let bench: Bench;
  let wallet: Wallet;
  let ministry: TestPerson;
  let insurer: TestPerson;
  let staff: TestPerson;
  let own: string;
  let custodian: string;

  before(async () => {
    bench = await openBench();
    const { instance } = bench;
    ministry = await enrolOrganisation(instance, 'Ministry of Health', 'authority');
    insurer = await enrolOrganisation(instance, 'Insurer', 'payer');
    staff = await enrolPerson(instance, 'staff');
    custodian = bench.source.custodian.id;
    wallet = await consenting(bench, 'a');
    own = wallet.enrolled.patient.reference;
    await push(bench, patient('a', { version: '1', minute: 1 }));
    await push(bench, heartRate('h1', 'a', 70, { version: '1', minute: 1 }));
  });
  after(async () => {
    assert.deepEqual(await failedChecks(bench.instance), []);
    await bench.close();
  });

  const post = (path: string, body: Buffer): Promise<Answer> =>
    ask(bench.url, path, { method: 'POST', body });
  const log = (): string => bench.instance.identity.origin;
  const taskFor = (who: TestPerson, more: Partial<Asking> = {}): Task =>
    taskOf(who, { patient: own, custodian, purpose: who === insurer ? 'CLMATTCH' : 'HRESCH', ...more });

  async function asked(who: TestPerson, more: Partial<Asking> = {}): Promise<{ id: string; task: Task }> {
    const task = taskFor(who, more);
    const answer = await post('/requests', signedTask(who, task));
    assert.equal(answer.status, 202, answer.body.toString());
    return { id: outcomeOf(answer).id, task };
  }
  const decide = (
    who: Signer,
    request: { id: string; task: Task },
    more: Parameters<typeof signedDecision>[3],
  ): Promise<Answer> => post('/requests/decisions', signedDecision(who, log(), request, more));
  const me = (): Signer => signerOf(wallet);
  const tokenOf = (who: Signer, purpose: string): Promise<string> => signIn(bench.url, who, { purpose });
  const read = async (who: TestPerson, path: string): Promise<Answer> => {
    const purpose = who === insurer ? 'CLMATTCH' : 'HRESCH';
    return ask(bench.url, `/fhir/${path}`, { headers: bearer(await tokenOf(who, purpose)) });
  };
  const seenBy = async (who: Signer, purpose: string): Promise<ShownAccess[]> => {
    const answer = await ask(bench.url, '/requests', { headers: bearer(await tokenOf(who, purpose)) });
    return (JSON.parse(answer.body.toString()) as { requests: ShownAccess[] }).requests;
  };

  it('lets nobody read before both have approved, and then no more than was asked for', async () => {
    const begun = bench.instance.engine.head().size;
    const request = await asked(ministry);
    assert.equal((await read(ministry, `Observation?patient=${own}`)).status, 200);
    assert.deepEqual(namesIn(await read(ministry, `Observation?patient=${own}`)), []);
    assert.equal(
      outcomeOf(await decide(staff, request, { outcome: 'approved' })).state,
      'custodian-approved',
    );
    assert.deepEqual(namesIn(await read(ministry, `Observation?patient=${own}`)), []);
    assert.equal(outcomeOf(await decide(me(), request, { outcome: 'approved' })).state, 'in-force');
    const found = await read(ministry, `Observation?patient=${own}`);
    assert.equal(namesIn(found).length, 1);
    // Without what names the person, and of no other type.
    assert.doesNotMatch(found.body.toString(), /"family"/);
    assert.equal((await read(ministry, own)).status, 403);
    assert.deepEqual(namesIn(await read(insurer, `Observation?patient=${own}`)), []);
    const types = (await typesSince(bench.instance, begun)).filter((type) => type.startsWith('access.'));
    assert.deepEqual(types, ['access.requested', 'access.decided', 'access.decided']);
    assert.equal(outcomeOf(await decide(me(), request, { outcome: 'ended' })).state, 'withdrawn');
    assert.deepEqual(namesIn(await read(ministry, `Observation?patient=${own}`)), []);
    assert.equal((await decide(me(), request, { outcome: 'approved' })).status, 409);
  });

  it('holds the order: the patient does not see what the hospital has not approved', async () => {
    const request = await asked(insurer);
    const sees = async (): Promise<boolean> =>
      (await seenBy(me(), 'PATRQT')).some(({ id }) => id === request.id);
    assert.equal(await sees(), false);
    const early = await decide(me(), request, { outcome: 'approved' });
    assert.equal(refusalOf(early), '404 not-found ADAPTER_NOT_FOUND');
    assert.equal((await decide(staff, request, { outcome: 'approved' })).status, 200);
    assert.equal(await sees(), true);
    assert.equal((await decide(staff, request, { outcome: 'approved' })).status, 409);
    assert.equal(outcomeOf(await decide(me(), request, { outcome: 'refused' })).state, 'refused');
    assert.deepEqual(namesIn(await read(insurer, `Observation?patient=${own}`)), []);
  });

  it('lets conditions only narrow', async () => {
    const request = await asked(insurer, { types: ['Observation', 'Patient'] });
    const wider = { outcome: 'approved', types: ['Observation', 'Condition'] } as const;
    assert.equal((await decide(staff, request, wider)).status, 422);
    const later = new Date(Date.now() + 9 * 86_400_000).toISOString();
    assert.equal((await decide(staff, request, { outcome: 'approved', until: later })).status, 422);
    await decide(staff, request, { outcome: 'approved' });
    await decide(me(), request, { outcome: 'approved', types: ['Observation'] });
    assert.equal(namesIn(await read(insurer, `Observation?patient=${own}`)).length, 1);
    assert.equal((await read(insurer, own)).status, 403);
    const [shown] = await seenBy(insurer, 'CLMATTCH');
    assert.deepEqual([shown?.state, shown?.types], ['in-force', ['Observation']]);
    assert.equal(outcomeOf(await decide(insurer, request, { outcome: 'ended' })).state, 'cancelled');
    assert.deepEqual(namesIn(await read(insurer, `Observation?patient=${own}`)), []);
  });

  it('answers for a patient that is none as for any other, and shows the request to its requester alone', async () => {
    const known = await post('/requests', signedTask(ministry, taskFor(ministry)));
    const none = await post(
      '/requests',
      signedTask(ministry, taskFor(ministry, { patient: 'Patient/none' })),
    );
    const elsewhere = await post(
      '/requests',
      signedTask(ministry, taskFor(ministry, { custodian: insurer.id })),
    );
    for (const answer of [none, elsewhere]) {
      assert.equal(answer.status, known.status);
      assert.deepEqual(Object.keys(outcomeOf(answer)), Object.keys(outcomeOf(known)));
      assert.equal(outcomeOf(answer).state, 'requested');
    }
    const atHospital = (await seenBy(staff, 'HOPERAT')).map(({ id }) => id);
    assert.ok(atHospital.includes(outcomeOf(known).id));
    assert.equal(atHospital.includes(outcomeOf(none).id), false);
    assert.equal((await seenBy(ministry, 'HRESCH')).length >= 3, true);
    const other = await asked(insurer);
    const headers = bearer(await tokenOf(ministry, 'HRESCH'));
    const theirs = await ask(bench.url, `/requests/${other.id}`, { headers });
    const unknown = await ask(bench.url, `/requests/${'A'.repeat(43)}`, { headers });
    assert.equal(theirs.status, 404);
    assert.deepEqual(theirs.body, unknown.body);
  });

  it('takes each thing once, however often it is sent', async () => {
    const task = taskFor(ministry);
    const body = signedTask(ministry, task);
    const begun = bench.instance.engine.head().size;
    const answers = await Promise.all(Array.from({ length: 5 }, () => post('/requests', body)));
    assert.equal(new Set(answers.map((answer) => outcomeOf(answer).id)).size, 1);
    const request = { id: outcomeOf(answers[0] as Answer).id, task };
    const decision = signedDecision(staff, log(), request, { outcome: 'approved' });
    const decided = await Promise.all(Array.from({ length: 5 }, () => post('/requests/decisions', decision)));
    assert.equal(decided.filter(({ status }) => status === 200).length >= 1, true);
    assert.equal(outcomeOf(await post('/requests/decisions', decision)).outcome, 'known');
    const types = await typesSince(bench.instance, begun);
    assert.deepEqual(types, ['access.requested', 'access.decided']);
  });

  it('refuses what is not signed by whom it must be, and what was decided on another request', async () => {
    const task = taskFor(ministry);
    assert.equal((await post('/requests', signedTask(insurer, task))).status, 403);
    const altered = JSON.parse(signedTask(ministry, task).toString()) as { document: Task };
    altered.document = { ...task, for: { reference: 'Patient/other' } };
    assert.equal((await post('/requests', Buffer.from(JSON.stringify(altered)))).status, 403);
    assert.equal(
      (await post('/requests', signedTask(insurer, taskFor(insurer, { purpose: 'HRESCH' })))).status,
      422,
    );
    assert.equal(
      (await post('/requests', signedTask(ministry, { ...task, note: [{ text: 'x' }] }))).status,
      422,
    );
    assert.equal(
      (await post('/requests', signedTask(ministry, taskFor(ministry, { types: ['Nonsense'] })))).status,
      422,
    );

    const [one, two] = [await asked(ministry), await asked(ministry)];
    assert.equal((await decide(insurer, one, { outcome: 'approved' })).status, 404);
    assert.equal((await decide(ministry, one, { outcome: 'approved' })).status, 409);
    const stranger = await consenting(bench, 'stranger');
    await decide(staff, one, { outcome: 'approved' });
    assert.equal((await decide(signerOf(stranger), one, { outcome: 'approved' })).status, 404);
    // A decision names what was read: it is good for no other request.
    const swapped = await decide(staff, { id: two.id, task: one.task }, { outcome: 'approved' });
    assert.equal(swapped.status, 422);
    const old = new Date(Date.now() - 600_000).toISOString();
    assert.equal((await decide(me(), one, { outcome: 'approved', at: old })).status, 422);
    assert.equal((await decide(me(), one, { outcome: 'approved', log: 'another.example/log' })).status, 422);
  });

  it('ends with the requester’s certificate, and yields to a refusal', async () => {
    const leaving = await enrolOrganisation(bench.instance, 'Leaving', 'authority');
    const request = await asked(leaving);
    await decide(staff, request, { outcome: 'approved' });
    await decide(me(), request, { outcome: 'approved' });
    assert.equal(namesIn(await read(leaving, `Observation?patient=${own}`)).length, 1);
    const refusal = consentFor(wallet, {
      type: 'deny',
      actor: `Organization/${leaving.id}`,
      actions: ['access'],
    });
    const { purpose: _any, ...provision } = refusal.provision ?? {};
    await bench.instance.consents.submit(signedBundle(wallet, { ...refusal, provision }));
    assert.deepEqual(namesIn(await read(leaving, `Observation?patient=${own}`)), []);
    await bench.instance.certification.revoke(leaving.id, 'unspecified');
    await assert.rejects(read(leaving, `Observation?patient=${own}`), /no session: 401/);
    assert.equal((await decide(leaving, request, { outcome: 'ended' })).status, 403);
  });

  it('tells those concerned, and nothing of the patient', async () => {
    const { notices } = bench.instance;
    const last = notices.last(wallet.enrolled.participant);
    const heard: object[] = [];
    const end = notices.listen(wallet.enrolled.participant, (item) => heard.push(item));
    const request = await asked(insurer);
    assert.equal(notices.last(wallet.enrolled.participant), last);
    await decide(staff, request, { outcome: 'approved' });
    assert.equal(notices.last(wallet.enrolled.participant), last + 1);
    end();
    assert.equal(heard.length, 1);
    assert.doesNotMatch(JSON.stringify(heard), /Patient|Observation|Study/);
  });
});
