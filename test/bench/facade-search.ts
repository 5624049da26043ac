/**
 * A search of one patient's compartment, where the store holds 10,000 and 100,000 resources of 1,000 patients: the
 * patient has 100 of them both times, so what is measured is what the others cost.
 */
import type { AddClientArgs } from '../../adapter/services/client-admin.js';
import { enrolClientBy, tokenFor } from '../support/client.js';
import { startBare } from './bare-process.js';
import type { Bench, BenchContext, Measured } from './bench.js';
import { quantile } from './bench.js';
import { enrolPatients, settled, startInstance } from './instance-process.js';
import type { InstanceProcess } from './instance-process.js';
import { Poster } from './poster.js';

const PATIENTS = 1000;
/** Resources of the patient that is searched. */
const OWN = 100;
const ROUNDS = 5;
const WARM_UP = 100;
const SEARCHES = 200;
/** Resources in a posted Bundle. */
const POSTED = 1000;
const FLAT = 1.2;
const NO_BODY = Buffer.alloc(0);

export const facadeSearch: Bench = {
  names: ['facade-search-10k'],
  namesOnRequest: ['facade-search-100k'],
  about:
    'gated search of one patient’s 100 Observations by code and date, in a store of so many, against the same in memory, ungated',
  run,
};

async function run({ say, asked }: BenchContext): Promise<Measured[]> {
  const instance = await startInstance({ FIREBREAK_READER_REQUESTS_PER_SECOND: '1000000' });
  const bare = await startBare('bare-search');
  try {
    const [first] = await enrolPatients(
      instance,
      Array.from({ length: PATIENTS }, (_, i) => patientId(i)),
    );
    say(`${PATIENTS} patients have enrolled`);
    const client = await enrolClientBy(
      (args: AddClientArgs) => instance.admin('client-add', args) as Promise<{ id: string; kid: string }>,
      { source: instance.source },
    );
    const measured: Measured[] = [];
    let kept = 0;
    for (const [name, count] of [
      ['facade-search-10k', 10_000],
      ['facade-search-100k', 100_000],
    ] as const) {
      if (name !== 'facade-search-10k' && !asked.includes(name)) continue;
      await fill(instance, bare.address, kept, count);
      kept = count;
      say(`${count} resources`);
      const { ours, theirs } = await rounds(instance, bare.address, client, first ?? '', say);
      const [small] = measured;
      measured.push({
        bench: name,
        unit: 'ms',
        ours,
        ...(small === undefined
          ? { against: { what: 'Express over objects in memory, ungated', theirs } }
          : {
              against: { what: 'the same at 10,000', theirs: small.ours },
              aim: { of: 'ratio', most: FLAT } as const,
            }),
      });
    }
    return measured;
  } finally {
    await bare.stop();
    await instance.stop();
  }
}

function patientId(i: number): string {
  return `p${i}`;
}

/** The first hundred are of the patient that is searched, the rest are dealt to the others in turn. */
async function fill(instance: InstanceProcess, bareAddress: string, from: number, to: number): Promise<void> {
  const poster = new Poster(instance.address, instance.secret);
  const bare = new Poster(bareAddress, '');
  for (let first = from; first < to; first += POSTED) {
    const entry = Array.from({ length: Math.min(POSTED, to - first) }, (_, k) => ({
      resource: observation(first + k),
    }));
    const bundle = { resourceType: 'Bundle', type: 'collection', entry };
    const body = Buffer.from(JSON.stringify(bundle));
    await poster.send('POST', `/hooks/${instance.source}`, body);
    await bare.send('POST', '/load', body);
  }
  poster.close();
  bare.close();
  await settled(instance);
}

function observation(i: number): object {
  const of = i < OWN ? 0 : 1 + (i % (PATIENTS - 1));
  return {
    resourceType: 'Observation',
    id: `o${i}`,
    status: 'final',
    code: { coding: [{ system: 'http://loinc.org', code: i % 2 === 0 ? '8867-4' : '8310-5' }] },
    subject: { reference: `Patient/${patientId(of)}` },
    effectiveDateTime: new Date(Date.UTC(2022, 0, 1) + i * 60_000).toISOString(),
    valueQuantity: { value: 60 + (i % 40), unit: '/min', system: 'http://unitsofmeasure.org', code: '/min' },
  };
}

async function rounds(
  instance: InstanceProcess,
  bareAddress: string,
  client: Parameters<typeof tokenFor>[0],
  patient: string,
  say: BenchContext['say'],
): Promise<{ ours: number[]; theirs: number[] }> {
  const figures = { ours: [] as number[], theirs: [] as number[] };
  const bare = new Poster(bareAddress, '');
  for (let round = 0; round <= ROUNDS; round++) {
    const reader = new Poster(instance.address, await tokenFor(client, instance.address));
    const times = { ours: [] as number[], theirs: [] as number[] };
    for (let i = 0; i < (round === 0 ? WARM_UP : SEARCHES); i++) {
      times.ours.push(await timed(() => reader.send('GET', pathOf(patient), NO_BODY)));
      times.theirs.push(await timed(() => bare.send('GET', pathOf(`Patient/${patientId(0)}`), NO_BODY)));
    }
    reader.close();
    if (round === 0) continue;
    figures.ours.push(quantile(times.ours, 0.5));
    figures.theirs.push(quantile(times.theirs, 0.5));
    const shown = (at: number): string =>
      `${quantile(times.ours, at).toFixed(2)} against ${quantile(times.theirs, at).toFixed(2)} ms`;
    say(`round ${round}: p50 ${shown(0.5)}, p99 ${shown(0.99)}`);
  }
  bare.close();
  return figures;
}

function pathOf(reference: string): string {
  return encodeURI(
    `/fhir/Observation?patient=${reference}&code=http://loinc.org|8867-4&date=ge2022-01-01&_sort=-date`,
  );
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}
