/** The authority over HTTP: a request from a browser, two officers' signatures, a certificate; and who may not. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  ENROLMENT_APPROVAL_KIND,
  ENROLMENT_REFUSAL_KIND,
  REVOCATION_KIND,
} from '../../../adapter/http/contract/index.js';
import type {
  ApplicationAnswer,
  AuthorityDesk,
  KnownOrganisations,
  ShownApplication,
} from '../../../adapter/http/contract/index.js';
import { signDocument } from '../../../ledger/consent/index.js';
import { generateSeed } from '../../../ledger/log/index.js';
import { makeCsr } from '../../../ledger/participants/index.js';
import { generateX25519, x25519PublicKey } from '../../../ledger/vault/index.js';
import { enrolOrganisation, enrolPerson } from '../../support/person.js';
import type { TestPerson } from '../../support/person.js';
import { bearer, signIn } from '../../support/session.js';
import { ask, failedChecks, issueOf, openBench, typesSince, logSize } from '../support/bench.js';
import type { Answer, Bench } from '../support/bench.js';

let bench: Bench;
let ann: TestPerson;
let bo: TestPerson;

before(async () => {
  bench = await openBench();
  ann = await enrolPerson(bench.instance, 'officer');
  bo = await enrolPerson(bench.instance, 'officer');
});
after(async () => {
  await bench.close();
});

const csrOf = async (): Promise<string> =>
  (await makeCsr({ seed: generateSeed(), x25519Public: x25519PublicKey(generateX25519()) })).pem;

function post(path: string, body: object): Promise<Answer> {
  return ask(bench.url, path, { method: 'POST', body: JSON.stringify(body) });
}

function signed(signer: TestPerson, kind: string, more: Readonly<Record<string, string>>): object {
  const { identity } = bench.instance;
  const document = {
    kind,
    log: identity.origin,
    signer: signer.id,
    at: new Date().toISOString(),
    ...more,
  };
  return { document, jws: signDocument(document, signer.seed, signer.fingerprint) };
}

// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- tests say what they expect where they read it
const parsed = <T>(answer: Answer): T => JSON.parse(answer.body.toString()) as T;

async function deskOf(person: TestPerson): Promise<AuthorityDesk> {
  const token = await signIn(bench.url, person, { purpose: 'HOPERAT' });
  const answer = await ask(bench.url, '/pki/authority', { headers: bearer(token) });
  assert.equal(answer.status, 200, answer.body.toString());
  return parsed<AuthorityDesk>(answer);
}

async function waiting(person: TestPerson, csrSha256: string): Promise<ShownApplication> {
  const found = (await deskOf(person)).applications.find((one) => one.csrSha256 === csrSha256);
  assert.ok(found !== undefined);
  return found;
}

test('two officers approve what a browser asked for', async () => {
  const { organisations } = parsed<KnownOrganisations>(await ask(bench.url, '/pki/organisations'));
  const own = organisations.find(({ isAuthority }) => isAuthority);
  const application = {
    csr: await csrOf(),
    applicant: 'Dr Cy Holm',
    role: 'clinician',
    of: own?.id ?? '',
  };
  const asked = parsed<ApplicationAnswer>(await post('/pki/applications', application));
  assert.equal(asked.state, 'asked');
  const { id, applicant, isMine } = await waiting(ann, asked.csrSha256);
  assert.deepEqual([applicant, isMine], ['Dr Cy Holm', true]);
  const approval = { request: id, csr: asked.csrSha256 };

  const first = await post('/pki/authority/approvals', signed(ann, ENROLMENT_APPROVAL_KIND, approval));
  assert.deepEqual(parsed(first), { state: 'approved-once' });
  const again = await post('/pki/authority/approvals', signed(ann, ENROLMENT_APPROVAL_KIND, approval));
  assert.equal(again.status, 403);
  const between = parsed<ApplicationAnswer>(await post('/pki/applications', application));
  assert.equal(between.state, 'approved-once');
  assert.equal((await waiting(ann, asked.csrSha256)).isMine, false);

  const size = logSize(bench.instance);
  const seen = await waiting(bo, asked.csrSha256);
  assert.deepEqual([seen.approvedBy, seen.applicant, seen.isMine], [ann.id, 'Dr Cy Holm', true]);
  const second = await post(
    '/pki/authority/approvals',
    signed(bo, ENROLMENT_APPROVAL_KIND, { request: seen.id, csr: asked.csrSha256 }),
  );
  assert.deepEqual(parsed(second), { state: 'approved' });
  const done = parsed<ApplicationAnswer>(await post('/pki/applications', application));
  assert.match(done.certificate ?? '', /^-----BEGIN CERTIFICATE-----/);
  assert.deepEqual(await typesSince(bench.instance, size), ['participant.enrolled']);
  assert.deepEqual(await failedChecks(bench.instance), []);

  const desk = await deskOf(bo);
  assert.ok(!desk.applications.some(({ csrSha256 }) => csrSha256 === asked.csrSha256));
  const member = desk.members.find(({ role }) => role === 'clinician');
  const ended = await post(
    '/pki/authority/revocations',
    signed(bo, REVOCATION_KIND, { participant: member?.handle ?? '', reason: 'cessationOfOperation' }),
  );
  assert.equal(ended.status, 200);
  const later = await deskOf(bo);
  assert.equal(later.members.find(({ handle }) => handle === member?.handle)?.state, 'revoked');
  assert.ok(later.list.revoked > desk.list.revoked && later.list.number > desk.list.number);
});

test('an officer refuses, and who asked is told why', async () => {
  const application = {
    csr: await csrOf(),
    applicant: 'Eve',
    role: 'organisation',
    name: 'City Insurance',
    group: 'payer',
  };
  const { csrSha256 } = parsed<ApplicationAnswer>(await post('/pki/applications', application));
  const { id } = await waiting(ann, csrSha256);
  const body = { request: id, csr: csrSha256, reason: 'nobody there has heard of it' };
  const refused = await post('/pki/authority/refusals', signed(ann, ENROLMENT_REFUSAL_KIND, body));
  assert.equal(refused.status, 200);
  const answer = parsed<ApplicationAnswer>(await post('/pki/applications', application));
  assert.deepEqual([answer.state, answer.reason], ['refused', body.reason]);
  assert.equal(
    (
      await post(
        '/pki/authority/approvals',
        signed(bo, ENROLMENT_APPROVAL_KIND, { request: id, csr: csrSha256 }),
      )
    ).status,
    404,
  );
});

test('nobody else approves, sees or ends', async () => {
  const staff = await enrolPerson(bench.instance, 'staff');
  const { csrSha256 } = parsed<ApplicationAnswer>(
    await post('/pki/applications', {
      csr: await csrOf(),
      applicant: 'Di',
      role: 'staff',
      of: bench.source.custodian.id,
    }),
  );
  const { id } = await waiting(ann, csrSha256);
  const approval = { request: id, csr: csrSha256 };
  const statusOf = async (path: string, body: object): Promise<number> => (await post(path, body)).status;
  assert.equal(
    await statusOf('/pki/authority/approvals', signed(staff, ENROLMENT_APPROVAL_KIND, approval)),
    403,
  );
  const forged = { ...signed(ann, ENROLMENT_APPROVAL_KIND, approval), jws: 'e30..AAAA' };
  assert.equal(await statusOf('/pki/authority/approvals', forged), 403);
  const other = signed(ann, ENROLMENT_APPROVAL_KIND, { ...approval, csr: '00'.repeat(32) });
  assert.equal(await statusOf('/pki/authority/approvals', other), 409);
  const old = signed(ann, ENROLMENT_APPROVAL_KIND, { ...approval, at: '2020-01-01T00:00:00Z' });
  assert.equal(await statusOf('/pki/authority/approvals', old), 422);
  const revocation = { participant: ann.participant, reason: 'keyCompromise' };
  assert.equal(await statusOf('/pki/authority/revocations', signed(staff, REVOCATION_KIND, revocation)), 403);

  assert.equal((await ask(bench.url, '/pki/authority')).status, 401);
  const token = await signIn(bench.url, staff, { purpose: 'HOPERAT' });
  assert.equal((await ask(bench.url, '/pki/authority', { headers: bearer(token) })).status, 403);
  // An officer's session opens no record.
  const officer = await signIn(bench.url, ann, { purpose: 'HOPERAT' });
  assert.equal((await ask(bench.url, '/fhir/Patient', { headers: bearer(officer) })).status, 403);
});

test('what cannot be certified is refused at once', async () => {
  const csr = await csrOf();
  const cases: [object, string][] = [
    [{ csr: 'no request', applicant: 'Al', role: 'staff' }, ''],
    [{ csr, applicant: '', role: 'staff', of: bench.source.custodian.id }, ''],
    [{ csr, applicant: 'Al', role: 'king' }, 'role'],
    [{ csr, applicant: 'Al', role: 'staff', of: 'p-nobody' }, 'of'],
    [{ csr, applicant: 'Al', role: 'organisation', name: 'X', group: 'patient' }, 'group'],
  ];
  for (const [body, expression] of cases) {
    const answer = await post('/pki/applications', body);
    assert.ok(answer.status === 422 || answer.status === 400, String(answer.status));
    if (expression !== '') assert.deepEqual(issueOf(answer).expression, [expression]);
  }
  const elsewhere = await enrolOrganisation(bench.instance, 'Elsewhere');
  await assert.rejects(
    bench.instance.certification.enrol({ csr, role: 'officer', of: elsewhere.id, by: 'Ann Lee' }),
    { code: 'ADAPTER_USAGE' },
  );
});
