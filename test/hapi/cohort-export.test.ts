/** HAPI's validator on what a requester really pulls: `$export` over HTTP, by every profile, whole and in part. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { drain } from '../../adapter/services/drain.js';
import { PROFILE_NAMES } from '../../mappings/deidentify/index.js';
import type { JsonObject } from '../../mappings/index.js';
import { consenting, hook, openBench } from '../adapter/support/bench.js';
import type { Bench } from '../adapter/support/bench.js';
import { CohortBench } from '../adapter/support/cohort-bench.js';
import { filesOf, resourcesOf } from '../adapter/support/corpora.js';
import { removeFolder, temporaryFolder } from '../support/instance.js';
import { enrolOrganisation, enrolPerson } from '../support/person.js';
import type { TestPerson } from '../support/person.js';
import { sharedData } from '../support/shared-data.js';
import { missing, validate } from './validate.js';

const PATIENTS = process.env['FIREBREAK_TEST_LONG'] === '1' ? 20 : 2;
const TYPES = [
  'Patient',
  'Encounter',
  'Condition',
  'Observation',
  'Procedure',
  'MedicationRequest',
  'Immunization',
  'AllergyIntolerance',
  'DiagnosticReport',
];

describe('what a requester pulls, before HAPI’s validator', { skip: missing() }, () => {
  const folder = temporaryFolder();
  let bench: Bench;
  let ministry: TestPerson;
  let staff: TestPerson;
  const requests = new CohortBench(
    () => bench,
    () => ministry,
    () => staff,
  );

  before(async () => {
    bench = await openBench({ readerRequestsPerSecond: 100_000 });
    ministry = await enrolOrganisation(bench.instance, 'Ministry of Health', 'authority');
    staff = await enrolPerson(bench.instance, 'staff');
    const bundles = filesOf(sharedData('synthea-r4') ?? '')
      .filter(({ bytes }) => bytes.includes('"entry"'))
      .toSorted((a, b) => a.bytes.length - b.bytes.length);
    for (const { bytes } of bundles.slice(0, PATIENTS)) {
      for (const { type, id } of resourcesOf(bytes))
        if (type === 'Patient') await requests.permit(await consenting(bench, id));
      await hook(bench, '', { body: bytes });
    }
    await drain(bench.instance);
  });
  after(async () => {
    await bench.close();
    removeFolder(folder);
  });

  /** Pulls, and writes each line into a file of its own. */
  async function pulled(
    name: string,
    query: string,
    more: Readonly<Record<string, unknown>>,
  ): Promise<JsonObject[]> {
    const cohort = await requests.approved({ cohort: name, include: [], types: TYPES, ...more });
    const manifest = await requests.exported(cohort, query);
    const rows = await Promise.all(TYPES.map((type) => requests.rowsOf(manifest, type)));
    mkdirSync(join(folder, name));
    for (const [i, row] of rows.flat().entries())
      writeFileSync(join(folder, name, `${name}-${i}.json`), JSON.stringify(row));
    return rows.flat();
  }

  it('is valid, by every profile, and where only some elements were asked for', async () => {
    const counts: number[] = [];
    for (const profile of PROFILE_NAMES) {
      const agreement = profile === 'limited' ? { agreement: 'DUA 7/2026' } : {};
      counts.push((await pulled(profile, '', { profile, ...agreement })).length);
    }
    assert.ok(
      counts.every((count) => count > 20 && count === counts[0]),
      counts.join(),
    );
    const parts = await pulled('parts', '?_elements=status,code,Observation.value', { profile: 'shifted' });
    assert.equal(parts.length, counts[0]);
    for (const { meta } of parts) assert.match(JSON.stringify(meta), /"SUBSETTED"/);
    const found = await validate([...PROFILE_NAMES, 'parts'].map((name) => join(folder, name)));
    assert.equal(
      found.size,
      counts.reduce((sum, count) => sum + count, parts.length),
    );
    assert.deepEqual([...found].filter(([, errors]) => errors.length > 0).slice(0, 20), []);
  });
});
