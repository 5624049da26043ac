/** Claims that cannot be meant, each by its name: an OperationOutcome, nothing attested, and none of the insurer's tries spent. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { OwnClaims } from '../../../adapter/http/contract/index.js';
import { VARIANTS_MAX } from '../../../adapter/services/claims/limits.js';
import { admitPayer } from '../../support/claims.js';
import { enrolOrganisation } from '../../support/person.js';
import { bearer, signerOf, signIn } from '../../support/session.js';
import type { Wallet } from '../../support/wallet.js';
import {
  ask,
  consenting,
  failedChecks,
  issueOf,
  logSize,
  openBench,
  push,
  refusalOf,
  typesSince,
} from '../support/bench.js';
import type { Answer, Bench } from '../support/bench.js';

const SCT = 'http://snomed.info/sct';
const concept = (code: string, system = SCT): object => ({ coding: [{ system, code }] });
const VISIT = concept('185345009');
const money = (value: unknown, currency = 'EUR'): object => ({ net: { value, currency } });
const period = (start: string, end: string): object => ({ servicedPeriod: { start, end } });
const line = (more: object): object => ({ item: [{ sequence: 1, productOrService: VISIT, ...more }] });
const two = (first: object, second: object): object[] => [
  { sequence: 1, productOrService: VISIT, ...first },
  { sequence: 2, productOrService: VISIT, ...second },
];

describe('bad input to claims', () => {
  let bench: Bench;
  let wallet: Wallet;
  let stranger: Wallet;
  let headers: Record<string, string>;

  before(async () => {
    bench = await openBench({ readerRequestsPerSecond: 10_000 });
    const insurer = await enrolOrganisation(bench.instance, 'Insurer', 'payer');
    wallet = await consenting(bench, 'a');
    stranger = await consenting(bench, 'b');
    for (const of of ['a', 'b'])
      await push(
        bench,
        { resourceType: 'Patient', id: of },
        {
          resourceType: 'Encounter',
          id: `${of}-visit`,
          status: 'finished',
          class: { system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'AMB' },
          type: [VISIT],
          subject: { reference: `Patient/${of}` },
          serviceProvider: { reference: 'Organization/clinic' },
          period: { start: '2026-03-02T09:00:00Z', end: '2026-03-02T10:30:00Z' },
        },
      );
    await admitPayer(bench, insurer, wallet, 'CLMATTCH');
    const token = await signIn(bench.url, insurer, { purpose: 'CLMATTCH' });
    headers = { ...bearer(token), 'content-type': 'application/fhir+json' };
  });
  after(async () => {
    assert.deepEqual(await failedChecks(bench.instance), []);
    await bench.close();
  });

  /** A claim that is borne out, unless what is given is not. */
  const claimOf = (more: object = {}): object => ({
    resourceType: 'Claim',
    id: 'c1',
    status: 'active',
    use: 'claim',
    patient: { reference: wallet.enrolled.patient.reference },
    provider: { reference: 'Organization/clinic' },
    billablePeriod: { start: '2026-03-02T09:00:00Z', end: '2026-03-02T10:30:00Z' },
    item: [{ sequence: 1, productOrService: VISIT }],
    ...more,
  });
  const submit = (claim: object): Promise<Answer> =>
    ask(bench.url, '/fhir/Claim/$submit', { method: 'POST', headers, body: JSON.stringify(claim) });

  async function refused(says: string, why: string, claim: object): Promise<void> {
    const size = logSize(bench.instance);
    const answer = await submit(claim);
    const { code, diagnostics = '' } = issueOf(answer);
    assert.equal(`${answer.status} ${code}`, says, diagnostics);
    assert.ok(diagnostics.startsWith(why), diagnostics);
    assert.equal(logSize(bench.instance), size);
  }

  const lines = Array.from({ length: 10_000 }, (_, i) => ({ sequence: i + 1, productOrService: VISIT }));
  const cases: readonly (readonly [name: string, why: string, more: object])[] = [
    ['10,000 lines', 'too-many-lines', { item: lines }],
    ['no lines', 'malformed', { item: [] }],
    ['two lines of one number', 'malformed', { item: two({}, { sequence: 1 }) }],
    ['dates of a line reversed', 'reversed-dates', line(period('2026-03-02', '2026-03-01'))],
    [
      'dates of the claim reversed',
      'reversed-dates',
      { billablePeriod: { start: '2026-03-02', end: '2025-03-02' } },
    ],
    [
      'dates of two lines that overlap',
      'overlapping-dates',
      { item: two(period('2026-03-01', '2026-03-05'), period('2026-03-04', '2026-03-08')) },
    ],
    [
      'dates of a line within those of another',
      'overlapping-dates',
      { item: two(period('2026-03-01', '2026-03-08'), { servicedDate: '2026-03-02' }) },
    ],
    ['30 February', 'bad-date', line({ servicedDate: '2026-02-30' })],
    ['a date in words', 'bad-date', line({ servicedDate: 'yesterday' })],
    ['a period of a thousand years', 'too-long', line(period('1026-01-01', '2026-01-01'))],
    ['a negative amount', 'bad-amount', line(money(-1))],
    ['an amount beyond any bill', 'bad-amount', line(money(1e15))],
    ['an amount as text', 'bad-amount', line(money('10'))],
    ['a negative price of a unit', 'bad-amount', line({ unitPrice: { value: -5, currency: 'EUR' } })],
    ['a negative total', 'bad-amount', { total: { value: -5, currency: 'EUR' } }],
    ['a currency that is none', 'bad-currency', line(money(1, 'EURO'))],
    ['a quantity of nothing', 'bad-quantity', line({ quantity: { value: 0 } })],
    ['a negative quantity', 'bad-quantity', line({ quantity: { value: -3 } })],
    ['a quantity beyond anything', 'bad-quantity', line({ quantity: { value: 1e9 } })],
    ['a code that its system cannot have', 'bad-code', line({ productOrService: concept('12-x') })],
    ['a code of LOINC under SNOMED CT’s name', 'bad-code', line({ productOrService: concept('8867-4') })],
    ['a code without a system', 'bad-code', line({ productOrService: { coding: [{ code: '1' }] } })],
    ['a system that is no address', 'bad-code', line({ productOrService: concept('1', 'snomed') })],
    ['words in place of a code', 'bad-code', line({ productOrService: { text: 'a visit' } })],
  ];
  for (const [name, why, more] of cases)
    it(name, () => refused('422 processing', `ADAPTER_UNPROCESSABLE: ${why}`, claimOf(more)));

  it('another’s patient, or nobody: the same answer, and the same trace of it', async () => {
    const seen = new Set<string>();
    for (const reference of [stranger.enrolled.patient.reference, 'Patient/b', 'Patient/nobody']) {
      const begun = logSize(bench.instance);
      const answer = await submit(claimOf({ patient: { reference } }));
      assert.equal(refusalOf(answer), '404 not-found ADAPTER_NOT_FOUND');
      seen.add(answer.body.toString());
      // A receipt that discloses nothing, whoever was asked about.
      assert.deepEqual(await typesSince(bench.instance, begun), ['disclosure']);
    }
    assert.equal(seen.size, 1);
  });

  it('codes that are on no record bear nothing out, and are one try each', async () => {
    const unknown = [concept('999999009'), concept('X-1', 'http://nowhere.example/codes')];
    const item = unknown.map((productOrService, i) => ({ sequence: i + 1, productOrService }));
    const answer = await submit(claimOf({ id: 'unknown', item }));
    assert.equal(answer.status, 200, answer.body.toString());
    assert.doesNotMatch(answer.body.toString(), /"code":"supported"/);
    const me = bearer(await signIn(bench.url, signerOf(wallet)));
    const own = JSON.parse(
      (await ask(bench.url, '/me/claims', { headers: me })).body.toString(),
    ) as OwnClaims;
    assert.deepEqual(
      own.tries.map(({ answered, missed }) => [answered, missed]),
      [[1, unknown.length]],
    );
  });

  it('none of these counted among the claim’s contents: all that are allowed are answered still', async () => {
    const statuses: number[] = [];
    for (let i = 0; i <= VARIANTS_MAX; i++)
      statuses.push((await submit(claimOf(line({ servicedDate: `2026-03-0${2 + i}` })))).status);
    assert.deepEqual(statuses, [...Array.from({ length: VARIANTS_MAX }, () => 200), 429]);
  });
});
