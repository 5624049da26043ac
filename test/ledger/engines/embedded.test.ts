import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { TestContext } from 'node:test';
import { openEmbedded } from '../../../ledger/engines/index.js';
import { openStateMap } from '../../../ledger/state/index.js';
import type { EmbeddedEngine } from '../../../ledger/engines/index.js';
import {
  consistencyProof,
  generateSeed,
  inclusionProof,
  leafHash,
  openCheckpoint,
  parseVkey,
  verifyConsistency,
  verifyInclusion,
} from '../../../ledger/log/index.js';
import type { JsonObject } from '../../../ledger/log/index.js';
import type { Store, StoreWrite } from '../../../ledger/store.js';
import { storeReader, verifyLog } from '../../../ledger/verify/index.js';
import { draft, submit, genesis, openStore, ORIGIN, records, scratchDir, theCast } from '../log/fixture.js';
import { engineContract } from './contract.js';
import type { Bench } from './contract.js';

const T0 = 1_795_000_000_000;

async function bench(
  store: Store,
  dir: string,
  seed: Buffer,
  nowMs: () => number,
  closers: Closers,
): Promise<Bench> {
  const engine = await openEmbedded(store, {
    origin: ORIGIN,
    logKeySeed: seed,
    nowMs,
    state: await openStateMap(store, { pendingMax: 50 }),
  });
  closers.current = store;
  return {
    engine,
    vkey: engine.vkey,
    row: (key) => store.getSync(key),
    reopen: async () => {
      await engine.close();
      await store.close();
      return bench(await openStore(dir), dir, seed, nowMs, closers);
    },
  };
}

interface Closers {
  current?: Store;
}

engineContract('embedded', async (context, nowMs) => {
  const closers: Closers = {};
  context.after(() => closers.current?.close());
  const dir = await scratchDir(context);
  return bench(await openStore(dir), dir, generateSeed(), nowMs, closers);
});

test('embedded: proofs from the stored tiles', async (context) => {
  const { engine } = await openScratch(context);
  const cast = await theCast();
  const { size: size1, root: root1 } = await engine.commit({
    submissions: [genesis(cast), ...records(cast, 300)],
    writes: [],
  });
  const { size: size2, root: root2 } = await engine.commit({ submissions: records(cast, 300), writes: [] });
  for (const index of [0, 1, 255, 256, size2 - 1]) {
    const entry = engine.entry(index);
    assert.ok(entry !== undefined);
    const proof = inclusionProof(index, size2, engine.nodes());
    assert.ok(verifyInclusion(index, size2, leafHash(entry), proof, root2));
  }
  assert.equal(engine.entry(size2), undefined);
  assert.ok(verifyConsistency(size1, size2, root1, root2, consistencyProof(size1, size2, engine.nodes())));
});

test('embedded: a store belongs to one origin and key', async (context) => {
  const { store, seed } = await openScratch(context);
  const open = (origin: string, logKeySeed: Buffer) =>
    openEmbedded(store, { origin, logKeySeed, nowMs: () => T0 });
  await assert.rejects(open('firebreak.test/other', seed), { code: 'LEDGER_OTHER_LOG' });
  await assert.rejects(open(ORIGIN, generateSeed()), { code: 'LEDGER_OTHER_LOG' });
  await assert.rejects(open('with space', seed), { code: 'LEDGER_BAD_KEY' });
});

