/** Expenses over HTTP: a bank is told yes or no, on a question that the patient signed, and nothing else. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { EXPENSES_KIND } from '../../../adapter/http/contract/index.js';
import type { ExpensesAnswer, ExpensesQuestion, OwnClaims } from '../../../adapter/http/contract/index.js';
import { QUESTIONS_MAX, questionHash } from '../../../adapter/services/claims/index.js';
import { nodeProofCrypto } from '../../../adapter/services/proof-crypto.js';
import { serveHttp } from '../../../adapter/services/server.js';
import { signDocument } from '../../../ledger/consent/index.js';
import type { JsonObject } from '../../../ledger/log/index.js';
import { checkProof, EXPENSES_FORMAT, portableCrypto, proofTrust } from '../../../ledger/proofs/index.js';
import type { ExpensesDocument, ProofVerdict } from '../../../ledger/proofs/index.js';
import { approvePayer, payerConsent } from '../../support/claims.js';
import { addImportSource, openTestInstance, removeFolder, temporaryFolder } from '../../support/instance.js';
import { enrolOrganisation } from '../../support/person.js';
import type { TestPerson } from '../../support/person.js';
import { bearer, signerOf, signIn } from '../../support/session.js';
import type { Signer } from '../../support/session.js';
import { signedBundle } from '../../support/wallet.js';
import type { Wallet } from '../../support/wallet.js';
import { ask, consenting, failedChecks, push, readLog, refusalOf, sign } from '../support/bench.js';
import type { Answer, Bench } from '../support/bench.js';

const BILLS = ['Claim', 'ExplanationOfBenefit'];
const euros = (value: number): object => ({ value, currency: 'EUR' });
const SUBMITTED = {
  coding: [{ system: 'http://terminology.hl7.org/CodeSystem/adjudication', code: 'submitted' }],
};

function claim(id: string, day: string, total: object, more: object = {}): object {
  return {
    resourceType: 'Claim',
    id,
    status: 'active',
    use: 'claim',
    type: { text: 'Quill' },
    patient: { reference: 'Patient/a' },
    created: day,
    billablePeriod: { start: `${day}T09:00:00+01:00`, end: `${day}T10:00:00+01:00` },
    provider: { reference: 'Organization/clinic' },
    priority: { coding: [{ code: 'normal' }] },
    insurance: [{ sequence: 1, focal: true, coverage: { display: 'none' } }],
    total,
    ...more,
  };
}

/** In 2026, by the rules: 100.10 + 200.20 + 50 = 350.30 euros. */
const RECORD: readonly object[] = [
  { resourceType: 'Patient', id: 'a', name: [{ family: 'Quill' }] },
  claim('one', '2026-01-01', euros(100.1)),
  claim('two', '2026-12-31', euros(200.2)),
  // Not in the year, not meant, not of that currency.
  claim('early', '2025-12-31', euros(1000)),
  claim('over', '2026-12-31', euros(1000), {
    billablePeriod: { start: '2026-12-31T23:00:00Z', end: '2027-01-01T01:00:00Z' },
  }),
  claim('cancelled', '2026-03-03', euros(1000), { status: 'cancelled' }),
  claim('estimate', '2026-03-03', euros(1000), { use: 'predetermination' }),
  claim('dollars', '2026-03-03', { value: 70, currency: 'USD' }),
  // What the insurer made of a claim that is counted, and of one that is not on record, twice.
  ...[
    ['first', 'Claim/one', 100.1],
    ['gone', 'Claim/elsewhere', 60],
    ['again', 'Claim/elsewhere', 50],
  ].map(([id, of, value]) => ({
    resourceType: 'ExplanationOfBenefit',
    id,
    status: 'active',
    use: 'claim',
    type: { text: 'Quill' },
    patient: { reference: 'Patient/a' },
    created: '2026-05-05',
    insurer: { display: 'none' },
    provider: { reference: 'Organization/clinic' },
    outcome: 'complete',
    insurance: [{ focal: true, coverage: { display: 'none' } }],
    claim: { reference: of },
    total: [{ category: SUBMITTED, amount: euros(Number(value)) }],
  })),
];

