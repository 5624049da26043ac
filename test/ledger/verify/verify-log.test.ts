import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { before, test } from 'node:test';
import { exportLog, openEmbedded } from '../../../ledger/engines/index.js';
import { fullTiles, generateSeed, noteSigner, signCheckpoint, tilesOf } from '../../../ledger/log/index.js';
import type { Draft, Submission } from '../../../ledger/log/index.js';
import { folderReader, storeReader, urlReader, verifyLog } from '../../../ledger/verify/index.js';
import type { CheckName, VerifyReport } from '../../../ledger/verify/index.js';
import {
  draft,
  enrolment,
  everyType,
  genesis,
  makeAuthority,
  makeHolder,
  openStore,
  ORIGIN,
  random32,
  recordStored,
  records,
  scratchDir,
  submit,
  theCast,
} from '../log/fixture.js';
import type { Cast, Holder } from '../log/fixture.js';
import {
  failedChecks,
  failureOf,
  leavesOf,
  logSeed as seed,
  publish,
  readerOf,
  T0,
  VKEY,
} from './published-log.js';
import type { Files } from './published-log.js';

let cast: Cast;

before(async () => {
  cast = await theCast();
});

function verifySubmissions(
  submissions: readonly Submission[],
  times?: readonly number[],
): Promise<VerifyReport> {
  return verifyLog(readerOf(publish(leavesOf(submissions, times))), { vkeys: [VKEY] });
}

/** The one check that must fail, and at which leaf. */
function assertFails(report: VerifyReport, name: CheckName, leaf: number): void {
  assert.equal(report.ok, false);
  assert.equal(failureOf(report, name)?.leaf, leaf, JSON.stringify(report.checks));
}

test('a good log of every type verifies, and is counted', async () => {
  const report = await verifySubmissions([genesis(cast), everyType(cast), ...records(cast, 3000)]);
  assert.ok(report.ok, JSON.stringify(report.checks));
  assert.equal(report.origin, ORIGIN);
  assert.equal(report.size, 4 + 11 + 3012);
  assert.equal(report.vkeyTrust, 'given');
  assert.equal(report.countsByType['submission'], 14);
  assert.equal(report.countsByType['record.stored'], 3002);
  assert.equal(report.checks.find(({ name }) => name === 'submissions')?.checked, 14);
  assert.equal(report.checks.find(({ name }) => name === 'leaf-hashes')?.checked, 3027);
});

test('the empty log verifies', async () => {
  assert.ok((await verifyLog(readerOf(publish([])), { vkeys: [VKEY] })).ok);
});

test('without a key the log’s own is believed, and the report says so', async () => {
  const report = await verifyLog(readerOf(publish(leavesOf([genesis(cast)]))));
  assert.ok(report.ok);
  assert.equal(report.vkeyTrust, 'first-sight');
  assert.equal(report.vkey, VKEY);
});

test('a log signed by another key, of another name, or without key, fails', async () => {
  const files = publish(leavesOf([genesis(cast)]), ORIGIN, generateSeed());
  assert.deepEqual(failedChecks(await verifyLog(readerOf(files), { vkeys: [VKEY] })), ['checkpoint']);
  const renamed = publish(
    leavesOf([submit(cast.ca, [enrolment(cast.ca, 'ca', cast.ca)], 'other')]),
    'other',
    seed,
  );
  assert.deepEqual(failedChecks(await verifyLog(readerOf(renamed), { vkeys: [VKEY] })), ['checkpoint']);
  const keyless = publish(leavesOf([genesis(cast)]));
  keyless.delete('vkey');
  assert.deepEqual(failedChecks(await verifyLog(readerOf(keyless))), ['checkpoint']);
  await assert.rejects(verifyLog(readerOf(keyless), { vkeys: ['nonsense'] }), { code: 'LEDGER_BAD_KEY' });
});

test('what is no log cannot be read', async (context) => {
  const unreadable = { code: 'LEDGER_UNREADABLE' };
  await assert.rejects(verifyLog(readerOf(new Map())), unreadable);
  await assert.rejects(verifyLog(folderReader(await scratchDir(context))), unreadable);
  await assert.rejects(verifyLog(folderReader('/nowhere/at/all')), unreadable);
  assert.throws(() => urlReader('file:///etc'), unreadable);
  assert.throws(() => urlReader('not a url'), unreadable);
});

