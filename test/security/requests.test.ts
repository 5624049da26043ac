/** What may be tried with access requests: attacks 37 to 43. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Task } from 'fhir/r4.js';
import type { ShownAccess } from '../../adapter/http/contract/index.js';
import type { AccessOutcome } from '../../adapter/services/access/index.js';
import {
  ask,
  consenting,
  failedChecks,
  openBench,
  push,
  refusalOf,
  typesSince,
} from '../adapter/support/bench.js';
import type { Answer, Bench } from '../adapter/support/bench.js';
import { namesIn } from '../adapter/support/facade.js';
import { heartRate, patient } from '../adapter/support/resources.js';
import { signedDecision, signedTask, taskOf } from '../support/access.js';
import type { Asking } from '../support/access.js';
import { enrolOrganisation, enrolPerson } from '../support/person.js';
import type { TestPerson } from '../support/person.js';
import { bearer, signerOf, signIn } from '../support/session.js';
import type { Signer } from '../support/session.js';
import type { Wallet } from '../support/wallet.js';

const NONE = '404 not-found ADAPTER_NOT_FOUND';
const UNFIT = '422 processing ADAPTER_UNPROCESSABLE';
const TYPES = ['Observation', 'Condition'];

describe('access requests', () => {
  let bench: Bench;
  let wallet: Wallet;
  let ministry: TestPerson;
  let staff: TestPerson;
  let own: string;

  before(async () => {
    bench = await openBench();
    ministry = await enrolOrganisation(bench.instance, 'Ministry of Health', 'authority');
    staff = await enrolPerson(bench.instance, 'staff');
    wallet = await consenting(bench, 'a');
    own = wallet.enrolled.patient.reference;
    await push(bench, patient('a', { version: '1', minute: 1 }), heartRate('h', 'a', 70));
  });
  after(async () => {
    assert.deepEqual(await failedChecks(bench.instance), []);
    await bench.close();
  });

  const post = (path: string, body: Buffer): Promise<Answer> =>
    ask(bench.url, path, { method: 'POST', body });
  const taskFor = (more: Partial<Asking> = {}): Task =>
    taskOf(ministry, {
      patient: own,
      custodian: bench.source.custodian.id,
      purpose: 'HRESCH',
      types: TYPES,
      ...more,
    });
  const asked = async (task = taskFor()): Promise<{ id: string; task: Task }> => {
    const answer = await post('/requests', signedTask(ministry, task));
    return { id: (JSON.parse(answer.body.toString()) as AccessOutcome).id, task };
  };
  const decide = (
    by: Signer,
    request: { id: string; task: Task },
    more: Parameters<typeof signedDecision>[3],
  ): Promise<Answer> =>
    post('/requests/decisions', signedDecision(by, bench.instance.identity.origin, request, more));
  const me = (): Signer => signerOf(wallet);
  const read = async (path: string): Promise<Answer> => {
    const headers = bearer(await signIn(bench.url, ministry, { purpose: 'HRESCH' }));
    return ask(bench.url, `/fhir/${path}`, { headers });
  };
  const mine = async (): Promise<ShownAccess[]> => {
    const headers = bearer(await signIn(bench.url, me(), { purpose: 'PATRQT' }));
    const answer = await ask(bench.url, '/requests', { headers });
    return (JSON.parse(answer.body.toString()) as { requests: ShownAccess[] }).requests;
  };
  const end = async (request: { id: string; task: Task }): Promise<void> => {
    await decide(ministry, request, { outcome: 'ended' });
  };

  it('37: another hospital approves nothing, and learns nothing', async () => {
    const request = await asked();
    const elsewhere = await enrolOrganisation(bench.instance, 'Other Hospital', 'provider');
    const theirs = await enrolPerson(bench.instance, 'staff', elsewhere.id);
    const size = bench.instance.engine.head().size;
    for (const by of [elsewhere, theirs])
      for (const outcome of ['approved', 'refused', 'ended'] as const) {
        const refused = await decide(by, request, { outcome });
        const unknown = await decide(by, { ...request, id: 'A'.repeat(43) }, { outcome });
        assert.equal(refusalOf(refused), NONE);
        assert.deepEqual(refused.body, unknown.body);
      }
    assert.equal(bench.instance.engine.head().size, size);
    await end(request);
  });

  it('38: after the hospital’s approval alone nothing is read; 403 to who has asked, 404 to all others', async () => {
    assert.equal((await read(own)).status, 404);
    const none = await asked(taskFor({ patient: 'Patient/none' }));
    const request = await asked();
    const stands = async (path: string): Promise<number> => (await read(path)).status;
    // The same before anybody has answered, whether there is such a patient or not.
    for (const path of [
      own,
      `${own}/$everything`,
      `${own}/_history`,
      'Patient/none',
      'Patient/none/$everything',
    ])
      assert.equal(await stands(path), 403, path);
    assert.equal(await stands('Patient/nobody'), 404);
    await decide(staff, request, { outcome: 'approved' });
    assert.equal(await stands(own), 403);
    assert.deepEqual(namesIn(await read(`Observation?patient=${own}`)), []);
    const stranger = await enrolOrganisation(bench.instance, 'Stranger', 'authority');
    const headers = bearer(await signIn(bench.url, stranger, { purpose: 'HRESCH' }));
    assert.equal((await ask(bench.url, `/fhir/${own}`, { headers })).status, 404);
    await end(request);
    await end(none);
    assert.equal(await stands(own), 404);
  });

  it('39: the patient does not come before the hospital, and does not even see what it has not approved', async () => {
    const request = await asked();
    assert.ok((await mine()).every(({ id }) => id !== request.id));
    assert.equal(refusalOf(await decide(me(), request, { outcome: 'approved' })), NONE);
    await end(request);
  });

  it('40: approving twice is one entry', async () => {
    const request = await asked();
    const size = bench.instance.engine.head().size;
    const log = bench.instance.identity.origin;
    const body = signedDecision(staff, log, request, { outcome: 'approved' });
    const answers = await Promise.all(Array.from({ length: 8 }, () => post('/requests/decisions', body)));
    assert.ok(answers.some(({ status }) => status === 200));
    assert.equal((await decide(staff, request, { outcome: 'approved' })).status, 409);
    assert.deepEqual(await typesSince(bench.instance, size), ['access.decided']);
    await end(request);
  });

  it('41: no scope is wider than what was approved before', async () => {
    const request = await asked();
    await decide(staff, request, { outcome: 'approved', types: ['Observation'] });
    for (const types of [TYPES, ['Condition'], ['Observation', 'Patient']])
      assert.equal(refusalOf(await decide(me(), request, { outcome: 'approved', types })), UNFIT);
    const later = new Date(Date.now() + 9 * 86_400_000).toISOString();
    assert.equal(refusalOf(await decide(me(), request, { outcome: 'approved', until: later })), UNFIT);
    assert.equal((await decide(me(), request, { outcome: 'approved' })).status, 200);
    const [shown] = (await mine()).filter(({ id }) => id === request.id);
    assert.deepEqual([shown?.state, shown?.types], ['in-force', ['Observation']]);
    await end(request);
  });

  it('42: a request that was changed is another one: no approval goes with it', async () => {
    const first = taskFor();
    const request = await asked(first);
    await decide(staff, request, { outcome: 'approved' });
    // The same identifier, another purpose.
    const changed = await asked({ ...taskFor({ purpose: 'PUBHLTH' }), identifier: first.identifier ?? [] });
    assert.notEqual(changed.id, request.id);
    assert.ok((await mine()).every(({ id }) => id !== changed.id));
    assert.equal(refusalOf(await decide(me(), changed, { outcome: 'approved' })), NONE);
    // An approval of what was seen does for nothing else.
    const mixed = { id: request.id, task: changed.task };
    assert.equal(refusalOf(await decide(me(), mixed, { outcome: 'approved' })), UNFIT);
    await end(request);
    await end(changed);
  });

  it('43: nobody assigns a state, an approval or a role', async () => {
    const size = bench.instance.engine.head().size;
    for (const more of [
      { status: 'in-progress' },
      { status: 'completed' },
      { approvedBy: 'Organization/x' },
      { role: 'custodian' },
      { businessStatus: { text: 'in-force' } },
      { output: [{ type: { text: 'decision' }, valueString: 'approved' }] },
    ]) {
      const task = { ...taskFor(), ...more } as Task;
      assert.equal(
        refusalOf(await post('/requests', signedTask(ministry, task))),
        UNFIT,
        JSON.stringify(more),
      );
    }
    const request = await asked();
    for (const more of [
      { state: 'in-force' },
      { by: 'patient' },
      { role: 'custodian' },
      { signerRole: 'x' },
    ]) {
      const said = { outcome: 'approved', ...more } as Parameters<typeof signedDecision>[3];
      assert.equal(refusalOf(await decide(staff, request, said)), UNFIT, JSON.stringify(more));
    }
    assert.deepEqual(await typesSince(bench.instance, size), ['access.requested']);
    await end(request);
  });
});
