/**
 * Patients of Synthea from their files to a pulled cohort: some permit it, and nothing that names anyone in the source is
 * found in what left; references lead somewhere; the table is k-anonymous by another way of counting.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { ShownCohort } from '../../../adapter/http/contract/index.js';
import { runImport } from '../../../adapter/services/importing.js';
import { definitionOf, signedCohort } from '../../support/cohorts.js';
import type { BulkManifest } from '../../support/cohorts.js';
import { servicesOf } from '../../support/instance.js';
import { enrolOrganisation } from '../../support/person.js';
import type { TestPerson } from '../../support/person.js';
import { bearer, signIn } from '../../support/session.js';
import { sharedData } from '../../support/shared-data.js';
import { consentFor, enrolWallet, signedBundle } from '../../support/wallet.js';
import { ask, failedChecks, openBench } from '../support/bench.js';
import type { Answer, Bench } from '../support/bench.js';

/** `FIREBREAK_SYNTHEA_ALL=1` takes all hundred. */
const COUNT = process.env['FIREBREAK_SYNTHEA_ALL'] === '1' ? 1000 : 8;
/** Every fourth patient permits no research. */
const isPermitting = (i: number): boolean => i % 4 !== 3;

interface Json {
  readonly [name: string]: unknown;
}

const dir = sharedData('synthea-r4');
const TYPES = [
  'Patient',
  'Condition',
  'Encounter',
  'Observation',
  'Procedure',
  'MedicationRequest',
  'Immunization',
];

