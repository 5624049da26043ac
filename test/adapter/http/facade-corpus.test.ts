/**
 * Corpora made elsewhere in by hooks, and out by `$everything`: what is stored is what was received, byte for byte, and
 * what is served differs from it in ids and references alone. The comparison knows nothing of how the facade rewrites:
 * it goes through both texts, string by string.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { drain } from '../../../adapter/services/drain.js';
import { sharedData } from '../../support/shared-data.js';
import { consenting, hook, openBench } from '../support/bench.js';
import type { Bench } from '../support/bench.js';
import { addTo, consentingAll, filesOf, hookFiles, listed, resourcesOf } from '../support/corpora.js';
import type { Corpus, Received } from '../support/corpora.js';
import { facadeIdOf, readerOf } from '../support/facade.js';
import type { Reader } from '../support/facade.js';

const isLong = process.env['FIREBREAK_TEST_LONG'] === '1';

const STRINGS = /"(?:[^"\\]|\\.)*"|[^"]+/gs;

/** Fails where a served resource differs from a received one in anything but ids and references. */
function assertServed(bench: Bench, name: string, served: string, received: readonly Received[]): void {
  const reasons = received.map((one) => difference(bench, one, served));
  assert.ok(reasons.includes(undefined), `${name}: ${reasons.join('; ')}`);
}

function difference(bench: Bench, { type, id, text, named }: Received, served: string): string | undefined {
  const own = JSON.stringify(facadeIdOf(bench, type, id));
  // What stands around the object is not of it.
  const expected = text.trim().match(STRINGS) ?? [];
  const given = served.trim().match(STRINGS) ?? [];
  if (expected.length !== given.length) return `${expected.length} against ${given.length} strings`;
  let depth = 0;
  for (const [i, was] of expected.entries()) {
    const is = given[i];
    if (!was.startsWith('"')) {
      depth += (was.match(/[{[]/g)?.length ?? 0) - (was.match(/[}\]]/g)?.length ?? 0);
      if (was !== is) return `between strings: ${was} became ${is}`;
      continue;
    }
    const key = expected[i - 1]?.trim() === ':' ? expected[i - 2] : undefined;
    if (depth === 1 && key === '"id"') {
      if (is !== own) return `the id is ${is}`;
    } else if (key === '"reference"' || key === '"url"') {
      const target: string = JSON.parse(was) as string;
      const local = named.get(target) ?? target;
      const [, kind, at, version = ''] =
        /^([A-Z][A-Za-z]+)\/([A-Za-z0-9.-]{1,64})(\/_history\/.+)?$/.exec(local) ?? [];
      const isExchanged =
        kind !== undefined && at !== undefined && (key === '"reference"' || kind === 'Binary');
      const wanted = isExchanged ? JSON.stringify(`${kind}/${facadeIdOf(bench, kind, at)}${version}`) : was;
      if (is !== wanted && is !== was) return `${was} became ${is} and not ${wanted}`;
      if (is === was && isExchanged) return `${was} stayed`;
    } else if (was !== is) return `${key} ${was} became ${is}`;
  }
  return undefined;
}

/** Checks one patient's resources; tells how many there were. */
async function checkPatient(
  bench: Bench,
  reader: Reader,
  patient: string,
  corpus: Corpus,
): Promise<Set<string>> {
  const plain = await listed(reader, `${patient}/$everything`);
  const proven = await listed(reader, `${patient}/$everything?_proof=true`);
  assert.deepEqual(plain.served, proven.served, 'with proofs the same is served');
  for (const [name, text] of plain.served) {
    const received = corpus.get(name);
    assert.ok(received !== undefined, `${name} was never received`);
    assertServed(bench, name, text, received);
    if (plain.included.has(name)) continue;
    const bytes = proven.stored.get(name);
    assert.ok(
      bytes !== undefined && received.some((one) => one.text === bytes),
      `${name} is stored as received`,
    );
  }
  return new Set(plain.served.keys());
}

async function checkBundles(folder: string, count: number): Promise<void> {
  const bench = await openBench({ readerRequestsPerSecond: 100_000 });
  try {
    const reader = await readerOf(bench, { source: bench.source.id });
    const bundles = filesOf(folder).filter(({ bytes }) => bytes.includes('"entry"'));
    for (const { bytes } of bundles.slice(0, isLong ? undefined : count)) {
      const received = resourcesOf(bytes);
      const corpus: Corpus = new Map();
      for (const one of received) addTo(bench, corpus, one);
      const patients = received.filter(({ type }) => type === 'Patient');
      const references: string[] = [];
      for (const { id } of patients)
        references.push((await consenting(bench, id)).enrolled.patient.reference);
      assert.equal((await hook(bench, '', { body: bytes })).status, 200);
      await drain(bench.instance);
      const seen = new Set<string>();
      for (const reference of references)
        for (const name of await checkPatient(bench, reader, reference, corpus)) seen.add(name);
      // What nothing of the patients' refers to is still to be had by itself.
      for (const [name, texts] of corpus) {
        if (seen.has(name)) continue;
        const answer = await reader.get(name);
        assert.equal(answer.status, 200, name);
        assertServed(bench, name, answer.body.toString('utf8'), texts);
      }
    }
  } finally {
    await bench.close();
  }
}

describe('corpora in and out again', () => {
  const synthea = sharedData('synthea-r4');
  it('Synthea’s patients', { skip: synthea === undefined && 'no shared data: synthea-r4' }, async () => {
    await checkBundles(synthea ?? '', 6);
  });

  const covid = sharedData('covid-r4');
  it('the COVID-19 patients', { skip: covid === undefined && 'no shared data: covid-r4' }, async () => {
    await checkBundles(covid ?? '', 3);
  });

  const examples = sharedData('fhir-examples-r4');
  it(
    'examples of nearly every type',
    { skip: examples === undefined && 'no shared data: fhir-examples-r4' },
    async () => {
      const bench = await openBench({ readerRequestsPerSecond: 100_000 });
      try {
        const reader = await readerOf(bench, { source: bench.source.id });
        const corpus = await hookFiles(bench, examples ?? '');
        const references = await consentingAll(bench);
        const seen = new Set<string>();
        for (const reference of references)
          for (const name of await checkPatient(bench, reader, reference, corpus)) seen.add(name);
        const unseen: string[] = [];
        for (const [name, texts] of corpus) {
          if (seen.has(name)) continue;
          const answer = await reader.get(name, { headers: { accept: 'application/fhir+json' } });
          if (answer.status === 200) assertServed(bench, name, answer.body.toString('utf8'), texts);
          else unseen.push(texts[0]?.type ?? '');
        }
        let dead = 0;
        for await (const letter of bench.instance.inbox.deadLetters()) dead += letter === undefined ? 0 : 1;
        assert.ok(seen.size > 40 && corpus.size > 90, `${seen.size} of ${corpus.size}`);
        assert.ok(unseen.length <= dead, `${unseen.join(' ')} are neither served nor dead letters`);
      } finally {
        await bench.close();
      }
    },
  );
});
