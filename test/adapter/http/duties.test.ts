import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { DUTY_END_KIND, DUTY_KIND } from '../../../adapter/services/exceptional/index.js';
import type { DutyDocument, OpenedDuty } from '../../../adapter/services/exceptional/index.js';
import {
  ask,
  consenting,
  failedChecks,
  logSize,
  openBench,
  push,
  sign,
  typesSince,
} from '../support/bench.js';
import type { Answer, Bench } from '../support/bench.js';
import { facadeIdOf, json, readerOf } from '../support/facade.js';
import type { Reader } from '../support/facade.js';
import { heartRate, patient } from '../support/resources.js';
import { enrolOrganisation, enrolPerson, signedBy } from '../../support/person.js';
import type { TestPerson } from '../../support/person.js';
import { bearer, signerOf, signIn } from '../../support/session.js';
import type { Wallet } from '../../support/wallet.js';

const COVID = 'http://snomed.info/sct|840539006';
const condition = (id: string, code: string): object => ({
  resourceType: 'Condition',
  id,
  meta: { versionId: '1' },
  subject: { reference: 'Patient/a' },
  code: { coding: [{ system: 'http://snomed.info/sct', code }] },
});

describe('duties by law', () => {
  let bench: Bench;
  let wallet: Wallet;
  let ministry: Reader;
  let staff: TestPerson;
  let duty: string;

  before(async () => {
    bench = await openBench();
    wallet = await consenting(bench, 'a');
    await push(bench, patient('a', { version: '1', minute: 1 }), heartRate('h1', 'a', 70));
    await push(bench, condition('c1', '840539006'), condition('c2', '38341003'));
    ministry = await readerOf(
      bench,
      { name: 'Ministry of Health', group: 'authority' },
      { purpose_of_use: 'PUBHLTH' },
    );
    staff = await enrolPerson(bench.instance, 'staff');
  });
  after(() => bench.close());

  const post = (path: string, body: Buffer): Promise<Answer> =>
    ask(bench.url, path, { method: 'POST', body });
  const document = (by: TestPerson, more: Partial<DutyDocument> = {}): DutyDocument => ({
    kind: DUTY_KIND,
    log: bench.instance.identity.origin,
    signer: by.participant,
    at: new Date().toISOString(),
    source: bench.source.id,
    basis: 'https://law.example|IfSG-6',
    recipient: ministry.client.id,
    purpose: 'PUBHLTH',
    types: ['Condition'],
    codes: [COVID],
    start: new Date(Date.now() - 1000).toISOString(),
    end: new Date(Date.now() + 86_400_000).toISOString(),
    ...more,
  });
  const add = (by: TestPerson, more: Partial<DutyDocument> = {}): Promise<Answer> =>
    post('/duties', signedBy(by, document(by, more)));
  const status = async (type: string, name: string): Promise<number> =>
    (await ministry.get(`${type}/${facadeIdOf(bench, type, name)}`)).status;

  it('let an authority read what they name and no more, over a refusal; the patient is told each time', async () => {
    await sign(bench, wallet, { type: 'deny', actor: ministry.reference, purpose: 'PUBHLTH' });
    assert.equal(await status('Condition', 'c1'), 404);
    const begun = logSize(bench.instance);
    const answer = await add(staff);
    assert.equal(answer.status, 201, answer.body.toString('utf8'));
    ({ id: duty } = json<OpenedDuty>(answer));
    assert.deepEqual(await typesSince(bench.instance, begun), ['access.requested', 'access.decided']);
    const { notices } = bench.instance;
    const already = notices.last(wallet.enrolled.participant);
    assert.equal(await status('Condition', 'c1'), 200);
    assert.equal(await status('Condition', 'c2'), 404);
    assert.equal(await status('Observation', 'h1'), 404);
    const told = await notices.list(wallet.enrolled.participant, already);
    assert.deepEqual(
      told.map(({ kind }) => kind),
      ['legal-basis-used'],
    );
    const other = await readerOf(
      bench,
      { name: 'Another ministry', group: 'authority' },
      { purpose_of_use: 'PUBHLTH' },
    );
    const path = `Condition/${facadeIdOf(bench, 'Condition', 'c1')}`;
    assert.equal((await other.get(path)).status, 404);
    const mine = await ask(bench.url, '/me/accesses', {
      headers: bearer(await signIn(bench.url, signerOf(wallet))),
    });
    const { accesses } = json<{ accesses: { handle: string; under: string[] }[] }>(mine);
    const access = accesses.find(({ handle }) => handle === told[0]?.id);
    assert.deepEqual(access?.under, [duty]);
    assert.deepEqual(await failedChecks(bench.instance), []);
  });

  it('are signed by the custodian, for an authority, by code and for a time', async () => {
    const begun = logSize(bench.instance);
    const clinic = await enrolOrganisation(bench.instance, 'Another clinic');
    const elsewhere = await enrolPerson(bench.instance, 'staff', clinic.id);
    for (const by of [clinic, elsewhere]) assert.equal((await add(by)).status, 403);
    assert.equal((await add(staff, { source: 'none' })).status, 403);
    for (const more of [
      { recipient: clinic.id },
      { recipient: 'p-nobody' },
      { purpose: 'TREAT' },
      { types: [] },
      { codes: [] },
      { types: ['*'] },
      { codes: ['840539006'] },
      { basis: 'the law' },
      { end: new Date(Date.now() + 400 * 86_400_000).toISOString() },
      { end: '2020-01-01T00:00:00Z' },
      { end: 'soon' },
      { at: '2026-01-01T00:00:00Z' },
    ])
      assert.equal((await add(staff, more)).status, 422, JSON.stringify(more));
    const types = await typesSince(bench.instance, begun);
    assert.ok(types.every((type) => type === 'participant.enrolled'));
  });

  it('are listed for who is signed in, and end at once', async () => {
    const token = await signIn(bench.url, signerOf(wallet));
    const list = async (): Promise<string[]> => {
      const answer = await ask(bench.url, '/duties', { headers: bearer(token) });
      return json<{ duties: { state: string }[] }>(answer).duties.map(({ state }) => state);
    };
    assert.deepEqual(await list(), ['in-force']);
    assert.equal((await ask(bench.url, '/duties')).status, 401);
    const ending = {
      kind: DUTY_END_KIND,
      log: bench.instance.identity.origin,
      signer: staff.id,
      at: new Date().toISOString(),
      duty,
    } as const;
    const { seed: _seed, ...rest } = staff;
    const forged = signedBy({ ...rest, seed: wallet.seed }, ending);
    assert.equal((await post('/duties/ends', forged)).status, 403);
    assert.equal(await status('Condition', 'c1'), 200);
    assert.equal((await post('/duties/ends', signedBy(staff, ending))).status, 200);
    assert.equal(await status('Condition', 'c1'), 404);
    assert.deepEqual(await list(), ['ended']);
    assert.deepEqual(await failedChecks(bench.instance), []);
  });
});
