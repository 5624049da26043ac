/**
 * Memory while a million resources come in: once as Bundles of patients who have consented, once as a file of patients
 * who have not, whose records wait sealed. Flat means: the last tenth needs what the second needed. Where the system tells
 * it, pages of the store's mapped files are left out: they are the system's cache, and grow with the files.
 */
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench, BenchContext, Measured } from './bench.js';
import { enrolPatients, startInstance } from './instance-process.js';
import type { InstanceProcess } from './instance-process.js';
import { observationOf, ownBytes, patientId, postObservations } from './made-up.js';

const RESOURCES = 1_000_000;
const PATIENTS = 1000;
/** Lines written at once. */
const POSTED = 1000;
const PARTS = 10;
const SAMPLE_MS = 250;
const MIB = 1024 * 1024;
const FLAT = 1.2;

export const memory: Bench = {
  names: [],
  namesOnRequest: ['memory-stored-1m', 'memory-waiting-1m'],
  about: 'memory at the end of 1,000,000 resources against that of the second 100,000',
  run,
};

async function run({ say, asked }: BenchContext): Promise<Measured[]> {
  const measured: Measured[] = [];
  if (asked.includes('memory-stored-1m')) measured.push(await measure('memory-stored-1m', stored, say));
  if (asked.includes('memory-waiting-1m')) measured.push(await measure('memory-waiting-1m', waiting, say));
  return measured;
}

type Fill = (instance: InstanceProcess, say: BenchContext['say']) => Promise<void>;

async function measure(bench: string, fill: Fill, say: BenchContext['say']): Promise<Measured> {
  const instance = await startInstance();
  try {
    const readings: Reading[] = [];
    const filling = new AbortController();
    const watching = watch(instance, readings, filling.signal);
    const startedMs = performance.now();
    await fill(instance, say);
    filling.abort();
    await watching;
    const least = readings[0]?.handled ?? 0;
    const byTenths = (of: 'own' | 'resident'): number[] =>
      Array.from({ length: PARTS }, (_, part) =>
        median(
          readings.filter(({ handled }) => partOf(handled - least) === part).map((one) => one[of] / MIB),
        ),
      );
    const parts = byTenths('own');
    say(
      `${bench}: ${((performance.now() - startedMs) / 1000).toFixed(0)} s; by tenths, MiB: own ${listed(parts)}; resident ${listed(byTenths('resident'))}`,
    );
    return {
      bench,
      unit: 'MiB',
      ours: [parts.at(-1) ?? NaN],
      against: { what: 'the second tenth', theirs: [parts[1] ?? NaN] },
      aim: { of: 'ratio', most: FLAT },
    };
  } finally {
    await instance.stop();
  }
}

interface Reading {
  readonly handled: number;
  /** Bytes that are no file's. */
  readonly own: number;
  /** Bytes, with those of mapped files. */
  readonly resident: number;
}

function listed(values: readonly number[]): string {
  return values.map((value) => value.toFixed(0)).join(' ');
}

function partOf(handled: number): number {
  return Math.min(PARTS - 1, Math.floor((handled * PARTS) / RESOURCES));
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
}

async function watch(instance: InstanceProcess, into: Reading[], signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const metrics = await instance.metrics();
    let handled = 0;
    for (const [name, value] of metrics) {
      if (name.startsWith('firebreak_events_handled{')) handled += value;
    }
    const resident = metrics.get('firebreak_process_resident_memory_bytes') ?? 0;
    into.push({ handled, resident, own: ownBytes(instance.pid) ?? resident });
    await sleep(SAMPLE_MS);
  }
}

async function stored(instance: InstanceProcess, say: BenchContext['say']): Promise<void> {
  await enrolPatients(
    instance,
    Array.from({ length: PATIENTS }, (_, i) => patientId(i)),
  );
  await postObservations(instance, RESOURCES, PATIENTS, say);
}

async function waiting(instance: InstanceProcess): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'firebreak-bench-import-'));
  try {
    const file = join(folder, 'Observation.ndjson');
    const out = createWriteStream(file);
    for (let first = 0; first < RESOURCES; first += POSTED) {
      const lines = Array.from(
        { length: POSTED },
        (_, k) => `${JSON.stringify(observationOf(first + k, PATIENTS))}\n`,
      );
      if (!out.write(lines.join(''))) await once(out, 'drain');
    }
    out.end();
    await once(out, 'close');
    await instance.admin('import', { paths: [file], source: 'import', demo: false });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
