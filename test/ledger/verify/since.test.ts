import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import {
  CompactRange,
  generateSeed,
  leafHash,
  noteSigner,
  signCheckpoint,
  tilePathAt,
} from '../../../ledger/log/index.js';
import type { Submission } from '../../../ledger/log/index.js';
import { verifyLog } from '../../../ledger/verify/index.js';
import type { LogReader, VerifyOptions, VerifyReport } from '../../../ledger/verify/index.js';
import {
  everyType,
  firstAnchor,
  genesis,
  ORIGIN,
  recordStored,
  records,
  submit,
  theCast,
} from '../log/fixture.js';
import type { Cast } from '../log/fixture.js';
import {
  checkpointOf,
  failedChecks,
  failureOf,
  leavesOf,
  logSeed,
  publish,
  readerOf,
  VKEY,
} from './published-log.js';
import type { Files } from './published-log.js';

let cast: Cast;
/** Submissions of a log of four bundles, and a part of a fifth. */
let submissions: Submission[];

before(async () => {
  cast = await theCast();
  submissions = [
    genesis(cast),
    firstAnchor(cast),
    everyType(cast),
    ...records(cast, 600),
    everyType(cast),
    ...records(cast, 300),
  ];
});

/** Sizes at which a submission ends. */
function ends(): number[] {
  let size = 0;
  return submissions.map(({ drafts }) => (size += 1 + drafts.length));
}

function verify(files: Files, options: VerifyOptions): Promise<VerifyReport> {
  return verifyLog(readerOf(files), { vkeys: [VKEY], ...options });
}

/** The state that verifying a log leaves. */
async function stateOf(files: Files, options: VerifyOptions = {}): Promise<Buffer> {
  let state: Buffer | undefined;
  const report = await verify(files, { ...options, onState: (parts) => (state = Buffer.concat(parts)) });
  assert.ok(report.ok && state !== undefined, JSON.stringify(report.checks));
  return state;
}

/** Counts the files that are read. */
function counting(files: Files): { reader: LogReader; read: string[] } {
  const read: string[] = [];
  const reader: LogReader = {
    read: async (path) => {
      read.push(path);
      return files.get(path);
    },
  };
  return { reader, read };
}

test('a log that grew verifies since every earlier checkpoint, by checkpoint and by state', async () => {
  const leaves = leavesOf(submissions);
  const whole = publish(leaves);
  for (const size of [0, ...ends()]) {
    const earlier = publish(leaves.slice(0, size));
    const byNote = await verify(whole, { since: checkpointOf(earlier) });
    assert.deepEqual([byNote.ok, byNote.since], [true, size], JSON.stringify(byNote.checks));
    const leafHashes = byNote.checks.find(({ name }) => name === 'leaf-hashes');
    assert.equal(leafHashes?.checked, leaves.length - size);
    const byState = await verify(whole, { state: await stateOf(earlier) });
    assert.deepEqual([byState.ok, byState.since], [true, size], JSON.stringify(byState.checks));
    assert.ok(byState.checks.every(({ notJudged }) => notJudged === undefined));
  }
});

test('states made step by step are those of one verification', async () => {
  const leaves = leavesOf(submissions);
  let state = await stateOf(publish([]));
  for (const size of ends()) state = await stateOf(publish(leaves.slice(0, size)), { state });
  const later = records(cast, 3);
  const grown = publish([...leaves, ...leavesOf(later)]);
  assert.ok((await verify(grown, { state })).ok);
  assert.ok((await verify(grown, { state: await stateOf(publish(leaves)) })).ok);
});

test('only what is new is read', async () => {
  const leaves = leavesOf(submissions);
  const size = ends().at(-2) ?? 0;
  const { reader, read } = counting(publish(leaves));
  const earlier = publish(leaves.slice(0, size));
  assert.ok((await verifyLog(reader, { vkeys: [VKEY], since: checkpointOf(earlier) })).ok);
  const bundles = read.filter((path) => path.startsWith('tile/entries/'));
  assert.equal(bundles.length, Math.ceil(leaves.length / 256) - Math.floor(size / 256), read.join(' '));
});

test('by checkpoint alone, what needs the entries before is said not to be judged', async () => {
  const leaves = leavesOf(submissions.slice(0, 3));
  const [twice] = [submit(cast.instance, [recordStored(cast.instance.actor)])];
  const doubled = publish([...leaves, ...leavesOf([twice, twice])]);
  const since = checkpointOf(publish([...leaves, ...leavesOf([twice])]));
  const byNote = await verify(doubled, { since });
  assert.ok(byNote.ok, JSON.stringify(byNote.checks));
  const left = byNote.checks.filter(({ notJudged }) => notJudged !== undefined).map(({ name }) => name);
  assert.deepEqual(left, ['submissions', 'sequence', 'tags', 'state']);
  const state = await stateOf(publish([...leaves, ...leavesOf([twice])]));
  assert.deepEqual(failedChecks(await verify(doubled, { state })), ['submissions', 'sequence', 'tags']);
});

