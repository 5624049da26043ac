/**
 * HAPI's validator on both sides: what the facade serves passes wherever the received resource did, and so does what the
 * facade makes itself: Bundles, Provenances with proofs, its CapabilityStatement.
 */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Bundle, Claim, ClaimResponse } from 'fhir/r4.js';
import { drain } from '../../adapter/services/drain.js';
import { ask, consenting, hook, openBench } from '../adapter/support/bench.js';
import type { Bench } from '../adapter/support/bench.js';
import { addTo, consentingAll, filesOf, hookFiles, listed, resourcesOf } from '../adapter/support/corpora.js';
import type { Corpus, Listed } from '../adapter/support/corpora.js';
import { json, readerOf } from '../adapter/support/facade.js';
import { admitPayer } from '../support/claims.js';
import { removeFolder, temporaryFolder } from '../support/instance.js';
import { enrolOrganisation } from '../support/person.js';
import { bearer, signIn } from '../support/session.js';
import { sharedData } from '../support/shared-data.js';
import { missing, validate } from './validate.js';

const isLong = process.env['FIREBREAK_TEST_LONG'] === '1';

describe('what the facade serves, before HAPI’s validator', { skip: missing() }, () => {
  const folder = temporaryFolder();
  let bench: Bench;
  let count = 0;
  /** What is wrong in all but the Bundles. */
  let found: Map<string, string[]>;

  before(async () => {
    bench = await openBench({ readerRequestsPerSecond: 100_000 });
    for (const name of ['received', 'served', 'ours', 'whole']) mkdirSync(join(folder, name));
  });
  after(async () => {
    await bench.close();
    removeFolder(folder);
  });

  function put(where: string, name: string, text: string): void {
    writeFileSync(join(folder, where, `${where}-${name}.json`), text);
  }

  /** Each served resource beside what was received of that name. */
  function putAll({ served, provenances, pages }: Listed, corpus: Corpus): void {
    for (const [name, text] of served) {
      count++;
      put('served', String(count), text);
      for (const [i, one] of (corpus.get(name) ?? []).entries()) put('received', `${count}.${i}`, one.text);
    }
    for (const text of provenances) put('ours', `provenance-${count}-${text.length}`, text);
    for (const [i, text] of pages.entries()) put('whole', `page-${count}-${i}`, text);
  }

  it('is gathered', async () => {
    const reader = await readerOf(bench, { source: bench.source.id });
    const examples = await hookFiles(bench, sharedData('fhir-examples-r4') ?? '');
    const references = await consentingAll(bench);
    for (const [corpusName, most] of [
      ['synthea-r4', 3],
      ['covid-r4', 2],
    ] as const) {
      const bundles = filesOf(sharedData(corpusName) ?? '').filter(({ bytes }) => bytes.includes('"entry"'));
      for (const { bytes } of bundles.slice(0, isLong ? 20 : most)) {
        const corpus: Corpus = new Map();
        const patients: string[] = [];
        for (const one of resourcesOf(bytes)) {
          addTo(bench, corpus, one);
          if (one.type === 'Patient')
            patients.push((await consenting(bench, one.id)).enrolled.patient.reference);
        }
        await hook(bench, '', { body: bytes });
        await drain(bench.instance);
        for (const patient of patients) putAll(await listed(reader, `${patient}/$everything`), corpus);
      }
    }
    for (const patient of references)
      putAll(await listed(reader, `${patient}/$everything?_proof=true`), examples);
    put('ours', 'metadata', (await ask(bench.url, '/fhir/metadata')).body.toString('utf8'));
    const [patient = ''] = references;
    for (const [name, path] of [
      ['search', `Observation?patient=${patient}`],
      ['search-proof', `Observation?patient=${patient}&_proof=true`],
      ['history', `Patient/_history?patient=${patient}`],
      ['read-proof', `${patient}?_proof=true`],
      ['directory', 'Organization'],
      ['account', `AuditEvent?type=110106&patient=${patient}`],
    ] as const) {
      const answer = await reader.get(path);
      if (answer.status === 200) put('whole', name, answer.body.toString('utf8'));
    }
    const account = json<Bundle>(await reader.get('AuditEvent?type=110106&_count=20'));
    for (const [i, { resource }] of (account.entry ?? []).entries())
      put('ours', `disclosure-${i}`, JSON.stringify(resource));
    assert.ok((account.entry ?? []).length > 10, 'what was read is accounted for');
    assert.ok(count > 200, `${count} resources are served`);
  });

  it('passes wherever the received resource did', async () => {
    found = await validate(['received', 'served', 'ours'].map((name) => join(folder, name)));
    const worse: string[] = [];
    let passed = 0;
    for (let i = 1; i <= count; i++) {
      const errors = found.get(`served-${i}`);
      const received = [...found].filter(([name]) => name.startsWith(`received-${i}.`));
      assert.ok(errors !== undefined && received.length > 0, `${i} was validated`);
      if (errors.length === 0) passed++;
      else if (received.some(([, their]) => their.length === 0)) worse.push(`${i}: ${errors.join('; ')}`);
    }
    assert.deepEqual(worse, []);
    assert.ok(passed > count / 2, `${passed} of ${count} pass`);
  });

  it('and what the facade makes itself passes', () => {
    const ours = [...found].filter(([name]) => name.startsWith('ours-'));
    assert.ok(ours.length > 10);
    assert.deepEqual(
      ours.filter(([, errors]) => errors.length > 0),
      [],
    );
  });

  it('and its Bundles pass as Bundles', async () => {
    const whole = await validate([join(folder, 'whole')], '--whole');
    // What is wrong in a resource is told above; here only what is wrong around it.
    const around = [...whole].map(
      ([name, errors]) => [name, errors.filter((error) => !/entry\[\d+\]\.resource/.test(error))] as const,
    );
    assert.ok(around.length > 5);
    assert.deepEqual(
      around.filter(([, errors]) => errors.length > 0),
      [],
    );
  });
});