test('embedded: rows that contradict one another are found at the start', async (context) => {
  const { store, seed, engine } = await openScratch(context);
  const cast = await theCast();
  await engine.commit({ submissions: [genesis(cast), ...records(cast, 300)], writes: [] });
  const reopen = () => openEmbedded(store, { origin: ORIGIN, logKeySeed: seed, nowMs: () => T0 });
  await reopen();
  for (const key of [
    'log/head',
    'log/tile/0/000',
    'log/tile/0/001',
    'log/tile/1/000',
    'log/tile/entries/001',
  ]) {
    const row = store.getSync(key) ?? Buffer.alloc(0);
    if (key !== 'log/tile/0/000') {
      await store.del(key);
      await assert.rejects(reopen(), { code: 'LEDGER_CORRUPT' }, key);
      await store.put(key, row.subarray(0, -1));
      await assert.rejects(reopen(), { code: 'LEDGER_CORRUPT' }, key);
    }
    await store.put(key, row);
  }
  await reopen();
  // A store put back to an older state, with a newer checkpoint already published: going on would fork the log.
  const older = store.getSync('log/head') ?? Buffer.alloc(0);
  const rows = await store.iterator({ gte: 'log/', lt: 'log0' }).all();
  await engine.commit({ submissions: records(cast, 1), writes: [] });
  const published = store.getSync('log/checkpoint') ?? Buffer.alloc(0);
  for (const [key, value] of rows) await store.put(key, value);
  assert.deepEqual(store.getSync('log/head'), older);
  await store.put('log/checkpoint', published);
  await assert.rejects(reopen(), { code: 'LEDGER_CORRUPT' });
});

interface Fault {
  /** Which call fails: the synced batch, or the checkpoint's row. */
  readonly step: 'batch' | 'put';
  /** Whether the store did it all the same. */
  readonly when: 'before' | 'after';
  /** What the caller hears. */
  readonly heard: 'LEDGER_WRITE_FAILED' | 'committed';
  /** What a retry of the same submissions hears. */
  readonly retried: 'LEDGER_DUPLICATE_SUBMISSION' | 'committed';
}

const faults: readonly Fault[] = [
  { step: 'batch', when: 'before', heard: 'LEDGER_WRITE_FAILED', retried: 'committed' },
  { step: 'batch', when: 'after', heard: 'LEDGER_WRITE_FAILED', retried: 'LEDGER_DUPLICATE_SUBMISSION' },
  { step: 'put', when: 'before', heard: 'committed', retried: 'LEDGER_DUPLICATE_SUBMISSION' },
  { step: 'put', when: 'after', heard: 'committed', retried: 'LEDGER_DUPLICATE_SUBMISSION' },
];

