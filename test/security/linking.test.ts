/**
 * Can the public log be joined by patient? A classifier gets everything published of pairs of records and learns,
 * on some patients, which pairs are of one patient; on others it may find them no better than their places tell.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { runImport } from '../../adapter/services/importing.js';
import { designFromColumns, fitLogistic, linearPredictor } from '../../analytics/models/index.js';
import { auroc } from '../../analytics/validation/index.js';
import { readEntry } from '../../ledger/engines/index.js';
import type { Entry } from '../../ledger/log/index.js';
import {
  addImportSource,
  openTestInstance,
  removeFolder,
  servicesOf,
  temporaryFolder,
} from '../support/instance.js';
import { consentFor, enrolWallet, signedBundle } from '../support/wallet.js';
import { ndjson, observationOf, patientOf } from '../support/ward-data.js';

const PATIENTS = 50;
const OBSERVATIONS = 39;
/** Pairs of one patient and pairs of two, each, in either half. */
const PAIRS = 12_000;
/** Far beyond chance: the AUROC of so many pairs has a standard error of 0.003. */
const MARGIN = 0.02;

interface PublicLeaf {
  readonly leaf: number;
  readonly entry: Entry;
  /** Leaf of the submission that signs for it. */
  readonly submission: number;
  readonly length: number;
  /** Ground truth, which the log does not show. */
  readonly patient: number;
}

/** Imports the patients' records, in bursts as hospitals send them, and reads the log with the truth beside it. */
async function publishedRecords(dir: string): Promise<PublicLeaf[]> {
  const opened = await openTestInstance(join(dir, 'data'));
  try {
    const { instance } = opened;
    await addImportSource(instance, 'ward');
    const services = servicesOf(instance);
    const subjects: string[] = [];
    for (let p = 0; p < PATIENTS; p++) {
      const wallet = await enrolWallet(services, 'ward', `p${p}`);
      await services.submit(signedBundle(wallet, consentFor(wallet)));
      subjects.push(wallet.enrolled.patient.reference ?? '');
    }
    const file = join(dir, 'ward.ndjson');
    const resources = Array.from({ length: PATIENTS }, (_, p) => [
      patientOf(`p${p}`),
      ...Array.from({ length: OBSERVATIONS }, (__, i) =>
        observationOf(`o${p}-${i}`, `p${p}`, '1', 36 + i / 10),
      ),
    ]);
    writeFileSync(file, ndjson(resources.flat()));
    await runImport(instance, { paths: [file], source: 'ward', demo: false }, () => undefined);

    const patientOfHandle = new Map<string, number>();
    const subjectKeys = new Map<string, number>();
    for await (const key of instance.store.keys({ gte: 'vault/', lt: 'vault/~' })) {
      const [, subject = '', handle = ''] = key.split('/');
      if (!subjectKeys.has(subject)) subjectKeys.set(subject, subjectKeys.size);
      patientOfHandle.set(handle, subjectKeys.get(subject) ?? -1);
    }
    assert.equal(subjectKeys.size, PATIENTS);
    const leaves: PublicLeaf[] = [];
    let submission = 0;
    for (let leaf = 0; leaf < instance.engine.head().size; leaf++) {
      const bytes = readEntry(instance.store, leaf);
      assert.ok(bytes !== undefined);
      const entry = JSON.parse(bytes.toString('utf8')) as Entry;
      if (entry.type === 'submission') submission = leaf;
      const { handle } = entry.body;
      const patient = typeof handle === 'string' ? patientOfHandle.get(handle) : undefined;
      if (entry.type !== 'record.stored' || patient === undefined) continue;
      leaves.push({ leaf, entry, submission, length: bytes.length, patient });
    }
    return leaves;
  } finally {
    await opened.close();
  }
}

