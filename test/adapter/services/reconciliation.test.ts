import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { Directory, DIRECTORY_PREFIX } from '../../../adapter/instance/directory.js';
import { RESOURCE_PREFIX } from '../../../adapter/instance/records.js';
import { drain } from '../../../adapter/services/drain.js';
import { nodeProofCrypto } from '../../../adapter/services/proof-crypto.js';
import { prove } from '../../../adapter/services/proofs/index.js';
import { Certificates, reconcileSource } from '../../../adapter/services/reconciliation/index.js';
import type { Reconciled } from '../../../adapter/services/reconciliation/index.js';
import { addSource, syncSource } from '../../../adapter/services/source-admin.js';
import { checkListing, checkProof, proofTrust } from '../../../ledger/proofs/index.js';
import type { ListingLine, ReconciliationFound } from '../../../ledger/proofs/index.js';
import { consenting, failedChecks, logSize, openBench, sign, typesSince } from '../support/bench.js';
import type { Bench } from '../support/bench.js';
import { startMedplum } from '../support/medplum.js';
import type { MedplumServer } from '../support/medplum.js';
import { heartRate, patient } from '../support/resources.js';

let bench: Bench;
let city: MedplumServer;
before(async () => {
  bench = await openBench();
  city = await startMedplum();
  await addSource(bench.instance, {
    id: 'city',
    url: city.base,
    name: 'City',
    allowResearch: false,
    credential: { kind: 'bearer', token: city.token },
  });
  for (const name of ['p', 'q']) {
    await city.put(patient(name));
    await consenting(bench, name, {}, 'city');
  }
});
after(async () => {
  assert.deepEqual(await failedChecks(bench.instance), []);
  await bench.close();
  await city.close();
});

const reconcile = (): Promise<Reconciled> => reconcileSource(bench.instance, 'city');
const hr = (id: string, value: number, of = 'p') => heartRate(id, of, value);

/** What is kept as current of the city's, as `Type/id/version`. */
async function kept(): Promise<string[]> {
  const { store, records, subjects, keys } = bench.instance;
  const view = { get: (key: string) => store.getSync(key) };
  const names: string[] = [];
  for await (const key of store.keys({ gte: RESOURCE_PREFIX, lt: `${RESOURCE_PREFIX}~` })) {
    const state = records.state(view, key);
    const subject = state?.status === 'current' ? await subjects.find(state.subjectKey) : undefined;
    if (subject?.source !== 'city' || state?.handle === undefined) continue;
    const { type, id } = records.gate(view, subject, state.handle);
    names.push(`${type}/${id}/${state.versionId}`);
  }
  const directory = new Directory(keys);
  for await (const key of store.keys({ gte: DIRECTORY_PREFIX, lt: `${DIRECTORY_PREFIX}~` })) {
    const head = directory.head(view, key);
    if (head?.name?.source === 'city') names.push(`${head.name.type}/${head.name.id}/${head.versionId}`);
  }
  return names.toSorted();
}

