/**
 * What a reader waits for: single resources, and all of the largest patient by `$everything`, of a real instance, and of
 * a bare Express handler that appends 1 KiB to a file, syncs it and serves the same bytes. Both are processes of their
 * own, asked in turn. The bare one asks nobody and decrypts nothing.
 */
import type { AddClientArgs } from '../../adapter/services/client-admin.js';
import { parseJson, sliceBundle } from '../../mappings/index.js';
import { enrolClientBy, tokenFor } from '../support/client.js';
import type { Bench, BenchContext, Measured } from './bench.js';
import { quantile } from './bench.js';
import { startBare } from './bare-process.js';
import { loadCorpus } from './corpus.js';
import type { PatientBundle } from './corpus.js';
import { enrolPatients, settled, startInstance } from './instance-process.js';
import type { InstanceProcess } from './instance-process.js';
import { Poster } from './poster.js';

/** Patients whose resources are read, the largest among them. */
const PATIENTS = 10;
const ROUNDS = 5;
const WARM_UP = 300;
/** Reads of a round from each of the two. */
const READS = 500;
/** Times that a round takes all of the largest patient from each of the two. */
const EVERYTHINGS = 10;
const MOST = 3;
const NO_BODY = Buffer.alloc(0);

export const facadeBench: Bench = {
  names: ['facade-read-p50', 'facade-read-p99', 'facade-everything-p50', 'facade-everything-p99'],
  about:
    'gated read and $everything with receipts, against bare Express that syncs 1 KiB and serves the same bytes',
  run,
};

interface Figures {
  readonly p50: { ours: number[]; theirs: number[] };
  readonly p99: { ours: number[]; theirs: number[] };
}

async function run({ say }: BenchContext): Promise<Measured[]> {
  const instance = await startInstance({ FIREBREAK_READER_REQUESTS_PER_SECOND: '1000000' });
  const bare = await startBare('bare-serving');
  try {
    const bundles = chosen(loadCorpus().bundles);
    await enrolPatients(
      instance,
      bundles.map(({ patient }) => patient),
    );
    const poster = new Poster(instance.address, instance.secret);
    for (const { bytes } of bundles) await poster.send('POST', `/hooks/${instance.source}`, bytes);
    poster.close();
    await settled(instance);
    say('loaded');
    return await measure(instance, bare.address, bundles, say);
  } finally {
    await bare.stop();
    await instance.stop();
  }
}

async function measure(
  instance: InstanceProcess,
  bareAddress: string,
  bundles: readonly PatientBundle[],
  say: BenchContext['say'],
): Promise<Measured[]> {
  const client = await enrolClientBy(
    (args: AddClientArgs) => instance.admin('client-add', args) as Promise<{ id: string; kid: string }>,
    { source: instance.source },
  );
  const theirs = new Poster(bareAddress, '');
  const first = await readerOf(instance, client);
  const patients = await addressesOf(first, bundles);
  const largest = patients[0]?.pages ?? [];
  const resources = patients.flatMap(({ resources: all }) => all);
  const reads = spread(resources, WARM_UP + READS);
  for (const path of new Set(reads)) await theirs.send('PUT', path, await bytesOf(first, path));
  const pagesHere: string[] = [];
  for (const [i, page] of largest.entries()) {
    pagesHere.push(`/page/${i}`);
    await theirs.send('PUT', `/page/${i}`, Buffer.from(page.text, 'utf8'));
  }
  first.close();
  say(
    `${resources.length} resources; the largest patient is ${largest.length} pages of ${sizeOf(largest)} MiB`,
  );

  const figures = { read: pairs(), everything: pairs() };
  for (let round = 0; round <= ROUNDS; round++) {
    // A token lives five minutes.
    const ours = await readerOf(instance, client);
    const read = { ours: [] as number[], theirs: [] as number[] };
    for (const path of round === 0 ? reads.slice(0, WARM_UP) : reads.slice(WARM_UP)) {
      read.ours.push(await timed(() => ours.send('GET', path, NO_BODY)));
      read.theirs.push(await timed(() => theirs.send('GET', path, NO_BODY)));
    }
    const all = { ours: [] as number[], theirs: [] as number[] };
    for (let i = 0; i < EVERYTHINGS; i++) {
      all.ours.push(await timed(() => everything(ours, patients[0]?.path ?? '')));
      all.theirs.push(
        await timed(async () => {
          for (const path of pagesHere) await theirs.send('GET', path, NO_BODY);
        }),
      );
    }
    ours.close();
    if (round === 0) continue;
    add(figures.read, read);
    add(figures.everything, all);
    say(
      `round ${round}: read p50 ${ms(read.ours, 0.5)} p99 ${ms(read.ours, 0.99)} against ${ms(read.theirs, 0.5)} ${ms(read.theirs, 0.99)} ms; ` +
        `$everything p50 ${ms(all.ours, 0.5)} p99 ${ms(all.ours, 0.99)} against ${ms(all.theirs, 0.5)} ${ms(all.theirs, 0.99)} ms`,
    );
  }
  theirs.close();
  return (['read', 'everything'] as const).flatMap((what) =>
    (['p50', 'p99'] as const).map((at) => ({
      bench: `facade-${what}-${at}`,
      unit: 'ms',
      ours: figures[what][at].ours,
      against: { what: 'bare Express, 1 KiB synced', theirs: figures[what][at].theirs },
      ...(at === 'p99' ? { aim: { of: 'ratio', most: MOST } as const } : {}),
    })),
  );
}