/** A log of two bundles. */
function smallLog(): Files {
  return publish(leavesOf([genesis(cast), everyType(cast), ...records(cast, 245)]));
}

/** The leaf that a byte of a bundle belongs to. */
function leafAt(files: Files, path: string, offset: number): number {
  const bundle = files.get(path) ?? Buffer.alloc(0);
  let leaf = path.includes('/001') ? 256 : 0;
  for (let at = 0; ; leaf++) {
    at += 2 + bundle.readUInt16BE(at);
    if (offset < at) return leaf;
  }
}

/** Changes one bit of each byte in turn (every `step(path)`th), and asserts that verifying names where. */
async function tamper(files: Files, step: (path: string) => number): Promise<void> {
  for (const [path, bytes] of files) {
    for (let i = 0; i < bytes.length; i += step(path)) {
      const changed = Buffer.from(bytes);
      changed[i] = (changed[i] ?? 0) ^ (1 << (i % 8));
      const altered = readerOf(new Map(files).set(path, changed));
      const report = await (path === 'vkey' ? verifyLog(altered) : verifyLog(altered, { vkeys: [VKEY] }));
      assert.equal(report.ok, false, `${path} byte ${i}`);
      if (path.startsWith('tile/0/')) {
        const leaf = (path.includes('/001') ? 256 : 0) + Math.floor(i / 32);
        assert.deepEqual(
          [failureOf(report, 'leaf-hashes')?.leaf, failureOf(report, 'leaf-hashes')?.path],
          [leaf, path],
        );
      } else if (path.startsWith('tile/entries/')) {
        const leaf = leafAt(files, path, i);
        assert.deepEqual(
          [failureOf(report, 'leaf-hashes')?.leaf, failureOf(report, 'leaf-hashes')?.path],
          [leaf, path],
        );
      } else if (path.startsWith('tile/')) {
        assert.equal(failureOf(report, 'tiles')?.path, path);
      } else {
        assert.equal(failureOf(report, 'checkpoint')?.path, 'checkpoint');
      }
    }
  }
}

test('110: a changed byte anywhere in a small log is found, and the leaf named', async () => {
  const { ca } = cast;
  await tamper(publish(leavesOf([enrol(ca, 'ca', ca), patient(ca)])), () => 1);
});

test('a changed byte in a log of several tiles is found, and the leaf or tile named', async () => {
  await tamper(smallLog(), (path) => (path.startsWith('tile/1') ? 1 : path.startsWith('tile/0') ? 67 : 1009));
});

test('missing, shortened and lengthened files are found', async () => {
  const files = smallLog();
  for (const [path, bytes] of files) {
    if (path === 'checkpoint' || path === 'vkey') continue;
    for (const changed of [
      undefined,
      bytes.subarray(0, -1),
      Buffer.concat([bytes, Buffer.of(0)]),
      Buffer.alloc(0),
    ]) {
      const altered = new Map(files);
      if (changed === undefined) altered.delete(path);
      else altered.set(path, changed);
      assert.equal((await verifyLog(readerOf(altered), { vkeys: [VKEY] })).ok, false, path);
    }
  }
});

test('a checkpoint of a size that is not there ends at the first gap', async () => {
  const files = publish(leavesOf([genesis(cast)]));
  const checkpoint = { origin: ORIGIN, size: 2 ** 52, root: Buffer.alloc(32) };
  files.set('checkpoint', signCheckpoint(checkpoint, [noteSigner(ORIGIN, seed)]));
  const report = await verifyLog(readerOf(files), { vkeys: [VKEY] });
  assertFails(report, 'leaf-hashes', 0);
  assert.equal(failureOf(report, 'root')?.rule, 'entries are missing');
});