test('new entries: forms, times, counts and roots are judged without a state', async () => {
  const leaves = leavesOf(submissions.slice(0, 2));
  const since = checkpointOf(publish(leaves));
  const next = leavesOf([
    submit(cast.instance, [recordStored(cast.instance.actor), recordStored(cast.instance.actor)]),
  ]);
  const run = async (more: readonly Buffer[], failed: string[]): Promise<void> => {
    assert.deepEqual(failedChecks(await verify(publish([...leaves, ...more]), { since })), failed);
  };
  const [head = next[0], one, two] = next;
  assert.ok(head !== undefined && one !== undefined && two !== undefined);
  const spaced = Buffer.from(one.toString().replace('{"actor"', '{ "actor"'));
  await run(next, []);
  await run([head, spaced, two], ['form']);
  await run([head, two, one], ['submissions']);
  await run([one, two], ['submissions']);
  await run([head, one], ['submissions']);
  await run([head, Buffer.from(one.toString().replace(/"at":\d+/, '"at":9')), two], ['order']);
});

test('a rollback, a fork, another log, and a checkpoint that nobody signed, each by its code', async () => {
  const leaves = leavesOf(submissions);
  const [small = 0, , , middle = 0] = ends();
  const whole = publish(leaves);
  const run = async (files: Files, since: Files, code: string): Promise<VerifyReport> => {
    const report = await verify(files, { since: checkpointOf(since) });
    assert.deepEqual(failedChecks(report), ['consistency']);
    assert.equal(failureOf(report, 'consistency')?.code, code);
    return report;
  };
  const rolledBack = await run(publish(leaves.slice(0, small)), whole, 'rollback');
  const rollback = failureOf(rolledBack, 'consistency');
  assert.deepEqual([rollback?.expected, rollback?.found], [`at least ${leaves.length}`, `${small}`]);
  const other = publish(leavesOf([...submissions.slice(0, 2), ...records(cast, 400)]));
  await run(other, publish(leaves.slice(0, middle)), 'fork');
  const sameSize = publish([...leaves.slice(0, -1), Buffer.from('another')]);
  await run(whole, sameSize, 'fork');
  await run(whole, publish(leaves, ORIGIN, generateSeed()), 'no-known-signature');
  await run(whole, new Map([['checkpoint', Buffer.from('nothing')]]), 'malformed');
  const state = await stateOf(publish(leaves.slice(0, middle)));
  const byState = await verify(other, { state });
  assert.equal(failureOf(byState, 'consistency')?.code, 'fork');
  const elsewhere = publish([], 'firebreak.test/other', logSeed);
  const foreign = await verifyLog(readerOf(elsewhere), { state });
  assert.equal(failureOf(foreign, 'consistency')?.code, 'other-log');
});

test('an old leaf that was changed, and all hashes above it, is a fork', async () => {
  const leaves = leavesOf(submissions);
  const since = checkpointOf(publish(leaves.slice(0, ends().at(-2) ?? 0)));
  for (const leaf of [0, 255, 256, 700]) {
    const changed = publish(leaves.with(leaf, Buffer.from('changed')));
    assert.equal(failureOf(await verify(changed, { since }), 'consistency')?.code, 'fork', `${leaf}`);
  }
});

test('an old tile at the edge that is missing, short or changed is found', async () => {
  const leaves = leavesOf(submissions);
  const size = ends().at(-2) ?? 0;
  const since = checkpointOf(publish(leaves.slice(0, size)));
  const files = publish(leaves);
  const path = tilePathAt(leaves.length, 0, Math.floor(size / 256));
  const tile = files.get(path);
  assert.ok(tile !== undefined && size % 256 > 0);
  const missing = new Map(files);
  missing.delete(path);
  const changed = Buffer.from(tile);
  changed[0] = (changed[0] ?? 0) ^ 1;
  assert.equal(failureOf(await verify(missing, { since }), 'consistency')?.path, path);
  assert.equal(
    failureOf(await verify(new Map(files).set(path, tile.subarray(0, 32)), { since }), 'consistency')?.path,
    path,
  );
  assert.equal(
    failureOf(await verify(new Map(files).set(path, changed), { since }), 'consistency')?.code,
    'fork',
  );
});

test('a state that is damaged or cut is refused; one of a failed verification is never written', async () => {
  const files = publish(leavesOf(submissions.slice(0, 3)));
  const state = await stateOf(files);
  const corrupt = { code: 'LEDGER_CORRUPT' };
  for (let i = 0; i < state.length; i += 97) {
    const changed = Buffer.from(state);
    changed[i] = (changed[i] ?? 0) ^ 1;
    await assert.rejects(verify(files, { state: changed }), corrupt, `${i}`);
    await assert.rejects(verify(files, { state: state.subarray(0, i) }), corrupt, `${i}`);
  }
  const broken = publish(leavesOf(submissions.slice(1, 3)));
  const report = await verify(broken, { onState: () => assert.fail('a state of a bad log') });
  assert.equal(report.ok, false);
});

test('the root that is signed need not be believed: new entries must give it', async () => {
  const leaves = leavesOf(submissions);
  const files = publish(leaves);
  const since = checkpointOf(publish(leaves.slice(0, ends().at(-2) ?? 0)));
  const range = new CompactRange();
  for (const leaf of leaves.slice(0, -1)) range.append(leafHash(leaf));
  range.append(leafHash(Buffer.from('another')));
  const checkpoint = { origin: ORIGIN, size: leaves.length, root: range.root() };
  files.set('checkpoint', signCheckpoint(checkpoint, [noteSigner(ORIGIN, logSeed)]));
  assert.deepEqual(failedChecks(await verify(files, { since })), ['root']);
});
