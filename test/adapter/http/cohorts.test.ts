/** Cohorts over HTTP: defined, counted, requested, approved, pulled; and what is refused on the way. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { after, before, describe, it } from 'node:test';
import type { AggregateAnswer, OwnAccesses, ShownCohort } from '../../../adapter/http/contract/index.js';
import { verifyDocument } from '../../../ledger/consent/index.js';
import { canonicalBytes, publicKey } from '../../../ledger/log/index.js';
import type { JsonObject } from '../../../ledger/log/index.js';
import { checkProof, proofTrust } from '../../../ledger/proofs/index.js';
import { exportSource } from '../../../adapter/services/source-export.js';
import { nodeProofCrypto } from '../../../adapter/services/proof-crypto.js';
import { commitmentOf } from '../../../ledger/vault/index.js';
import { definitionOf, signedCohort } from '../../support/cohorts.js';
import type { BulkManifest } from '../../support/cohorts.js';
import { enrolOrganisation, enrolPerson } from '../../support/person.js';
import type { TestPerson } from '../../support/person.js';
import { bearer, signerOf, signIn } from '../../support/session.js';
import type { Wallet } from '../../support/wallet.js';
import {
  ask,
  consenting,
  failedChecks,
  logSize,
  openBench,
  push,
  readLog,
  refusalOf,
  typesSince,
} from '../support/bench.js';
import type { Bench } from '../support/bench.js';
import { CohortBench, json, linesOf } from '../support/cohort-bench.js';
import { heartRate, patient } from '../support/resources.js';

const PATIENTS = 14;
const PERMITTING = 12;
describe('cohorts', () => {
  let bench: Bench;
  let ministry: TestPerson;
  let other: TestPerson;
  let staff: TestPerson;
  const wallets: Wallet[] = [];
  const requests = new CohortBench(
    () => bench,
    () => ministry,
    () => staff,
  );

  before(async () => {
    bench = await openBench({ privacyBudget: 3 });
    const { instance } = bench;
    ministry = await enrolOrganisation(instance, 'Ministry of Health', 'authority');
    other = await enrolOrganisation(instance, 'Institute', 'authority');
    staff = await enrolPerson(instance, 'staff');
    for (let i = 0; i < PATIENTS; i++) {
      const wallet = await consenting(bench, `p${i}`);
      wallets.push(wallet);
      if (i < PERMITTING) await permit(wallet);
      await push(
        bench,
        {
          ...patient(`p${i}`, { version: '1', minute: 1 }),
          birthDate: `19${50 + i}-03-0${1 + (i % 9)}`,
          gender: i % 2 ? 'male' : 'female',
        },
        heartRate(`h${i}`, `p${i}`, 60 + i, { version: '1', minute: 1 }),
      );
    }
  });
  after(async () => {
    assert.deepEqual(await failedChecks(bench.instance), []);
    await bench.close();
  });

  const { as, permit, post, get, define, approved, kickOff, finished, exported, rowsOf } = requests;
  const log = (): string => requests.log;

  it('tells what is wrong with a definition by line and nearest name', async () => {
    const text =
      'cohort: a\ntitle: A\nstudy: S\npurpose: HRESCH\nprofile: shifted\ntypes: [Observatin]\nexpires: 2099-01-01\n';
    const answer = await post('/cohorts', text);
    assert.equal(refusalOf(answer), '422 processing ADAPTER_UNPROCESSABLE');
    assert.match(answer.body.toString(), /definition:6: .*did you mean Observation/);
    for (const more of [
      { profile: 'limited' },
      { purpose: 'PUBHLTH' },
      { expires: '2001-01-01' },
      { include: [{ view: 'patient', column: 'gendr', in: ['male'] }] },
      { window: { start: '2026-02-01', end: '2026-01-01' } },
      { include: [{ codes: [{ system: 'http://loinc.org', code: '8867-5' }] }] },
    ])
      assert.ok((await post('/cohorts', definitionOf(more))).status >= 400, JSON.stringify(more));
    assert.equal(
      refusalOf(await post('/cohorts', definitionOf(), 'nobody')),
      '401 login ADAPTER_UNAUTHORIZED',
    );
  });

  it('counts with noise before anybody is asked, the same answer again, and until the budget is spent', async () => {
    const cohort = await define();
    const first = json<AggregateAnswer>(await post(`/cohorts/${cohort.id}/feasibility`));
    assert.equal(first.repeated, false);
    const again = json<AggregateAnswer>(await post(`/cohorts/${cohort.id}/feasibility`));
    assert.deepEqual([again.repeated, again.counts, again.left], [true, first.counts, first.left]);
    assert.equal((await post(`/cohorts/${cohort.id}/feasibility`, '', other)).status, 404);
    const begun = logSize(bench.instance);
    const refused = await post(
      `/cohorts/${cohort.id}/aggregate`,
      JSON.stringify({ kind: 'count', epsilon: 1 }),
    );
    assert.equal(refused.status, 403);
    assert.equal(logSize(bench.instance), begun);
  });

  it('lets nothing be pulled before the hospital has approved', async () => {
    const cohort = await define({ cohort: 'early' });
    assert.equal((await kickOff(cohort)).status, 403);
    const begun = logSize(bench.instance);
    await post('/cohorts/requests', signedCohort(ministry, log(), cohort));
    assert.equal((await kickOff(cohort)).status, 403);
    assert.equal(
      (await post('/cohorts/decisions', signedCohort(other, log(), cohort, 'approved'))).status,
      404,
    );
    assert.equal(
      (await post('/cohorts/decisions', signedCohort(ministry, log(), cohort, 'approved'))).status,
      409,
    );
    const refused = await post('/cohorts/decisions', signedCohort(staff, log(), cohort, 'refused'));
    assert.equal(json<ShownCohort>(refused).state, 'refused');
    assert.equal(
      (await post('/cohorts/decisions', signedCohort(staff, log(), cohort, 'approved'))).status,
      409,
    );
    assert.equal((await kickOff(cohort)).status, 403);
    assert.deepEqual(await typesSince(bench.instance, begun), ['access.requested', 'access.decided']);
  });

  it('gives those alone who permit it, without what names them, with receipts and a manifest on the log', async () => {
    const cohort = await approved();
    const begun = logSize(bench.instance);
    const manifest = await exported(cohort);
    const people = await rowsOf(manifest, 'Patient');
    const rates = await rowsOf(manifest, 'Observation');
    assert.deepEqual([people.length, rates.length], [PERMITTING, PERMITTING]);
    const ids = new Set(people.map(({ id }) => `Patient/${id as string}`));
    for (const rate of rates) assert.ok(ids.has((rate['subject'] as { reference: string }).reference));
    const text = JSON.stringify([people, rates]);
    for (const wallet of wallets)
      assert.equal(text.includes(wallet.enrolled.patient.reference.slice(8)), false);
    assert.doesNotMatch(text, /"family"|"given"|"p\d+"|"h\d+"/);
    const types = (await typesSince(bench.instance, begun)).toSorted();
    assert.deepEqual(types, ['cohort.exported', ...Array.from({ length: PERMITTING }, () => 'disclosure')]);

    const { handle, files } = manifest.extension['urn:firebreak:export'];
    const own = files.find(({ type }) => type === 'manifest');
    assert.ok(own !== undefined);
    const signed = json<{
      document: JsonObject & { files: { name: string; sha256: string }[] };
      jws: string;
      salt: string;
    }>(await get(own.url));
    const { organisation, keys } = bench.instance;
    const signer = publicKey(keys.instanceSeed);
    assert.equal(verifyDocument(signed.document, signed.jws, signer, organisation.fingerprint), 'ok');
    const entry = (await readLog(bench.instance)).find(({ type }) => type === 'cohort.exported');
    assert.equal(entry?.body['handle'], handle);
    const salt = Buffer.from(signed.salt, 'base64url');
    assert.equal(
      entry.body['commitment'],
      commitmentOf(salt, canonicalBytes(signed.document)).toString('base64url'),
    );
    assert.equal(signed.document['requester'], `Organization/${ministry.id}`);
    for (const { url } of manifest.output) {
      const name = url.slice(url.lastIndexOf('/') + 1);
      const hash = createHash('sha256')
        .update((await get(url)).body)
        .digest('hex');
      assert.equal(signed.document.files.find((file) => file.name === name)?.sha256, hash);
    }
    const [wallet] = wallets;
    assert.ok(wallet !== undefined);
    const me = bearer(await signIn(bench.url, signerOf(wallet)));
    const account = json<OwnAccesses>(await ask(bench.url, '/me/accesses', { headers: me }));
    assert.deepEqual(
      account.accesses.map(({ interaction, to, records }) => [interaction, to, records]),
      [['export', `Organization/${ministry.id}`, 2]],
    );
  });

  it('proves an export to anyone by one file, and opens to each patient the own lines alone', async () => {
    const cohort = await approved({ cohort: 'proved' });
    const manifest = await exported(cohort);
    const { handle, proof } = manifest.extension['urn:firebreak:export'];
    const { instance } = bench;
    const vkeys = (await instance.engine.read('vkey'))?.toString('utf8').trim().split('\n') ?? [];
    const trust = proofTrust({ vkeys, caRoot: instance.authority.root }, nodeProofCrypto);
    const shown = checkProof((await get(proof)).body, trust);
    assert.ok(shown.ok && shown.kind === 'export');
    assert.deepEqual(shown.rows, []);
    const [file] = manifest.output;
    const hash = createHash('sha256')
      .update((await get(file?.url ?? '')).body)
      .digest('hex');
    assert.ok(shown.files.some(({ sha256 }) => sha256 === hash));
    const path = `/me/exports/${handle}/proof`;
    const meOf = async (wallet: Wallet | undefined): Promise<Record<string, string>> => {
      assert.ok(wallet !== undefined);
      return bearer(await signIn(bench.url, signerOf(wallet)));
    };
    const own = await ask(bench.url, path, { headers: await meOf(wallets[0]) });
    assert.equal(own.status, 200, own.body.toString());
    const opened = checkProof(own.body, trust);
    assert.ok(opened.ok && opened.kind === 'export');
    assert.deepEqual(
      opened.rows
        .map((row) => (JSON.parse(Buffer.from(row).toString()) as { resourceType: string }).resourceType)
        .toSorted((a, b) => (a < b ? -1 : 1)),
      ['Observation', 'Patient'],
    );
    const altered = JSON.parse(own.body.toString()) as { rows: { bytes: string }[] };
    const [row] = altered.rows;
    assert.ok(row !== undefined);
    row.bytes = Buffer.from(Buffer.from(row.bytes, 'base64url').toString().replace('"id"', '"ib"')).toString(
      'base64url',
    );
    const refused = checkProof(Buffer.from(JSON.stringify(altered)), trust);
    assert.deepEqual([refused.ok, refused.ok ? '' : refused.code], [false, 'opening-row']);
    const outside = await ask(bench.url, path, { headers: await meOf(wallets[PATIENTS - 1]) });
    assert.equal(refusalOf(outside), '404 not-found ADAPTER_NOT_FOUND');
  });

  it('keeps to the specification of bulk exports', async () => {
    const cohort = await approved({ cohort: 'bulk' });
    assert.equal((await kickOff(cohort, '', { prefer: '' })).status, 400);
    assert.equal((await kickOff(cohort, '?_strange=1')).status, 400);
    assert.equal((await kickOff(cohort, '?_type=Condition')).status, 403);
    assert.equal((await kickOff(cohort, '?_since=yesterday')).status, 400);
    assert.equal((await kickOff(cohort, '?_outputFormat=text/csv')).status, 400);
    const hidden = '?_typeFilter=Patient%3Fname%3DSmith';
    assert.equal((await kickOff(cohort, hidden)).status, 400);
    const prefer = 'respond-async, handling=lenient';
    assert.equal((await kickOff(cohort, hidden, { prefer })).status, 400);
    const lenient = await kickOff(cohort, '?_strange=1&_type=Observation&_elements=status', { prefer });
    assert.equal(lenient.status, 202);
    const location = String(lenient.headers['content-location']);
    assert.match(location, /^http:/);
    const done = await finished(lenient);
    assert.ok(done.headers['expires'] !== undefined);
    const manifest = json<BulkManifest>(done);
    assert.deepEqual([manifest.requiresAccessToken, manifest.deleted, manifest.error], [true, [], []]);
    assert.deepEqual([...new Set(manifest.output.map(({ type }) => type))], ['Observation']);
    const [rate] = await rowsOf(manifest, 'Observation');
    assert.equal(rate?.['valueQuantity'], undefined);
    assert.ok(rate?.['status'] !== undefined && rate['code'] !== undefined);
    const [file] = manifest.output;
    const packed = await get(file?.url ?? '', { 'accept-encoding': 'gzip' });
    assert.equal(packed.headers['content-encoding'], 'gzip');
    assert.equal(packed.headers['content-type'], 'application/fhir+ndjson');
    assert.deepEqual(gunzipSync(packed.body), (await get(file?.url ?? '')).body);
    assert.equal((await ask(bench.url, (file?.url ?? '').replace(bench.url, ''))).status, 401);
    assert.equal((await get(file?.url ?? '', {}, other)).status, 404);
    let status = 200;
    for (let i = 0; i < 8 && status === 200; i++) status = (await get(location)).status;
    assert.equal(status, 429);
    const headers = await as(ministry);
    const path = location.replace(bench.url, '');
    assert.equal((await ask(bench.url, path, { method: 'DELETE', headers })).status, 202);
    assert.equal(refusalOf(await get(location)), '404 not-found ADAPTER_NOT_FOUND');
    assert.equal((await get(file?.url ?? '')).status, 404);
    const parameters = JSON.stringify({
      resourceType: 'Parameters',
      parameter: [
        { name: '_type', valueString: 'Observation' },
        { name: '_typeFilter', valueString: 'Observation?code=http://loinc.org|8867-4' },
      ],
    });
    const posted = await ask(bench.url, `/fhir/Group/${cohort.id}/$export`, {
      method: 'POST',
      body: parameters,
      headers: { ...headers, prefer: 'respond-async', 'content-type': 'application/fhir+json' },
    });
    assert.equal((await rowsOf(json(await finished(posted)), 'Observation')).length, PERMITTING);
  });

  it('is pulled by a bulk client that knows nothing of cohorts: our own', async () => {
    const cohort = await approved({ cohort: 'ours' });
    const reader = await openBench();
    try {
      const token = (await as(ministry)).authorization.slice('Bearer '.length);
      const { participant, id: custodian, name } = reader.instance.organisation;
      await reader.instance.sources.add(
        {
          id: 'cohort',
          kind: 'fhir',
          name: 'cohort',
          baseUrl: `${bench.url}/fhir`,
          credential: { kind: 'bearer', token },
          custodian: { participant, id: custodian, name },
          allowResearch: false,
        },
        Date.now(),
      );
      const result = await exportSource(reader.instance, 'cohort', { group: cohort.id });
      assert.deepEqual([result.isComplete, result.resources, result.problems], [true, 2 * PERMITTING, []]);
    } finally {
      await reader.close();
    }
  });

  it('makes a table k-anonymous, and refuses a quasi-identifier that is not declared', async () => {
    const table = {
      view: 'patient',
      columns: ['gender', 'birth_date'],
      quasiIdentifiers: { gender: { categories: true }, birth_date: { prefixes: [4, 3] } },
      k: 3,
    };
    const cohort = await approved({ cohort: 'table', profile: 'safe-harbor', table });
    const manifest = await exported(cohort);
    const { files } = manifest.extension['urn:firebreak:export'];
    assert.deepEqual(files.map(({ url }) => url.slice(url.lastIndexOf('/') + 1)).toSorted(), [
      'dictionary.json',
      'manifest.json',
      'report.json',
      'table.csv',
      'table.ndjson',
      'table.parquet',
    ]);
    const file = (name: string): string => files.find(({ url }) => url.endsWith(name))?.url ?? '';
    const rows = (await get(file('table.csv'))).body.toString().trim().split('\r\n').slice(1);
    const sizes = new Map<string, number>();
    for (const row of rows) sizes.set(row, (sizes.get(row) ?? 0) + 1);
    assert.ok(
      [...sizes.values()].every((size) => size >= 3),
      rows.join(' '),
    );
    assert.equal((await get(file('table.parquet'))).body.subarray(0, 4).toString(), 'PAR1');
    const report = json<{ table: { k: number; attack: { singledOut: number } }; search: { found: number } }>(
      await get(file('report.json')),
    );
    assert.ok(report.table.k >= 3);
    assert.deepEqual([report.table.attack.singledOut, report.search.found], [0, 0]);
    const begun = logSize(bench.instance);
    const careless = {
      ...table,
      quasiIdentifiers: { gender: { categories: true } },
      sensitive: ['birth_date'],
    };
    const bad = await approved({ cohort: 'careless', table: careless });
    const failed = await finished(await kickOff(bad));
    assert.equal(refusalOf(failed), '422 processing ADAPTER_UNPROCESSABLE');
    assert.match(failed.body.toString(), /ANONYMITY_UNDECLARED.*birth_date/);
    assert.deepEqual(
      (await typesSince(bench.instance, begun)).filter((type) => !type.startsWith('access.')),
      [],
    );
  });

  it('answers without rows from one budget, over all who ask and for good', async () => {
    const cohort = await approved({ cohort: 'counted' });
    const histogram = {
      kind: 'histogram',
      view: 'patient',
      columns: ['gender'],
      bins: [['male', 'female']],
      epsilon: 1,
    };
    const begun = logSize(bench.instance);
    const first = json<AggregateAnswer>(
      await post(`/cohorts/${cohort.id}/aggregate`, JSON.stringify(histogram)),
    );
    assert.deepEqual(Object.keys(first.counts), ['male', 'female']);
    assert.deepEqual(await typesSince(bench.instance, begun), ['aggregate.answered']);
    const again = { ...histogram, epsilon: 2 };
    const same = json<AggregateAnswer>(await post(`/cohorts/${cohort.id}/aggregate`, JSON.stringify(again)));
    assert.deepEqual([same.repeated, same.counts], [true, first.counts]);
    const answers = await Promise.all(
      [0.9, 0.8].map((epsilon) =>
        post(
          `/cohorts/${cohort.id}/aggregate`,
          JSON.stringify({ ...histogram, bins: [['male', String(epsilon)]], epsilon }),
        ),
      ),
    );
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200],
    );
    const spent = await post(
      `/cohorts/${cohort.id}/aggregate`,
      JSON.stringify({ kind: 'count', epsilon: 1 }),
    );
    assert.match(spent.body.toString(), /BUDGET_SPENT/);
    assert.equal(spent.status, 422);
    for (const wrong of [
      { ...histogram, columns: ['gendr'] },
      { ...histogram, view: 'condition' },
      { ...histogram, epsilon: 0 },
      { ...histogram, surprise: 1 },
    ])
      assert.equal((await post(`/cohorts/${cohort.id}/aggregate`, JSON.stringify(wrong))).status, 422);
  });

  it('51: stops the files of who withdraws, tells it, and leaves that patient out from then on', async () => {
    const cohort = await approved({ cohort: 'withdrawn' });
    const manifest = await exported(cohort);
    const [file] = manifest.output;
    assert.equal((await get(file?.url ?? '')).status, 200);
    const [, gone] = wallets;
    assert.ok(gone !== undefined);
    await permit(gone, 'deny');
    assert.equal((await get(file?.url ?? '')).status, 410);
    const id = file?.url.split('/').at(-2) ?? '';
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const now = json<BulkManifest>(await get(`/fhir/bulk/${id}`));
    assert.deepEqual(now.output, []);
    assert.equal(linesOf(await get(now.deleted[0]?.url ?? '')).length, 1);
    assert.equal(linesOf(await get(now.error[0]?.url ?? '')).length, 1);
    const later = await exported(cohort, `?_since=${new Date().toISOString()}`);
    assert.deepEqual(await rowsOf(later, 'Observation'), []);
    const [deletion] = linesOf(await get(later.deleted[0]?.url ?? ''));
    assert.match(JSON.stringify(deletion), /"method":"DELETE"/);
    const whole = await exported(cohort);
    assert.equal((await rowsOf(whole, 'Patient')).length, PERMITTING - 1);
    const ended = await post('/cohorts/decisions', signedCohort(staff, log(), cohort, 'ended'));
    assert.equal(json<ShownCohort>(ended).state, 'ended');
    assert.equal((await get(whole.output[0]?.url ?? '')).status, 410);
    assert.equal((await kickOff(cohort)).status, 403);
  });
});
