import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalBytes, parseCanonical, verifyConsistency } from '../../../ledger/log/index.js';
import type { JsonObject, JsonValue } from '../../../ledger/log/index.js';
import {
  checkEvidence,
  contradictionOf,
  fromTiles,
  pathOfProof,
  prefixPath,
  proofOfPath,
  rollbackNotice,
  rootsOfPath,
  withSignatures,
} from '../../../ledger/witness/index.js';
import type { Evidence } from '../../../ledger/witness/index.js';
import { SampleLog } from './sample-log.js';

const log = new SampleLog().grow(300);
const keys = [log.verifier];

function text(note: Buffer): string {
  return note.toString('utf8');
}

function mustBe(evidence: Evidence | undefined): Evidence {
  assert.ok(evidence !== undefined);
  return evidence;
}

function altered({ bytes }: Evidence, change: (value: Record<string, JsonValue>) => void): Buffer {
  const value = { ...(parseCanonical(bytes) as JsonObject) };
  change(value);
  return canonicalBytes(value);
}

test('a prefix path gives both roots at every pair of sizes', () => {
  const small = new SampleLog().grow(40);
  for (let size2 = 2; size2 <= 40; size2++) {
    for (let size1 = 1; size1 < size2; size1++) {
      const path = small.path(size1, size2);
      const roots = rootsOfPath(size1, size2, path);
      assert.ok(roots?.root1.equals(small.root(size1)) === true, `${size1} ${size2}`);
      assert.ok(roots.root2.equals(small.root(size2)));
      const proof = proofOfPath(size1, path);
      assert.deepEqual(proof, small.proof(size1, size2));
      assert.ok(verifyConsistency(size1, size2, small.root(size1), small.root(size2), proof));
      const back = pathOfProof(size1, proof);
      if (back !== undefined) assert.deepEqual(back, path);
      assert.equal(rootsOfPath(size1, size2, [...path, path[0] ?? Buffer.alloc(32)]), undefined);
      if (path.length > 1) assert.equal(rootsOfPath(size1, size2, path.slice(0, -1)), undefined);
    }
  }
  for (const [size1, size2] of [
    [0, 5],
    [5, 5],
    [6, 5],
    [1.5, 3],
    [-1, 3],
  ] as const)
    assert.equal(rootsOfPath(size1, size2, [Buffer.alloc(32)]), undefined);
  assert.equal(rootsOfPath(1, 2, [Buffer.alloc(31), Buffer.alloc(32)]), undefined);
});

test('paths come out of published tiles, also once the partial ones were replaced', async () => {
  const big = new SampleLog().grow(1000);
  for (const [size1, size2] of [
    [1, 1000],
    [255, 257],
    [256, 1000],
    [512, 700],
    [999, 1000],
  ] as const) {
    const reader = big.reader(() => size2);
    const path = await fromTiles(
      (file, bytesMax) => reader.read(file, bytesMax),
      size2,
      (nodes) => prefixPath(size1, size2, nodes),
    );
    assert.deepEqual(path, big.path(size1, size2));
  }
  const outgrown = async (path: string): Promise<Buffer | undefined> =>
    path.startsWith('tile/0/000.p/') || path.startsWith('tile/0/001.p/')
      ? undefined
      : big.reader().read(path, 8192);
  assert.deepEqual(
    await fromTiles(outgrown, 500, (nodes) => prefixPath(300, 500, nodes)),
    big.path(300, 500),
  );
  await assert.rejects(
    fromTiles(
      async () => undefined,
      500,
      (nodes) => prefixPath(300, 500, nodes),
    ),
    { code: 'LEDGER_UNREADABLE' },
  );
  await assert.rejects(
    fromTiles(
      async () => Buffer.alloc(31),
      500,
      (nodes) => prefixPath(300, 500, nodes),
    ),
    { code: 'LEDGER_UNREADABLE' },
  );
});

test('two heads of one size and different roots convince', () => {
  const fork = log.fork(200, 100);
  const evidence = mustBe(contradictionOf(keys, log.head(), fork.head()));
  assert.equal(evidence.kind, 'two-roots');
  assert.deepEqual(mustBe(contradictionOf(keys, fork.head(), log.head())), evidence);
  const verdict = checkEvidence(evidence.bytes, [log.vkey]);
  assert.ok(verdict.ok);
  assert.deepEqual(
    [verdict.kind, verdict.origin, verdict.vkeyTrust, verdict.vkeys],
    ['two-roots', log.origin, 'given', [log.vkey]],
  );
  const believed = checkEvidence(evidence.bytes);
  assert.ok(believed.ok && believed.vkeyTrust === 'first-sight');
});

test('a head that is no prefix convinces, by a path of the larger tree', () => {
  for (const size1 of [1, 2, 3, 128, 199, 255, 256, 257, 299]) {
    const fork = log.fork(Math.min(200, size1 - 1), 400);
    const path = fork.path(size1);
    const evidence = mustBe(contradictionOf(keys, log.head(size1), fork.head(), path));
    assert.equal(evidence.kind, 'other-history');
    const verdict = checkEvidence(evidence.bytes, [log.vkey]);
    assert.ok(verdict.ok, `${size1}`);
    assert.deepEqual(verdict.prefixRoot, fork.root(size1));
  }
});

