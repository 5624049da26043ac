/** Claims over HTTP: an insurer with keys of its own gets proofs instead of records, and no more than is permitted. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import type { ClaimResponse, Provenance } from 'fhir/r4.js';
import type { OwnClaimDetails, OwnClaims } from '../../../adapter/http/contract/index.js';
import { consentFromTemplate } from '../../../adapter/http/contract/index.js';
import { nodeProofCrypto } from '../../../adapter/services/proof-crypto.js';
import { serveHttp } from '../../../adapter/services/server.js';
import { checkProof, portableCrypto, proofTrust } from '../../../ledger/proofs/index.js';
import type { ClaimDocument, ClaimFound, ProofVerdict } from '../../../ledger/proofs/index.js';
import { signedDecision, signedTask, taskOf } from '../../support/access.js';
import { addImportSource, openTestInstance, removeFolder, temporaryFolder } from '../../support/instance.js';
import { enrolOrganisation, enrolPerson } from '../../support/person.js';
import type { TestPerson } from '../../support/person.js';
import { bearer, signerOf, signIn } from '../../support/session.js';
import { consentFor, signedBundle } from '../../support/wallet.js';
import type { Wallet } from '../../support/wallet.js';
import { ask, consenting, failedChecks, push, readLog, refusalOf } from '../support/bench.js';
import type { Answer, Bench } from '../support/bench.js';

const SCT = 'http://snomed.info/sct';
const XSS = '<img/src=x/onerror=alert(1)>';
const concept = (code: string): object => ({ coding: [{ system: SCT, code }] });

/** A visit, what was done at it, and an illness, of one patient. */
function record(of: string): object[] {
  const subject = { reference: `Patient/${of}` };
  const encounter = { reference: `Encounter/${of}-visit` };
  return [
    { resourceType: 'Patient', id: of, name: [{ family: 'Quill' }] },
    {
      resourceType: 'Encounter',
      id: `${of}-visit`,
      status: 'finished',
      class: { system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'AMB' },
      type: [concept('185345009')],
      subject,
      serviceProvider: { reference: 'Organization/clinic' },
      period: { start: '2026-03-02T09:00:00Z', end: '2026-03-02T10:30:00Z' },
    },
    {
      resourceType: 'Procedure',
      id: `${of}-stitches`,
      status: 'completed',
      code: concept('288086009'),
      subject,
      encounter,
      performedPeriod: { start: '2026-03-02T09:20:00Z', end: '2026-03-02T09:40:00Z' },
    },
  ];
}

type Claim = Record<string, unknown> & { item: Record<string, unknown>[] };

function claimOf(patient: string, id = 'c1'): Claim {
  return {
    resourceType: 'Claim',
    id,
    status: 'active',
    use: 'claim',
    patient: { reference: patient },
    provider: { reference: 'Organization/clinic' },
    billablePeriod: { start: '2026-03-02T09:00:00Z', end: '2026-03-02T10:30:00Z' },
    item: [
      {
        sequence: 1,
        productOrService: concept('185345009'),
        encounter: [{ reference: 'Encounter/a-visit' }],
      },
      { sequence: 2, productOrService: concept('288086009') },
      { sequence: 3, productOrService: concept('80146002') },
    ],
  };
}

const fileOf = (response: ClaimResponse): Buffer =>
  Buffer.from((response.contained?.[0] as Provenance | undefined)?.signature?.[0]?.data ?? '', 'base64');

const responseOf = (answer: Answer): ClaimResponse => {
  assert.equal(answer.status, 200, answer.body.toString());
  return JSON.parse(answer.body.toString()) as ClaimResponse;
};

const saysOf = (answer: Answer): string[] =>
  (responseOf(answer).item ?? []).map(
    ({ adjudication }) => adjudication[0]?.category.coding?.[0]?.code ?? '',
  );

const day = (start: string, end: string): object => ({ servicedPeriod: { start, end } });