test('form: entries that are not canonical or not of their schema, though signed and hashed', async () => {
  const leaves = leavesOf([genesis(cast)]);
  const variants = [
    (entry: Buffer) => Buffer.from(entry.toString().replace('{"actor"', '{ "actor"')),
    (entry: Buffer) => Buffer.from(entry.toString().replace('"v":1', '"v":1,"w":1')),
    (entry: Buffer) => Buffer.from(entry.toString().replace('"v":1', '"v":1.0')),
    (entry: Buffer) => entry.subarray(1),
    () => Buffer.alloc(0),
    () => Buffer.of(0xff),
  ];
  for (const variant of variants) {
    const altered = leaves.map((leaf, i) => (i === 2 ? variant(leaf) : leaf));
    const report = await verifyLog(readerOf(publish(altered)), { vkeys: [VKEY] });
    assertFails(report, 'form', 2);
    assert.deepEqual(failedChecks(report), ['form']);
  }
});

test('order: times that go back, and times of the future', async () => {
  const [one, two] = records(cast, 300);
  assert.ok(one !== undefined && two !== undefined);
  const report = await verifySubmissions([genesis(cast), one, two], [T0, T0 + 5, T0 + 4]);
  assertFails(report, 'order', 4 + 257);
  assert.deepEqual(failedChecks(report), ['order']);
  const files = publish(leavesOf([genesis(cast)]));
  assert.ok((await verifyLog(readerOf(files), { vkeys: [VKEY], nowMs: T0 })).ok);
  assertFails(await verifyLog(readerOf(files), { vkeys: [VKEY], nowMs: T0 - 3_600_000 }), 'order', 0);
});

async function refuseLeaves(changed: readonly Buffer[], leaf: number): Promise<void> {
  assertFails(await verifyLog(readerOf(publish(changed)), { vkeys: [VKEY] }), 'submissions', leaf);
}

test('submissions: counts, roots, signatures and order of leaves', async () => {
  const one = records(cast, 3);
  const leaves = leavesOf([genesis(cast), ...one]);
  await refuseLeaves(leaves.slice(0, -1), 4);
  await refuseLeaves([...leaves, ...leaves.slice(-1)], 8);
  await refuseLeaves(leaves.toSpliced(5, 2, leaves[6] ?? Buffer.alloc(0), leaves[5] ?? Buffer.alloc(0)), 4);
  await refuseLeaves([...leaves, ...leaves.slice(4)], 8);
  await refuseLeaves(leaves.slice(4), 1);
  await refuseLeaves(leaves.slice(1), 0);
  const [submission] = one;
  assert.ok(submission !== undefined);
  const withLeaf = (leaf: Draft): Buffer[] => leavesOf([genesis(cast), { ...submission, leaf }]);
  const { leaf } = submission;
  await refuseLeaves(withLeaf({ ...leaf, body: { ...leaf.body, root: random32() } }), 4);
  await refuseLeaves(withLeaf({ ...leaf, body: { ...leaf.body, signature: 'A'.repeat(86) } }), 4);
  await refuseLeaves(withLeaf({ ...leaf, body: { ...leaf.body, count: 2 } }), 4);
  await refuseLeaves(withLeaf({ ...leaf, body: { ...leaf.body, origin: 'firebreak.test/other' } }), 4);
  await refuseLeaves(withLeaf({ ...leaf, body: { ...leaf.body, certificate: random32() } }), 4);
  await refuseLeaves(withLeaf({ ...leaf, tags: [random32()] }), 4);
});

/** The enrolment of a patient. */
function patient(by: Holder): Submission {
  const body = { handle: random32(), group: 'patient', commitment: random32() };
  return submit(by, [draft(by.actor, 'participant.enrolled', body)]);
}

/** The enrolment of an organisation. */
function enrol(by: Holder, group: string, whose: Holder): Submission {
  return submit(by, [enrolment(by, group, whose)]);
}

