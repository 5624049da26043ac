/** HAPI's validator on what the severity models issue, and on the made-up records of the demo. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Resource } from 'fhir/r4.js';
import {
  covidDeterioration,
  covidSeverity,
  riskAssessment,
  scorePatient,
  trainSeverity,
} from '../../analytics/index.js';
import type { Study } from '../../analytics/index.js';
import { generatePatients, hospitalDirectory } from '../../demo/index.js';
import { stagedCohort } from '../analytics/severity/cohort.js';
import { removeFolder, temporaryFolder } from '../support/instance.js';
import { missing, validate } from './validate.js';

const NOW_MS = Date.UTC(2026, 10, 23, 12);
const PATIENTS = 12;

describe('severity and the demo, before HAPI’s validator', { skip: missing() }, () => {
  const folder = temporaryFolder();
  after(() => removeFolder(folder));
  before(() => {
    for (const name of ['risk', 'demo']) mkdirSync(join(folder, name));
  });

  function put(where: string, name: string, resource: object): void {
    writeFileSync(join(folder, where, `${where}-${name}.json`), JSON.stringify(resource));
  }

  it('RiskAssessments of a binary and of a composite model are valid', async () => {
    const cohort = stagedCohort(400, 4);
    const levels = new Set<string>();
    for (const study of [covidDeterioration, covidSeverity]) {
      const lenient: Study = { ...study, fitting: { ...study.fitting, imputedShareMax: 1 } };
      const { model } = await trainSeverity(cohort, lenient);
      for (const [i, patient] of cohort.slice(0, PATIENTS).entries()) {
        const score = scorePatient(model, patient);
        assert.ok(score.status === 'scored');
        levels.add(score.level);
        const made = riskAssessment(score, {
          id: `r${i}`,
          patientReference: `Patient/${patient.key}`,
          encounterReference: `Encounter/${score.encounterId}`,
          modelHandle: 'T18QyERg-77KDU9EX3qV6dl4bpXc2PaCdKxTaCl5K_8',
          nowMs: NOW_MS,
          basisReferences: score.basisIds.map(({ type, id }) => `${type}/${id}`),
          performerReference: 'Organization/o',
          tags: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ActReason', code: 'HTEST' }],
          warnings: i % 2 === 0 ? ['Later patients differ.'] : [],
        });
        assert.equal(made.prediction?.length, study === covidSeverity ? 6 : 1);
        put('risk', `${study.name}-${i}`, made);
      }
    }
    assert.ok(levels.size > 1, [...levels].join());
    const found = await validate([join(folder, 'risk')]);
    assert.equal(found.size, 2 * PATIENTS);
    assert.deepEqual(
      [...found].filter(([, errors]) => errors.length > 0),
      [],
    );
  });

  it('so are the demo’s resources', async () => {
    const resources: Resource[] = [...hospitalDirectory()];
    for (const { resources: own } of generatePatients({ count: 4, seed: 7 })) resources.push(...own);
    for (const [i, resource] of resources.entries()) put('demo', `${resource.resourceType}-${i}`, resource);
    const found = await validate([join(folder, 'demo')]);
    assert.equal(found.size, resources.length);
    assert.deepEqual(
      [...found].filter(([, errors]) => errors.length > 0),
      [],
    );
  });
});
