import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  isConsistent,
  isIncluded,
  leafHash,
  portableCrypto,
  TiledLog,
} from '../../../ledger/proofs/index.js';
import { nodeProofCrypto } from '../../../adapter/services/proof-crypto.js';
import { rootOfEntries, tilePath, entriesPath } from '../../../ledger/log/index.js';
import { nodeHash, leafHash as logLeafHash } from '../../../ledger/log/index.js';

const entry = (i: number): Buffer => Buffer.from(`{"entry":${i}}`);
const entries = Array.from({ length: 70_000 }, (_, i) => entry(i));
const leaves = entries.map((bytes) => logLeafHash(bytes));

/** Published files of a log of some size, made by hand: level by level. */
function published(size: number): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  let row = leaves.slice(0, size);
  for (let level = 0; row.length > 0; level++) {
    const above: Buffer[] = [];
    for (let i = 0; i < row.length; i += 256) {
      const tile = row.slice(i, i + 256);
      files.set(tilePath(level, i / 256, tile.length), Buffer.concat(tile));
      if (tile.length === 256) {
        let nodes = tile;
        while (nodes.length > 1)
          nodes = Array.from({ length: nodes.length / 2 }, (_, j) =>
            nodeHash(nodes[2 * j] ?? Buffer.alloc(0), nodes[2 * j + 1] ?? Buffer.alloc(0)),
          );
        above.push(nodes[0] ?? Buffer.alloc(0));
      }
    }
    row = above;
  }
  for (let i = 0; i < size; i += 256) {
    const bundle = entries.slice(i, Math.min(i + 256, size));
    const parts = bundle.flatMap((bytes) => [Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes]);
    files.set(entriesPath(i / 256, bundle.length), Buffer.concat(parts));
  }
  return files;
}

function logOf(size: number, files = published(size)): { log: TiledLog; asked: string[] } {
  const asked: string[] = [];
  const log = new TiledLog(portableCrypto, size, (path) => {
    asked.push(path);
    const bytes = files.get(path);
    return bytes === undefined ? Promise.reject(new Error(`no ${path}`)) : Promise.resolve(bytes);
  });
  return { log, asked };
}

const SIZES = [1, 2, 3, 5, 8, 255, 256, 257, 512, 700, 65_535, 65_536, 65_537, 70_000];
const roots = new Map(SIZES.map((size) => [size, rootOfEntries(entries.slice(0, size))]));

function root(size: number): Uint8Array {
  return roots.get(size) ?? rootOfEntries(entries.slice(0, size));
}

test('leaves are proved from tiles, at the edges of tiles and beyond one level of them', async () => {
  for (const size of SIZES) {
    const { log } = logOf(size);
    for (const index of new Set([0, 1, 254, 255, 256, size >> 1, size - 2, size - 1])) {
      if (index < 0 || index >= size) continue;
      const path = await log.inclusion(index);
      const bundle = await log.entries(Math.floor(index / 256));
      const leaf = leafHash(nodeProofCrypto, bundle[index % 256] ?? Buffer.alloc(0));
      assert.ok(isIncluded(nodeProofCrypto, leaf, { index, size, path }, root(size)), `${index} in ${size}`);
      assert.ok(!isIncluded(nodeProofCrypto, leaf, { index, size, path }, Buffer.alloc(32)));
    }
  }
});

test('growth is proved from tiles between all these sizes, and between no other roots', async () => {
  for (const size of SIZES) {
    const { log } = logOf(size);
    const to = { size, root: root(size) };
    for (const earlier of SIZES.filter((other) => other <= size)) {
      const path = await log.consistency(earlier);
      const from = { size: earlier, root: root(earlier) };
      assert.ok(isConsistent(portableCrypto, { from, to, path }), `${earlier} to ${size}`);
      if (earlier === size) continue;
      const forked = Buffer.from(from.root);
      forked[7] = (forked[7] ?? 0) ^ 1;
      assert.ok(!isConsistent(portableCrypto, { from: { size: earlier, root: forked }, to, path }));
      assert.ok(!isConsistent(portableCrypto, { from, to: { size, root: forked }, path }));
      for (const [at] of path.entries())
        assert.ok(!isConsistent(portableCrypto, { from, to, path: path.toSpliced(at, 1) }));
    }
  }
});

test('growth: sizes that go back or are none, and paths where none belongs', () => {
  const [a, b] = [
    { size: 5, root: root(5) },
    { size: 8, root: root(8) },
  ];
  assert.ok(!isConsistent(portableCrypto, { from: b, to: a, path: [] }));
  assert.ok(!isConsistent(portableCrypto, { from: a, to: a, path: [root(1)] }));
  assert.ok(!isConsistent(portableCrypto, { from: { ...a, size: -1 }, to: b, path: [] }));
  assert.ok(!isConsistent(portableCrypto, { from: { ...a, size: 4.5 }, to: b, path: [] }));
  const empty = { size: 0, root: portableCrypto.sha256(new Uint8Array()) };
  assert.ok(isConsistent(portableCrypto, { from: empty, to: b, path: [] }));
  assert.ok(!isConsistent(portableCrypto, { from: { ...empty, root: root(1) }, to: b, path: [] }));
});

test('each tile is asked for once, and again only after it failed', async () => {
  const files = published(700);
  const { log, asked } = logOf(700, files);
  for (const index of [0, 1, 256, 699]) await log.inclusion(index);
  assert.equal(new Set(asked).size, asked.length);
  const path = tilePath(0, 0);
  const kept = files.get(path) ?? Buffer.alloc(0);
  files.delete(path);
  const { log: other, asked: again } = logOf(700, files);
  await assert.rejects(other.inclusion(3));
  files.set(path, kept);
  assert.equal((await other.inclusion(3)).length, 10);
  assert.equal(again.filter((name) => name === path).length, 2);
});

test('tiles and bundles of another size than the log’s are told', async () => {
  for (const path of [tilePath(0, 2, 188), entriesPath(2, 188)]) {
    const files = published(700);
    const bytes = files.get(path) ?? Buffer.alloc(0);
    for (const wrong of [bytes.subarray(0, -1), Buffer.concat([bytes, Buffer.from([0, 0])])]) {
      files.set(path, wrong);
      const { log } = logOf(700, files);
      await assert.rejects(path.includes('entries') ? log.entries(2) : log.inclusion(698), {
        code: 'PROOF_BAD_TILE',
      });
    }
  }
  await assert.rejects(logOf(5).log.inclusion(5), RangeError);
  await assert.rejects(logOf(5).log.consistency(6), RangeError);
});
