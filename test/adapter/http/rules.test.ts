/** What a patient says in advance to requests: refused or let in the moment the hospital approves. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Task } from 'fhir/r4.js';
import { ACCESS_RULE_END_KIND, ACCESS_RULE_KIND } from '../../../adapter/http/contract/index.js';
import type { ShownAccess, ShownRule } from '../../../adapter/http/contract/index.js';
import { rulesRowKey } from '../../../adapter/services/access/index.js';
import type { AccessOutcome, RuleOutcome } from '../../../adapter/services/access/index.js';
import { eraseAsAsked } from '../../../adapter/services/erasure/index.js';
import { signDocument } from '../../../ledger/consent/index.js';
import type { JsonObject } from '../../../ledger/log/index.js';
import { signedDecision, signedTask, taskOf } from '../../support/access.js';
import type { Asking } from '../../support/access.js';
import { enrolOrganisation, enrolPerson } from '../../support/person.js';
import type { TestPerson } from '../../support/person.js';
import { bearer, signerOf, signIn } from '../../support/session.js';
import type { Signer } from '../../support/session.js';
import type { Wallet } from '../../support/wallet.js';
import { ask, consenting, failedChecks, openBench, push, refusalOf, typesSince } from '../support/bench.js';
import type { Answer, Bench } from '../support/bench.js';
import { namesIn } from '../support/facade.js';
import { heartRate, patient } from '../support/resources.js';

const DAY_MS = 86_400_000;
const inDays = (days: number): string => new Date(Date.now() + days * DAY_MS).toISOString();

describe('standing rules', () => {
  let bench: Bench;
  let wallet: Wallet;
  let ministry: TestPerson;
  let insurer: TestPerson;
  let practice: TestPerson;
  let staff: TestPerson;

  before(async () => {
    bench = await openBench();
    const { instance } = bench;
    ministry = await enrolOrganisation(instance, 'Ministry of Health', 'authority');
    insurer = await enrolOrganisation(instance, 'Insurer', 'payer');
    practice = await enrolOrganisation(instance, 'Practice', 'provider');
    staff = await enrolPerson(instance, 'staff');
    wallet = await consenting(bench, 'a');
    await push(bench, patient('a', { version: '1', minute: 1 }), heartRate('h', 'a', 70));
  });
  after(async () => {
    assert.deepEqual(await failedChecks(bench.instance), []);
    await bench.close();
  });

  const own = (of = wallet): string => of.enrolled.patient.reference;
  const post = (path: string, body: Buffer): Promise<Answer> =>
    ask(bench.url, path, { method: 'POST', body });
  const signed = (by: Signer, more: JsonObject): Buffer => {
    const document = {
      kind: ACCESS_RULE_KIND,
      log: bench.instance.identity.origin,
      signer: by.participant,
      at: new Date().toISOString(),
      patient: own(),
      ...more,
    };
    return Buffer.from(JSON.stringify({ document, jws: signDocument(document, by.seed, by.fingerprint) }));
  };
  const ruled = async (more: JsonObject, by = signerOf(wallet)): Promise<RuleOutcome> => {
    const answer = await post('/requests/rules', signed(by, more));
    assert.equal(answer.status, 201, answer.body.toString());
    return JSON.parse(answer.body.toString()) as RuleOutcome;
  };
  const end = (rule: string, by = signerOf(wallet)): Promise<Answer> =>
    post('/requests/rules', signed(by, { kind: ACCESS_RULE_END_KIND, rule }));
  const refused = async (says: string, more: JsonObject, by?: Signer): Promise<void> => {
    assert.equal(refusalOf(await post('/requests/rules', signed(by ?? signerOf(wallet), more))), says);
  };

  /** Asked for and approved by the hospital. @returns Where it stands then. */
  async function approved(
    who: TestPerson,
    more: Partial<Asking> = {},
  ): Promise<{ id: string; state: string; task: Task }> {
    const purpose = who === insurer ? 'CLMATTCH' : who === practice ? 'TREAT' : 'HRESCH';
    const task = taskOf(who, {
      patient: own(),
      custodian: bench.source.custodian.id,
      purpose,
      types: ['Observation', 'Condition'],
      end: new Date(Date.now() + 30 * DAY_MS),
      ...more,
    });
    const asked = await post('/requests', signedTask(who, task));
    const { id } = JSON.parse(asked.body.toString()) as AccessOutcome;
    const log = bench.instance.identity.origin;
    const decided = await post(
      '/requests/decisions',
      signedDecision(staff, log, { id, task }, { outcome: 'approved' }),
    );
    assert.equal(decided.status, 200, decided.body.toString());
    return { id, task, state: (JSON.parse(decided.body.toString()) as AccessOutcome).state };
  }
  const mine = async <T>(path: string): Promise<T> => {
    const token = await signIn(bench.url, signerOf(wallet), { purpose: 'PATRQT' });
    const answer = await ask(bench.url, path, { headers: bearer(token) });
    assert.equal(answer.status, 200);
    return JSON.parse(answer.body.toString()) as T;
  };
  const read = async (who: TestPerson, purpose: string): Promise<string[]> => {
    const headers = bearer(await signIn(bench.url, who, { purpose }));
    return namesIn(await ask(bench.url, `/fhir/Observation?patient=${own()}`, { headers }));
  };

  it('says nothing where there is none', async () => {
    assert.equal((await approved(ministry)).state, 'custodian-approved');
    assert.deepEqual((await mine<{ rules: ShownRule[] }>('/requests/rules')).rules, []);
  });

  it('refuses a group at once, tells the patient why, and the requester only that', async () => {
    const { id } = await ruled({ answer: 'refuse', group: 'payer' });
    const begun = bench.instance.engine.head().size;
    const { id: request, state } = await approved(insurer);
    assert.equal(state, 'refused');
    assert.deepEqual(await typesSince(bench.instance, begun), [
      'access.requested',
      'access.decided',
      'access.decided',
    ]);
    const { requests } = await mine<{ requests: ShownAccess[] }>('/requests');
    assert.equal(requests.find((one) => one.id === request)?.decisions.at(-1)?.rule, id);
    const token = await signIn(bench.url, insurer, { purpose: 'CLMATTCH' });
    const seen = await ask(bench.url, `/requests/${request}`, { headers: bearer(token) });
    assert.doesNotMatch(seen.body.toString(), /rule/);
    assert.deepEqual(await read(insurer, 'CLMATTCH'), []);
    // Who is of another group is asked about as before.
    assert.equal((await approved(ministry)).state, 'custodian-approved');
    assert.equal((await end(id)).status, 200);
    assert.equal((await approved(insurer)).state, 'custodian-approved');
  });

  it('lets one requester in for one purpose, as far as the rule goes, and no further', async () => {
    const until = inDays(7);
    const terms = { requester: practice.id, purpose: 'TREAT', types: ['Observation', 'Procedure'], until };
    const { id } = await ruled({ answer: 'allow', ...terms });
    assert.deepEqual(await read(practice, 'TREAT'), []);
    const { id: request, state } = await approved(practice);
    assert.equal(state, 'in-force');
    const shown = (await mine<{ requests: ShownAccess[] }>('/requests')).requests.find(
      (one) => one.id === request,
    );
    assert.deepEqual([shown?.types, shown?.end], [['Observation'], until]);
    assert.equal((await read(practice, 'TREAT')).length, 1);
    // Another purpose, other types, another requester: the patient is asked.
    assert.equal((await approved(practice, { purpose: 'COC' })).state, 'custodian-approved');
    assert.equal((await approved(practice, { types: ['Condition'] })).state, 'custodian-approved');
    assert.equal((await approved(ministry)).state, 'custodian-approved');
    // Withdrawn in one step, like anything else in force; the rule goes on for what is asked later.
    const log = bench.instance.identity.origin;
    const task = shown?.task as Task;
    await post(
      '/requests/decisions',
      signedDecision(signerOf(wallet), log, { id: request, task }, { outcome: 'ended' }),
    );
    assert.deepEqual(await read(practice, 'TREAT'), []);
    assert.equal((await approved(practice)).state, 'in-force');
    // A refusal wins, whichever is newer.
    const { id: no } = await ruled({ answer: 'refuse', group: 'provider', purpose: 'TREAT' });
    assert.equal((await approved(practice)).state, 'refused');
    assert.equal((await end(no)).status, 200);
    assert.equal((await approved(practice)).state, 'in-force');
    assert.equal((await end(id)).status, 200);
    assert.equal((await approved(practice)).state, 'custodian-approved');
  });

  it('is taken once, listed, and ended once', async () => {
    const body = signed(signerOf(wallet), { answer: 'refuse', requester: ministry.id });
    const [first, again] = [await post('/requests/rules', body), await post('/requests/rules', body)];
    assert.deepEqual([first.status, again.status], [201, 200]);
    const { id } = JSON.parse(first.body.toString()) as RuleOutcome;
    assert.equal((JSON.parse(again.body.toString()) as RuleOutcome).id, id);
    const of = async (): Promise<ShownRule | undefined> =>
      (await mine<{ rules: ShownRule[] }>('/requests/rules')).rules.find((rule) => rule.id === id);
    assert.deepEqual([(await of())?.state, (await of())?.requester], ['in-force', ministry.id]);
    assert.equal((await end(id)).status, 200);
    assert.equal((await end(id)).status, 200);
    assert.equal((await of())?.state, 'ended');
  });

  it('refuses what gives too wide a leave, and whoever is not the patient', async () => {
    const leave = { answer: 'allow', requester: practice.id, purpose: 'TREAT', types: ['Observation'] };
    const until = inDays(7);
    for (const more of [
      { answer: 'allow', group: 'provider', purpose: 'TREAT', types: ['Observation'], until },
      { ...leave },
      { ...leave, until: inDays(400) },
      { ...leave, until: inDays(-1) },
      { ...leave, until, types: ['Nonsense'] },
      { ...leave, until, types: [] },
      { ...leave, until, purpose: 'treat' },
      { ...leave, until, more: true },
      { answer: 'allow', requester: practice.id, types: ['Observation'], until },
      { answer: 'allow', requester: practice.id, purpose: 'TREAT', until },
      { answer: 'refuse' },
      { answer: 'refuse', group: 'payer', requester: insurer.id },
      { answer: 'refuse', group: 'everybody' },
      { answer: 'perhaps', group: 'payer' },
      { answer: 'refuse', group: 'payer', patient: 'Organization/x' },
      { answer: 'refuse', group: 'payer', at: inDays(-2) },
      { answer: 'refuse', group: 'payer', log: 'another' },
    ] as JsonObject[])
      await refused('422 processing ADAPTER_UNPROCESSABLE', more);
    const other = await consenting(bench, 'b');
    const no = '404 not-found ADAPTER_NOT_FOUND';
    await refused(no, { answer: 'refuse', group: 'payer' }, signerOf(other));
    await refused(no, { answer: 'refuse', group: 'payer' }, staff);
    await refused(no, { answer: 'refuse', group: 'payer', patient: `Patient/${'a'.repeat(32)}` });
    const { id } = await ruled({ answer: 'refuse', group: 'payer' });
    const theirs = { kind: ACCESS_RULE_END_KIND, rule: id, patient: own(other) };
    await refused(no, theirs, signerOf(other));
    await refused(no, { kind: ACCESS_RULE_END_KIND, rule: 'x'.repeat(43) });
    assert.equal((await end(id)).status, 200);
  });

  it('gives no leave any more when its signer is revoked, and goes on refusing; goes with the record', async () => {
    const gone = await consenting(bench, 'c');
    const by = signerOf(gone);
    const patientOf = { patient: own(gone) };
    const terms = { requester: practice.id, purpose: 'TREAT', types: ['Observation'], until: inDays(7) };
    await ruled({ ...patientOf, answer: 'allow', ...terms }, by);
    await ruled({ ...patientOf, answer: 'refuse', group: 'payer' }, by);
    assert.equal((await approved(practice, patientOf)).state, 'in-force');
    await bench.instance.certification.revoke(gone.enrolled.participant, 'keyCompromise');
    assert.equal((await approved(practice, patientOf)).state, 'custodian-approved');
    assert.equal((await approved(insurer, patientOf)).state, 'refused');
    const { subjects, store } = bench.instance;
    const key = rulesRowKey(subjects.keyOf(bench.source.id, 'c'));
    assert.ok(store.getSync(key) !== undefined);
    await eraseAsAsked(bench.instance, {
      name: 'Patient/c',
      source: bench.source.id,
      ground: 'objection',
      by: 'M. Keller',
      reason: 'letter of 3 May',
      yes: true,
    });
    assert.equal(store.getSync(key), undefined);
  });
});
