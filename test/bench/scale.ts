/**
 * From NDJSON to a severity model: patients read one after another from a file, their features built (one of them by a
 * view), the penalty chosen by cross-validation, the model fitted and measured. Memory is that of the process at its
 * highest.
 */
import { createReadStream, createWriteStream, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { buildFeatures, type PermittedPatient, type Study } from '../../analytics/features/index.js';
import { covidDeterioration, trainOnFeatures } from '../../analytics/severity/index.js';
import { ndjsonLines, parseJson } from '../../mappings/index.js';
import { normal, uniform } from '../analytics/support/draws.js';
import type { Bench, BenchContext, Measured } from './bench.js';

const PATIENTS = 20_000;
const PATIENTS_LARGE = 1_000_000;
const MIB = 2 ** 20;
/** Minutes are what one waits for a study. */
const SECONDS_MOST = 300;
const CHUNK_BYTES = 1024 * 1024;
/** Patients written at a time. */
const PIECE = 1000;
const HOUR_MS = 3_600_000;
const ADMITTED_MS = Date.UTC(2021, 2, 10, 8);

export const scaleBench: Bench = {
  names: ['study'],
  namesOnRequest: ['study-1m', 'study-1m-memory'],
  about: `a study from NDJSON to a measured model, of ${PATIENTS.toLocaleString('en')} patients or of a million`,
  run,
};

/** The study that comes with firebreak, and the heart rate once more, by a view. */
const study: Study = {
  ...covidDeterioration,
  views: {
    pulse: {
      resource: 'Observation',
      where: [{ path: "code.coding.where(system = 'http://loinc.org').code.first() = '8867-4'" }],
      select: [
        {
          column: [
            { name: 'rate', path: 'value.ofType(Quantity).value', type: 'decimal' },
            { name: 'at', path: 'effective.ofType(dateTime)', type: 'dateTime' },
          ],
        },
      ],
    },
  },
  features: [
    ...covidDeterioration.features,
    {
      name: 'pulseMax',
      label: 'highest pulse',
      kind: 'column',
      view: 'pulse',
      column: 'rate',
      time: 'at',
      pick: 'max',
      transform: 'none',
    },
  ],
};

async function run({ say, asked }: BenchContext): Promise<Measured[]> {
  const measured: Measured[] = [];
  if (asked.length === 0 || asked.includes('study')) {
    const { seconds } = await measure(PATIENTS, say);
    measured.push({ bench: 'study', unit: 'patients/s', ours: [PATIENTS / seconds] });
  }
  if (asked.includes('study-1m') || asked.includes('study-1m-memory')) {
    const { seconds, mib } = await measure(PATIENTS_LARGE, say);
    measured.push(
      { bench: 'study-1m', unit: 's', ours: [seconds], aim: { of: 'ours', most: SECONDS_MOST } },
      { bench: 'study-1m-memory', unit: 'MiB', ours: [mib] },
    );
  }
  return measured;
}

async function measure(
  patients: number,
  say: (text: string) => void,
): Promise<{ readonly seconds: number; readonly mib: number }> {
  const folder = mkdtempSync(join(tmpdir(), 'firebreak-bench-'));
  const file = join(folder, 'patients.ndjson');
  try {
    await pipeline(Readable.from(written(patients)), createWriteStream(file));
    say(`${patients} patients, ${Math.round(statSync(file).size / MIB)} MiB of NDJSON`);
    const startedMs = performance.now();
    const features = await buildFeatures(read(file), study);
    const builtMs = performance.now();
    const { performance: found, split } = trainOnFeatures(features, study);
    const endedMs = performance.now();
    if (features.table.keys.length < patients / 2) throw new Error('too few patients are left');
    const mib = process.resourceUsage().maxRSS / 1024;
    say(
      `features ${((builtMs - startedMs) / 1000).toFixed(1)} s, model ${((endedMs - builtMs) / 1000).toFixed(1)} s ` +
        `of ${split.train} patients, AUROC ${found.discrimination.auroc.toFixed(3)}, ${Math.round(mib)} MiB at most`,
    );
    return { seconds: (endedMs - startedMs) / 1000, mib };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Patients of a file in which each one's resources stand together, their Patient first. */
async function* read(file: string): AsyncGenerator<PermittedPatient, void, undefined> {
  let key = '';
  let resources: unknown[] = [];
  for await (const line of ndjsonLines(createReadStream(file, { highWaterMark: CHUNK_BYTES }))) {
    const resource = parseJson(line) as { readonly resourceType: string; readonly id: string };
    if (resource.resourceType === 'Patient') {
      if (key !== '') yield { key, resources };
      key = resource.id;
      resources = [];
    }
    resources.push(resource);
  }
  yield { key, resources };
}

const FAMILIES = ['spo2', 'heartRate', 'crp', 'lymphocytes', 'ldh', 'creatinine'] as const;
const USUAL = [94, 90, 60, 1.2, 300, 90] as const;
const SPREAD = [3, 15, 40, 0.5, 90, 30] as const;

/** Made-up inpatients, six measurements each, whose course hangs on age, oxygen and C-reactive protein. */
function* written(patients: number): Generator<string, void, undefined> {
  const next = uniform(23);
  const z = normal(next);
  const codes = FAMILIES.map((name) => {
    const { codes: all = [], unit = '1' } = study.families[name] ?? {};
    return { code: all[0]?.code ?? '', unit };
  });
  let piece = '';
  for (let i = 0; i < patients; i++) {
    const age = Math.round(45 + 30 * next());
    const draws = USUAL.map((usual) => ({ usual, z: z() }));
    const values = draws.map((draw, j) => Math.max(0.1, draw.usual + (SPREAD[j] ?? 1) * draw.z));
    const eta = -1 + 0.05 * (age - 60) - 0.8 * (draws[0]?.z ?? 0) + 0.6 * (draws[2]?.z ?? 0);
    const ill = next() < 1 / (1 + Math.exp(-eta));
    piece += `${[
      {
        resourceType: 'Patient',
        id: `p${i}`,
        gender: next() < 0.5 ? 'male' : 'female',
        birthDate: `${2021 - age}-01-01`,
      },
      {
        resourceType: 'Encounter',
        id: `e${i}`,
        status: 'finished',
        class: { system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'IMP' },
        subject: { reference: `Patient/p${i}` },
        period: { start: at(0), end: at(240) },
        serviceProvider: { display: `Hospital ${i % 20}` },
      },
      {
        resourceType: 'Condition',
        id: `c${i}`,
        code: { coding: [{ system: 'http://snomed.info/sct', code: '840539006' }] },
        subject: { reference: `Patient/p${i}` },
        onsetDateTime: '2021-03-08',
      },
      ...codes.map(({ code, unit }, j) => ({
        resourceType: 'Observation',
        id: `o${i}-${j}`,
        status: 'final',
        code: { coding: [{ system: 'http://loinc.org', code }] },
        subject: { reference: `Patient/p${i}` },
        effectiveDateTime: at(1 + j),
        issued: at(1 + j),
        valueQuantity: {
          value: Number((values[j] ?? 0).toFixed(1)),
          unit,
          system: 'http://unitsofmeasure.org',
          code: unit,
        },
      })),
      ...(ill ? [scale(i, 6, 40 + 100 * next())] : []),
    ]
      .map((resource) => JSON.stringify(resource))
      .join('\n')}\n`;
    if (i % PIECE === PIECE - 1) {
      yield piece;
      piece = '';
    }
  }
  yield piece;
}

function scale(i: number, value: number, hours: number): object {
  return {
    resourceType: 'Observation',
    id: `s${i}`,
    status: 'final',
    code: { coding: [{ system: 'urn:firebreak:demo:who-cps', code: 'score' }] },
    subject: { reference: `Patient/p${i}` },
    effectiveDateTime: at(hours),
    issued: at(hours),
    valueInteger: value,
  };
}

function at(hours: number): string {
  return new Date(ADMITTED_MS + hours * HOUR_MS).toISOString();
}