describe('answers to claims, before HAPI’s validator', { skip: missing() }, () => {
  const folder = temporaryFolder();
  let bench: Bench;
  before(async () => {
    bench = await openBench({ readerRequestsPerSecond: 100_000 });
  });
  after(async () => {
    await bench.close();
    removeFolder(folder);
  });

  it('pass, whatever was found', async () => {
    const { instance, url } = bench;
    const insurer = await enrolOrganisation(instance, 'Insurer', 'payer');
    const file = filesOf(sharedData('synthea-r4') ?? '').find(
      ({ bytes }) => bytes.toString('latin1').split('"ExplanationOfBenefit"').length > 6,
    );
    const resources = resourcesOf(file?.bytes ?? Buffer.alloc(0));
    const wallet = await consenting(bench, resources.find(({ type }) => type === 'Patient')?.id ?? '');
    await hook(bench, '', { body: file?.bytes ?? '' });
    await drain(instance);
    await admitPayer(bench, insurer, wallet, 'CLMATTCH');
    const token = await signIn(url, insurer, { purpose: 'CLMATTCH' });
    const findings = new Set<string>();
    let repeated = 0;
    const submit = async (claim: object): Promise<void> => {
      const answer = await ask(url, '/fhir/Claim/$submit', {
        method: 'POST',
        headers: { ...bearer(token), 'content-type': 'application/fhir+json' },
        body: JSON.stringify(claim),
      });
      assert.equal(answer.status, 200, answer.body.toString());
      const { id, item = [], processNote } = JSON.parse(answer.body.toString()) as ClaimResponse;
      for (const { adjudication } of item) findings.add(adjudication[0]?.category.coding?.[0]?.code ?? '');
      if (processNote !== undefined) repeated++;
      writeFileSync(join(folder, `${id ?? ''}.json`), answer.body);
    };
    const claims = resources
      .filter(({ type }) => type === 'Claim' || type === 'ExplanationOfBenefit')
      .slice(0, 12)
      .map(({ text }) => JSON.parse(text) as Claim);
    assert.ok(claims.length > 5);
    for (const claim of claims) await submit({ ...claim, patient: wallet.enrolled.patient });
    // Once more under another name, and a line that is wrong, and one that is a question.
    const [one] = claims.filter(({ resourceType }) => resourceType === 'Claim');
    assert.ok(one !== undefined);
    const patient = wallet.enrolled.patient;
    await submit({ ...one, patient, id: 'again' });
    const coding = [{ system: 'http://snomed.info/sct', code: '80146002' }];
    const never = { sequence: 1, productOrService: { coding } };
    await submit({ ...one, patient, id: 'wrong', item: [never] });
    const period = { servicedPeriod: { start: '1990-01-01', end: '2020-01-01' } };
    await submit({ ...one, patient, id: 'asked', item: [{ ...never, ...period }] });
    assert.deepEqual([...findings].toSorted(), ['not-supported', 'supported', 'undecidable']);
    assert.ok(repeated > 0);
    const wrong = [...(await validate([folder]))].filter(([, errors]) => errors.length > 0);
    assert.deepEqual(wrong, []);
  });
});
