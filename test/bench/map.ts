/** Observations a second from bytes to what gate and vault want to know; `JSON.parse` of the same bytes is the floor. */
import { mapRecord, parseJson } from '../../mappings/index.js';
import type { Bench, BenchContext, Measured } from './bench.js';
import { rate } from './bench.js';
import { loadCorpus, observationsOf } from './corpus.js';

const OBSERVATIONS = 15_000;
const ROUNDS = 7;

export const mapBench: Bench = {
  names: ['map'],
  about: 'Observations checked, parsed and mapped, against JSON.parse alone',
  run,
};

async function run({ say }: BenchContext): Promise<Measured[]> {
  const corpus = loadCorpus();
  const observations = observationsOf(corpus, OBSERVATIONS);
  say(`${observations.length} Observations, ${corpus.what}`);
  const urn = urnsOf(observations);
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const ourStart = performance.now();
    let mapped = 0;
    for (const bytes of observations) {
      if (mapRecord(parseJson(bytes), { urn, bytes }).kind === 'compartment') mapped++;
    }
    const ourRate = rate(mapped, ourStart);
    if (mapped !== observations.length) throw new Error('an Observation was not mapped');
    const theirStart = performance.now();
    let parsed = 0;
    for (const bytes of observations) if (JSON.parse(bytes.toString('utf8')) !== null) parsed++;
    const theirRate = rate(parsed, theirStart);
    if (round === 0) continue;
    ours.push(ourRate);
    theirs.push(theirRate);
  }
  return [{ bench: 'map', unit: 'Observations/s', ours, against: { what: 'JSON.parse', theirs } }];
}

const SUBJECT = /"reference"\s*:\s*"(urn:uuid:([^"]+))"/g;

/** What the Bundles' `fullUrl`s say: any that is named here stands for a Patient or an Encounter. */
function urnsOf(observations: readonly Buffer[]): Map<string, string> {
  const urns = new Map<string, string>();
  for (const bytes of observations) {
    const { subject } = parseJson(bytes) as { subject?: { reference?: string } };
    for (const [, urn = '', id = ''] of bytes.toString('utf8').matchAll(SUBJECT)) {
      urns.set(urn, `${urn === subject?.reference ? 'Patient' : 'Encounter'}/${id}`);
    }
  }
  return urns;
}
