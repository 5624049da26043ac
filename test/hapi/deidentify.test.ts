/** HAPI's validator on de-identified resources: what is left is FHIR, and what had to stay is masked as FHIR asks. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import {
  Deidentifier,
  PROFILE_NAMES,
  profileNamed,
  readExact,
  writeExact,
} from '../../mappings/deidentify/index.js';
import type { JsonObject } from '../../mappings/index.js';
import { removeFolder, temporaryFolder } from '../support/instance.js';
import { sharedData } from '../support/shared-data.js';
import { missing, validate } from './validate.js';

const isLong = process.env['FIREBREAK_TEST_LONG'] === '1';

/** A resource of each type from which each element that may not be absent has to go. */
const BARE: readonly JsonObject[] = [
  'Encounter',
  'Condition',
  'Observation',
  'Procedure',
  'MedicationRequest',
  'MedicationAdministration',
  'Immunization',
  'AllergyIntolerance',
  'DiagnosticReport',
].map((resourceType, i) => ({
  resourceType,
  id: `bare-${i}`,
  ...(resourceType === 'Immunization' ? { status: 'completed' } : {}),
  ...(resourceType === 'MedicationRequest' ? { intent: 'order' } : {}),
  ...(resourceType === 'Observation'
    ? { valueString: 'gone', component: [{ code: { text: 'gone' }, valueString: 'gone' }] }
    : {}),
  ...(resourceType === 'AllergyIntolerance'
    ? {
        clinicalStatus: { text: 'gone' },
        reaction: [{ manifestation: [{ text: 'gone' }], severity: 'mild' }],
      }
    : {}),
}));

function sources(): (readonly JsonObject[])[] {
  const folder = sharedData('synthea-r4') ?? '';
  const patients = readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .map((name) => readExact(readFileSync(join(folder, name))) as unknown as Bundle)
    .filter(({ entry }) => entry?.some(({ resource }) => resource['resourceType'] === 'Patient'))
    .toSorted((a, b) => (a.entry?.length ?? 0) - (b.entry?.length ?? 0))
    .slice(0, isLong ? 100 : 3);
  return [BARE, ...patients.map(({ entry = [] }) => entry.map(({ resource }) => resource))];
}

interface Bundle {
  readonly entry?: readonly { readonly resource: JsonObject }[];
}

describe('de-identified resources, before HAPI’s validator', { skip: missing() }, () => {
  const folder = temporaryFolder();
  after(() => removeFolder(folder));

  it('pass, by every profile', async () => {
    const all = sources();
    let count = 0;
    for (const name of PROFILE_NAMES) {
      mkdirSync(join(folder, name));
      const engine = new Deidentifier({
        profile: profileNamed(name),
        key: Buffer.alloc(32, 7),
        randomBytes,
        asOfYear: 2026,
      });
      for (const resources of all) {
        for (const resource of resources) engine.announce(resource);
        for (const resource of resources) {
          const out = engine.transform(resource);
          if (out === undefined) continue;
          count++;
          writeFileSync(join(folder, name, `${name}-${count}.json`), writeExact(out));
        }
      }
    }
    const found = await validate(PROFILE_NAMES.map((name) => join(folder, name)));
    assert.equal(found.size, count);
    assert.deepEqual(
      [...found].filter(([, errors]) => errors.length > 0),
      [],
    );
  });
});
