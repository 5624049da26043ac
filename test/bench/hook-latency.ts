/**
 * What a hospital's server waits for an acknowledgement: PUTs of single resources, one after the other, to a real
 * instance and to a bare Express handler that appends the body to a file, syncs it and answers. Both are processes of their own, asked in
 * turn.
 */
import type { Bench, BenchContext, Measured } from './bench.js';
import { quantile } from './bench.js';
import { generatePatients } from '../../demo/index.js';
import { startBare } from './bare-process.js';
import { enrolPatients, startInstance } from './instance-process.js';
import { Poster } from './poster.js';

const PATIENTS = 20;
const ROUNDS = 5;
const WARM_UP = 500;
/** PUTs of a round to each of the two. */
const PUTS = 500;
const P99_RATIO = 1.5;

export const hookLatency: Bench = {
  names: ['hook-latency-p50', 'hook-latency-p99'],
  about:
    'PUT of one resource until it is acknowledged, against a bare Express handler that syncs the same bytes',
  run,
};

async function run({ say }: BenchContext): Promise<Measured[]> {
  const instance = await startInstance();
  const bare = await startBare('bare-express');
  const ours = new Poster(instance.address, instance.secret);
  const theirs = new Poster(bare.address, instance.secret);
  try {
    const bodies = putBodies(WARM_UP + ROUNDS * PUTS);
    await enrolPatients(instance, [...new Set(bodies.map(({ patient }) => patient))]);
    const figures = { p50: pairs(), p99: pairs() };
    for (let round = 0; round <= ROUNDS; round++) {
      const count = round === 0 ? WARM_UP : PUTS;
      const times = { ours: [] as number[], theirs: [] as number[] };
      for (const { path, bytes } of bodies.splice(0, count)) {
        times.ours.push(await timed(ours, `/hooks/${instance.source}/${path}`, bytes));
        times.theirs.push(await timed(theirs, `/hooks/${instance.source}/${path}`, bytes));
      }
      if (round === 0) continue;
      for (const [name, at] of [
        ['p50', 0.5],
        ['p99', 0.99],
      ] as const) {
        figures[name].ours.push(quantile(times.ours, at));
        figures[name].theirs.push(quantile(times.theirs, at));
      }
      say(
        `round ${round}: p50 ${quantile(times.ours, 0.5).toFixed(2)} ms against ${quantile(times.theirs, 0.5).toFixed(2)} ms`,
      );
    }
    return (['p50', 'p99'] as const).map((name) => ({
      bench: `hook-latency-${name}`,
      unit: 'ms',
      ours: figures[name].ours,
      against: { what: 'bare Express with fsync', theirs: figures[name].theirs },
      ...(name === 'p99' ? { aim: { of: 'ratio', most: P99_RATIO } as const } : {}),
    }));
  } finally {
    ours.close();
    theirs.close();
    await bare.stop();
    await instance.stop();
  }
}

function pairs(): { ours: number[]; theirs: number[] } {
  return { ours: [], theirs: [] };
}

async function timed(poster: Poster, path: string, bytes: Buffer): Promise<number> {
  const startedMs = performance.now();
  await poster.send('PUT', path, bytes);
  return performance.now() - startedMs;
}

/** Resources of some patients, in versions until there are enough of them. */
function putBodies(count: number): { patient: string; path: string; bytes: Buffer }[] {
  const bodies: { patient: string; path: string; bytes: Buffer }[] = [];
  const patients = [...generatePatients({ count: PATIENTS })];
  for (let version = 1; ; version++) {
    for (const { id, resources } of patients) {
      for (const resource of resources) {
        const lastUpdated = new Date(Date.UTC(2022, 0, 1) + version * 60_000).toISOString();
        const meta = { ...resource.meta, versionId: String(version), lastUpdated };
        bodies.push({
          patient: id,
          path: `${resource.resourceType}/${resource.id ?? ''}`,
          bytes: Buffer.from(JSON.stringify({ ...resource, meta })),
        });
        if (bodies.length === count) return bodies;
      }
    }
  }
}
