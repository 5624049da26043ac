/** What the benches send in: Synthea's patients where the shared data are there, else our own synthetic ones. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { generatePatients } from '../../demo/index.js';
import { parseJson, sliceBundle } from '../../mappings/index.js';
import { sharedData } from '../support/shared-data.js';

/** A Bundle of one patient. */
export interface PatientBundle {
  readonly patient: string;
  readonly bytes: Buffer;
  /** Resources in it. */
  readonly resources: number;
}

export interface Corpus {
  /** What it is, in words. */
  readonly what: string;
  readonly bundles: readonly PatientBundle[];
}

/** Patients that stand in for Synthea's: about as many resources. */
const GENERATED_PATIENTS = 600;

export function loadCorpus(): Corpus {
  const folder = sharedData('synthea-r4');
  if (folder === undefined) return { what: 'generated inpatients', bundles: generated() };
  const files = readdirSync(folder).filter((name) => name.endsWith('.json'));
  const bundles = files.toSorted().flatMap((name) => syntheaBundle(readFileSync(join(folder, name))));
  return { what: 'Synthea R4', bundles };
}

/** Bytes of the corpus's Observations, each as it stands in its Bundle. */
export function observationsOf(corpus: Corpus, count: number): Buffer[] {
  const found: Buffer[] = [];
  for (const { bytes } of corpus.bundles) {
    for (const { resource } of sliceBundle(bytes).entries) {
      if (resource === undefined) continue;
      const slice = bytes.subarray(resource.start, resource.end);
      const { resourceType } = parseJson(slice) as { resourceType?: string };
      // A copy, so that the Bundle need not be kept.
      if (resourceType === 'Observation') found.push(Buffer.from(slice));
      if (found.length === count) return found;
    }
  }
  return found;
}

/** Bundles of directories and of no patient are left out: nobody could consent to them. */
function syntheaBundle(bytes: Buffer): PatientBundle[] {
  const { entry = [] } = parseJson(bytes) as {
    entry?: { resource?: { resourceType?: string; id?: string } }[];
  };
  const patients = entry.filter(({ resource }) => resource?.resourceType === 'Patient');
  const patient = patients[0]?.resource?.id;
  return patient === undefined || patients.length > 1 ? [] : [{ patient, bytes, resources: entry.length }];
}

function generated(): PatientBundle[] {
  const bundles: PatientBundle[] = [];
  for (const { id, resources } of generatePatients({ count: GENERATED_PATIENTS })) {
    const entry = resources.map((resource) => ({ resource }));
    const bytes = Buffer.from(JSON.stringify({ resourceType: 'Bundle', type: 'collection', entry }));
    bundles.push({ patient: id, bytes, resources: entry.length });
  }
  return bundles;
}

/** Deals Bundles into hands of about equal counts of resources: the largest first, each to the least full hand. */
export function deal(bundles: readonly PatientBundle[], hands: number): PatientBundle[][] {
  const dealt = Array.from({ length: hands }, () => ({ total: 0, bundles: [] as PatientBundle[] }));
  for (const bundle of bundles.toSorted((a, b) => b.resources - a.resources)) {
    const hand = dealt.reduce((least, next) => (next.total < least.total ? next : least));
    hand.total += bundle.resources;
    hand.bundles.push(bundle);
  }
  return dealt.map((hand) => hand.bundles);
}
