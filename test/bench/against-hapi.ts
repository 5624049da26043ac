/**
 * The same Bundles into a real HAPI FHIR JPA server and into Firebreak, in turn, on one machine: a hospital's server
 * makes them durable and searchable, Firebreak durable, mapped, permitted, encrypted and logged.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { HapiServer, hapiMissing } from '../support/hapi-server.js';
import type { Bench, BenchContext, Measured } from './bench.js';
import { rate } from './bench.js';
import { deal, loadCorpus } from './corpus.js';
import type { PatientBundle } from './corpus.js';
import { oneRound } from './end-to-end.js';
import { enrolPatients, startInstance } from './instance-process.js';

const ROUNDS = 3;
/** Both compile as they run, and go on getting faster for some seconds. */
const WARM_UPS = 2;
/** HAPI takes 20 s for so many. */
const BUNDLES_A_ROUND = 20;
/** What one still does behind its answers is not to slow down the other, ms. */
const REST_MS = 3000;
/** HAPI was seen to be fastest with so many posters. */
const CONNECTIONS = 4;
const TIMES = 10;

export const againstHapi: Bench = {
  names: [],
  namesOnRequest: ['end-to-end-hapi'],
  about: 'the same Bundles into HAPI and into Firebreak, both durable; needs Java and Maven',
  run,
};

async function run({ say }: BenchContext): Promise<Measured[]> {
  const missing = hapiMissing();
  if (missing !== false) throw new Error(missing);
  const corpus = loadCorpus();
  const hands = deal(corpus.bundles.slice(0, BUNDLES_A_ROUND * (ROUNDS + WARM_UPS)), ROUNDS + WARM_UPS);
  const folder = mkdtempSync(join(tmpdir(), 'firebreak-bench-'));
  const hapi = await HapiServer.start(`--db=${join(folder, 'hapi')}`);
  const instance = await startInstance();
  try {
    await enrolPatients(
      instance,
      hands.flat().map(({ patient }) => patient),
    );
    const ours: number[] = [];
    const theirs: number[] = [];
    for (const [i, hand] of hands.entries()) {
      await sleep(REST_MS);
      const theirPerS = await intoHapi(hapi, hand);
      await sleep(REST_MS);
      const { perS, committed } = await oneRound(instance, hand);
      say(
        `${i < WARM_UPS ? 'warm-up' : `round ${i + 1 - WARM_UPS}`}: ${committed} resources, HAPI ${theirPerS.toFixed(0)}/s, ours ${perS.toFixed(0)}/s`,
      );
      if (i < WARM_UPS) continue;
      ours.push(perS);
      theirs.push(theirPerS);
    }
    return [
      {
        bench: 'end-to-end-hapi',
        unit: 'resources/s',
        ours,
        against: { what: 'HAPI JPA 8.8.0 (H2 file), the same Bundles', theirs },
        aim: { of: 'ratio', least: TIMES },
      },
    ];
  } finally {
    await instance.stop();
    await hapi.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @returns Resources a second. */
async function intoHapi(hapi: HapiServer, hand: readonly PatientBundle[]): Promise<number> {
  const waiting = [...hand];
  const startedMs = performance.now();
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
        const response = await fetch(hapi.base, {
          method: 'POST',
          headers: { 'content-type': 'application/fhir+json' },
          body: new Uint8Array(next.bytes),
        });
        await response.arrayBuffer();
        if (!response.ok) throw new Error(`HAPI answered ${response.status}`);
      }
    }),
  );
  const resources = hand.reduce((sum, bundle) => sum + bundle.resources, 0);
  return rate(resources, startedMs, performance.now());
}
