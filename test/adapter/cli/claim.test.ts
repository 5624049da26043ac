/** `firebreak claim` as commands: the patient signs a question, the bank puts it, and anyone checks the proof offline. */
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { ExpensesQuestion } from '../../../adapter/http/contract/index.js';
import { questionHash } from '../../../adapter/services/claims/index.js';
import { generateX25519 } from '../../../ledger/vault/index.js';
import { admitPayer } from '../../support/claims.js';
import { runFirebreak } from '../../support/firebreak-process.js';
import { removeFolder, temporaryFolder } from '../../support/instance.js';
import { enrolOrganisation } from '../../support/person.js';
import { signIn } from '../../support/session.js';
import { ask, consenting, openBench, push } from '../support/bench.js';
import type { Bench } from '../support/bench.js';

const folder = temporaryFolder();
const path = (name: string): string => join(folder, name);
const firebreak = (...args: readonly string[]) => runFirebreak('--data', path('none'), ...args);
const concept = (code: string): object => ({ coding: [{ system: 'http://snomed.info/sct', code }] });
const DAY = { start: '2026-03-02', end: '2026-03-02' };

let bench: Bench;
let question: readonly string[];
let trust: readonly string[];

before(async () => {
  bench = await openBench({ readerRequestsPerSecond: 10_000 });
  const { instance, url } = bench;
  const bank = await enrolOrganisation(instance, 'Bank', 'payer');
  const wallet = await consenting(bench, 'a');
  await push(
    bench,
    { resourceType: 'Patient', id: 'a' },
    {
      resourceType: 'Procedure',
      id: 'one',
      status: 'completed',
      code: concept('288086009'),
      subject: { reference: 'Patient/a' },
      performer: [{ actor: { reference: 'Organization/clinic' } }],
      performedDateTime: DAY.start,
    },
    {
      resourceType: 'Claim',
      id: 'bill',
      status: 'active',
      use: 'claim',
      patient: { reference: 'Patient/a' },
      created: DAY.start,
      billablePeriod: DAY,
      provider: { reference: 'Organization/clinic' },
      total: { value: 99.9, currency: 'EUR' },
    },
  );
  await admitPayer(bench, bank, wallet, 'HPAYMT');
  writeFileSync(path('token'), `${await signIn(url, bank, { purpose: 'HPAYMT' })}\n`);
  const kept = {
    format: 'firebreak-wallet/1',
    signing: wallet.seed.toString('base64url'),
    opening: generateX25519().toString('base64url'),
    enrolled: wallet.enrolled,
  };
  writeFileSync(path('wallet'), JSON.stringify(kept));
  writeFileSync(path('root.der'), (await ask(url, '/pki/root.crt')).body);
  const { reference } = wallet.enrolled.patient;
  const given = ['--wallet', path('wallet'), '--log', instance.identity.origin, '--bank', bank.id];
  question = ['claim', 'question', reference, ...given, '--start', '2026-01-01', '--end', '2026-12-31'];
  trust = ['--vkey', (await ask(url, '/log/vkey')).body.toString().trim(), '--ca', path('root.der')];
  const claim = {
    resourceType: 'Claim',
    id: 'c1',
    status: 'active',
    use: 'claim',
    patient: { reference },
    provider: { reference: 'Organization/clinic' },
    billablePeriod: DAY,
    item: [
      { sequence: 1, productOrService: concept('288086009') },
      { sequence: 2, productOrService: concept('80146002') },
    ],
  };
  writeFileSync(path('claim.json'), JSON.stringify(claim));
});
after(async () => {
  await bench.close();
  removeFolder(folder);
});

test('a question is signed, put, answered yes or no by the exit code too, and its proof checked', async () => {
  for (const [atLeast, says, exit] of [
    ['99.90', 'yes', 0],
    ['99.91', 'no', 1],
  ] as const) {
    const signed = await firebreak(...question, '--at-least', atLeast, '--currency', 'EUR');
    assert.equal(signed.code, 0, signed.stderr);
    writeFileSync(path('question.json'), signed.stdout);
    const flags = ['--token', path('token'), '--out', path('proof.json')];
    const answered = await firebreak('claim', 'expenses', `${bench.url}/`, path('question.json'), ...flags);
    assert.deepEqual([answered.code, answered.stdout], [exit, `${says}\n`], answered.stderr);
    const checked = await firebreak('claim', 'check', path('proof.json'), ...trust);
    assert.equal(checked.code, 0, checked.stderr);
    const line = new RegExp(
      `${says} +expenses of at least ${Number(atLeast)} EUR, 2026-01-01 to 2026-12-31, are on record`,
    );
    assert.match(checked.stdout, line);
    const { document } = JSON.parse(signed.stdout) as { document: ExpensesQuestion };
    assert.ok(checked.stdout.includes(questionHash(document)));
  }
});

test('a claim is answered line by line', async () => {
  const flags = ['--token', path('token'), '--out', path('claim.proof.json')];
  const answered = await firebreak('claim', 'submit', bench.url, path('claim.json'), ...flags);
  assert.deepEqual(
    [answered.code, answered.stdout],
    [1, 'line 1  supported\nline 2  not-supported\n'],
    answered.stderr,
  );
  const checked = await firebreak('claim', 'check', path('claim.proof.json'), ...trust);
  assert.equal(checked.code, 0, checked.stderr);
  assert.match(checked.stdout, /line 1 +supported/);
});

test('what cannot be meant is refused before anything is signed or sent', async () => {
  for (const flags of [
    ['--at-least', '-1', '--currency', 'EUR'],
    ['--at-least', '1e3', '--currency', 'EUR'],
    ['--at-least', '10', '--currency', 'EURO'],
    ['--at-least', '10', '--currency', 'EUR', '--days', '91'],
  ]) {
    const { code, stdout } = await firebreak(...question, ...flags);
    assert.deepEqual([code, stdout], [2, ''], flags.join(' '));
  }
  writeFileSync(path('other.json'), '{}');
  const out = ['--token', path('token'), '--out', path('never.json')];
  const refused = await firebreak('claim', 'expenses', bench.url, path('other.json'), ...out);
  assert.equal(refused.code, 3);
  assert.match(refused.stderr, /422: ADAPTER_UNPROCESSABLE/);
  const gone = await firebreak('claim', 'expenses', 'http://127.0.0.1:9', path('other.json'), ...out);
  assert.equal(gone.code, 3);
  assert.match(gone.stderr, /ADAPTER_SOURCE_UNREACHABLE/);
  assert.equal(existsSync(path('never.json')), false);
});