test('submissions: who may sign what', async () => {
  const { ca, instance, hospital } = cast;
  const stranger = await makeHolder(ca, 'Test authority', 'stranger');
  const expired = await makeHolder(ca, 'Test authority', 'expired', new Date(T0 - 86_400_000));
  const impostor = await makeAuthority('Test authority');
  const forged = await makeHolder(impostor, 'Test authority', 'forged');
  const start = genesis(cast);
  const run = async (submissions: Submission[], leaf: number): Promise<void> => {
    assertFails(await verifySubmissions(submissions), 'submissions', leaf);
  };
  await run([start, submit(stranger, [recordStored(stranger.actor)])], 4);
  await run([start, enrol(instance, 'provider', stranger)], 5);
  await run([start, patient(hospital)], 5);
  assert.ok((await verifySubmissions([start, patient(instance), patient(ca)])).ok);
  await run([start, enrol(ca, 'provider', forged)], 5);
  await run([start, enrol(ca, 'ca', impostor)], 5);
  await run([start, enrol(ca, 'ca', stranger)], 5);
  await run([start, enrol(ca, 'provider', instance)], 5);
  await run([start, enrol(ca, 'provider', expired), submit(expired, [recordStored(expired.actor)])], 6);
  await run(
    [submit(instance, [enrolment(instance, 'ca', ca), enrolment(instance, 'provider', instance)])],
    0,
  );
  await run([submit(ca, [enrolment(ca, 'provider', instance), enrolment(ca, 'ca', ca)])], 1);
  await run([submit(stranger, [enrolment(stranger, 'ca', ca)])], 0);
  // An issuing authority below the root: it signs the first submission, and every later enrolment.
  const issuing = await makeHolder(ca, 'Test authority', 'Issuing', undefined, true);
  const below = await makeHolder(issuing, 'Issuing', 'below');
  const chain = submit(issuing, [enrolment(issuing, 'ca', ca), enrolment(issuing, 'ca', issuing)]);
  assert.ok((await verifySubmissions([chain, enrol(issuing, 'provider', below)])).ok);
  await run([start, enrol(ca, 'provider', below)], 5);
  const trailing = { ...stranger, der: Buffer.concat([stranger.der, Buffer.of(0)]) };
  await run([start, enrol(ca, 'provider', trailing)], 5);
});

test('sequence: only what exists can be ended or named, and once', async () => {
  const { instance } = cast;
  const by = instance.actor;
  const [r1, r2, c1, c2, m1, none] = [random32(), random32(), random32(), random32(), random32(), random32()];
  const commitment = random32();
  const signed = (handle: string, more: object = {}): Draft =>
    draft(by, 'consent.signed', { handle, start: null, end: null, commitment, ...more });
  const withdrawn = (handle: string): Draft => draft(by, 'consent.withdrawn', { handle, commitment });
  const superseded = (handle: string, next: string): Draft =>
    draft(by, 'record.superseded', { handle, by: next });
  const deleted = (handle: string): Draft => draft(by, 'record.deleted', { handle, commitment });
  const published = draft(by, 'model.published', {
    handle: m1,
    commitment,
    cohort: commitment,
    metrics: commitment,
  });
  const scored = (model: string): Draft =>
    draft(by, 'score.issued', {
      handle: random32(),
      model,
      commitment,
      ciphertext: commitment,
      facts: commitment,
    });
  const run = async (drafts: Draft[], leaf?: number): Promise<void> => {
    const report = await verifySubmissions([genesis(cast), submit(instance, drafts)]);
    if (leaf === undefined) assert.ok(report.ok, JSON.stringify(report.checks));
    else {
      assertFails(report, 'sequence', 5 + leaf);
      assert.deepEqual(failedChecks(report), ['sequence']);
    }
  };
  const [s1, s2] = [recordStored(by, r1), recordStored(by, r2)];
  await run([
    s1,
    s2,
    superseded(r1, r2),
    deleted(r2),
    signed(c1),
    signed(c2, { replaces: c1 }),
    withdrawn(c2),
  ]);
  await run([published, scored(m1), scored(m1)]);
  await run([s1, recordStored(by, r1)], 1);
  await run([s1, signed(r1)], 1);
  await run([superseded(r1, r2), s1, s2], 0);
  await run([s1, superseded(r1, r2)], 1);
  await run([s1, superseded(r1, r1)], 1);
  await run([s1, s2, superseded(r1, r2), superseded(r1, r2)], 3);
  await run([s1, s2, superseded(r1, r2), deleted(r1)], 3);
  await run([s1, deleted(r1), deleted(r1)], 2);
  await run([deleted(none)], 0);
  await run([withdrawn(none)], 0);
  await run([s1, withdrawn(r1)], 1);
  await run([signed(c1), withdrawn(c1), withdrawn(c1)], 2);
  await run([signed(c1, { replaces: none })], 0);
  await run([signed(c1), deleted(c1)], 1);
  await run([scored(m1), published], 0);
  await run([s1, scored(r1)], 1);
});