/** A store whose next call of one kind fails, before or after it took effect. */
function faulty(store: Store): { store: Store; arm: (fault: Fault) => void } {
  let armed: Fault | undefined;
  const failing = async (step: Fault['step'], call: () => Promise<void>): Promise<void> => {
    const fault = armed?.step === step ? armed : undefined;
    if (fault === undefined) return call();
    armed = undefined;
    if (fault.when === 'after') await call();
    throw new Error('the disk is full');
  };
  const wrapped = new Proxy(store, {
    get(target, name) {
      if (name === 'batch') {
        return (rows: StoreWrite[], how: { sync: boolean }) =>
          failing('batch', () => target.batch(rows, how));
      }
      if (name === 'put') return (key: string, value: Buffer) => failing('put', () => target.put(key, value));
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return { store: wrapped, arm: (fault) => (armed = fault) };
}

for (const fault of faults) {
  for (const after of ['going on', 'a crash'] as const) {
    test(`embedded: the ${fault.step} fails ${fault.when} it took effect, then ${after}`, async (context) => {
      const cast = await theCast();
      const dir = await scratchDir(context);
      const real = await openStore(dir);
      context.after(() => real.close());
      const { store, arm } = faulty(real);
      const seed = generateSeed();
      const base = { origin: ORIGIN, logKeySeed: seed, nowMs: () => T0 };
      const withState = async (of: Store) => ({ ...base, state: await openStateMap(of, { pendingMax: 50 }) });
      let engine = await openEmbedded(store, await withState(store));
      await engine.commit({ submissions: [genesis(cast), ...records(cast, 250)], writes: [] });
      const before = { head: engine.head(), checkpoint: engine.checkpoint() };

      const batch = {
        submissions: records(cast, 20),
        writes: [{ type: 'put', key: 'mark', value: Buffer.of(1) }],
      } as const;
      arm(fault);
      assert.equal(await outcome(engine.commit(batch)), fault.heard);
      if (fault.heard !== 'committed') {
        assert.deepEqual({ head: engine.head(), checkpoint: engine.checkpoint() }, before);
      }
      if (after === 'a crash') engine = await openEmbedded(real, await withState(real));
      assert.equal(await outcome(engine.commit(batch)), fault.retried);
      await assertAgree(engine, real);
      assert.equal(engine.head().size, before.head.size + 21);
      assert.deepEqual(real.getSync('mark'), Buffer.of(1));
      // And the log goes on.
      await engine.commit({ submissions: records(cast, 300), writes: [] });
      await assertAgree(engine, real);
      await engine.close();
      const last = await withState(real);
      const again = await openEmbedded(real, last);
      await assertAgree(again, real);
      assert.equal(last.state.size, again.head().size);
      const { size, root, keys } = last.state.present();
      assert.equal(keys, 250 + 20 + 300 + 3);
      const { actor } = cast.instance;
      const make = (body: JsonObject) => submit(cast.instance, [draft(actor, 'state.anchored', body)]);
      const body = { size, keys, root: root.toString('base64url') };
      await assert.rejects(again.commit({ submissions: [make({ ...body, keys: 1 })], writes: [] }), {
        code: 'LEDGER_BAD_SUBMISSION',
      });
      await again.commit({ submissions: [...records(cast, 3), make(body), ...records(cast, 3)], writes: [] });
      const report = await verifyLog(storeReader(real));
      assert.ok(report.ok, JSON.stringify(report.checks));
      assert.equal(report.checks.find(({ name }) => name === 'state')?.checked, 1);
    });
  }
}

test('embedded: waiting commits survive the failure of the one before', async (context) => {
  const cast = await theCast();
  const dir = await scratchDir(context);
  const real = await openStore(dir);
  context.after(() => real.close());
  const { store, arm } = faulty(real);
  const engine = await openEmbedded(store, { origin: ORIGIN, logKeySeed: generateSeed(), nowMs: () => T0 });
  await engine.commit({ submissions: [genesis(cast)], writes: [] });
  arm({ step: 'batch', when: 'after', heard: 'LEDGER_WRITE_FAILED', retried: 'LEDGER_DUPLICATE_SUBMISSION' });
  // The engine is at rest, so the first goes alone and the second waits for it.
  await setImmediate();
  const first = outcome(engine.commit({ submissions: records(cast, 2), writes: [] }));
  const second = engine.commit({ submissions: records(cast, 2), writes: [] });
  assert.equal(await first, 'LEDGER_WRITE_FAILED');
  // The first took effect, as the engine found before it sequenced the second.
  assert.equal((await second).first, 4 + 3);
  await assertAgree(engine, real);
});

async function outcome(done: Promise<unknown>): Promise<string> {
  return done.then(
    () => 'committed',
    (error: unknown) => (error as { code: string }).code,
  );
}

/** Engine, store and checkpoint say the same, and it verifies. */
async function assertAgree(engine: EmbeddedEngine, store: Store): Promise<void> {
  const opened = openCheckpoint(engine.checkpoint(), [parseVkey(engine.vkey)]);
  assert.ok(opened.ok);
  assert.deepEqual(opened.checkpoint.root, engine.head().root);
  const reader = storeReader(store);
  const report = await verifyLog(
    { read: async (path, max) => (path === 'checkpoint' ? engine.checkpoint() : reader.read(path, max)) },
    { vkeys: [engine.vkey] },
  );
  assert.ok(report.ok, JSON.stringify(report.checks));
  assert.equal(report.size, engine.head().size);
}

async function openScratch(
  context: TestContext,
): Promise<{ store: Store; seed: Buffer; engine: EmbeddedEngine }> {
  const dir = await scratchDir(context);
  const store = await openStore(dir);
  context.after(() => store.close());
  const seed = generateSeed();
  const engine = await openEmbedded(store, { origin: ORIGIN, logKeySeed: seed, nowMs: () => T0 });
  return { store, seed, engine };
}
