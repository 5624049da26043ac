/** A bulk export of the same patients by HAPI, which hands out everything as it lies, and by us, de-identified by consent. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openBench } from '../adapter/support/bench.js';
import { bearer, signIn } from '../support/session.js';
import type { BulkManifest } from '../support/cohorts.js';
import { HapiServer, hapiMissing } from '../support/hapi-server.js';
import type { Bench, BenchContext, Measured } from './bench.js';
import { loadCorpus } from './corpus.js';
import { approvedCohort, EXPORT_TYPES, loadedBench } from './export.js';

const PATIENTS = 20;
const ROUNDS = 3;
const LOOK_MS = 200;

export const exportAgainstHapi: Bench = {
  names: [],
  namesOnRequest: ['export-hapi'],
  about: 'a bulk export of 20 patients from kick-off to manifest, by HAPI and by us; needs Java and Maven',
  run,
};

async function run({ say }: BenchContext): Promise<Measured[]> {
  const missing = hapiMissing();
  if (missing !== false) throw new Error(missing);
  const folder = mkdtempSync(join(tmpdir(), 'firebreak-bench-'));
  const hapi = await HapiServer.start(`--db=${join(folder, 'hapi')}`);
  const bench = await openBench({ readerRequestsPerSecond: 1_000_000 });
  try {
    for (const { bytes } of loadCorpus().bundles.slice(0, PATIENTS)) {
      const response = await fetch(hapi.base, {
        method: 'POST',
        headers: { 'content-type': 'application/fhir+json' },
        body: new Uint8Array(bytes),
      });
      await response.arrayBuffer();
      if (!response.ok) throw new Error(`HAPI answered ${response.status}`);
    }
    const researcher = await loadedBench(bench, PATIENTS);
    const headers = bearer(await signIn(bench.url, researcher, { purpose: 'HRESCH' }));
    const cohort = await approvedCohort(bench, researcher, headers);
    const [ours, theirs]: [number[], number[]] = [[], []];
    const types = `_type=${EXPORT_TYPES.join(',')}`;
    for (let round = 0; round < ROUNDS; round++) {
      theirs.push(await exported(`${hapi.base}/$export?${types}`, {}));
      ours.push(await exported(`${bench.url}/fhir/Group/${cohort.id}/$export?${types}`, headers));
      say(`round ${round + 1}: HAPI ${theirs.at(-1)?.toFixed(0)}/s, ours ${ours.at(-1)?.toFixed(0)}/s`);
    }
    const what = 'HAPI JPA 8.8.0 (H2 file), the same patients';
    return [{ bench: 'export-hapi', unit: 'resources/s', ours, against: { what, theirs } }];
  } finally {
    await bench.close();
    await hapi.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Kicks off, looks until the manifest is there, and fetches the files. @returns Resources a second. */
async function exported(url: string, headers: Record<string, string>): Promise<number> {
  const from = performance.now();
  const begun = await fetch(url, { headers: { ...headers, prefer: 'respond-async' } });
  await begun.arrayBuffer();
  if (begun.status !== 202) throw new Error(`${url}: ${begun.status}`);
  const location = begun.headers.get('content-location') ?? '';
  for (;;) {
    const answer = await fetch(location, { headers });
    if (answer.status === 200) {
      const { output } = (await answer.json()) as BulkManifest;
      let count = 0;
      for (const { url: file } of output) {
        const accept = 'application/fhir+ndjson';
        const text = await (await fetch(file, { headers: { ...headers, accept } })).text();
        count += text.trimEnd().split('\n').length;
      }
      return count / ((performance.now() - from) / 1000);
    }
    await answer.arrayBuffer();
    if (answer.status !== 202 && answer.status !== 429) throw new Error(`${location}: ${answer.status}`);
    await sleep(LOOK_MS);
  }
}
