import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { mapRecord, MappingError, parseJson, sliceBundle, stripBom } from '../../mappings/index.js';
import type { JsonObject, MapContext, MappedRecord } from '../../mappings/index.js';
import { sharedData } from '../support/shared-data.js';

const files = (folder: string): { name: string; bytes: Buffer }[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .map((name) => ({ name, bytes: readFileSync(join(folder, name)) }));

/** A resource of the Bundles, which all have ids. */
interface Named extends JsonObject {
  readonly resourceType: string;
  readonly id: string;
}

interface Counts {
  readonly records: Record<string, number>;
  readonly refused: string[];
  bundles: number;
}

/** Maps every entry of every Bundle of a folder, each slice compared with what JSON.parse makes of the whole. */
function mapBundles(folder: string): Counts {
  const counts: Counts = { records: {}, refused: [], bundles: 0 };
  for (const { bytes } of files(folder)) {
    const whole = JSON.parse(bytes.toString('utf8')) as {
      entry?: { fullUrl: string; resource: Named }[];
    };
    if (whole.entry === undefined) continue;
    counts.bundles++;
    const { entries } = sliceBundle(bytes);
    assert.equal(entries.length, whole.entry.length);
    const urn = new Map(
      whole.entry.map(({ fullUrl, resource }) => [fullUrl, `${resource.resourceType}/${resource.id}`]),
    );
    entries.forEach((entry, i) => {
      const slice = bytes.subarray(entry.resource?.start, entry.resource?.end);
      const resource = parseJson(slice);
      assert.deepEqual(resource, whole.entry?.[i]?.resource);
      try {
        const record = mapRecord(resource, { urn, bytes: slice });
        const key = `${record.kind} ${record.type}`;
        counts.records[key] = (counts.records[key] ?? 0) + 1;
        if (record.kind === 'compartment') assert.ok(slice.includes(record.subject));
      } catch (error) {
        assert.ok(error instanceof MappingError, String(error));
        counts.refused.push(`${error.code} ${error.expression}`);
      }
    });
  }
  return counts;
}

describe('Bundles made by Synthea', () => {
  const synthea = sharedData('synthea-r4');
  it('all 102 slice and map', { skip: synthea === undefined && 'no shared data: synthea-r4' }, () => {
    const { records, refused, bundles } = mapBundles(synthea ?? '');
    assert.equal(bundles, 102);
    assert.deepEqual(refused, []);
    assert.deepEqual(records, {
      'compartment AllergyIntolerance': 38,
      'compartment CarePlan': 278,
      'compartment CareTeam': 278,
      'compartment Claim': 6083,
      'compartment Condition': 639,
      'compartment Device': 4,
      'compartment DiagnosticReport': 897,
      'compartment Encounter': 3697,
      'compartment ExplanationOfBenefit': 3697,
      'compartment ImagingStudy': 16,
      'compartment Immunization': 1287,
      'compartment MedicationRequest': 2386,
      'compartment Observation': 16_315,
      'compartment Patient': 100,
      'compartment Procedure': 2351,
      'directory Organization': 452,
      'directory Practitioner': 452,
    });
  });

  const covid = sharedData('covid-r4');
  it('the COVID-19 patients too', { skip: covid === undefined && 'no shared data: covid-r4' }, () => {
    const { records, refused } = mapBundles(covid ?? '');
    assert.deepEqual(refused, []);
    assert.equal(records['compartment Patient'], 10);
    assert.equal(records['compartment Observation'], 144);
  });
});

describe('the examples of R4', () => {
  const folder = sharedData('fhir-examples-r4');
  const skip = folder === undefined && 'no shared data: fhir-examples-r4';

  /** What cannot be mapped, by the reason that stands in the file. Bundles are sliced, not mapped. */
  const REFUSED: Readonly<Record<string, string>> = {
    'BasicExampleNarrative.json': 'MAPPING_NO_PATIENT Basic.subject',
    'DocumentReference-example-relatesTo-code-appends.indexes.json': 'MAPPING_NOT_A_RESOURCE ',
    'DocumentReference-example-relatesTo-code-transforms-replaces-target.indexes.json':
      'MAPPING_NOT_A_RESOURCE ',
    'DocumentReference-example-relatesTo-code-transforms.indexes.json': 'MAPPING_NOT_A_RESOURCE ',
    'ResourceWrapperNoVersion.json': 'MAPPING_NOT_A_RESOURCE ',
    'detectedissue-example.json': 'MAPPING_NO_PATIENT DetectedIssue.patient',
    'questionnaireresponse-example.json': 'MAPPING_NO_PATIENT QuestionnaireResponse.subject',
    'supplydelivery-example.json': 'MAPPING_NO_PATIENT SupplyDelivery.patient',
    'supplyrequest-example-simpleorder.json': 'MAPPING_NO_PATIENT SupplyRequest.deliverTo',
  };

  it('each file maps, or is refused for the reason that stands in it', { skip }, () => {
    const refused: Record<string, string> = {};
    const kinds: Record<string, number> = {};
    for (const { name, bytes: read } of files(folder ?? '')) {
      const bytes = stripBom(read);
      const resource = parseJson(bytes) as JsonObject;
      if (resource['resourceType'] === 'Bundle') {
        assert.ok(sliceBundle(bytes).entries.length > 0, name);
        continue;
      }
      try {
        const { kind } = mapRecord(resource, { urn: new Map(), bytes });
        kinds[kind] = (kinds[kind] ?? 0) + 1;
      } catch (error) {
        assert.ok(error instanceof MappingError, `${name}: ${String(error)}`);
        refused[name] = `${error.code} ${error.expression ?? ''}`;
      }
    }
    assert.deepEqual(refused, REFUSED);
    assert.ok(
      (kinds['compartment'] ?? 0) > 60 && (kinds['directory'] ?? 0) > 60 && (kinds['attached'] ?? 0) >= 3,
    );
  });
});

describe('what a HAPI server sent', () => {
  const folder = sharedData('hapi-captures');
  const skip = folder === undefined && 'no shared data: hapi-captures';
  const context: MapContext = { urn: new Map(), sourceBase: 'http://127.0.0.1:18080/fhir' };

  /** Bodies of the requests captured in a file. */
  function bodies(name: string): Buffer[] {
    const found: Buffer[] = [];
    const collect = (value: unknown): void => {
      if (Array.isArray(value)) value.forEach(collect);
      else if (typeof value === 'object' && value !== null) {
        for (const [key, inner] of Object.entries(value)) {
          if (key === 'body' && typeof inner === 'string' && inner !== '') found.push(Buffer.from(inner));
          else collect(inner);
        }
      }
    };
    collect(JSON.parse(readFileSync(join(folder ?? '', name), 'utf8')));
    return found;
  }

  const NO_SUBJECT = 'MAPPING_NO_PATIENT Observation.subject';

  /** The record, or the reason why there is none: most of the captured Observations have no subject. */
  function outcome(bytes: Buffer): MappedRecord | string {
    try {
      return mapRecord(parseJson(bytes), { ...context, bytes });
    } catch (error) {
      assert.ok(error instanceof MappingError, String(error));
      return `${error.code} ${error.expression}`;
    }
  }

  it('hooks map, with version and time, or say what they lack', { skip }, () => {
    assert.deepEqual(bodies('01-rest-hook-create-full.json').map(outcome), [NO_SUBJECT]);
    assert.deepEqual(bodies('02-rest-hook-update-v2.json').map(outcome), [NO_SUBJECT]);
    const [record] = bodies('05-rest-hook-synthea-observation-from-transaction.json').map(outcome);
    assert.ok(typeof record === 'object' && record.kind === 'compartment');
    assert.deepEqual(
      [record.subject, record.versionId, record.lastUpdatedMs],
      ['20160', '1', Date.parse('2026-11-22T21:07:56.615Z')],
    );
  });

  it('answers to polls slice, deletions included', { skip }, () => {
    for (const name of [
      '07-history-system-since-with-deletes.json',
      '08-search-lastUpdated-page.json',
      '10-instance-history-deleted.json',
    ]) {
      const { body } = JSON.parse(readFileSync(join(folder ?? '', name), 'utf8')) as { body: JsonObject };
      const bytes = Buffer.from(JSON.stringify(body));
      const { entries } = sliceBundle(bytes);
      assert.ok(entries.length > 0, name);
      for (const { resource, method, url } of entries) {
        if (resource === undefined) assert.ok(method === 'DELETE' && url !== undefined, name);
        else {
          const slice = bytes.subarray(resource.start, resource.end);
          const found = outcome(slice);
          assert.ok(typeof found === 'object' || found === NO_SUBJECT, name);
        }
      }
    }
  });
});
