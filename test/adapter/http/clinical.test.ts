/** Writing at the bedside: into the hospital's own FHIR server, and back from there as an event; and who may not. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import type { DocumentReference } from 'fhir/r4.js';
import { CLINICAL_WRITE_KIND } from '../../../adapter/http/contract/index.js';
import type { Written } from '../../../adapter/http/contract/index.js';
import { drain } from '../../../adapter/services/drain.js';
import { addSource, syncSource } from '../../../adapter/services/source-admin.js';
import { signDocument } from '../../../ledger/consent/index.js';
import { enrolOrganisation, enrolPerson } from '../../support/person.js';
import type { TestPerson } from '../../support/person.js';
import { bearer, signIn } from '../../support/session.js';
import { ask, consenting, openBench, typesSince, logSize } from '../support/bench.js';
import type { Answer, Bench } from '../support/bench.js';
import { startMedplum } from '../support/medplum.js';
import type { MedplumServer } from '../support/medplum.js';

const SOURCE = 'city';
const NOTE = {
  resourceType: 'DocumentReference',
  status: 'current',
  type: { coding: [{ system: 'http://loinc.org', code: '11506-3' }] },
  content: [
    { attachment: { contentType: 'text/plain', data: Buffer.from('Better today.').toString('base64') } },
  ],
};

let bench: Bench;
let hospital: MedplumServer;
let clinician: TestPerson;
/** Facade names. */
let permitting = '';
let silent = '';

before(async () => {
  bench = await openBench();
  hospital = await startMedplum();
  await addSource(bench.instance, {
    id: SOURCE,
    url: hospital.base,
    name: 'City Hospital',
    credential: { kind: 'bearer', token: hospital.token },
    allowPrivate: [],
    allowResearch: false,
    allowWrites: true,
  });
  const { instance } = bench;
  clinician = await enrolPerson(instance, 'clinician');
  const made = await hospital.put({ resourceType: 'Patient', id: 'permits' });
  const other = await hospital.put({ resourceType: 'Patient', id: 'silent' });
  await consenting(bench, made.id ?? '', {}, SOURCE);
  await syncSource(instance, SOURCE);
  await drain(instance);
  const nameOf = async (id: string): Promise<string> =>
    (await instance.subjects.find(instance.subjects.keyOf(SOURCE, id)))?.facadeId ?? '';
  permitting = await nameOf(made.id ?? '');
  silent = await nameOf(other.id ?? '');
});
after(async () => {
  await bench.close();
  await hospital.close();
});

function write(
  signer: TestPerson,
  patient: string,
  resource: object = NOTE,
  more: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const text = JSON.stringify(resource);
  const document = {
    kind: CLINICAL_WRITE_KIND,
    log: bench.instance.identity.origin,
    signer: signer.id,
    at: new Date().toISOString(),
    patient: `Patient/${patient}`,
    resource: createHash('sha256').update(text).digest('base64url'),
    ...more,
  };
  const jws = signDocument(document, signer.seed, signer.fingerprint);
  const body = JSON.stringify({ document, jws, resource: text });
  return ask(bench.url, '/clinical/records', { method: 'POST', body });
}

async function statusOf(resource: object, more: Readonly<Record<string, string>> = {}): Promise<number> {
  return (await write(clinician, permitting, resource, more)).status;
}

test('a note goes to the hospital’s server, and comes back as an event', async () => {
  assert.notEqual(permitting, '');
  const size = logSize(bench.instance);
  const answer = await write(clinician, permitting);
  assert.equal(answer.status, 201, answer.body.toString());
  const { identifier } = JSON.parse(answer.body.toString()) as Written;
  // Nothing is kept here before it has come back.
  assert.deepEqual(await typesSince(bench.instance, size), []);
  assert.ok(bench.caughtUp.includes(SOURCE));
  await syncSource(bench.instance, SOURCE);
  await drain(bench.instance);
  assert.ok((await typesSince(bench.instance, size)).includes('record.stored'));
  const token = await signIn(bench.url, clinician, { purpose: 'TREAT' });
  const found = await ask(bench.url, `/fhir/DocumentReference?patient=${permitting}`, {
    headers: bearer(token),
  });
  const bundle = JSON.parse(found.body.toString()) as { entry?: { resource: DocumentReference }[] };
  const note = bundle.entry
    ?.map(({ resource }) => resource)
    .find((one) => one.identifier?.[0]?.value === identifier);
  assert.equal(note?.author?.[0]?.identifier?.value, clinician.id);
});

test('who may not write is told the same, whether there is such a patient or not', async () => {
  const staff = await enrolPerson(bench.instance, 'staff');
  const elsewhere = await enrolOrganisation(bench.instance, 'Elsewhere');
  const stranger = await enrolPerson(bench.instance, 'clinician', elsewhere.id);
  const kept = await hospital.listing();
  const refused = await Promise.all([
    write(staff, permitting),
    write(stranger, permitting),
    write(clinician, 'nobody'),
    write(clinician, silent === '' ? 'none' : silent),
  ]);
  assert.equal(new Set(refused.map(({ status, body }) => `${status} ${body.toString()}`)).size, 1);
  assert.equal(refused[0]?.status, 403);
  assert.deepEqual(await hospital.listing(), kept);
});

test('what is not as it was signed, or would say more than it may, is refused', async () => {
  assert.equal(await statusOf(NOTE, { resource: 'another' }), 422);
  assert.equal(await statusOf(NOTE, { at: '2020-01-01T00:00:00Z' }), 422);
  assert.equal(await statusOf({ resourceType: 'Patient' }), 422);
  assert.equal(await statusOf({ ...NOTE, subject: { reference: 'Patient/silent' } }), 422);
  assert.equal(await statusOf({ ...NOTE, author: [{ display: 'Somebody' }] }), 422);
  await bench.instance.sources.update(SOURCE, { takesWrites: false });
  assert.equal(await statusOf(NOTE), 409);
  await bench.instance.sources.update(SOURCE, { takesWrites: true });
});
