/** The account of disclosures: AuditEvents for the patient and for the hospital, and the dry run before a signature. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { AuditEvent, Bundle } from 'fhir/r4.js';
import type { OwnAccesses, OwnExplained } from '../../../adapter/http/contract/index.js';
import { accessLog } from '../../../adapter/services/account/index.js';
import { auditEventId } from '../../../mappings/index.js';
import { checkProof, proofTrust } from '../../../ledger/proofs/index.js';
import { signedTask, taskOf } from '../../support/access.js';
import { enrolOrganisation, enrolPerson } from '../../support/person.js';
import { signIn } from '../../support/sign-in.js';
import { consentFor, enrolWallet } from '../../support/wallet.js';
import type { Wallet } from '../../support/wallet.js';
import { servicesOf } from '../../support/instance.js';
import { ask, consenting, openBench, push, refusalOf } from '../support/bench.js';
import type { Answer, Bench } from '../support/bench.js';
import { json, readerOf } from '../support/facade.js';
import type { Reader } from '../support/facade.js';
import { heartRate, patient } from '../support/resources.js';

/** Three readings, and a proof of each. */
const ALL = 6;
const SEARCH = '/fhir/AuditEvent?type=110106';

const of = async (reader: Reader, path: string): Promise<number> =>
  (json<Bundle>(await reader.get(path)).entry ?? []).length;