const answerOf = (answer: Answer): ExpensesAnswer => {
  assert.equal(answer.status, 200, answer.body.toString());
  return JSON.parse(answer.body.toString()) as ExpensesAnswer;
};

describe('expenses', () => {
  const dir = temporaryFolder();
  let bench: Bench;
  let bank: TestPerson;
  let other: TestPerson;
  let wallet: Wallet;
  let own: string;
  let token: string;

  async function open(): Promise<void> {
    const opened = await openTestInstance(dir, { readerRequestsPerSecond: 10_000 });
    const { instance } = opened;
    const server = await serveHttp(instance, () => undefined);
    const source = instance.sources.list()[0] ?? (await addImportSource(instance));
    const close = async (): Promise<void> => {
      await server.close();
      await opened.close();
    };
    bench = { dir, instance, source, url: server.address, caughtUp: [], logged: opened.logged, close };
  }

  const question = (more: Partial<ExpensesQuestion> = {}): ExpensesQuestion => ({
    kind: EXPENSES_KIND,
    log: bench.instance.identity.origin,
    signer: wallet.enrolled.participant,
    at: new Date().toISOString(),
    until: new Date(Date.now() + 86_400_000).toISOString(),
    patient: own,
    to: `Organization/${bank.id}`,
    purpose: 'HPAYMT',
    atLeast: 300,
    currency: 'EUR',
    start: '2026-01-01',
    end: '2026-12-31',
    ...more,
  });
  const signed = (document: object, by: Signer = signerOf(wallet)): string =>
    JSON.stringify({ document, jws: signDocument(document as JsonObject, by.seed, by.fingerprint) });
  const put = (body: string, as = token): Promise<Answer> =>
    ask(bench.url, '/claims/expenses', {
      method: 'POST',
      headers: { ...bearer(as), 'content-type': 'application/json' },
      body,
    });
  async function check(file: Uint8Array, crypto = nodeProofCrypto): Promise<ProofVerdict> {
    const vkeys = [(await ask(bench.url, '/log/vkey')).body.toString().trim()];
    const caRoot = (await ask(bench.url, '/pki/root.crt')).body;
    return checkProof(file, proofTrust({ vkeys, caRoot }, crypto));
  }
  const countOf = async (wanted: string): Promise<number> =>
    (await readLog(bench.instance)).filter(({ type }) => type === wanted).length;
  const mine = async (): Promise<OwnClaims> => {
    const headers = bearer(await signIn(bench.url, signerOf(wallet)));
    return JSON.parse((await ask(bench.url, '/me/claims', { headers })).body.toString()) as OwnClaims;
  };

  before(async () => {
    await open();
    const { instance } = bench;
    bank = await enrolOrganisation(instance, 'Bank', 'payer');
    other = await enrolOrganisation(instance, 'Other bank', 'payer');
    wallet = await consenting(bench, 'a');
    own = wallet.enrolled.patient.reference;
    await push(bench, ...RECORD);
    token = await signIn(bench.url, bank, { purpose: 'HPAYMT' });
  });
  after(async () => {
    assert.deepEqual(await failedChecks(bench.instance), []);
    await bench.close();
    removeFolder(dir);
  });

  it('answers nothing unless hospital and patient permit it and the patient has signed the question', async () => {
    const nobody = await put(signed(question({ patient: 'Patient/nobody' })));
    assert.equal(refusalOf(nobody), '404 not-found ADAPTER_NOT_FOUND');
    const asked = signed(question());
    assert.deepEqual((await put(asked)).body, nobody.body);
    await approvePayer(bench, bank, wallet, 'HPAYMT', BILLS);
    assert.deepEqual((await put(asked)).body, nobody.body);
    await bench.instance.consents.submit(signedBundle(wallet, payerConsent(bank, wallet, 'HPAYMT', BILLS)));
    const stranger = await consenting(bench, 'b');
    for (const unsigned of [
      signed(question(), signerOf(stranger)),
      signed(question({ signer: stranger.enrolled.participant }), signerOf(stranger)),
      signed(question(), bank),
      asked.replace('"atLeast":300', '"atLeast":301'),
      signed(question({ patient: stranger.enrolled.patient.reference })),
    ])
      assert.deepEqual((await put(unsigned)).body, nobody.body);
    assert.equal(await countOf('claim.attested'), 0);
    assert.equal((await put(asked)).status, 200);
    assert.equal(await countOf('claim.attested'), 1);
  });

  it('adds up what is permitted, each expense once, to the cent; and proves no more than yes or no', async () => {
    const asked = question({ atLeast: 350.3 });
    const yes = answerOf(await put(signed(asked)));
    assert.equal(yes.says, 'yes');
    assert.equal(answerOf(await put(signed(question({ atLeast: 350.31 })))).says, 'no');
    assert.equal(answerOf(await put(signed(question({ atLeast: 70.01, currency: 'USD' })))).says, 'no');
    const file = Buffer.from(yes.proof, 'base64');
    for (const crypto of [nodeProofCrypto, portableCrypto]) {
      const verdict = await check(file, crypto);
      assert.ok(verdict.ok && verdict.kind === 'claim', verdict.ok ? verdict.kind : verdict.code);
      const said = verdict.document as ExpensesDocument;
      assert.equal(said.format, EXPENSES_FORMAT);
      assert.deepEqual(
        [said.says, said.atLeast, said.currency, said.start, said.end, said.to, said.question],
        ['yes', 350.3, 'EUR', '2026-01-01', '2026-12-31', `Organization/${bank.id}`, questionHash(asked)],
      );
    }
    const shown = Buffer.concat([
      file,
      ...[...file.toString().matchAll(/"([A-Za-z0-9_-]{40,})"/g)].map(([, text]) =>
        Buffer.from(text ?? '', 'base64url'),
      ),
    ]).toString('latin1');
    for (const secret of ['Quill', 'Claim/', '100.1', '200.2', '2026-05-05', 'Organization/clinic', own])
      assert.ok(!shown.includes(secret), secret);
    const json = JSON.parse(file.toString()) as { document: { bytes: string } };
    const text = Buffer.from(json.document.bytes, 'base64url').toString();
    json.document.bytes = Buffer.from(text.replace('"says":"yes"', '"says":"no"')).toString('base64url');
    const changed = await check(Buffer.from(JSON.stringify(json)));
    assert.equal(changed.ok ? 'good' : changed.code, 'opening-commitment');
  });

  it('answers a question once: asked again it has its first answer, and a receipt of its own', async () => {
    const asked = signed(question({ atLeast: 350.3, start: '2026-01-01', end: '2026-12-30' }));
    const first = answerOf(await put(asked));
    assert.equal(first.says, 'no');
    const [attested, receipts] = [await countOf('claim.attested'), await countOf('disclosure')];
    await push(bench, claim('late', '2026-06-06', euros(5000)));
    const again = answerOf(await put(asked));
    assert.deepEqual([again.handle, again.says, again.at], [first.handle, 'no', first.at]);
    assert.equal(await countOf('claim.attested'), attested);
    assert.equal(await countOf('disclosure'), receipts + 1);
    await push(bench, claim('late', '2026-06-06', euros(5000), { status: 'entered-in-error' }));
  });

  it('refuses what cannot be meant, by whom it is not for, and when its time is over', async () => {
    const attested = await countOf('claim.attested');
    const past = new Date(Date.now() - 1000).toISOString();
    for (const [bad, where] of [
      [question({ atLeast: -1 }), 'atLeast'],
      [question({ atLeast: 0 }), 'atLeast'],
      [question({ atLeast: 1e15 }), 'atLeast'],
      [question({ atLeast: 0.0000001 }), 'atLeast'],
      [{ ...question(), atLeast: '300' }, 'atLeast'],
      [question({ currency: 'EURO' }), 'currency'],
      [question({ start: '2026-02-30' }), 'start'],
      [question({ start: '2026' }), 'start'],
      [question({ end: '2025-01-01' }), 'end'],
      [question({ start: '1900-01-01' }), 'end'],
      [question({ log: 'elsewhere.example' }), 'log'],
      [question({ to: `Organization/${other.id}` }), 'to'],
      [question({ purpose: 'COVERAGE' }), 'purpose'],
      [question({ until: past }), 'until'],
      [question({ until: new Date(Date.now() + 100 * 86_400_000).toISOString() }), 'until'],
      [question({ at: new Date(Date.now() + 3_600_000).toISOString() }), 'at'],
      [{ ...question(), more: '<script>alert(1)</script>' }, 'more'],
    ] as const) {
      const answer = await put(signed(bad));
      assert.equal(refusalOf(answer), '422 processing ADAPTER_UNPROCESSABLE', where);
      assert.match(answer.body.toString(), new RegExp(`"document\\.${where}"`));
      assert.ok(!answer.body.toString().includes('<script>'));
    }
    assert.equal((await put('no json')).status, 400);
    assert.equal((await put('{}')).status, 422);
    assert.equal((await put(`{"document":"${'x'.repeat(70_000)}"}`)).status, 413);
    const patient = await signIn(bench.url, signerOf(wallet));
    assert.equal(refusalOf(await put(signed(question()), patient)), '403 forbidden ADAPTER_FORBIDDEN');
    assert.equal((await put(signed(question()), 'no-token')).status, 401);
    assert.equal(await countOf('claim.attested'), attested);
  });

  it('is no oracle: few questions, through restarts and at once; the patient sees each', async () => {
    const earlier = await countOf('claim.attested');
    assert.ok(earlier < QUESTIONS_MAX);
    const bodies = Array.from({ length: 10 }, (_, i) => signed(question({ atLeast: 1000 + i })));
    const statuses = (await Promise.all(bodies.slice(0, 5).map((body) => put(body)))).map(
      ({ status }) => status,
    );
    await bench.close();
    await open();
    token = await signIn(bench.url, bank, { purpose: 'HPAYMT' });
    for (const body of bodies.slice(5)) statuses.push((await put(body)).status);
    assert.equal(statuses.filter((status) => status === 200).length, QUESTIONS_MAX - earlier);
    assert.ok(statuses.every((status) => status === 200 || status === 429));
    assert.equal(await countOf('claim.attested'), QUESTIONS_MAX);
    const { expenses } = await mine();
    assert.equal(expenses.length, QUESTIONS_MAX);
    const exact = expenses.find(({ atLeast }) => atLeast === 350.3);
    assert.equal(exact?.to, `Organization/${bank.id}`);
    assert.ok(expenses.some(({ says, records }) => says === 'yes' && records === 3));
  });

  it('counts only what the patient permits this bank, and stops with the consent', async () => {
    await approvePayer(bench, other, wallet, 'HPAYMT', BILLS);
    const theirs = await signIn(bench.url, other, { purpose: 'HPAYMT' });
    const asked = (more: Partial<ExpensesQuestion>): string =>
      signed(question({ to: `Organization/${other.id}`, ...more }));
    // Claims alone: what accounts of benefits say is as if it did not exist.
    const consent = payerConsent(other, wallet, 'HPAYMT', ['Claim']);
    await bench.instance.consents.submit(signedBundle(wallet, consent));
    assert.equal(answerOf(await put(asked({ atLeast: 300.3 }), theirs)).says, 'yes');
    const over = asked({ atLeast: 300.31 });
    assert.equal(answerOf(await put(over, theirs)).says, 'no');
    const identifier = consent.identifier?.[0]?.value?.replace('urn:uuid:', '') ?? '';
    await sign(bench, wallet, {
      identifier,
      actor: `Organization/${other.id}`,
      actions: ['disclose'],
      purpose: 'HPAYMT',
      type: 'deny',
      dateTime: new Date(Date.now() + 1000).toISOString(),
    });
    assert.equal(refusalOf(await put(over, theirs)), '404 not-found ADAPTER_NOT_FOUND');
  });

  it('answers nothing where the receipt cannot be written', async () => {
    const { store, engine } = bench.instance;
    const { size } = engine.head();
    const stored = store as unknown as { batch: unknown };
    const real = stored.batch;
    stored.batch = () => Promise.reject(new Error('no space left on device'));
    try {
      for (const body of [
        signed(question({ atLeast: 350.3 })),
        signed(question({ patient: 'Patient/nobody' })),
      ]) {
        const answer = await put(body);
        assert.notEqual(answer.status, 200);
        assert.doesNotMatch(answer.body.toString(), /"says"/);
      }
    } finally {
      stored.batch = real;
    }
    assert.equal(engine.head().size, size);
  });
});
