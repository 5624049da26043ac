import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { EMERGENCY_KIND, REVIEW_KIND } from '../../../adapter/services/exceptional/index.js';
import type {
  EmergencyDocument,
  OpenedEmergency,
  ReviewDocument,
  ShownEmergency,
} from '../../../adapter/services/exceptional/index.js';
import {
  ask,
  consenting,
  failedChecks,
  logSize,
  openBench,
  push,
  readLog,
  refusalOf,
  typesSince,
} from '../support/bench.js';
import type { Answer, Bench } from '../support/bench.js';
import { facadeIdOf, json } from '../support/facade.js';
import { heartRate, patient } from '../support/resources.js';
import { enrolOrganisation, enrolPerson, signedBy } from '../../support/person.js';
import type { TestPerson } from '../../support/person.js';
import { bearer, signerOf, signIn } from '../../support/session.js';
import { consentFor, signedBundle } from '../../support/wallet.js';
import type { Wallet } from '../../support/wallet.js';

const BTG = 'BTG';
const REASON = 'unconscious, no history known, Anna Example';

/** A refusal of break-glass to everybody. */
async function ruleOut({ instance }: Bench, by: Wallet): Promise<void> {
  const { provision, ...consent } = consentFor(by, { type: 'deny', purpose: BTG });
  const { actor: _everybody, ...rest } = provision ?? {};
  await instance.consents.submit(signedBundle(by, { ...consent, provision: rest }));
}

