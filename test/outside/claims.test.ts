/** Proof files of claims and expenses, checked offline by a program in another language that shares nothing with ours. */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import type { ClaimResponse, Provenance } from 'fhir/r4.js';
import { EXPENSES_KIND } from '../../adapter/http/contract/index.js';
import type { ExpensesAnswer } from '../../adapter/http/contract/index.js';
import { nodeProofCrypto } from '../../adapter/services/proof-crypto.js';
import { signDocument } from '../../ledger/consent/index.js';
import { encodeVkey, generateSeed, publicKey } from '../../ledger/log/index.js';
import { checkProof, proofTrust } from '../../ledger/proofs/index.js';
import { ask, consenting, openBench, push } from '../adapter/support/bench.js';
import type { Bench } from '../adapter/support/bench.js';
import { admitPayer } from '../support/claims.js';
import { removeFolder, temporaryFolder } from '../support/instance.js';
import { enrolOrganisation } from '../support/person.js';
import { bearer, signIn } from '../support/session.js';

const skip = spawnSync('go', ['version']).status === 0 ? false : 'go is not on PATH';
const run = promisify(execFile);
const SCT = 'http://snomed.info/sct';
const concept = (code: string): object => ({ coding: [{ system: SCT, code }] });
const total = { value: 80.5, currency: 'EUR' };
const PERIOD = { start: '2026-03-02T09:00:00Z', end: '2026-03-02T10:30:00Z' };
const subject = { reference: 'Patient/a' };

const RECORD: readonly object[] = [
  { resourceType: 'Patient', id: 'a' },
  {
    resourceType: 'Encounter',
    id: 'visit',
    status: 'finished',
    class: { system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'AMB' },
    type: [concept('185345009')],
    subject,
    serviceProvider: { reference: 'Organization/clinic' },
    period: PERIOD,
  },
  {
    resourceType: 'Procedure',
    id: 'stitches',
    status: 'completed',
    code: concept('288086009'),
    subject,
    encounter: { reference: 'Encounter/visit' },
    performedPeriod: PERIOD,
  },
  {
    resourceType: 'Claim',
    id: 'bill',
    status: 'active',
    use: 'claim',
    patient: subject,
    created: '2026-03-03',
    billablePeriod: PERIOD,
    provider: { reference: 'Organization/clinic' },
    total,
  },
];