function pairs(): Figures {
  return { p50: { ours: [], theirs: [] }, p99: { ours: [], theirs: [] } };
}

function add(
  figures: Figures,
  times: { readonly ours: readonly number[]; readonly theirs: readonly number[] },
): void {
  for (const [name, at] of [
    ['p50', 0.5],
    ['p99', 0.99],
  ] as const) {
    figures[name].ours.push(quantile(times.ours, at));
    figures[name].theirs.push(quantile(times.theirs, at));
  }
}

function ms(times: readonly number[], at: number): string {
  return quantile(times, at).toFixed(2);
}

/** The largest first, and some small ones: single reads are of many patients. */
function chosen(bundles: readonly PatientBundle[]): PatientBundle[] {
  const sorted = bundles.toSorted((a, b) => b.resources - a.resources);
  return [...sorted.slice(0, 1), ...sorted.slice(-(PATIENTS - 1))];
}

interface PatientPages {
  readonly path: string;
  readonly pages: readonly { readonly text: string }[];
  /** Paths of all its resources. */
  readonly resources: readonly string[];
}

/** What there is to read, as the facade names it. */
async function addressesOf(reader: Poster, bundles: readonly PatientBundle[]): Promise<PatientPages[]> {
  const found = parseJson(Buffer.from(await reader.send('GET', '/fhir/Patient?_count=200', NO_BODY))) as {
    entry?: { resource: { id: string } }[];
  };
  const patients: PatientPages[] = [];
  for (const { resource } of found.entry ?? []) {
    const path = `/fhir/Patient/${resource.id}/$everything`;
    const pages: { text: string }[] = [];
    await everything(reader, path, (text) => pages.push({ text }));
    const resources = pages.flatMap(({ text }) =>
      sliceBundle(Buffer.from(text, 'utf8')).entries.map(
        ({ fullUrl = '' }) => `/fhir/${fullUrl.split('/').slice(-2).join('/')}`,
      ),
    );
    patients.push({ path, pages, resources });
  }
  if (patients.length !== bundles.length) throw new Error(`${patients.length} patients are to be read`);
  return patients.toSorted((a, b) => b.resources.length - a.resources.length);
}

/** All pages, one after the other. */
async function everything(reader: Poster, path: string, take?: (text: string) => void): Promise<void> {
  let next: string | undefined = path;
  while (next !== undefined) {
    const text: string = await reader.send('GET', next, NO_BODY);
    take?.(text);
    // The links stand at its head.
    next = /"relation":"next","url":"https?:\/\/[^/"]+([^"]+)"/.exec(text.slice(0, 20_000))?.[1];
  }
}

async function bytesOf(reader: Poster, path: string): Promise<Buffer> {
  return Buffer.from(await reader.send('GET', path, NO_BODY), 'utf8');
}

async function readerOf(instance: InstanceProcess, client: Parameters<typeof tokenFor>[0]): Promise<Poster> {
  return new Poster(instance.address, await tokenFor(client, instance.address));
}

/** So many of them, evenly taken. */
function spread(paths: readonly string[], count: number): string[] {
  return Array.from({ length: count }, (_, i) => paths[(i * 7919) % paths.length] ?? '');
}

function sizeOf(pages: readonly { readonly text: string }[]): string {
  return (pages.reduce((sum, { text }) => sum + text.length, 0) / 1024 / 1024).toFixed(1);
}

async function timed(act: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await act();
  return performance.now() - startedMs;
}
