/** What insurers and banks were told of a patient is erased with the patient; and with a record what it bore out. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { EXPENSES_KIND } from '../../../../adapter/http/contract/index.js';
import { eraseAsAsked } from '../../../../adapter/services/erasure/index.js';
import { signDocument } from '../../../../ledger/consent/index.js';
import { admitPayer } from '../../../support/claims.js';
import { enrolOrganisation } from '../../../support/person.js';
import type { TestPerson } from '../../../support/person.js';
import { bearer, signIn } from '../../../support/session.js';
import type { Wallet } from '../../../support/wallet.js';
import { ask, consenting, failedChecks, openBench, push } from '../../support/bench.js';
import type { Answer, Bench } from '../../support/bench.js';

const DUTY = { ground: 'objection', by: 'M. Keller', reason: 'letter of 3 May', yes: true } as const;
const PREFIXES = ['claim/', 'claim-tries/', 'claim-line/', 'claim-expenses/', 'claim-questions/'];
const concept = (code: string): object => ({ coding: [{ system: 'http://snomed.info/sct', code }] });
const DAY = { start: '2026-03-02', end: '2026-03-02' };

let bench: Bench;
let payer: TestPerson;
let token: string;
before(async () => {
  bench = await openBench({ readerRequestsPerSecond: 10_000 });
  payer = await enrolOrganisation(bench.instance, 'Payer', 'payer');
  token = await signIn(bench.url, payer, { purpose: 'HPAYMT' });
});
after(() => bench.close());

/** A patient with two procedures and a bill, who permits the payer to ask. */
async function admitted(of: string): Promise<Wallet> {
  const wallet = await consenting(bench, of);
  const subject = { reference: `Patient/${of}` };
  const procedure = (id: string, code: string): object => ({
    resourceType: 'Procedure',
    id,
    status: 'completed',
    code: concept(code),
    subject,
    performer: [{ actor: { reference: 'Organization/clinic' } }],
    performedDateTime: DAY.start,
  });
  await push(
    bench,
    { resourceType: 'Patient', id: of },
    procedure(`${of}-one`, '288086009'),
    procedure(`${of}-two`, '182531007'),
    {
      resourceType: 'Claim',
      id: `${of}-bill`,
      status: 'active',
      use: 'claim',
      patient: subject,
      created: DAY.start,
      billablePeriod: DAY,
      provider: { reference: 'Organization/clinic' },
      total: { value: 10, currency: 'EUR' },
    },
  );
  await admitPayer(bench, payer, wallet, 'HPAYMT');
  return wallet;
}

function posted(path: string, body: object): Promise<Answer> {
  const headers = { ...bearer(token), 'content-type': 'application/fhir+json' };
  return ask(bench.url, path, { method: 'POST', headers, body: JSON.stringify(body) });
}

async function claim({ enrolled }: Wallet, id: string, code: string): Promise<string> {
  const answer = await posted('/fhir/Claim/$submit', {
    resourceType: 'Claim',
    id,
    status: 'active',
    use: 'claim',
    patient: enrolled.patient,
    provider: { reference: 'Organization/clinic' },
    billablePeriod: DAY,
    item: [{ sequence: 1, productOrService: concept(code) }],
  });
  return `${answer.status} ${/"code":"(supported|not-supported)"/.exec(answer.body.toString())?.[1] ?? ''}`.trim();
}

async function expenses({ enrolled, seed }: Wallet): Promise<number> {
  const document = {
    kind: EXPENSES_KIND,
    log: bench.instance.identity.origin,
    signer: enrolled.participant,
    at: new Date().toISOString(),
    until: new Date(Date.now() + 86_400_000).toISOString(),
    patient: enrolled.patient.reference,
    to: `Organization/${payer.id}`,
    purpose: 'HPAYMT',
    atLeast: 10,
    currency: 'EUR',
    ...DAY,
  };
  const jws = signDocument(document, seed, enrolled.fingerprint);
  return (await posted('/claims/expenses', { document, jws })).status;
}

/** How many rows there are of each kind. */
async function rowsOf(id: string): Promise<number[]> {
  const key = bench.instance.subjects.keyOf('ward', id);
  return Promise.all(
    PREFIXES.map(async (prefix) => {
      const rows = await bench.instance.store
        .keys({ gte: `${prefix}${key}/`, lt: `${prefix}${key}/~` })
        .all();
      return rows.length;
    }),
  );
}

test('with a record goes what it bore out, and nothing else', async () => {
  const wallet = await admitted('r');
  assert.equal(await claim(wallet, 'c1', '288086009'), '200 supported');
  assert.equal(await claim(wallet, 'c2', '182531007'), '200 supported');
  assert.equal(await expenses(wallet), 200);
  assert.deepEqual(await rowsOf('r'), [2, 1, 2, 1, 1]);
  const { outcome, compacted } = await eraseAsAsked(bench.instance, { name: 'Procedure/r-one', ...DUTY });
  assert.deepEqual([outcome, compacted], ['erased', true]);
  assert.deepEqual(await rowsOf('r'), [1, 1, 2, 1, 1]);
  // What is no more bears nothing out, and what was asked still counts.
  assert.equal(await claim(wallet, 'c1', '288086009'), '200 not-supported');
  assert.equal(await claim(wallet, 'c2', '182531007'), '200 supported');
});

test('with a patient all of it goes, and nobody else’s', async () => {
  const [gone, kept] = [await admitted('g'), await admitted('k')];
  for (const wallet of [gone, kept]) {
    assert.equal(await claim(wallet, 'c1', '288086009'), '200 supported');
    assert.equal(await expenses(wallet), 200);
  }
  assert.deepEqual(await rowsOf('g'), [1, 1, 1, 1, 1]);
  const { outcome, compacted } = await eraseAsAsked(bench.instance, { name: 'Patient/g', ...DUTY });
  assert.deepEqual([outcome, compacted], ['erased', true]);
  assert.deepEqual(await rowsOf('g'), [0, 0, 0, 0, 0]);
  assert.equal(await claim(gone, 'c1', '288086009'), '404');
  assert.equal(await expenses(gone), 404);
  assert.deepEqual(await rowsOf('k'), [1, 1, 1, 1, 1]);
  assert.deepEqual(await failedChecks(bench.instance), []);
});