/** What is kept is what is shown, less what the newest certificate says waits or was refused. */
async function isSame(): Promise<void> {
  const { store, keys } = bench.instance;
  const last = await new Certificates(store, keys.storage.indexKey).last('city');
  const { waiting = 0, refused = 0 } = last?.document.fates ?? {};
  const own = await kept();
  const shown = await city.listing();
  const all = new Set(shown);
  const lost = own.filter((name) => !all.has(name));
  assert.deepEqual(lost, [], 'kept, and not shown');
  const left = new Set(own);
  const lacking = shown.filter((name) => !left.has(name));
  assert.equal(lacking.length, waiting + refused, 'shown, and not kept');
  for (const name of lacking) assert.doesNotMatch(name, /\/(p|q|h\d+)\//);
}

async function certificate(args: { handle?: string; leaves?: boolean } = {}): Promise<ReconciliationFound> {
  const proved = await prove(bench.instance, { what: 'reconciliation', source: 'city', ...args });
  assert.ok(proved.proved);
  const vkeys = (await bench.instance.engine.read('vkey'))?.toString('utf8').trim().split('\n') ?? [];
  const trust = proofTrust({ vkeys, caRoot: bench.instance.authority.root }, nodeProofCrypto);
  const verdict = checkProof(Buffer.from(proved.file), trust);
  assert.ok(verdict.ok, verdict.ok ? '' : verdict.code);
  assert.ok(verdict.kind === 'reconciliation');
  return verdict;
}

const linesOf = (names: readonly string[]): ListingLine[] =>
  names.map((name) => {
    const [type = '', id = '', version = ''] = name.split('/');
    return { type, id, version };
  });

test('a source that was never read is read wholly, and the certificate says what became of it', async () => {
  const size = logSize(bench.instance);
  const { document, isNothingMissed, handle } = await reconcile();
  await isSame();
  const shown = await city.listing();
  assert.equal(document.listing.count, shown.length);
  assert.ok(isNothingMissed);
  const { stored, directory, waiting } = document.fates;
  assert.equal(stored + directory + waiting, shown.length);
  assert.ok(stored >= 2 && waiting > 0 && directory > 0);
  assert.equal(document.kept.count, stored + directory);
  assert.equal(document.healed.fetched, shown.length);
  assert.equal(document.former, null);
  assert.deepEqual((await typesSince(bench.instance, size)).at(-1), 'source.reconciled');
  const found = await certificate();
  assert.equal(found.statement.handle, handle);
  assert.deepEqual(found.document, document);
  assert.deepEqual(checkListing(found.listing, linesOf(shown.toReversed()), nodeProofCrypto), {
    ok: true,
    lines: shown.length,
  });
});

test('once more, nothing is fetched, and the next certificate names the one before', async () => {
  const first = await reconcile();
  const size = logSize(bench.instance);
  const again = await reconcile();
  assert.deepEqual(await typesSince(bench.instance, size), ['source.reconciled']);
  assert.deepEqual(again.document.healed, { fetched: 0, deleted: 0 });
  assert.equal(again.document.former, first.handle);
  assert.equal(again.document.since, first.document.begun);
  assert.notEqual(again.document.listing.root, first.document.listing.root, 'each under a salt of its own');
});

test('lost hooks: creations, changes, deletions and types never seen are found', async () => {
  await city.put(hr('h1', 70));
  await city.put(hr('h2', 71));
  await city.put(hr('h3', 72, 'q'));
  await syncSource(bench.instance, 'city');
  await drain(bench.instance);
  // None of these is heard of.
  await city.put(hr('h1', 80));
  await city.put(hr('h1', 81));
  await city.put(hr('h4', 73));
  await city.remove('Observation/h2');
  await city.put(hr('h5', 74));
  await city.remove('Observation/h5');
  await city.put({
    resourceType: 'Procedure',
    id: 'h6',
    status: 'completed',
    subject: { reference: 'Patient/q' },
  } as never);
  await city.put({ resourceType: 'Medication', id: 'h7' });
  const size = logSize(bench.instance);
  const { document, isNothingMissed } = await reconcile();
  assert.ok(isNothingMissed);
  assert.deepEqual(document.healed, { fetched: 4, deleted: 1 });
  await isSame();
  assert.deepEqual((await typesSince(bench.instance, size)).toSorted(), [
    'record.deleted',
    'record.stored',
    'record.stored',
    'record.stored',
    'record.superseded',
    'source.reconciled',
  ]);
});

test('what leaves the directory at the source leaves it here', async () => {
  await city.remove('Medication/h7');
  const { document } = await reconcile();
  assert.deepEqual(document.healed, { fetched: 0, deleted: 1 });
  await isSame();
});

test('what was refused is not brought back, nor what was deleted here by mistake left out', async () => {
  await city.put(patient('r'));
  await city.put(hr('h8', 75, 'r'));
  const identifier = randomUUID();
  const wallet = await consenting(bench, 'r', { type: 'deny', identifier }, 'city');
  const first = await reconcile();
  assert.equal(first.document.fates.refused, 2);
  assert.ok(first.isNothingMissed);
  const { denied } = bench.instance.statistics.pipeline;
  const second = await reconcile();
  assert.equal(second.document.fates.refused, 2);
  assert.equal(bench.instance.statistics.pipeline.denied, denied, 'nobody asked for it again');
  assert.deepEqual(second.document.healed, { fetched: 0, deleted: 0 });
  // A version that came since is news, and the gate is asked.
  await sign(bench, wallet, { identifier, dateTime: new Date(Date.now() + 60_000).toISOString() });
  await city.put(hr('h8', 76, 'r'));
  const third = await reconcile();
  assert.equal(third.document.fates.refused, 1);
  assert.ok((await kept()).some((name) => name.startsWith('Observation/h8/')));
});

test('a listing that differs: wrong, missing, extra and repeated lines by their own codes', async () => {
  await reconcile();
  const shown = linesOf(await city.listing());
  const { listing } = await certificate();
  const judged = (lines: readonly ListingLine[]): string => {
    const verdict = checkListing(listing, lines, nodeProofCrypto);
    return verdict.ok
      ? 'ok'
      : `${verdict.code} ${verdict.wrong} ${verdict.missing} ${verdict.extra} ${verdict.line ?? '-'}`;
  };
  const [one, two] = shown;
  assert.ok(one !== undefined && two !== undefined);
  assert.equal(judged(shown), 'ok');
  assert.equal(judged([...shown.slice(1), one]), 'ok');
  assert.equal(judged([{ ...one, version: 'other' }, ...shown.slice(1)]), 'listing-line-wrong 1 0 0 1');
  assert.equal(judged(shown.slice(1)), 'listing-line-missing 0 1 0 -');
  assert.equal(judged([...shown, { ...one, id: 'more' }]), `listing-line-extra 0 0 1 ${shown.length + 1}`);
  assert.equal(judged([...shown, two]), `listing-line-twice 0 0 0 ${shown.length + 1}`);
  assert.equal(judged([]), `listing-line-missing 0 ${shown.length} 0 -`);
  const bare = await certificate({ leaves: false });
  assert.equal(bare.listing.leaves, undefined);
  assert.ok(checkListing(bare.listing, shown, nodeProofCrypto).ok);
  const verdict = checkListing(bare.listing, shown.slice(1), nodeProofCrypto);
  assert.equal(verdict.ok ? 'ok' : verdict.code, 'listing-differs');
});

test('a source that is paused, away or unknown is not certified, and nothing is deleted', async () => {
  const { sources } = bench.instance;
  const size = logSize(bench.instance);
  await sources.update('city', { state: 'paused' });
  await assert.rejects(reconcile(), { code: 'ADAPTER_CONFLICT' });
  await sources.update('city', { state: 'active', baseUrl: city.base.replace('/fhir', '/elsewhere') });
  await assert.rejects(reconcile(), { code: 'ADAPTER_SOURCE_UNREACHABLE' });
  await sources.update('city', { baseUrl: city.base });
  await assert.rejects(reconcileSource(bench.instance, 'nowhere'), { code: 'ADAPTER_NOT_FOUND' });
  await assert.rejects(reconcileSource(bench.instance, 'ward'), { code: 'ADAPTER_NOT_FOUND' });
  assert.equal(logSize(bench.instance), size);
  await isSame();
});

test('down for a while, everything changed meanwhile: the end state is the server’s', async () => {
  for (let i = 10; i < 40; i++) await city.put(hr(`h${i}`, 60 + i));
  await reconcile();
  for (let i = 10; i < 40; i += 3) await city.remove(`Observation/h${i}`);
  for (let i = 11; i < 40; i += 3) await city.put(hr(`h${i}`, 99));
  await city.restart();
  const { document, isNothingMissed } = await reconcile();
  assert.ok(isNothingMissed);
  assert.deepEqual(document.healed, { fetched: 10, deleted: 10 });
  await isSame();
});
