/**
 * What every engine must do, whatever it runs on.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { Committed, Engine, PublishedLog } from '../../../ledger/engines/index.js';
import {
  decodeBundle,
  entriesPath,
  entryBytes,
  fullTiles,
  leafHash,
  openCheckpoint,
  parseVkey,
  partialWidth,
  rootOf,
  stampDraft,
  tilePath,
} from '../../../ledger/log/index.js';
import type { Submission } from '../../../ledger/log/index.js';
import type { StoreWrite } from '../../../ledger/store.js';
import { verifyLog } from '../../../ledger/verify/index.js';
import { everyType, genesis, recordStored, records, submit, theCast } from '../log/fixture.js';
import type { Cast } from '../log/fixture.js';

/** An engine under test, and how to end and begin it again on the same store. */
export interface Bench {
  readonly engine: Engine;
  readonly vkey: string;
  /** Value of a row that rode with a batch. */
  row(key: string): Buffer | undefined;
  reopen(): Promise<Bench>;
}

/** Opens a fresh engine with a clock of the test's. */
export type OpenBench = (context: TestContext, nowMs: () => number) => Promise<Bench>;

const T0 = 1_795_000_000_000;

/** Bytes that a batch's leaves must have. */
function expectedLeaves(submissions: readonly Submission[], at: number): Buffer[] {
  return submissions.flatMap(({ leaf, draftBytes }) => [
    entryBytes({ ...leaf, at }),
    ...draftBytes.map((bytes) => stampDraft(bytes, at)),
  ]);
}

async function readTree(log: PublishedLog, size: number): Promise<Buffer[]> {
  const entries: Buffer[] = [];
  for (let index = 0; entries.length < size; index++) {
    const width = index < fullTiles(size, 0) ? 256 : partialWidth(size, 0);
    entries.push(...decodeBundle((await log.read(entriesPath(index, width))) ?? Buffer.alloc(0), width));
  }
  return entries;
}

async function assertGood(bench: Bench): Promise<void> {
  const report = await verifyLog({ read: (path) => bench.engine.read(path) }, { vkeys: [bench.vkey] });
  assert.ok(report.ok, JSON.stringify(report.checks));
  assert.equal(report.size, bench.engine.head().size);
}

function commit(bench: Bench, ...submissions: Submission[]): Promise<Committed> {
  return bench.engine.commit({ submissions, writes: [] });
}

/** A row whose value is its key. */
function put(key: string): StoreWrite {
  return { type: 'put', key, value: Buffer.from(key) };
}