test('tags: once over the log, and by instances only', async () => {
  const { instance, hospital, ca } = cast;
  const tag = random32();
  const tagged = (by: Holder): Draft => ({ ...recordStored(by.actor), tags: [tag] });
  const twice = [
    submit(instance, [tagged(instance)]),
    submit(instance, [recordStored(instance.actor), tagged(instance)]),
  ];
  const report = await verifySubmissions([genesis(cast), ...twice]);
  assertFails(report, 'tags', 8);
  assert.deepEqual(failedChecks(report), ['tags']);
  assertFails(await verifySubmissions([genesis(cast), submit(hospital, [tagged(hospital)])]), 'tags', 5);
  assertFails(await verifySubmissions([genesis(cast), submit(ca, [tagged(ca)])]), 'tags', 5);
});

async function filesBelow(dir: string): Promise<string[]> {
  const found = await readdir(dir, { withFileTypes: true, recursive: true });
  return found.filter((each) => each.isFile()).map((each) => relative(dir, join(each.parentPath, each.name)));
}

test('an exported log verifies from folder and over HTTP, grows, and keeps no outgrown tiles', async (context) => {
  const dir = await scratchDir(context);
  const store = await openStore(dir);
  context.after(() => store.close());
  const engine = await openEmbedded(store, { origin: ORIGIN, logKeySeed: seed, nowMs: () => T0 });
  const out = join(dir, 'exported');
  await exportLog(engine, out);
  assert.ok((await verifyLog(folderReader(out), { vkeys: [VKEY] })).ok);
  for (const submissions of [
    [genesis(cast), everyType(cast)],
    records(cast, 300),
    records(cast, 300),
    records(cast, 1),
  ]) {
    await engine.commit({ submissions, writes: [] });
    assert.equal((await exportLog(engine, out)).size, engine.head().size);
    const report = await verifyLog(folderReader(out), { vkeys: [VKEY] });
    assert.ok(report.ok, JSON.stringify(report.checks));
    const expected = [...tilesOf(engine.head().size)].length + fullTiles(engine.head().size, 0) + 1;
    const found = await filesBelow(join(out, 'tile'));
    assert.equal(found.length, expected, found.join(' '));
  }
  assert.deepEqual(await verifyLog(storeReader(store)), await verifyLog(folderReader(out)));
  assert.ok((await filesBelow(join(out, 'schemas'))).length >= 10);

  const server = createServer((request, response) => {
    readFile(join(out, request.url ?? '')).then(
      (bytes) => response.end(bytes),
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  const base = `http://127.0.0.1:${address.port}`;
  const progress: number[] = [];
  const over = await verifyLog(urlReader(base), {
    vkeys: [VKEY],
    onProgress: (checked) => progress.push(checked),
  });
  assert.ok(over.ok, JSON.stringify(over.checks));
  assert.equal(progress.at(-1), engine.head().size);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await assert.rejects(verifyLog(urlReader(base)), { code: 'LEDGER_UNREADABLE' });

  // Another log, or a shorter one, does not go over it.
  const other = await scratchDir(context);
  const second = await openStore(other);
  context.after(() => second.close());
  const shorter = await openEmbedded(second, { origin: ORIGIN, logKeySeed: seed, nowMs: () => T0 });
  await assert.rejects(exportLog(shorter, out), { code: 'LEDGER_OTHER_LOG' });
});

test('a reader hands over no more than is asked for, and what is a folder is no file', async (context) => {
  const dir = await scratchDir(context);
  await mkdir(join(dir, 'tile', '0'), { recursive: true });
  await writeFile(join(dir, 'checkpoint'), Buffer.alloc(5000));
  const folder = folderReader(dir);
  assert.ok(((await folder.read('checkpoint', 100))?.length ?? 0) <= 101);
  assert.equal(await folder.read('tile/0', 100), undefined);
  assert.equal(await folder.read('checkpoint/x', 100), undefined);
  await rm(dirname(join(dir, 'tile', '0')), { recursive: true });
});