describe('the account of disclosures', () => {
  let bench: Bench;
  let wallet: Wallet;
  let hospital: Reader;
  let token: string;
  let own: string;
  before(async () => {
    bench = await openBench();
    wallet = await consenting(bench, 'a');
    own = wallet.enrolled.patient.reference;
    hospital = await readerOf(bench, { source: bench.source.id, name: 'Ward system' });
    await push(bench, patient('a', { version: '1', minute: 1 }));
    await push(bench, heartRate('h1', 'a', 70, { version: '1', minute: 1 }));
    token = await tokenOf(wallet);
    for (const path of [own, `Observation?patient=${own}`, `${own}/$everything`])
      assert.equal((await hospital.get(path)).status, 200);
  });
  after(() => bench.close());

  const tokenOf = async ({ enrolled, seed }: Wallet): Promise<string> => {
    const { participant, fingerprint } = enrolled;
    return (await signIn(bench.url, { participant, fingerprint, key: seed, purpose: 'PATRQT' })).token;
  };
  const get = (path: string, as: string): Promise<Answer> =>
    ask(bench.url, path, { headers: { authorization: `Bearer ${as}` } });
  const events = async (path: string, as: string): Promise<AuditEvent[]> => {
    const answer = await get(path, as);
    assert.equal(answer.status, 200, path);
    return (json<Bundle<AuditEvent>>(answer).entry ?? []).flatMap(({ resource }) => resource ?? []);
  };

  it('says who, for whom, why, what, when and under which consent', async () => {
    const found = await events(SEARCH, token);
    assert.equal(found.length, 3);
    const [everything] = found;
    assert.deepEqual(everything?.type.code, '110106');
    assert.equal(everything?.purposeOfEvent?.[0]?.coding?.[0]?.code, 'TREAT');
    const agents = everything?.agent.map(({ type, who }) => [type?.coding?.[0]?.code, who?.reference]);
    assert.deepEqual(agents, [
      ['110153', `Organization/${bench.source.custodian.id}`],
      ['110152', hospital.reference],
    ]);
    assert.equal(everything?.entity?.[0]?.what?.reference, own);
    const details = everything?.entity?.[1]?.detail?.map(
      ({ type, valueString }) => `${type} ${valueString ?? ''}`,
    );
    assert.ok(details?.includes('interaction everything'), details?.join());
    assert.ok(details?.includes('versions 2'), details?.join());
    const roles = everything?.entity?.map(({ role }) => role?.code);
    assert.deepEqual(roles, ['1', '20', '4', '4', '13', '13']);
    assert.ok(Math.abs(Date.parse(everything?.recorded ?? '') - Date.now()) < 60_000);
  });

  it('is one account: list, AuditEvents and command name the same receipts', async () => {
    const { accesses } = json<OwnAccesses>(await get('/me/accesses', token));
    const ids = accesses.map(({ handle }) => auditEventId(handle));
    assert.deepEqual(
      (await events(SEARCH, token)).map(({ id }) => id),
      ids,
    );
    const log = await accessLog(bench.instance, { patient: own.replace('Patient/', ''), proofs: true });
    assert.deepEqual(
      log.accesses.map(({ handle }) => auditEventId(handle)),
      ids,
    );
    const caRoot = bench.instance.authority.root;
    const published = await fetch(`${bench.url}/log/vkey`);
    const vkeys = (await published.text()).trim().split('\n');
    for (const { proof = '' } of log.accesses) {
      const verdict = checkProof(Buffer.from(proof), proofTrust({ vkeys, caRoot }));
      assert.equal(verdict.ok, true, JSON.stringify(verdict));
    }
    const [first] = await events(SEARCH, token);
    assert.deepEqual(json<AuditEvent>(await get(`/fhir/AuditEvent/${first?.id ?? ''}`, token)), first);
  });

  it('is paged, and narrowed by time', async () => {
    const seen: (string | undefined)[] = [];
    let path = `${SEARCH}&_count=2`;
    for (;;) {
      const bundle = json<Bundle<AuditEvent>>(await get(path, token));
      assert.equal(bundle.total, ALL);
      seen.push(...(bundle.entry ?? []).map(({ resource }) => resource?.id));
      const next = bundle.link?.find(({ relation }) => relation === 'next')?.url;
      if (next === undefined) break;
      path = next.slice(bench.url.length);
    }
    assert.equal(new Set(seen).size, ALL);
    assert.equal((await events(`${SEARCH}&date=lt2020-01-01`, token)).length, 0);
    assert.equal((await events(`${SEARCH}&date=ge2020-01-01`, token)).length, ALL);
    for (const bad of ['date=soon', 'agent=x', '_count=x', '_cursor=x'])
      assert.equal((await get(`${SEARCH}&${bad}`, token)).status, 400, bad);
  });

  it('is the patient’s and the custodian’s, and nobody else’s', async () => {
    const other = await consenting(bench, 'b');
    const otherToken = await tokenOf(other);
    assert.equal((await events(SEARCH, otherToken)).length, 0);
    assert.equal((await events(`${SEARCH}&patient=${own}`, otherToken)).length, 0);
    const [first] = await events(SEARCH, token);
    assert.equal((await get(`/fhir/AuditEvent/${first?.id ?? ''}`, otherToken)).status, 404);
    assert.equal((await get(SEARCH, 'x'.repeat(43))).status, 401);
    const stranger = await readerOf(bench, { name: 'Stranger' });
    assert.equal(await of(stranger, `AuditEvent?type=110106&patient=${own}`), 0);
    assert.equal(await of(hospital, `AuditEvent?type=110106&patient=${own}`), ALL);
    assert.equal(await of(hospital, 'AuditEvent?type=110106'), ALL);
    for (const [role, purpose, count] of [
      ['staff', 'HOPERAT', ALL],
      ['clinician', 'TREAT', 0],
    ] as const) {
      const person = await enrolPerson(bench.instance, role);
      const session = await signIn(bench.url, { ...person, key: person.seed, purpose });
      assert.equal((await events(`${SEARCH}&patient=${own}`, session.token)).length, count, role);
    }
  });

  it('before a signature: what would be seen, and what is seen now', async () => {
    const unsigned = await enrolWallet(servicesOf(bench.instance), bench.source.id, 'c');
    const as = await tokenOf(unsigned);
    const explain = (body: object, who = token): Promise<Answer> =>
      ask(bench.url, '/me/explain', {
        method: 'POST',
        headers: { authorization: `Bearer ${who}` },
        body: JSON.stringify(body),
      });
    const payer = await enrolOrganisation(bench.instance, 'Insurer', 'payer');
    const asked = { requester: payer.id, purpose: 'HPAYMT' };
    const today = json<OwnExplained>(await explain(asked));
    assert.deepEqual([today.now.visible, today.now.total, today.signed], [0, 2, undefined]);
    const consent = consentFor(wallet, {
      identifier: '0f8b3b52-53cc-4d2c-a5e5-6f9fb7f4d0aa',
      purpose: 'HPAYMT',
      recipient: `Organization/${payer.id}`,
      dateTime: new Date().toISOString(),
    } as never);
    const answer = await explain({ ...asked, consent });
    assert.equal(answer.status, 200, answer.body.toString());
    // A request that the hospital has approved, narrowed or not.
    const task = taskOf(payer, {
      patient: own,
      custodian: bench.source.custodian.id,
      purpose: 'HPAYMT',
      types: ['Observation', 'Patient'],
    });
    const { id } = await bench.instance.accessRequests.ask(signedTask(payer, task));
    assert.equal((await explain({ request: id })).status, 404, 'not before the hospital');
    await bench.instance.accessRequests.decideAsCustodian(id, 'approved', 'Cy Holm');
    const { size } = bench.instance.engine.head();
    const whole = json<OwnExplained>(await explain({ request: id }));
    assert.deepEqual([whole.now.visible, whole.signed?.visible, whole.gained], [0, 2, 2]);
    const narrowed = json<OwnExplained>(await explain({ request: id, types: ['Observation'] }));
    assert.deepEqual(narrowed.signed?.types, [
      { type: 'Observation', visible: 1, hidden: 0 },
      { type: 'Patient', visible: 0, hidden: 1 },
    ]);
    assert.equal((await explain({ request: id }, as)).status, 404);
    assert.equal(refusalOf(await explain({ requester: payer.id })), '400 invalid ADAPTER_BAD_REQUEST');
    assert.equal((await explain({ request: 7 })).status, 400);
    assert.equal((await explain([])).status, 400);
    // Whoever asks leaves no trace.
    assert.equal(bench.instance.engine.head().size, size);
  });
});
