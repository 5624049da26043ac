/** The hospital's desk over HTTP: sources, what was set aside, invitations; its own and nobody else's. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { DEAD_LETTER_KIND, INVITATION_KIND } from '../../../adapter/http/contract/index.js';
import type { DeskDeadLetters, DeskSource, InvitedPatient } from '../../../adapter/http/contract/index.js';
import { drain } from '../../../adapter/services/drain.js';
import { signDocument } from '../../../ledger/consent/index.js';
import { enrolOrganisation, enrolPerson } from '../../support/person.js';
import type { TestPerson } from '../../support/person.js';
import { bearer, signIn } from '../../support/session.js';
import { ask, deadLetters, openBench, push } from '../support/bench.js';
import type { Answer, Bench } from '../support/bench.js';
import { patient } from '../support/resources.js';

let bench: Bench;
let staff: TestPerson;
let stranger: TestPerson;

before(async () => {
  bench = await openBench();
  staff = await enrolPerson(bench.instance, 'staff', bench.source.custodian.id);
  const elsewhere = await enrolOrganisation(bench.instance, 'Elsewhere');
  stranger = await enrolPerson(bench.instance, 'staff', elsewhere.id);
  await push(bench, patient('p1'), {
    resourceType: 'Observation',
    id: 'lost',
    status: 'final',
    code: { text: 'secret words' },
  });
  await drain(bench.instance);
});
after(async () => {
  await bench.close();
});

// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- tests say what they expect where they read it
const parsed = <T>(answer: Answer): T => JSON.parse(answer.body.toString()) as T;

function signed(signer: TestPerson, kind: string, more: Readonly<Record<string, string>>): string {
  const log = bench.instance.identity.origin;
  const document = { kind, log, signer: signer.id, at: new Date().toISOString(), ...more };
  return JSON.stringify({ document, jws: signDocument(document, signer.seed, signer.fingerprint) });
}

const post = (path: string, body: string): Promise<Answer> => ask(bench.url, path, { method: 'POST', body });

async function read(who: TestPerson, path: string, purpose = 'HOPERAT'): Promise<Answer> {
  const token = await signIn(bench.url, who, { purpose });
  return ask(bench.url, path, { headers: bearer(token) });
}

test('sources and letters of the own hospital, without what they hold', async () => {
  const { sources } = parsed<{ sources: DeskSource[] }>(await read(staff, '/desk/sources'));
  assert.deepEqual(
    sources.map(({ id, deadLetters: dead }) => [id, dead]),
    [[bench.source.id, 1]],
  );
  const answer = await read(staff, '/desk/dead-letters');
  const { letters } = parsed<DeskDeadLetters>(answer);
  assert.deepEqual(
    letters.map(({ type, source }) => [type, source]),
    [['Observation', bench.source.id]],
  );
  assert.doesNotMatch(answer.body.toString(), /secret|lost/);

  assert.deepEqual(parsed<{ sources: [] }>(await read(stranger, '/desk/sources')).sources, []);
  assert.deepEqual(parsed<DeskDeadLetters>(await read(stranger, '/desk/dead-letters')).letters, []);
  const clinician = await enrolPerson(bench.instance, 'clinician', bench.source.custodian.id);
  assert.equal((await read(clinician, '/desk/sources', 'TREAT')).status, 403);
  assert.equal((await ask(bench.url, '/desk/sources')).status, 401);
});

test('an invitation is made by a signature, once', async () => {
  const act = { source: bench.source.id, patient: 'p1' };
  const body = signed(staff, INVITATION_KIND, act);
  const made = await post('/desk/invitations', body);
  assert.equal(made.status, 201);
  assert.match(parsed<InvitedPatient>(made).code, /^[A-Za-z0-9_-]{22}$/);
  assert.equal((await post('/desk/invitations', body)).status, 409);
  assert.equal((await post('/desk/invitations', signed(stranger, INVITATION_KIND, act))).status, 403);
  const none = signed(staff, INVITATION_KIND, { ...act, source: 'none' });
  assert.equal((await post('/desk/invitations', none)).status, 403);
  const officer = await enrolPerson(bench.instance, 'officer');
  assert.equal((await post('/desk/invitations', signed(officer, INVITATION_KIND, act))).status, 403);
});

test('a letter is judged again, and destroyed, by a signature', async () => {
  const { letters } = parsed<DeskDeadLetters>(await read(staff, '/desk/dead-letters'));
  const letter = letters[0]?.letter ?? '';
  const act = (who: TestPerson, what: string): Promise<Answer> =>
    post('/desk/dead-letters', signed(who, DEAD_LETTER_KIND, { letter, act: what }));
  assert.equal((await act(stranger, 'discard')).status, 404);
  assert.equal((await act(staff, 'burn')).status, 422);
  assert.deepEqual(parsed(await act(staff, 'replay')), { state: 'dead-again' });
  assert.deepEqual(parsed(await act(staff, 'discard')), { state: 'gone' });
  assert.deepEqual(await deadLetters(bench.instance), []);
  assert.equal((await act(staff, 'discard')).status, 404);
});