/** Registers the suite. */
export function engineContract(name: string, open: OpenBench): void {
  let cast: Cast;
  const begin = async (context: TestContext, nowMs: () => number = () => T0): Promise<Bench> => {
    cast = await theCast();
    return open(context, nowMs);
  };

  test(`${name}: an empty log publishes the empty tree`, async (context) => {
    const bench = await begin(context);
    const opened = openCheckpoint(bench.engine.checkpoint(), [parseVkey(bench.vkey)]);
    assert.ok(opened.ok);
    assert.deepEqual(opened.checkpoint.root, rootOf([]));
    assert.equal(bench.engine.head().size, 0);
    assert.equal(await bench.engine.read(entriesPath(0, 1)), undefined);
    assert.equal(await bench.engine.read(tilePath(0, 0)), undefined);
    await assertGood(bench);
  });

  test(`${name}: leaves are the submissions’ bytes in order, with the time of the commit`, async (context) => {
    let now = T0;
    const bench = await begin(context, () => now);
    const batches = [[genesis(cast)], [everyType(cast)], records(cast, 700)];
    const leaves: Buffer[] = [];
    for (const submissions of batches) {
      now += 10;
      const committed = await bench.engine.commit({ submissions, writes: [] });
      assert.equal(committed.first, leaves.length);
      assert.equal(committed.at, now);
      leaves.push(...expectedLeaves(submissions, now));
      assert.equal(committed.size, leaves.length);
      assert.deepEqual(committed.root, rootOf(leaves.map(leafHash)));
      assert.deepEqual(bench.engine.head(), { size: committed.size, root: committed.root, at: now });
      assert.deepEqual(await readTree(bench.engine, leaves.length), leaves);
    }
    await assertGood(bench);
    const again = await bench.reopen();
    assert.deepEqual(await readTree(again.engine, leaves.length), leaves);
    assert.deepEqual(again.engine.checkpoint(), bench.engine.checkpoint());
    await assertGood(again);
  });

  test(`${name}: tiles of every width up to the present stay readable, and none beyond`, async (context) => {
    const bench = await begin(context);
    const submissions = [genesis(cast), ...records(cast, 400)];
    await bench.engine.commit({ submissions, writes: [] });
    const { size } = bench.engine.head();
    const leaves = expectedLeaves(submissions, T0);
    const { engine } = bench;
    for (let width = 1; width < 256; width++) {
      const whole = decodeBundle((await engine.read(entriesPath(0, width))) ?? Buffer.alloc(0), width);
      assert.deepEqual(whole, leaves.slice(0, width));
      const tile = await engine.read(tilePath(0, 0, width));
      assert.deepEqual(tile, Buffer.concat(whole.map(leafHash)));
      const isThere = width <= partialWidth(size, 0);
      assert.equal((await engine.read(entriesPath(1, width))) !== undefined, isThere);
      assert.equal((await engine.read(tilePath(0, 1, width))) !== undefined, isThere);
    }
    for (const path of [entriesPath(1), tilePath(0, 1), tilePath(1, 0), entriesPath(2), tilePath(1, 0, 2)]) {
      assert.equal(await engine.read(path), undefined, path);
    }
    for (const path of [
      '',
      'head',
      'log/head',
      'tile/0/0',
      '../checkpoint',
      'submission/x',
      'schemas/none.json',
    ]) {
      assert.equal(await engine.read(path), undefined, path);
    }
    assert.ok((await engine.read('schemas/entry.json')) !== undefined);
    assert.equal((await engine.read('vkey'))?.toString('utf8').trim(), bench.vkey);
    assert.deepEqual(await engine.read('checkpoint'), engine.checkpoint());
  });

  test(`${name}: time never goes back, though the clock does, also over a restart`, async (context) => {
    let now = T0;
    const bench = await begin(context, () => now);
    await commit(bench, genesis(cast));
    now = T0 - 60_000;
    assert.equal((await commit(bench, ...records(cast, 1))).at, T0);
    const again = await bench.reopen();
    assert.equal((await commit(again, ...records(cast, 1))).at, T0);
    now = T0 + 1;
    assert.equal((await commit(again, ...records(cast, 1))).at, T0 + 1);
    await assertGood(again);
  });

  test(`${name}: a root is accepted once`, async (context) => {
    const bench = await begin(context);
    const duplicate = { code: 'LEDGER_DUPLICATE_SUBMISSION' };
    await commit(bench, genesis(cast));
    const [twice] = records(cast, 3);
    assert.ok(twice !== undefined);
    await assert.rejects(commit(bench, twice, twice), duplicate);
    // At once: the first wins, the second leaves nothing, what comes after is not held up.
    const results = await Promise.allSettled([
      commit(bench, twice),
      bench.engine.commit({
        submissions: [...records(cast, 2), twice],
        writes: [{ type: 'put', key: 'x', value: Buffer.of(1) }],
      }),
      commit(bench, ...records(cast, 1)),
    ]);
    assert.deepEqual(
      results.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    );
    assert.equal(bench.row('x'), undefined);
    assert.equal(bench.engine.head().size, 4 + 4 + 2);
    // The same drafts signed anew have the same root.
    const resigned = submit(cast.instance, twice.drafts);
    await assert.rejects(commit(bench, resigned), duplicate);
    const again = await bench.reopen();
    await assert.rejects(commit(again, twice), duplicate);
    await assertGood(again);
  });

  test(`${name}: rows ride with the batch, alone too`, async (context) => {
    const bench = await begin(context);
    await bench.engine.commit({ submissions: [genesis(cast)], writes: [put('a'), put('b')] });
    const before = bench.engine.checkpoint();
    const alone = await bench.engine.commit({
      submissions: [],
      writes: [put('c'), { type: 'del', key: 'a' }],
    });
    assert.deepEqual([alone.first, alone.size], [4, 4]);
    assert.deepEqual(bench.engine.checkpoint(), before);
    const again = await bench.reopen();
    assert.deepEqual(
      [again.row('a'), again.row('b'), again.row('c')],
      [undefined, Buffer.from('b'), Buffer.from('c')],
    );
    assert.deepEqual(await again.engine.commit({ submissions: [], writes: [] }), {
      ...alone,
      at: T0,
      root: again.engine.head().root,
    });
  });

  test(`${name}: concurrent commits are sequenced in the order of the calls`, async (context) => {
    const bench = await begin(context);
    const submissions = [genesis(cast), ...Array.from({ length: 200 }, () => records(cast, 2)).flat()];
    const committed = await Promise.all(submissions.map((submission) => commit(bench, submission)));
    let first = 0;
    for (const [i, { first: found }] of committed.entries()) {
      assert.equal(found, first);
      first += 1 + (submissions[i]?.drafts.length ?? 0);
    }
    assert.deepEqual(await readTree(bench.engine, first), expectedLeaves(submissions, T0));
    await assertGood(bench);
  });

  test(`${name}: what would spoil the log is refused and leaves nothing`, async (context) => {
    const bench = await begin(context);
    await commit(bench, genesis(cast));
    const before = bench.engine.checkpoint();
    const [good] = records(cast, 3);
    assert.ok(good !== undefined);
    const other = recordStored(cast.instance.actor);
    const bad: [string, Submission][] = [
      ['LEDGER_BAD_SUBMISSION', submit(cast.instance, [other], 'firebreak.test/other')],
      ['LEDGER_BAD_SUBMISSION', { ...good, draftBytes: good.draftBytes.slice(1) }],
      ['LEDGER_BAD_SUBMISSION', { ...good, draftBytes: good.draftBytes.toReversed() }],
      ['LEDGER_BAD_SUBMISSION', { ...good, root: Buffer.alloc(32) }],
      ['LEDGER_BAD_SUBMISSION', { ...good, leaf: { ...good.leaf, nonce: 'other' } }],
      ['LEDGER_BAD_SUBMISSION', { ...good, leaf: other }],
    ];
    for (const [code, submission] of bad) {
      const writes = [{ type: 'put', key: 'spoilt', value: Buffer.of(1) }] as const;
      await assert.rejects(bench.engine.commit({ submissions: [submission], writes }), { code });
    }
    const writes = [{ type: 'put', key: 'log/head', value: Buffer.of(1) }] as const;
    await assert.rejects(bench.engine.commit({ submissions: [good], writes }), {
      code: 'LEDGER_BAD_SUBMISSION',
    });
    assert.equal(bench.row('spoilt'), undefined);
    assert.deepEqual(bench.engine.checkpoint(), before);
    await commit(bench, good);
    await assertGood(bench);
  });

  test(`${name}: too many waiting commits are refused, the others are done; a closed log refuses`, async (context) => {
    const bench = await begin(context);
    const results = Array.from({ length: 3000 }, () => bench.engine.commit({ submissions: [], writes: [] }));
    const settled = await Promise.allSettled(results);
    const refused = settled.filter((result) => result.status === 'rejected');
    assert.ok(refused.length > 0 && refused.length < 3000);
    for (const { reason } of refused) assert.equal((reason as { code?: string }).code, 'LEDGER_BUSY');
    const last = commit(bench, genesis(cast));
    const closing = bench.engine.close();
    await assert.rejects(commit(bench, genesis(cast)), { code: 'LEDGER_CLOSED' });
    assert.equal((await last).size, 4);
    await closing;
  });
}
