import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import type { Bundle, Consent, Provenance } from 'fhir/r4.js';
import { drain } from '../../../adapter/services/drain.js';
import { servicesOf } from '../../support/instance.js';
import { consentFor, enrolWallet, signedBundle } from '../../support/wallet.js';
import type { ConsentChoices, Wallet } from '../../support/wallet.js';
import {
  ask,
  failedChecks,
  issueOf,
  logSize,
  openBench,
  push,
  readLog,
  refusalOf,
  typesSince,
} from '../support/bench.js';
import type { Answer, Bench } from '../support/bench.js';
import { heartRate } from '../support/resources.js';

let bench: Bench;
let wallet: Wallet;
let patients = 0;
before(async () => {
  bench = await openBench();
  wallet = await newWallet();
});
after(() => bench.close());

function newWallet(patient = `c${(patients += 1)}`): Promise<Wallet> {
  return enrolWallet(servicesOf(bench.instance), 'ward', patient);
}

function post(body: Buffer | string): Promise<Answer> {
  return ask(bench.url, '/fhir', {
    method: 'POST',
    headers: { 'content-type': 'application/fhir+json' },
    body,
  });
}

function submit(by: Wallet, choices: ConsentChoices = {}): Promise<Answer> {
  return post(signedBundle(by, consentFor(by, choices)));
}

function says(answer: Answer): string {
  return `${answer.status} ${issueOf(answer).diagnostics?.split(' ')[0]}`;
}

const MINUTE_MS = 60_000;
const inMinutes = (minutes: number): string => new Date(Date.now() + minutes * MINUTE_MS).toISOString();

type Parts = Bundle<Consent | Provenance>;

/** A signed Bundle, changed after it was signed. */
function altered(
  by: Wallet,
  change: (bundle: Parts, consent: Consent, provenance: Provenance) => void,
): string {
  const bundle = JSON.parse(signedBundle(by, consentFor(by)).toString()) as Parts;
  change(bundle, bundle.entry?.[0]?.resource as Consent, bundle.entry?.[1]?.resource as Provenance);
  return JSON.stringify(bundle);
}

async function refused(refusal: string, body: string | Buffer, expression?: string): Promise<void> {
  const size = logSize(bench.instance);
  const answer = await post(body);
  assert.equal(refusalOf(answer), refusal);
  assert.deepEqual(issueOf(answer).expression, expression === undefined ? undefined : [expression]);
  assert.equal(logSize(bench.instance), size);
}

const UNPROCESSABLE = '422 processing ADAPTER_UNPROCESSABLE';

test('a signed consent is on the log: handle, validity and a commitment, nothing else', async () => {
  const size = logSize(bench.instance);
  assert.equal(says(await submit(wallet)), '201 signed');
  assert.deepEqual(await typesSince(bench.instance, size), ['consent.signed']);
  const entry = (await readLog(bench.instance)).at(-1);
  assert.deepEqual(Object.keys(entry?.body ?? {}).toSorted(), ['commitment', 'end', 'handle', 'start']);
  assert.equal(entry?.tags.length, 1);
  assert.deepEqual(await failedChecks(bench.instance), []);
});

test('the same document once more is known, also at once and in a Bundle of another form', async () => {
  const bytes = signedBundle(wallet, consentFor(wallet));
  const size = logSize(bench.instance);
  const answers = await Promise.all(Array.from({ length: 8 }, () => post(bytes)));
  assert.deepEqual(answers.map(says).toSorted(), [...Array<string>(7).fill('200 known'), '201 signed']);
  const spaced = JSON.stringify(JSON.parse(bytes.toString()), null, 2);
  assert.equal(says(await post(spaced)), '200 known');
  assert.deepEqual(await typesSince(bench.instance, size), ['consent.signed']);
});

const signedAs = (value: string) =>
  altered(wallet, (_, __, { signature: signatures }) => {
    const first = signatures?.[0];
    if (first !== undefined) first.data = value;
  });

test('a document that was altered after it was signed', async () => {
  const data = 'Bundle.entry.resource.signature.data';
  for (const change of [
    (consent: Consent) => (consent.provision = { ...consent.provision, purpose: [] }),
    (consent: Consent) => (consent.dateTime = inMinutes(-1)),
    (consent: Consent) => (consent.language = 'en'),
    (consent: Consent) => delete consent.policyRule,
  ])
    await refused(
      UNPROCESSABLE,
      altered(wallet, (_, consent) => void change(consent)),
      data,
    );
  await refused(UNPROCESSABLE, signedAs(Buffer.from('a..b').toString('base64')), data);
  for (const value of ['', '!', 'AAAA'.repeat(2000)])
    await refused(UNPROCESSABLE, signedAs(value), 'Bundle.entry[1].resource.signature[0].data');
});

test('what is not signed is not looked at: id, meta, the order of members', async () => {
  const loose = altered(wallet, (_, consent) =>
    Object.assign(consent, { id: 'x', meta: { versionId: '7' } }),
  );
  assert.equal(says(await post(loose)), '201 signed');
  const turned = altered(wallet, (bundle, consent) => {
    const first = bundle.entry?.[0];
    if (first !== undefined)
      first.resource = Object.fromEntries(Object.entries(consent).toReversed()) as never;
  });
  assert.equal(says(await post(turned)), '201 signed');
});

