/** Lines that were claimed before: recognised within and across insurers, told as far as the patient permits, and no more. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { ClaimResponse } from 'fhir/r4.js';
import { serveHttp } from '../../../adapter/services/server.js';
import { admitPayer } from '../../support/claims.js';
import { addImportSource, openTestInstance, removeFolder, temporaryFolder } from '../../support/instance.js';
import { enrolOrganisation } from '../../support/person.js';
import type { TestPerson } from '../../support/person.js';
import { bearer, signIn } from '../../support/session.js';
import type { Wallet } from '../../support/wallet.js';
import { ask, consenting, failedChecks, push, readLog } from '../support/bench.js';
import type { Bench } from '../support/bench.js';

const SCT = 'http://snomed.info/sct';
const concept = (code: string): object => ({ coding: [{ system: SCT, code }] });
const [STITCHES, BANDAGE, NEVER] = ['288086009', '182531007', '80146002'];

function record(of: string): object[] {
  const subject = { reference: `Patient/${of}` };
  const visit = `${of}-visit`;
  const procedure = (code: string): object => ({
    resourceType: 'Procedure',
    id: `${of}-${code}`,
    status: 'completed',
    code: concept(code),
    subject,
    encounter: { reference: `Encounter/${visit}` },
    performedPeriod: { start: '2026-03-02T09:20:00Z', end: '2026-03-02T09:40:00Z' },
  });
  return [
    { resourceType: 'Patient', id: of },
    {
      resourceType: 'Encounter',
      id: visit,
      status: 'finished',
      class: { system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'AMB' },
      type: [concept('185345009')],
      subject,
      serviceProvider: { reference: 'Organization/clinic' },
      period: { start: '2026-03-02T09:00:00Z', end: '2026-03-02T10:30:00Z' },
    },
    procedure(STITCHES),
    procedure(BANDAGE),
  ];
}

function claimOf(wallet: Wallet, id: string, codes: readonly string[]): object {
  return {
    resourceType: 'Claim',
    id,
    status: 'active',
    use: 'claim',
    patient: { reference: wallet.enrolled.patient.reference },
    provider: { reference: 'Organization/clinic' },
    billablePeriod: { start: '2026-03-02T09:00:00Z', end: '2026-03-02T10:30:00Z' },
    item: codes.map((code, i) => ({ sequence: i + 1, productOrService: concept(code) })),
  };
}

describe('what was claimed before', () => {
  const dir = temporaryFolder();
  let bench: Bench;
  /** Of these, `blind` has no permission to hear of claims of others. */
  let [first, second, blind]: TestPerson[] = [];
  let [a, b]: Wallet[] = [];

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

  /** Sequences of the lines that are said to have been claimed before, once all are said to be supported or not. */
  async function repeated(who: TestPerson, claim: object, says: string): Promise<number[]> {
    const token = await signIn(bench.url, who, { purpose: 'CLMATTCH' });
    const answer = await ask(bench.url, '/fhir/Claim/$submit', {
      method: 'POST',
      headers: { ...bearer(token), 'content-type': 'application/fhir+json' },
      body: JSON.stringify(claim),
    });
    const text = answer.body.toString();
    assert.equal(answer.status, 200, text);
    const { item = [], processNote = [] } = JSON.parse(text) as ClaimResponse;
    const found = item.map(({ adjudication }) => adjudication[0]?.category.coding?.[0]?.code ?? '');
    // It informs and refuses nothing.
    assert.equal(found.map((one) => (one === 'supported' ? '+' : '-')).join(''), says);
    const lines = item.filter(({ noteNumber = [] }) => noteNumber.length > 0);
    assert.deepEqual(
      processNote.map((note) => note.text),
      lines.length > 0 ? ['claimed before'] : [],
    );
    // By whom, and in which claim, is never told.
    const others = [first, second, blind].filter((one) => one?.id !== who.id);
    for (const one of others) assert.ok(!text.includes(one?.id ?? ' '));
    return lines.map(({ itemSequence }) => itemSequence);
  }

  before(async () => {
    await open();
    const { instance } = bench;
    first = await enrolOrganisation(instance, 'First insurer', 'payer');
    second = await enrolOrganisation(instance, 'Second insurer', 'payer');
    blind = await enrolOrganisation(instance, 'Third insurer', 'payer');
    a = await consenting(bench, 'a');
    b = await consenting(bench, 'b');
    await push(bench, ...record('a'), ...record('b'));
    for (const wallet of [a, b]) {
      await admitPayer(bench, first, wallet, 'CLMATTCH');
      await admitPayer(bench, second, wallet, 'CLMATTCH');
      await admitPayer(bench, blind, wallet, 'CLMATTCH', ['Claim', 'Encounter', 'Procedure']);
    }
  });
  after(async () => {
    assert.deepEqual(await failedChecks(bench.instance), []);
    await bench.close();
    removeFolder(dir);
  });

  it('within an insurer: another claim with the line, not the same claim once more', async () => {
    assert.ok(first !== undefined && a !== undefined);
    assert.deepEqual(await repeated(first, claimOf(a, 'one', [STITCHES]), '+'), []);
    assert.deepEqual(await repeated(first, claimOf(a, 'one', [STITCHES]), '+'), []);
    // Mended and sent again it is still the same claim.
    assert.deepEqual(await repeated(first, claimOf(a, 'one', [STITCHES, NEVER]), '+-'), []);
    assert.deepEqual(await repeated(first, claimOf(a, 'two', [BANDAGE, STITCHES]), '++'), [2]);
  });

  it('within one claim: what is billed twice', async () => {
    assert.ok(first !== undefined && b !== undefined);
    assert.deepEqual(await repeated(first, claimOf(b, 'twice', [STITCHES, BANDAGE, STITCHES]), '+++'), [3]);
  });

  it('across insurers: told where the patient permits this insurer to hear of claims, also of one name', async () => {
    assert.ok(second !== undefined && blind !== undefined && a !== undefined);
    assert.deepEqual(await repeated(blind, claimOf(a, 'one', [STITCHES]), '+'), []);
    assert.deepEqual(await repeated(second, claimOf(a, 'one', [STITCHES, BANDAGE]), '++'), [1, 2]);
    // Of its own claims an insurer hears whatever is permitted.
    assert.deepEqual(await repeated(blind, claimOf(a, 'three', [BANDAGE, STITCHES]), '++'), [2]);
  });

  it('not of another patient’s record, and not of a line that was not supported', async () => {
    assert.ok(second !== undefined && b !== undefined && a !== undefined && first !== undefined);
    assert.deepEqual(await repeated(second, claimOf(b, 'other', [BANDAGE, NEVER]), '+-'), [1]);
    assert.deepEqual(await repeated(first, claimOf(a, 'four', [NEVER]), '-'), []);
  });

  it('after a restart; and nothing of it is on the log', async () => {
    assert.ok(second !== undefined && a !== undefined);
    await bench.close();
    await open();
    assert.deepEqual(await repeated(second, claimOf(a, 'five', [STITCHES]), '+'), [1]);
    for (const { type, body } of await readLog(bench.instance))
      if (type === 'claim.attested') assert.deepEqual(Object.keys(body).toSorted(), ['commitment', 'handle']);
  });

  it('of two that ask at once, one is told', async () => {
    assert.ok(first !== undefined && second !== undefined);
    const c = await consenting(bench, 'c');
    await push(bench, ...record('c'));
    await admitPayer(bench, first, c, 'CLMATTCH');
    await admitPayer(bench, second, c, 'CLMATTCH');
    const told = await Promise.all([
      repeated(first, claimOf(c, 'race-1', [STITCHES]), '+'),
      repeated(second, claimOf(c, 'race-2', [STITCHES]), '+'),
    ]);
    assert.deepEqual(told.flat(), [1]);
  });
});