/** Random bits of the test itself, from a seed: what varies from run to run is the log. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

interface Pairs {
  readonly pairs: readonly (readonly [PublicLeaf, PublicLeaf])[];
  readonly y: Uint8Array;
}

function drawPairs(leaves: readonly PublicLeaf[], random: () => number): Pairs {
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
  const groups = new Map<number, PublicLeaf[]>();
  for (const leaf of leaves) groups.set(leaf.patient, [...(groups.get(leaf.patient) ?? []), leaf]);
  const byPatient = [...groups.values()];
  const pairs: [PublicLeaf, PublicLeaf][] = [];
  const y = new Uint8Array(2 * PAIRS);
  for (let i = 0; i < 2 * PAIRS;) {
    const own = pick(byPatient);
    const a = pick(own);
    const b = i < PAIRS ? pick(own) : pick(leaves);
    if (a === b || (i >= PAIRS && a.patient === b.patient)) continue;
    y[i++] = i <= PAIRS ? 1 : 0;
    pairs.push(a.leaf < b.leaf ? [a, b] : [b, a]);
  }
  return { pairs, y };
}

type Feature = (a: PublicLeaf, b: PublicLeaf) => number;

const PLACES: readonly Feature[] = [
  (a, b) => Math.log(b.leaf - a.leaf),
  (a, b) => Math.log1p(b.leaf - a.leaf) ** 2,
  (a, b) => (b.leaf - a.leaf) / 1000,
  (a, b) => Number(a.leaf + 1 === b.leaf),
  (a, b) => Number(a.entry.at === b.entry.at),
  (a, b) => Math.log1p(b.entry.at - a.entry.at),
  (a, b) => Number(a.submission === b.submission),
];

function bytesOf({ entry }: PublicLeaf): Buffer[] {
  const { handle, commitment, ciphertext, facts } = entry.body;
  return [entry.tags[0], entry.nonce, handle, commitment, ciphertext, facts].map((text) =>
    Buffer.from(typeof text === 'string' ? text : '', 'base64url'),
  );
}

function commonBits(a: Buffer, b: Buffer): number {
  let common = 0;
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    for (let differing = (a[i] ?? 0) ^ (b[i] ?? 0) ^ 0xff; differing > 0; differing &= differing - 1)
      common++;
  }
  return common;
}

const FIELDS = 6;

/** Everything that two leaves show beside their places: each field against each, by bits, bytes, prefix and value. */
function contentFeatures(a: PublicLeaf, b: PublicLeaf): number[] {
  const [left, right] = [bytesOf(a), bytesOf(b)];
  const features = [
    Math.abs(a.length - b.length),
    Number(a.entry.actor === b.entry.actor),
    Number(a.entry.tags.length === b.entry.tags.length),
  ];
  for (let i = 0; i < FIELDS; i++) {
    for (let j = i; j < FIELDS; j++) {
      const [x, z] = [left[i] ?? Buffer.alloc(0), right[j] ?? Buffer.alloc(0)];
      features.push(commonBits(x, z) / 16);
      if (i !== j) continue;
      features.push(
        Number(x[0] === z[0]),
        Number(x.at(-1) === z.at(-1)),
        Number((x[0] ?? 0) >> 4 === (z[0] ?? 0) >> 4),
        Math.abs(x.readUInt32BE(0) - z.readUInt32BE(0)) / 2 ** 32,
        x.reduce((count, byte, at) => count + Number(byte === z[at]), 0),
      );
    }
  }
  return features;
}

/** AUROC on the one half's patients of what was learned on the other's. */
function found(train: Pairs, held: Pairs, rows: (a: PublicLeaf, b: PublicLeaf) => readonly number[]): number {
  const tables = [train, held].map(({ pairs }) => pairs.map(([a, b]) => rows(a, b)));
  const [learned = [], judged = []] = tables;
  const width = learned[0]?.length ?? 0;
  // A column that never varies says nothing, and no model can be fitted with it.
  const kept = Array.from({ length: width }, (_, j) => j).filter((j) =>
    learned.some((row) => row[j] !== learned[0]?.[j]),
  );
  const design = (table: readonly (readonly number[])[]) =>
    designFromColumns(
      kept.map((j) => Float64Array.from(table, (row) => row[j] ?? 0)),
      kept.map((j) => `x${j}`),
    );
  if (kept.length === 0) return 0.5;
  const fit = fitLogistic(design(learned), train.y, { penalty: 1 });
  const scores = linearPredictor(design(judged), Float64Array.of(fit.intercept, ...fit.coefficients));
  return auroc(scores, held.y).auroc;
}

function places(a: PublicLeaf, b: PublicLeaf): number[] {
  return PLACES.map((feature) => feature(a, b));
}

function attack(leaves: readonly PublicLeaf[]): { places: number; content: number; all: number } {
  const random = generator(7);
  const train = drawPairs(
    leaves.filter(({ patient }) => patient % 2 === 0),
    random,
  );
  const held = drawPairs(
    leaves.filter(({ patient }) => patient % 2 === 1),
    random,
  );
  return {
    places: found(train, held, places),
    content: found(train, held, contentFeatures),
    all: found(train, held, (a, b) => [...places(a, b), ...contentFeatures(a, b)]),
  };
}

test('116: two records of one patient are linked by their places in the log at most', async (context) => {
  const dir = temporaryFolder();
  context.after(() => removeFolder(dir));
  const leaves = await publishedRecords(dir);
  assert.equal(leaves.length, PATIENTS * (OBSERVATIONS + 1));

  const { places: byPlaces, content, all } = attack(leaves);
  context.diagnostic(
    `AUROC by places ${byPlaces.toFixed(3)}, by content ${content.toFixed(3)}, by all ${all.toFixed(3)}`,
  );
  assert.ok(Math.abs(content - 0.5) < MARGIN, `content alone links: AUROC ${content}`);
  assert.ok(all < byPlaces + MARGIN, `content adds to places: AUROC ${all} over ${byPlaces}`);

  // The attack is able: four bits of a field that hang on the patient are found.
  const leaky = leaves.map((leaf): PublicLeaf => {
    const tag = Buffer.from(leaf.entry.tags[0] ?? '', 'base64url');
    tag[0] = (((leaf.patient * 7) % 16) << 4) | ((tag[0] ?? 0) & 0x0f);
    return { ...leaf, entry: { ...leaf.entry, tags: [tag.toString('base64url')] } };
  });
  const leak = attack(leaky);
  context.diagnostic(`AUROC with a leak of four bits ${leak.content.toFixed(3)}`);
  assert.ok(leak.content > 0.9);
});