test('a signature by another key, and a consent for another patient', async () => {
  const other = await newWallet();
  const key = { ...wallet, seed: other.seed };
  await refused(UNPROCESSABLE, signedBundle(key, consentFor(wallet)), 'Bundle.entry.resource.signature.data');
  const forOther = { ...consentFor(wallet), patient: other.enrolled.patient };
  await refused(UNPROCESSABLE, signedBundle(wallet, forOther), 'Bundle.entry.resource.signature.data');
  const nobody = { ...consentFor(wallet), patient: { reference: `Patient/${'a'.repeat(32)}` } };
  await refused('404 not-found ADAPTER_NOT_FOUND', signedBundle(wallet, nobody), 'Consent.patient.reference');
  for (const reference of ['Patient/c1', 'Patient/', `urn:uuid:${randomUUID()}`, undefined]) {
    const odd = { ...consentFor(wallet), patient: reference === undefined ? {} : { reference } };
    await refused(UNPROCESSABLE, signedBundle(wallet, odd), 'Consent.patient.reference');
  }
  // Known as a patient, for a record waits, but not enrolled.
  await push(bench, heartRate('w1', 'no-wallet', 70));
  const subject = await bench.instance.subjects.ensure('ward', 'no-wallet');
  const walletless = { ...consentFor(wallet), patient: { reference: `Patient/${subject.facadeId}` } };
  await refused(
    '404 not-found ADAPTER_NOT_FOUND',
    signedBundle(wallet, walletless),
    'Consent.patient.reference',
  );
});

test('a dateTime in the future, from before the enrolment, or none', async () => {
  for (const dateTime of [inMinutes(6), inMinutes(60 * 24 * 400), inMinutes(-6), '2020-01-01', '2020-13-45'])
    await refused(UNPROCESSABLE, signedBundle(wallet, consentFor(wallet, { dateTime })), 'Consent.dateTime');
  const { dateTime: _dateTime, ...undated } = consentFor(wallet);
  await refused(UNPROCESSABLE, signedBundle(wallet, undated), 'Consent.dateTime');
  assert.equal(says(await submit(wallet, { dateTime: inMinutes(4) })), '201 signed', 'clocks differ');
});

test('an older document replaces nothing: not a newer one, not a withdrawal, whatever was in force before', async () => {
  const by = await newWallet();
  const identifier = randomUUID();
  const at = (minutes: number, status: Consent['status'] = 'active') =>
    signedBundle(by, consentFor(by, { identifier, dateTime: inMinutes(minutes), status }));
  assert.equal(says(await post(at(0))), '201 signed');
  await refused('409 conflict ADAPTER_CONFLICT', at(-1), 'Consent.dateTime');
  assert.equal(says(await post(at(1))), '201 signed');
  assert.equal(says(await post(at(3, 'inactive'))), '201 withdrawn');
  await refused('409 conflict ADAPTER_CONFLICT', at(2), 'Consent.dateTime');
  await refused('409 conflict ADAPTER_CONFLICT', at(2, 'inactive'), 'Consent.dateTime');
  const size = logSize(bench.instance);
  await push(bench, heartRate('late', `c${patients}`, 70));
  assert.deepEqual(await typesSince(bench.instance, size), []);
  assert.equal((await bench.instance.inbox.waiting()).events, 1, 'only the walletless one waits');
  assert.equal(says(await post(at(4))), '201 signed', 'a later one grants again');
});

test('of many versions signed at once one is in force, and none older than it comes after', async () => {
  const by = await newWallet();
  const identifier = randomUUID();
  const size = logSize(bench.instance);
  const answers = await Promise.all(
    [3, 1, 4, 0, 2].map((minutes) => submit(by, { identifier, dateTime: inMinutes(minutes) })),
  );
  assert.ok(answers.every(({ status }) => status === 201 || status === 409));
  const signed = answers.filter(({ status }) => status === 201).length;
  const types = await typesSince(bench.instance, size);
  assert.deepEqual(types, Array<string>(signed).fill('consent.signed'));
  await drain(bench.instance);
  assert.deepEqual(await failedChecks(bench.instance), []);
});

test('a withdrawal of nothing', async () => {
  const body = signedBundle(wallet, consentFor(wallet, { status: 'inactive' }));
  await refused(UNPROCESSABLE, body, 'Consent.identifier');
  const { identifier: _identifier, ...unnamed } = consentFor(wallet);
  await refused(UNPROCESSABLE, signedBundle(wallet, unnamed), 'Consent.identifier');
});

test('what is no signed consent', async () => {
  await refused('400 structure MAPPING_NOT_JSON', '');
  await refused('400 structure MAPPING_NOT_JSON', '{');
  for (const body of ['null', '[]', '{}', '{"resourceType":"Consent"}'])
    await refused(UNPROCESSABLE, body, 'Bundle');
  await refused(
    UNPROCESSABLE,
    altered(wallet, (bundle) => (bundle.type = 'batch')),
    'Bundle.type',
  );
  await refused(
    UNPROCESSABLE,
    altered(wallet, (bundle) => bundle.entry?.pop()),
    'Bundle.entry',
  );
  const infinite = altered(wallet, () => undefined).replace(
    '"status":"active"',
    '"status":"active","x":1e999',
  );
  assert.ok([400, 422].includes((await post(infinite)).status));
  const large = Buffer.alloc(1024 * 1024 + 1, ' ');
  await refused('413 too-long ADAPTER_BODY_TOO_LARGE', large);
});
