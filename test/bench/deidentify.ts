/** De-identification alone: resources a second through the rules of a profile, read and written as bytes. */
import { randomBytes } from 'node:crypto';
import { Deidentifier, profileNamed, readExact, writeExact } from '../../mappings/deidentify/index.js';
import type { JsonObject } from '../../mappings/index.js';
import type { Bench, Measured } from './bench.js';
import { loadCorpus } from './corpus.js';

const PATIENTS = 10;
const ROUNDS = 5;

export const deidentifyBench: Bench = {
  names: ['deidentify', 'deidentify-rules'],
  about: 'resources through Safe Harbor, from bytes to bytes; and the rules alone',
  run,
};

async function run(): Promise<Measured[]> {
  const texts = loadCorpus()
    .bundles.slice(0, PATIENTS)
    .flatMap(({ bytes }) => {
      const { entry = [] } = JSON.parse(bytes.toString('utf8')) as { entry?: { resource: object }[] };
      return entry.map(({ resource }) => Buffer.from(JSON.stringify(resource)));
    });
  const [whole, rules]: [number[], number[]] = [[], []];
  for (let round = 0; round <= ROUNDS; round++) {
    const engine = new Deidentifier({
      profile: profileNamed('safe-harbor'),
      key: randomBytes(32),
      randomBytes,
      asOfYear: 2026,
    });
    const from = performance.now();
    const resources = texts.map((text) => readExact(text) as JsonObject);
    const read = performance.now();
    for (const resource of resources) engine.announce(resource);
    const out = resources.map((resource) => engine.transform(resource));
    const made = performance.now();
    for (const resource of out) if (resource !== undefined) writeExact(resource);
    const end = performance.now();
    // The first warms up.
    if (round === 0) continue;
    whole.push(texts.length / ((end - from) / 1000));
    rules.push(texts.length / ((made - read) / 1000));
  }
  return [
    { bench: 'deidentify', unit: 'resources/s', ours: whole },
    { bench: 'deidentify-rules', unit: 'resources/s', ours: rules },
  ];
}