describe('a cohort of Synthea', { skip: dir === undefined ? 'the shared data is absent' : false }, () => {
  let bench: Bench;
  let ministry: TestPerson;
  const sources: Json[][] = [];
  const files: string[] = [];

  before(async () => {
    bench = await openBench();
    const { instance } = bench;
    ministry = await enrolOrganisation(instance, 'Institute', 'authority');
    const names = readdirSync(dir ?? '').filter((name) => /_[0-9a-f-]{36}\.json$/.test(name));
    for (const name of names.toSorted().slice(0, COUNT)) {
      const file = join(dir ?? '', name);
      files.push(file);
      const { entry } = JSON.parse(readFileSync(file, 'utf8')) as { entry: { resource: Json }[] };
      sources.push(entry.map(({ resource }) => resource));
    }
    for (const [i, resources] of sources.entries()) {
      const id = resources.find((one) => one['resourceType'] === 'Patient')?.['id'] as string;
      const wallet = await enrolWallet(servicesOf(instance), bench.source.id, id);
      await instance.consents.submit(signedBundle(wallet, consentFor(wallet)));
      if (!isPermitting(i)) continue;
      const actor = `Organization/${ministry.id}`;
      const choices = { actor, actions: ['disclose'], purpose: 'HRESCH' };
      await instance.consents.submit(signedBundle(wallet, consentFor(wallet, choices)));
    }
    await runImport(instance, { paths: files, source: bench.source.id, demo: false }, () => undefined);
  });
  after(async () => {
    assert.deepEqual(await failedChecks(bench.instance), []);
    await bench.close();
  });

  async function pulled(more: Readonly<Record<string, unknown>>): Promise<Map<string, string>> {
    const headers = bearer(await signIn(bench.url, ministry, { purpose: 'HRESCH' }));
    const get = (path: string): Promise<Answer> =>
      ask(bench.url, path.replace(bench.url, ''), { headers: { ...headers, prefer: 'respond-async' } });
    const body = definitionOf({ include: [], types: TYPES, ...more });
    const defined = await ask(bench.url, '/cohorts', { method: 'POST', body, headers });
    assert.equal(defined.status, 201, defined.body.toString());
    const cohort = JSON.parse(defined.body.toString()) as ShownCohort;
    const { instance } = bench;
    await instance.cohorts.request(Buffer.from(signedCohort(ministry, instance.identity.origin, cohort)));
    await instance.cohorts.decideAsOperator(cohort.id, 'approved', 'Ann Lee');
    const begun = await get(`/fhir/Group/${cohort.id}/$export`);
    assert.equal(begun.status, 202, begun.body.toString());
    await instance.cohortExports.idle();
    const done = await get(String(begun.headers['content-location']));
    assert.equal(done.status, 200, done.body.toString());
    const manifest = JSON.parse(done.body.toString()) as BulkManifest;
    const found = new Map<string, string>();
    for (const { url } of [...manifest.output, ...manifest.extension['urn:firebreak:export'].files])
      found.set(url.slice(url.lastIndexOf('/') + 1), (await get(url)).body.toString());
    return found;
  }

  for (const profile of ['safe-harbor', 'shifted'] as const)
    it(
      `has nothing that names anyone, and its references intact, by ${profile}`,
      { timeout: 90_000 },
      async () => {
        const found = await pulled({ cohort: profile, profile });
        const lines = [...found].flatMap(([name, text]) =>
          name.endsWith('.ndjson') ? text.split('\n').filter((one) => one !== '') : [],
        );
        const resources = lines.map((one) => JSON.parse(one) as Json);
        const permitting = sources.filter((_, i) => isPermitting(i));
        const people = resources.filter((one) => one['resourceType'] === 'Patient');
        assert.equal(people.length, permitting.length);
        const wanted = permitting
          .flat()
          .filter((one) => TYPES.includes(one['resourceType'] as string)).length;
        assert.ok(
          resources.length > 0.9 * wanted && resources.length <= wanted,
          `${resources.length} of ${wanted}`,
        );
        const texts = new Set<string>();
        for (const resource of sources.flat()) collect(resource, texts);
        assert.ok(texts.size > 1000);
        const left = new Set<string>();
        for (const resource of resources) strings(resource, left);
        assert.deepEqual(
          [...left].filter((text) => texts.has(text)),
          [],
        );
        const ids = new Set(
          resources.map((one) => `${one['resourceType'] as string}/${one['id'] as string}`),
        );
        const references = new Set<string>();
        for (const resource of resources) collectReferences(resource, references);
        assert.ok(references.size > 0);
        assert.deepEqual(
          [...references].filter((one) => !ids.has(one)),
          [],
        );
        if (profile === 'safe-harbor') assert.doesNotMatch(lines.join('\n'), /"\d{4}-\d\d/);
      },
    );

  it(
    'gives a table whose classes are as large as it says, counted another way',
    { timeout: 90_000 },
    async () => {
      const table = {
        view: 'patient',
        columns: ['gender', 'birth_date'],
        quasiIdentifiers: { gender: { categories: true }, birth_date: { prefixes: [4, 3, 2] } },
        k: 2,
        suppressedMax: 0.5,
      };
      const found = await pulled({ cohort: 'table', profile: 'safe-harbor', table, types: ['Patient'] });
      const rows = (found.get('table.csv') ?? '').trim().split('\r\n').slice(1);
      assert.ok(rows.length >= 2);
      for (const row of rows) assert.ok(rows.filter((other) => other === row).length >= 2, row);
    },
  );
});

/** Names, identifiers, numbers, addresses, free text of a resource: what must not be found again. */
function collect(value: unknown, into: Set<string>, isNaming = false): void {
  if (typeof value === 'string') {
    if (isNaming && value.length > 3 && !/^https?:|^urn:oid|^[a-z]{4,12}$|^(19|20)\d\d$/.test(value))
      into.add(value);
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  for (const [name, part] of Object.entries(value)) {
    if (['system', 'type', 'use', 'state', 'country', 'period', 'coding', 'code', 'class'].includes(name))
      continue;
    const names =
      /^(name|identifier|telecom|line|city|postalCode|text|div|id|note|display|birthDate|given|family)$/;
    collect(part, into, Array.isArray(value) ? isNaming : isNaming || names.test(name));
  }
}

function strings(value: unknown, into: Set<string>): void {
  if (typeof value === 'string') into.add(value);
  else if (typeof value === 'object' && value !== null)
    for (const [name, part] of Object.entries(value)) if (name !== 'resourceType') strings(part, into);
}

function collectReferences(value: unknown, into: Set<string>): void {
  if (typeof value !== 'object' || value === null) return;
  for (const [name, part] of Object.entries(value))
    if (name === 'reference' && typeof part === 'string') into.add(part);
    else collectReferences(part, into);
}