describe('claims', () => {
  const dir = temporaryFolder();
  let bench: Bench;
  let insurer: TestPerson;
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

  const submit = (body: object, as = token): Promise<Answer> =>
    ask(bench.url, '/fhir/Claim/$submit', {
      method: 'POST',
      headers: { ...bearer(as), 'content-type': 'application/fhir+json' },
      body: JSON.stringify(body),
    });
  async function check(file: Uint8Array, crypto = nodeProofCrypto): Promise<ProofVerdict> {
    const vkeys = [(await ask(bench.url, '/log/vkey')).body.toString().trim()];
    const caRoot = (await ask(bench.url, '/pki/root.crt')).body;
    return checkProof(file, proofTrust({ vkeys, caRoot }, crypto));
  }
  const attestations = async (): Promise<number> =>
    (await readLog(bench.instance)).filter(({ type }) => type === 'claim.attested').length;

  /** Lets an insurer ask about claims: the hospital, and the patient. */
  async function admit(who: TestPerson): Promise<void> {
    const { instance, source } = bench;
    const asking = { patient: own, custodian: source.custodian.id, purpose: 'CLMATTCH', types: ['Claim'] };
    const task = taskOf(who, asking);
    const { id } = await instance.accessRequests.ask(signedTask(who, task));
    const staff = await enrolPerson(instance, 'staff');
    for (const by of [staff, signerOf(wallet)]) {
      const decision = signedDecision(by, instance.identity.origin, { id, task }, { outcome: 'approved' });
      await instance.accessRequests.decide(decision);
    }
  }

  before(async () => {
    await open();
    const { instance } = bench;
    insurer = await enrolOrganisation(instance, 'Insurer', 'payer');
    other = await enrolOrganisation(instance, 'Other insurer', 'payer');
    wallet = await consenting(bench, 'a');
    await consenting(bench, 'b');
    own = wallet.enrolled.patient.reference;
    await push(bench, ...record('a'), ...record('b'));
    token = await signIn(bench.url, insurer, { purpose: 'CLMATTCH' });
  });
  after(async () => {
    assert.deepEqual(await failedChecks(bench.instance), []);
    await bench.close();
    removeFolder(dir);
  });

  it('tells nothing without the patient’s permission for this insurer and this claim', async () => {
    const unknown = await submit(claimOf('Patient/nobody'));
    assert.equal(refusalOf(unknown), '404 not-found ADAPTER_NOT_FOUND');
    assert.deepEqual((await submit(claimOf(own))).body, unknown.body);
    await admit(insurer);
    assert.deepEqual((await submit(claimOf(own))).body, unknown.body);
    const { enrolled } = wallet;
    const consent = consentFromTemplate('claim', {
      patient: own,
      hospital: { reference: enrolled.custodian.reference, name: 'City Hospital' },
      recipient: { reference: `Organization/${insurer.id}`, name: 'Insurer' },
      claim: 'Claim/c1',
      contact: 'privacy@example.org',
      identifier: randomUUID(),
      dateTime: new Date().toISOString(),
      until: new Date(Date.now() + 86_400_000).toISOString(),
      isSensitiveIncluded: true,
      isAbroadAllowed: false,
    });
    await bench.instance.consents.submit(signedBundle(wallet, consent));
    assert.equal((await submit(claimOf(own))).status, 200);
    assert.deepEqual((await submit(claimOf(own, 'c2'))).body, unknown.body);
    const stranger = await signIn(bench.url, other, { purpose: 'CLMATTCH' });
    assert.deepEqual((await submit(claimOf(own), stranger)).body, unknown.body);
    assert.equal(await attestations(), 1);
  });

  it('answers line by line with a proof that opens only what the claim says', async () => {
    const answer = await submit(claimOf(own));
    assert.deepEqual(saysOf(answer), ['supported', 'supported', 'not-supported']);
    const file = fileOf(responseOf(answer));
    for (const crypto of [nodeProofCrypto, portableCrypto]) {
      const verdict = await check(file, crypto);
      assert.ok(verdict.ok && verdict.kind === 'claim', verdict.ok ? verdict.kind : verdict.code);
    }
    const { document } = (await check(file)) as ClaimFound;
    const { lines, records } = document as ClaimDocument;
    assert.deepEqual(lines[0]?.opened, ['type', 'start', 'end', 'serviceProvider']);
    assert.deepEqual(lines[0].word, ['status']);
    // The claim says other times than the record: that they fit is the hospital's word.
    assert.deepEqual(lines[1]?.opened, ['code']);
    assert.deepEqual(lines[1].word, ['status', 'dates', 'provider']);
    assert.deepEqual(
      records.map(({ origin }) => origin),
      ['received-from', 'received-from'],
    );
    const shown = Buffer.concat([
      file,
      ...[...file.toString().matchAll(/"([A-Za-z0-9_-]{40,})"/g)].map(([, text]) =>
        Buffer.from(text ?? '', 'base64url'),
      ),
    ]).toString('latin1');
    for (const secret of ['Quill', '09:20', '09:40', 'finished', 'a-stitches', 'completed'])
      assert.ok(!shown.includes(secret), secret);
    // The same question has the same answer, and costs nothing.
    assert.equal(await attestations(), 1);
  });

  it('112: where the receipt cannot be written nothing is answered, and each answer has its own', async () => {
    const { store, engine } = bench.instance;
    const receipts = async (): Promise<number> =>
      (await readLog(bench.instance)).filter(({ type }) => type === 'disclosure').length;
    const earlier = await receipts();
    responseOf(await submit(claimOf(own)));
    assert.equal(await receipts(), earlier + 1);
    const { size } = engine.head();
    const stored = store as unknown as { batch: unknown };
    const real = stored.batch;
    stored.batch = () => Promise.reject(new Error('no space left on device'));
    try {
      const changed = { ...claimOf(own), billablePeriod: { start: '2026-03-02', end: '2026-03-02' } };
      for (const claim of [claimOf(own), changed, claimOf('Patient/nobody')]) {
        const answer = await submit(claim);
        assert.equal(answer.status, 503, answer.body.toString());
        assert.doesNotMatch(answer.body.toString(), /ClaimResponse|supported/);
      }
    } finally {
      stored.batch = real;
    }
    assert.equal(engine.head().size, size);
  });

  it('refuses a file in which anything was changed', async () => {
    const file = fileOf(responseOf(await submit(claimOf(own)))).toString();
    const json = JSON.parse(file) as { document: { bytes: string }; records: { facts: object[] }[] };
    const text = Buffer.from(json.document.bytes, 'base64url').toString();
    const changed = (edit: (copy: typeof json) => void): Buffer => {
      const copy = structuredClone(json);
      edit(copy);
      return Buffer.from(JSON.stringify(copy));
    };
    const codes = [];
    for (const bad of [
      changed((copy) => {
        copy.document.bytes = Buffer.from(text.replace('not-supported', 'undecidable')).toString('base64url');
      }),
      changed((copy) => copy.records[0]?.facts.pop()),
      changed((copy) => copy.records.pop()),
      changed((copy) => {
        copy.records = copy.records.toReversed();
      }),
    ]) {
      const verdict = await check(bad);
      codes.push(verdict.ok ? 'good' : verdict.code);
    }
    assert.deepEqual(codes, ['opening-commitment', 'opening-claim', 'opening-claim', 'good']);
  });

  it('refuses what cannot be meant, and spends nothing on it', async () => {
    const good = (): Claim => claimOf(own);
    const line = (more: object): Claim => ({ ...good(), item: [{ ...good().item[1], ...more }] });
    const earlier = await attestations();
    for (const [claim, why] of [
      [
        {
          ...good(),
          item: Array.from({ length: 10_000 }, (_, i) => ({ ...good().item[1], sequence: i + 1 })),
        },
        'too-many-lines',
      ],
      [line(day('2026-03-02', '2026-03-01')), 'reversed-dates'],
      [
        {
          ...good(),
          item: [
            { ...good().item[1], sequence: 1, ...day('2026-03-01', '2026-03-05') },
            { ...good().item[1], sequence: 2, ...day('2026-03-04', '2026-03-08') },
          ],
        },
        'overlapping-dates',
      ],
      [line(day('2026-02-31', '2026-03-08')), 'bad-date'],
      [line({ net: { value: -1, currency: 'EUR' } }), 'bad-amount'],
      [line({ net: { value: 1e15, currency: 'EUR' } }), 'bad-amount'],
      [line({ net: { value: 1, currency: 'EURO' } }), 'bad-currency'],
      [line({ productOrService: concept('12-x') }), 'bad-code'],
      [line({ productOrService: { text: 'stitches' } }), 'bad-code'],
      [line({ quantity: { value: 0 } }), 'bad-quantity'],
      [{ resourceType: 'Patient' }, 'no-claim'],
      [{ ...good(), provider: undefined }, 'malformed'],
      [{ ...good(), provider: { reference: XSS } }, 'malformed'],
      [{ ...good(), patient: { reference: `${own}${XSS}` } }, 'malformed'],
      [{ ...good(), id: XSS }, 'malformed'],
      [{ ...good(), resourceType: 'ExplanationOfBenefit', claim: { reference: XSS } }, 'malformed'],
      [line({ encounter: [{ reference: XSS }] }), 'malformed'],
      [line({ productOrService: concept(XSS) }), 'bad-code'],
      [
        { ...good(), procedure: Array.from({ length: 10_000 }, (_, i) => ({ sequence: i + 1 })) },
        'too-many-lines',
      ],
      [
        {
          resourceType: 'Bundle',
          type: 'collection',
          entry: Array.from({ length: 10_000 }, () => ({ resource: { resourceType: 'Basic' } })),
        },
        'too-many-lines',
      ],
    ] as const) {
      const answer = await submit(claim);
      assert.equal(refusalOf(answer), '422 processing ADAPTER_UNPROCESSABLE', why);
      assert.match(answer.body.toString(), new RegExp(`ADAPTER_UNPROCESSABLE: ${why}`));
      assert.ok(!answer.body.toString().includes('onerror'), 'nothing of the claim is said back');
    }
    const large = { ...good(), text: { status: 'generated', div: 'x'.repeat(4 * 1024 * 1024) } };
    assert.equal((await submit(large)).status, 413);
    const deep = `{"resourceType":"Claim","item":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
    const nested = await ask(bench.url, '/fhir/Claim/$submit', {
      method: 'POST',
      headers: { ...bearer(token), 'content-type': 'application/fhir+json' },
      body: deep,
    });
    assert.ok([400, 422].includes(nested.status), nested.body.toString());
    // Another's visit bears nothing out, and whether it is there is not told.
    assert.equal(refusalOf(await submit(claimOf('Patient/b'))), '404 not-found ADAPTER_NOT_FOUND');
    const mine = await signIn(bench.url, signerOf(wallet));
    assert.equal(refusalOf(await submit(good(), mine)), '403 forbidden ADAPTER_FORBIDDEN');
    assert.equal(await attestations(), earlier);
  });

  it('says nothing of a claim’s texts: mark-up in them reaches nobody', async () => {
    const claim = claimOf(own);
    const marked = {
      ...claim,
      text: { status: 'generated', div: `<div xmlns="http://www.w3.org/1999/xhtml">${XSS}</div>` },
      identifier: [{ system: 'urn:x', value: XSS }],
      insurer: { display: XSS },
      supportingInfo: [{ sequence: 1, category: { text: XSS }, valueString: XSS }],
      item: claim.item.map((item) => ({
        ...item,
        productOrService: { ...(item['productOrService'] as object), text: XSS },
      })),
    };
    const answer = await submit(marked);
    assert.deepEqual(saysOf(answer), ['supported', 'supported', 'not-supported']);
    const file = fileOf(responseOf(answer));
    const opened = [...file.toString().matchAll(/"([A-Za-z0-9_-]{40,})"/g)].map(([, text]) =>
      Buffer.from(text ?? '', 'base64url').toString('latin1'),
    );
    for (const text of [answer.body.toString(), file.toString(), ...opened])
      assert.ok(!text.includes('onerror'));
    assert.equal(answer.headers['x-content-type-options'], 'nosniff');
    assert.equal(answer.headers['content-type'], 'application/fhir+json; charset=utf-8');
  });

  it('117: limits variants of a claim and lines in vain, through restarts; the patient sees it', async () => {
    const variant = (i: number): Claim => {
      const claim = claimOf(own);
      const { item } = claim;
      return { ...claim, item: [{ ...item[0], productOrService: concept(String(100_000 + i)) }] };
    };
    const statuses: number[] = [];
    for (let i = 0; i < 6; i++) statuses.push((await submit(variant(i))).status);
    assert.deepEqual(statuses, [200, 200, 200, 200, 429, 429]);
    await bench.close();
    await open();
    token = await signIn(bench.url, insurer, { purpose: 'CLMATTCH' });
    assert.equal(refusalOf(await submit(variant(7))), '429 throttled ADAPTER_TOO_MANY_REQUESTS');
    // What was answered is answered still.
    assert.deepEqual(saysOf(await submit(claimOf(own))), ['supported', 'supported', 'not-supported']);
    // An insurer that may ask about any claim learns nothing beyond the limit either.
    await admit(other);
    const broad = consentFor(wallet, {
      actor: `Organization/${other.id}`,
      actions: ['disclose'],
      purpose: 'CLMATTCH',
    });
    await bench.instance.consents.submit(signedBundle(wallet, broad));
    const prober = await signIn(bench.url, other, { purpose: 'CLMATTCH' });
    const answered: string[] = [];
    for (let i = 0; i < 1000; i++) {
      const probe = { ...variant(i), id: `probe-${i}` };
      const answer = await submit(probe, prober);
      if (answer.status === 200) answered.push(...saysOf(answer));
      else assert.equal(answer.status, 429);
    }
    assert.equal(answered.length, 40);
    assert.ok(answered.every((says) => says === 'not-supported'));
    // Nor by one long claim: behind the last line in vain nothing is decided, be it true or not.
    const third = await enrolOrganisation(bench.instance, 'Third insurer', 'payer');
    await admit(third);
    const alike = consentFor(wallet, {
      actor: `Organization/${third.id}`,
      actions: ['disclose'],
      purpose: 'CLMATTCH',
    });
    await bench.instance.consents.submit(signedBundle(wallet, alike));
    const guesses = Array.from({ length: 60 }, (_, i) => ({
      sequence: i + 1,
      productOrService: concept(i === 59 ? '288086009' : String(100_000 + i)),
    }));
    const long = { ...claimOf(own, 'long'), item: guesses };
    const found = saysOf(await submit(long, await signIn(bench.url, third, { purpose: 'CLMATTCH' })));
    assert.deepEqual(
      [found.filter((says) => says === 'not-supported').length, found.at(-1)],
      [40, 'undecidable'],
    );
    // Past the limit even what is true is not answered.
    assert.equal((await submit(claimOf(own, 'true'), prober)).status, 429);
    const headers = bearer(await signIn(bench.url, signerOf(wallet)));
    const mine = JSON.parse((await ask(bench.url, '/me/claims', { headers })).body.toString()) as OwnClaims;
    assert.equal(mine.claims.length, 46);
    const tries = mine.tries.find(({ to }) => to === `Organization/${other.id}`);
    assert.deepEqual([tries?.answered, tries?.missed], [40, 40]);
    const first = mine.claims.find(({ supported }) => supported === 2);
    const details = await ask(bench.url, `/me/claims/${first?.handle ?? ''}`, { headers });
    const { lines } = JSON.parse(details.body.toString()) as OwnClaimDetails;
    assert.deepEqual(
      lines.map(({ finding }) => finding),
      ['supported', 'supported', 'not-supported'],
    );
    const wrong = mine.claims.find(({ notSupported, claim }) => notSupported === 1 && claim === 'Claim/c1');
    const why = await ask(bench.url, `/me/claims/${wrong?.handle ?? ''}`, { headers });
    assert.deepEqual((JSON.parse(why.body.toString()) as OwnClaimDetails).lines[0]?.failed, ['code']);
  });
});