test('an honest log cannot be accused', () => {
  const { root } = log.head(100).checkpoint;
  assert.equal(contradictionOf(keys, log.head(), log.head()), undefined);
  for (let size1 = 1; size1 < 300; size1 += 7)
    assert.equal(contradictionOf(keys, log.head(size1), log.head(), log.path(size1)), undefined);
  // Paths of another tree, or of none, fit no signed head.
  const fork = log.fork(50, 250);
  assert.equal(contradictionOf(keys, log.head(100), log.head(), fork.path(100)), undefined);
  assert.equal(contradictionOf(keys, log.head(100), log.head(), [root, root]), undefined);
  assert.equal(contradictionOf(keys, log.head(100), log.head()), undefined);
});

test('files are refused by the first thing that fails', () => {
  const fork = log.fork(200, 300);
  const evidence = mustBe(contradictionOf(keys, log.head(257), fork.head(), fork.path(257)));
  const stranger = new SampleLog('other.example/log', Buffer.alloc(32, 42)).grow(300);
  const heads = (small: Buffer, large: Buffer) => (value: Record<string, JsonValue>) => {
    value['heads'] = [text(small), text(large)];
  };
  const cases: [string, Buffer, string][] = [
    ['empty', Buffer.alloc(0), 'malformed'],
    ['not UTF-8', Buffer.of(0xff), 'malformed'],
    ['too large', Buffer.alloc(70_000, 0x20), 'malformed'],
    ['not canonical', Buffer.from(` ${text(evidence.bytes)}`), 'malformed'],
    ['a list', Buffer.from('[]'), 'malformed'],
    ['another format', altered(evidence, (value) => void (value['format'] = 'x')), 'malformed'],
    ['a member more', altered(evidence, (value) => void (value['more'] = 1)), 'malformed'],
    ['a member less', altered(evidence, (value) => void delete value['vkeys']), 'malformed'],
    ['an unknown kind', altered(evidence, (value) => void (value['kind'] = 'other')), 'malformed'],
    ['one head', altered(evidence, (value) => void (value['heads'] = [text(log.note())])), 'malformed'],
    ['a path that is not base64', altered(evidence, (value) => void (value['path'] = ['*'])), 'malformed'],
    ['heads in the other order', altered(evidence, heads(fork.note(), log.note(257))), 'malformed'],
    ['no path', altered(evidence, (value) => void (value['path'] = [])), 'path-does-not-fit'],
    [
      'the path of the other tree',
      altered(evidence, (value) => {
        value['path'] = log.path(257, 300).map((hash) => hash.toString('base64'));
      }),
      'path-does-not-fit',
    ],
    [
      'no contradiction',
      altered(evidence, (value) => {
        value['heads'] = [text(log.note(257)), text(log.note(300))];
        value['path'] = log.path(257, 300).map((hash) => hash.toString('base64'));
      }),
      'no-contradiction',
    ],
    [
      'one head twice',
      altered(
        mustBe(contradictionOf(keys, log.head(), log.fork(1, 299).head())),
        heads(log.note(), log.note()),
      ),
      'no-contradiction',
    ],
    ['a foreign head', altered(evidence, heads(stranger.note(257), fork.note())), 'head-not-signed'],
    [
      'an unsigned head',
      altered(evidence, heads(Buffer.from(text(log.note(257)).replace('257', '258')), fork.note())),
      'head-not-signed',
    ],
    ['another origin', altered(evidence, (value) => void (value['origin'] = 'x')), 'other-origin'],
    ['a damaged key', altered(evidence, (value) => void (value['vkeys'] = ['x'])), 'bad-key'],
  ];
  for (const [name, bytes, code] of cases) assert.deepEqual(checkEvidence(bytes), { ok: false, code }, name);
  assert.deepEqual(checkEvidence(evidence.bytes, [stranger.vkey]), { ok: false, code: 'key-not-trusted' });
  assert.throws(() => checkEvidence(evidence.bytes, ['x']), { code: 'LEDGER_BAD_KEY' });
});

test('every flipped bit of a file makes it say nothing, or the same', () => {
  const fork = log.fork(200, 300);
  const { bytes } = mustBe(contradictionOf(keys, log.head(257), fork.head(), fork.path(257)));
  for (let at = 0; at < bytes.length; at++) {
    const bad = Buffer.from(bytes);
    bad.writeUInt8(bad.readUInt8(at) ^ 1, at);
    // The keys in the file are not believed here.
    const verdict = checkEvidence(bad, [log.vkey]);
    if (verdict.ok) assert.ok(bytes.indexOf('"vkeys"') < at, `byte ${at}`);
  }
});

test('lines of others are not kept, so that one contradiction is one file', () => {
  const fork = log.fork(200, 100);
  const line = `\u2014 someone.example ${Buffer.alloc(68, 1).toString('base64')}`;
  const noisy = { ...fork.head(), note: withSignatures(fork.note(), [line]) };
  assert.deepEqual(contradictionOf(keys, log.head(), noisy), contradictionOf(keys, log.head(), fork.head()));
});

test('a rollback is a notice, and proves nothing to others', () => {
  const notice = rollbackNotice(keys, log.head(), log.head(100));
  assert.equal(notice.kind, 'rollback');
  assert.deepEqual(checkEvidence(notice.bytes, [log.vkey]), { ok: false, code: 'no-contradiction' });
});
