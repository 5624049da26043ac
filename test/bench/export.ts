/**
 * An export of a cohort: how fast it is made, and how fast a file of it is handed out, against a bare Express handler that
 * streams the same bytes from a file. Ours unseals them and asks of every patient in the file whether it may be had.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runImport } from '../../adapter/services/importing.js';
import type { ShownCohort } from '../../adapter/http/contract/index.js';
import { openBench } from '../adapter/support/bench.js';
import type { Bench as Opened } from '../adapter/support/bench.js';
import { definitionOf, signedCohort } from '../support/cohorts.js';
import type { BulkManifest } from '../support/cohorts.js';
import { servicesOf } from '../support/instance.js';
import { enrolOrganisation } from '../support/person.js';
import type { TestPerson } from '../support/person.js';
import { bearer, signIn } from '../support/session.js';
import { consentFor, enrolWallet, signedBundle } from '../support/wallet.js';
import type { Bench, BenchContext, Measured } from './bench.js';
import { startBare } from './bare-process.js';
import { loadCorpus } from './corpus.js';

const PATIENTS = 20;
const ROUNDS = 5;
const DOWNLOADS = 20;
export const EXPORT_TYPES = [
  'Patient',
  'Condition',
  'Encounter',
  'Observation',
  'Procedure',
  'MedicationRequest',
];

export const exportBench: Bench = {
  names: ['export-build', 'export-download'],
  about: 'a cohort made and handed out, against bare Express that streams the same bytes from a file',
  run,
};

async function run({ say }: BenchContext): Promise<Measured[]> {
  const bench = await openBench({ readerRequestsPerSecond: 1_000_000 });
  const bare = await startBare('bare-streaming');
  try {
    const researcher = await loadedBench(bench, PATIENTS);
    say('loaded');
    const headers = bearer(await signIn(bench.url, researcher, { purpose: 'HRESCH' }));
    const cohort = await approvedCohort(bench, researcher, headers);
    const builds: number[] = [];
    let manifest: BulkManifest | undefined;
    for (let round = 0; round < ROUNDS; round++) {
      const from = performance.now();
      const begun = await fetch(`${bench.url}/fhir/Group/${cohort.id}/$export`, {
        headers: { ...headers, prefer: 'respond-async' },
      });
      await begun.arrayBuffer();
      await bench.instance.cohortExports.idle();
      const seconds = (performance.now() - from) / 1000;
      const done = await fetch(begun.headers.get('content-location') ?? '', { headers });
      manifest = (await done.json()) as BulkManifest;
      builds.push(manifest.output.reduce((sum, { count }) => sum + count, 0) / seconds);
    }
    const largest = manifest?.output.toSorted((a, b) => b.count - a.count)[0]?.url ?? '';
    const bytes = await (await fetch(largest, { headers })).arrayBuffer();
    await fetch(`${bare.address}/file`, { method: 'PUT', body: bytes });
    const [ours, theirs]: [number[], number[]] = [[], []];
    for (let round = 0; round < ROUNDS; round++) {
      ours.push(await speed(largest, headers, bytes.byteLength));
      theirs.push(await speed(`${bare.address}/file`, {}, bytes.byteLength));
    }
    return [
      { bench: 'export-build', unit: 'resources/s', ours: builds },
      {
        bench: 'export-download',
        unit: 'MB/s',
        ours,
        against: { what: 'bare Express, the same bytes from a file', theirs },
      },
    ];
  } finally {
    await bare.stop();
    await bench.close();
  }
}

/** MB a second of one reader, one download after the other. */
async function speed(url: string, headers: Record<string, string>, bytes: number): Promise<number> {
  const from = performance.now();
  // Packed or not is the client's choice; here both send what they have.
  const plain = { headers: { ...headers, 'accept-encoding': 'identity' } };
  for (let i = 0; i < DOWNLOADS; i++) await (await fetch(url, plain)).arrayBuffer();
  return (DOWNLOADS * bytes) / 1e6 / ((performance.now() - from) / 1000);
}

/** Takes in the records of patients who let an institute export them. @returns The institute. */
export async function loadedBench({ instance, source, dir }: Opened, patients: number): Promise<TestPerson> {
  const researcher = await enrolOrganisation(instance, 'Institute', 'authority');
  const files: string[] = [];
  for (const { patient, bytes } of loadCorpus().bundles.slice(0, patients)) {
    const wallet = await enrolWallet(servicesOf(instance), source.id, patient);
    await instance.consents.submit(signedBundle(wallet, consentFor(wallet)));
    const choices = { actor: `Organization/${researcher.id}`, actions: ['disclose'], purpose: 'HRESCH' };
    await instance.consents.submit(signedBundle(wallet, consentFor(wallet, choices)));
    const file = join(dir, `bench-${files.length}.json`);
    writeFileSync(file, bytes);
    files.push(file);
  }
  await runImport(instance, { paths: files, source: source.id, demo: false }, () => undefined);
  return researcher;
}

/** A cohort of all of them, approved. */
export async function approvedCohort(
  { instance, url }: Opened,
  researcher: TestPerson,
  headers: Record<string, string>,
): Promise<ShownCohort> {
  const body = definitionOf({ include: [], types: EXPORT_TYPES });
  const cohort = (await (
    await fetch(`${url}/cohorts`, { method: 'POST', body, headers })
  ).json()) as ShownCohort;
  await instance.cohorts.request(Buffer.from(signedCohort(researcher, instance.identity.origin, cohort)));
  return instance.cohorts.decideAsOperator(cohort.id, 'approved', 'Ann Lee');
}