describe('Go checks proof files of claims', { skip }, () => {
  const dir = temporaryFolder();
  const program = join(dir, 'outside');
  const root = join(dir, 'root.crt');
  let bench: Bench;
  let vkey: string;
  let claim: Buffer;
  let expenses: Buffer;
  let checks = 0;

  /** What it prints; `undefined` where it refuses. */
  async function go(file: Buffer, key = vkey, ca = root): Promise<string | undefined> {
    const path = join(dir, `${checks++}.json`);
    writeFileSync(path, file);
    try {
      return (await run(program, ['-claim', path, '-ca', ca, key], { timeout: 60_000 })).stdout;
    } catch (error) {
      const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
      assert.deepEqual([code, stdout], [1, ''], stderr);
      return undefined;
    }
  }

  async function posted(path: string, type: string, token: string, body: object): Promise<unknown> {
    const headers = { ...bearer(token), 'content-type': type };
    const answer = await ask(bench.url, path, { method: 'POST', headers, body: JSON.stringify(body) });
    assert.equal(answer.status, 200, answer.body.toString());
    return JSON.parse(answer.body.toString());
  }

  before(async () => {
    const sources = resolve(process.cwd(), 'test', 'outside');
    await run('go', ['build', '-o', program, '.'], { cwd: sources, timeout: 300_000 });
    bench = await openBench({ readerRequestsPerSecond: 10_000 });
    const { instance, url } = bench;
    const payer = await enrolOrganisation(instance, 'Payer', 'payer');
    const wallet = await consenting(bench, 'a');
    await push(bench, ...RECORD);
    await admitPayer(bench, payer, wallet, 'HPAYMT');
    const token = await signIn(url, payer, { purpose: 'HPAYMT' });
    const { patient, participant, fingerprint } = wallet.enrolled;
    const response = (await posted('/fhir/Claim/$submit', 'application/fhir+json', token, {
      resourceType: 'Claim',
      id: 'c1',
      status: 'active',
      use: 'claim',
      patient,
      provider: { reference: 'Organization/clinic' },
      billablePeriod: PERIOD,
      item: ['185345009', '288086009', '80146002'].map((code, i) => ({
        sequence: i + 1,
        productOrService: concept(code),
      })),
    })) as ClaimResponse;
    const provenance = response.contained?.[0] as Provenance | undefined;
    claim = Buffer.from(provenance?.signature?.[0]?.data ?? '', 'base64');
    const document = {
      kind: EXPENSES_KIND,
      log: instance.identity.origin,
      signer: participant,
      at: new Date().toISOString(),
      until: new Date(Date.now() + 86_400_000).toISOString(),
      patient: patient.reference,
      to: `Organization/${payer.id}`,
      purpose: 'HPAYMT',
      atLeast: 80.5,
      currency: 'EUR',
      start: '2026-03-01',
      end: '2026-03-31',
    };
    const jws = signDocument(document, wallet.seed, fingerprint);
    const answer = (await posted('/claims/expenses', 'application/json', token, {
      document,
      jws,
    })) as ExpensesAnswer;
    expenses = Buffer.from(answer.proof, 'base64');
    vkey = (await ask(url, '/log/vkey')).body.toString().trim();
    writeFileSync(root, (await ask(url, '/pki/root.crt')).body);
  });
  after(async () => {
    await bench.close();
    removeFolder(dir);
  });

  it('and says what each line rests on, and yes or no', async () => {
    const custodian = `Organization/${bench.source.custodian.id}`;
    assert.equal(
      await go(claim),
      `claim "Claim/c1" of "${custodian}"\nline 1 supported type,start,end,serviceProvider\n` +
        'line 2 supported code,start,end\nline 3 not-supported\nok\n',
    );
    assert.equal(await go(expenses), 'expenses yes at least 80.5 EUR, 2026-03-01 to 2026-03-31\nok\n');
  });

  it('not under another log’s key or another root', async () => {
    const stranger = encodeVkey(bench.instance.identity.origin, publicKey(generateSeed()));
    assert.equal(await go(claim, stranger), undefined);
    const issuing = join(dir, 'issuing.crt');
    writeFileSync(issuing, (await ask(bench.url, '/pki/issuing.crt')).body);
    assert.equal(await go(claim, vkey, issuing), undefined);
  });

  it('and refuses what our own check refuses, wherever a file was changed', async () => {
    const caRoot = (await ask(bench.url, '/pki/root.crt')).body;
    const trust = proofTrust({ vkeys: [vkey], caRoot }, nodeProofCrypto);
    for (const file of [claim, expenses]) {
      const text = file.toString();
      const changed: string[] = [
        text.replace('"kind":"claim"', '"kind":"claim","more":1'),
        text.replace('"format"', '"Format"'),
        text.replace('"records":[', '"records":[],"records":['),
        text.replace('"records":[', '"records":[null,'),
        `${text}{}`,
        text.slice(0, -3),
        '[]',
      ];
      // A character of each text in turn, so that every leaf, path, key and signature is met.
      for (const match of text.matchAll(/"([A-Za-z0-9_-]{40,})"/g)) {
        const at = match.index + 1 + Math.floor((match[1]?.length ?? 0) / 2);
        const other = text[at] === 'A' ? 'B' : 'A';
        changed.push(text.slice(0, at) + other + text.slice(at + 1));
      }
      for (const one of changed) {
        const ours = checkProof(Buffer.from(one), trust);
        assert.equal(ours.ok, false);
        assert.equal(await go(Buffer.from(one)), undefined, ours.ok ? '' : ours.code);
      }
      assert.ok(changed.length > 20);
    }
    // The document says something else, under a commitment of its own making.
    const json = JSON.parse(claim.toString()) as { document: { bytes: string } };
    const said = Buffer.from(json.document.bytes, 'base64url').toString();
    json.document.bytes = Buffer.from(said.replace('not-supported', 'undecidable')).toString('base64url');
    assert.equal(await go(Buffer.from(JSON.stringify(json))), undefined);
  });
});