describe('emergencies', () => {
  let bench: Bench;
  let wallet: Wallet;
  let doctor: TestPerson;
  let stranger: TestPerson;
  let reviewer: TestPerson;
  let elsewhere: TestPerson;

  before(async () => {
    bench = await openBench();
    wallet = await consenting(bench, 'a', { purpose: 'TREAT' });
    await push(bench, patient('a', { version: '1', minute: 1 }), heartRate('h1', 'a', 70));
    doctor = await enrolPerson(bench.instance, 'clinician');
    reviewer = await enrolPerson(bench.instance, 'staff');
    const clinic = await enrolOrganisation(bench.instance, 'Another clinic');
    stranger = await enrolPerson(bench.instance, 'clinician', clinic.id);
    elsewhere = await enrolPerson(bench.instance, 'staff', clinic.id);
  });
  after(() => bench.close());

  const post = (path: string, body: Buffer): Promise<Answer> =>
    ask(bench.url, path, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  const declaration = (by: TestPerson, more: Partial<EmergencyDocument> = {}): EmergencyDocument => ({
    kind: EMERGENCY_KIND,
    log: bench.instance.identity.origin,
    signer: by.participant,
    at: new Date().toISOString(),
    patient: wallet.enrolled.patient.reference,
    reason: REASON,
    ...more,
  });
  const open = (by: TestPerson, more: Partial<EmergencyDocument> = {}): Promise<Answer> =>
    post('/emergencies', signedBy(by, declaration(by, more)));
  const opened = async (by: TestPerson): Promise<OpenedEmergency> => {
    const answer = await open(by);
    assert.equal(answer.status, 201, answer.body.toString('utf8'));
    return json<OpenedEmergency>(answer);
  };
  const review = (by: TestPerson, id: string, more: Partial<ReviewDocument> = {}): Promise<Answer> => {
    const document: ReviewDocument = {
      kind: REVIEW_KIND,
      log: bench.instance.identity.origin,
      signer: by.participant,
      at: new Date().toISOString(),
      emergency: id,
      outcome: 'justified',
      text: 'seen in the emergency room that night',
      ...more,
    };
    return post('/emergencies/reviews', signedBy(by, document));
  };
  const read = async (token: string): Promise<number> => {
    const path = `/fhir/Observation/${facadeIdOf(bench, 'Observation', 'h1')}`;
    return (await ask(bench.url, path, { headers: bearer(token) })).status;
  };

  it('let one clinician read, for that purpose, until a second person has reviewed it; the patient is told', async () => {
    const token = await signIn(bench.url, stranger, { purpose: BTG });
    const forCare = await signIn(bench.url, stranger, { purpose: 'TREAT' });
    const other = await signIn(bench.url, doctor, { purpose: BTG });
    assert.equal(await read(token), 404);
    const heard: string[] = [];
    const { notices } = bench.instance;
    const quiet = notices.listen(wallet.enrolled.participant, ({ kind, id }) => heard.push(`${kind} ${id}`));
    const begun = logSize(bench.instance);
    const { id, until } = await opened(stranger);
    assert.deepEqual(await typesSince(bench.instance, begun), ['access.requested', 'access.decided']);
    assert.ok(Date.parse(until) <= Date.now() + 3_600_000);
    assert.deepEqual(heard, [`emergency-opened ${id}`]);
    assert.deepEqual(
      (await notices.list(bench.instance.organisation.participant)).map((item) => [item.kind, item.id]),
      [['emergency-review', id]],
    );
    assert.equal(await read(token), 200);
    assert.equal(await read(forCare), 404);
    assert.equal(await read(other), 404);
    const { status } = await review(reviewer, id);
    assert.equal(status, 200);
    assert.equal(await read(token), 404);
    quiet();
    assert.deepEqual(heard, [`emergency-opened ${id}`, `emergency-reviewed ${id}`]);
    assert.equal((await notices.list(stranger.participant)).at(-1)?.kind, 'emergency-reviewed');
    assert.deepEqual(await failedChecks(bench.instance), []);
  });

  it('56: break-glass is not what a consent to treatment permits', async () => {
    const ownCare = await signIn(bench.url, doctor, { purpose: 'TREAT' });
    const broken = await signIn(bench.url, doctor, { purpose: BTG });
    assert.equal(await read(ownCare), 200);
    assert.equal(await read(broken), 404);
  });

  it('are for clinicians of providers, by a fresh signature, with a reason', async () => {
    const size = logSize(bench.instance);
    const payer = await enrolOrganisation(bench.instance, 'An insurer', 'payer');
    const hospital = await enrolOrganisation(bench.instance, 'A third clinic');
    for (const by of [reviewer, payer, hospital, { ...doctor, seed: reviewer.seed }]) {
      assert.equal(refusalOf(await open(by)), '403 forbidden ADAPTER_FORBIDDEN');
    }
    assert.equal((await open(doctor, { reason: 'because' })).status, 422);
    assert.equal((await open(doctor, { at: new Date(Date.now() - 300_000).toISOString() })).status, 422);
    assert.equal((await open(doctor, { log: 'elsewhere.example/log' })).status, 422);
    assert.equal((await open(doctor, { patient: `Patient/${'a'.repeat(32)}` })).status, 404);
    assert.equal((await open(stranger, { patient: `${bench.source.id}/a` })).status, 404);
    const body = { ...declaration(doctor), role: 'clinician' } as EmergencyDocument;
    assert.equal((await post('/emergencies', signedBy(doctor, body))).status, 422);
    assert.equal((await post('/emergencies', Buffer.from('{'))).status, 400);
    const since = await typesSince(bench.instance, size);
    assert.ok(since.every((type) => type === 'participant.enrolled'));
    assert.ok(!bench.logged().includes('Anna'));
  });

  it('are found by the hospital’s own name of a patient, by its own clinicians', async () => {
    const answer = await open(doctor, { patient: `${bench.source.id}/a` });
    assert.equal(answer.status, 201);
    const { id, patient: of } = json<OpenedEmergency>(answer);
    assert.equal(of, wallet.enrolled.patient.reference);
    assert.equal((await review(reviewer, id, { outcome: 'unjustified' })).status, 200);
  });

  it('are opened once by one document', async () => {
    const body = signedBy(doctor, declaration(doctor));
    const size = logSize(bench.instance);
    const answers = await Promise.all([post('/emergencies', body), post('/emergencies', body)]);
    const outcomes = answers.map((answer) => json<OpenedEmergency>(answer).outcome);
    assert.deepEqual(outcomes.toSorted(), ['known', 'opened']);
    assert.deepEqual(await typesSince(bench.instance, size), ['access.requested', 'access.decided']);
    const { id } = json<OpenedEmergency>(await post('/emergencies', body));
    assert.equal((await review(reviewer, id)).status, 200);
  });

  it('37: are reviewed by somebody else of that hospital, once', async () => {
    const { id } = await opened(doctor);
    for (const by of [doctor, stranger, elsewhere])
      assert.equal(refusalOf(await review(by, id)), '403 forbidden ADAPTER_FORBIDDEN');
    assert.equal((await review(reviewer, 'A'.repeat(43))).status, 403);
    assert.equal((await review(reviewer, id, { outcome: 'fine' as 'justified' })).status, 422);
    assert.equal((await review(reviewer, id)).status, 200);
    assert.equal(
      refusalOf(await review(reviewer, id, { text: 'once more' })),
      '409 conflict ADAPTER_CONFLICT',
    );
  });

  it('show the patient who, why and until when, and others what is theirs', async () => {
    const patientToken = await signIn(bench.url, signerOf(wallet));
    const list = async (token: string): Promise<ShownEmergency[]> => {
      const answer = await ask(bench.url, '/emergencies', { headers: bearer(token) });
      return (JSON.parse(answer.body.toString('utf8')) as { emergencies: ShownEmergency[] }).emergencies;
    };
    const shown = await list(patientToken);
    assert.ok(shown.length >= 3);
    assert.ok(shown.every(({ reason, by }) => reason === REASON && by.organisation !== ''));
    assert.ok(shown.every(({ state, review: made }) => state === 'reviewed' && made !== undefined));
    const b = await consenting(bench, 'b');
    assert.deepEqual(await list(await signIn(bench.url, signerOf(b))), []);
    const theirs = await list(await signIn(bench.url, stranger, { purpose: BTG }));
    assert.deepEqual(
      theirs.map(({ by }) => by.id),
      [stranger.id],
    );
    const hers = await list(await signIn(bench.url, reviewer, { purpose: 'HOPERAT' }));
    assert.equal(hers.length, shown.length);
    const one = `/emergencies/${shown[0]?.id ?? ''}`;
    const patientB = await signIn(bench.url, signerOf(b));
    assert.equal((await ask(bench.url, one, { headers: bearer(patientB) })).status, 404);
    assert.equal((await ask(bench.url, one, { headers: bearer(patientToken) })).status, 200);
    assert.equal((await ask(bench.url, '/emergencies')).status, 401);
  });

  it('a patient may rule out', async () => {
    const c = await consenting(bench, 'c');
    await push(bench, patient('c', { version: '1', minute: 1 }));
    await ruleOut(bench, c);
    const { id } = await bench.instance.exceptional.emergencies.open(
      signedBy(stranger, declaration(stranger, { patient: c.enrolled.patient.reference })),
    );
    const token = await signIn(bench.url, stranger, { purpose: BTG });
    const answer = await ask(bench.url, `/fhir/${c.enrolled.patient.reference}`, { headers: bearer(token) });
    assert.equal(answer.status, 404);
    assert.equal((await review(reviewer, id)).status, 200);
  });

  it('end with the organisation of who opened them', async () => {
    const clinic = await enrolOrganisation(bench.instance, 'A closing clinic');
    const leaving = await enrolPerson(bench.instance, 'clinician', clinic.id);
    const token = await signIn(bench.url, leaving, { purpose: BTG });
    await opened(leaving);
    assert.equal(await read(token), 200);
    await bench.instance.certification.revoke(clinic.id, 'cessationOfOperation');
    assert.equal(await read(token), 401);
    assert.equal((await open(leaving)).status, 403);
  });

  it('leave nothing of the patient, the clinician or the reason on the log and among the keys of rows', async () => {
    for (const { body } of await readLog(bench.instance)) {
      const text = JSON.stringify(body);
      if ('certificate' in body) continue;
      for (const name of [doctor.id, REASON, 'Anna', wallet.enrolled.patient.reference])
        assert.ok(!text.includes(name), text);
    }
    for await (const [key, value] of bench.instance.store.iterator({ gte: 'emergency', lt: 'emergency~' }))
      assert.ok(!key.includes(doctor.id) && !value.includes('Anna'));
  });
});

describe('emergencies where a refusal does not hold', () => {
  it('are read over it, and only until their end', async () => {
    const bench = await openBench({ emergencyMayBeRefused: 'no' });
    try {
      const { instance } = bench;
      const wallet = await consenting(bench, 'a');
      await push(bench, patient('a', { version: '1', minute: 1 }));
      await ruleOut(bench, wallet);
      const doctor = await enrolPerson(instance, 'clinician');
      const document: EmergencyDocument = {
        kind: EMERGENCY_KIND,
        log: instance.identity.origin,
        signer: doctor.id,
        at: new Date().toISOString(),
        patient: wallet.enrolled.patient.reference,
        reason: REASON,
      };
      const { id } = await instance.exceptional.emergencies.open(signedBy(doctor, document));
      const token = await signIn(bench.url, doctor, { purpose: BTG });
      const path = `/fhir/${wallet.enrolled.patient.reference}`;
      assert.equal((await ask(bench.url, path, { headers: bearer(token) })).status, 200);
      const row = instance.exceptional.rows.emergency(id);
      assert.ok(row !== undefined);
      const subject = await instance.subjects.find(row.subjectKey);
      assert.ok(subject !== undefined);
      const { policies } = await instance.consents.policies(subject);
      const policy = policies.find(({ kind }) => kind === 'emergency');
      assert.deepEqual(policy?.root.period, { startMs: row.startMs, endMs: row.startMs + 3_600_000 });
      assert.equal(policy.overRefusal, true);
    } finally {
      await bench.close();
    }
  });
});
