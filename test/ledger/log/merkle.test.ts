import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  CompactRange,
  consistencyProof,
  emptyRoot,
  inclusionProof,
  leafHash,
  loadRange,
  nodeHash,
  rootOf,
  sha256,
  TILE_WIDTH,
  tileNodes,
  verifyConsistency,
  verifyInclusion,
} from '../../../ledger/log/index.js';
import type { NodeReader } from '../../../ledger/log/index.js';
import { sharedData } from '../../support/shared-data.js';

const leaves = Array.from({ length: 700 }, (_, i) => leafHash(Buffer.from(`leaf ${i}`)));

/** The definition of RFC 6962 section 2.1, word by word. */
function definedRoot(hashes: readonly Buffer[]): Buffer {
  const [first] = hashes;
  if (first === undefined) return sha256(new Uint8Array(0));
  if (hashes.length === 1) return first;
  let split = 1;
  while (split * 2 < hashes.length) split *= 2;
  return nodeHash(definedRoot(hashes.slice(0, split)), definedRoot(hashes.slice(split)));
}

function nodesOf(hashes: readonly Buffer[]): NodeReader {
  const tiles: Buffer[][][] = [];
  const range = new CompactRange();
  for (const leaf of hashes) {
    range.append(leaf, (height, index, hash) => {
      if (height % 8 !== 0) return;
      const level = (tiles[height / 8] ??= []);
      (level[Math.floor(index / TILE_WIDTH)] ??= []).push(hash);
    });
  }
  return tileNodes((level, index, width) => {
    const tile = tiles[level]?.[index] ?? [];
    assert.ok(tile.length >= width, `tile ${level}/${index} has ${tile.length} of ${width}`);
    return Buffer.concat(tile);
  });
}

test('RFC 6962 section 2.1: known roots', () => {
  assert.equal(
    emptyRoot().toString('hex'),
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  );
  assert.equal(
    leafHash(Buffer.alloc(0)).toString('hex'),
    '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  );
  assert.deepEqual(rootOf([]), emptyRoot());
});

test('leaf hashes of all lengths around the one-call limit', () => {
  for (const length of [0, 1, 4095, 4096, 4097, 65_535]) {
    const entry = Buffer.alloc(length, 7);
    assert.deepEqual(leafHash(entry), sha256(Buffer.concat([Buffer.of(0), entry])));
  }
});

test('the compact range gives the defined root at every size, and goes on from stored tiles', () => {
  const range = new CompactRange();
  const read = nodesOf(leaves);
  for (let size = 0; size <= leaves.length; size++) {
    const root = range.root();
    if (size % 7 === 0 || size < 70) assert.deepEqual(root, definedRoot(leaves.slice(0, size)));
    assert.deepEqual(loadRange(size, read).root(), root);
    const leaf = leaves[size];
    if (leaf !== undefined) range.append(leaf);
  }
  assert.throws(() => new CompactRange(3, []), { code: 'LEDGER_RANGE' });
  assert.throws(() => new CompactRange(-1, []), { code: 'LEDGER_RANGE' });
});

test('every inclusion proof verifies, and with nothing else in its place', () => {
  const read = nodesOf(leaves);
  for (const size of [1, 2, 3, 7, 8, 9, 255, 256, 257, 511, 600, 700]) {
    const root = rootOf(leaves.slice(0, size));
    for (let index = 0; index < size; index += size > 50 ? 13 : 1) {
      const leaf = leaves[index] ?? Buffer.alloc(32);
      const proof = inclusionProof(index, size, read);
      assert.ok(verifyInclusion(index, size, leaf, proof, root));
      assert.ok(!verifyInclusion(index, size, nodeHash(leaf, leaf), proof, root));
      assert.ok(!verifyInclusion(index, size, leaf, [...proof, leaf], root));
      assert.ok(!verifyInclusion(index, size, leaf, proof, nodeHash(root, root)));
      assert.ok(proof.length === 0 || !verifyInclusion(index, size, leaf, proof.slice(1), root));
      assert.ok(proof.length === 0 || !verifyInclusion(index ^ 1, size, leaf, proof, root));
    }
    assert.throws(() => inclusionProof(size, size, read), { code: 'LEDGER_RANGE' });
  }
});

test('every consistency proof verifies, and not between other roots', () => {
  const read = nodesOf(leaves);
  for (const size2 of [1, 2, 3, 6, 8, 13, 256, 257, 700]) {
    const root2 = rootOf(leaves.slice(0, size2));
    for (let size1 = 0; size1 <= size2; size1 += size2 > 50 ? 11 : 1) {
      const root1 = rootOf(leaves.slice(0, size1));
      const proof = consistencyProof(size1, size2, read);
      assert.ok(verifyConsistency(size1, size2, root1, root2, proof), `${size1} to ${size2}`);
      assert.ok(!verifyConsistency(size1, size2, root1, root2, [...proof, root1]));
      assert.ok(!verifyConsistency(size1, size2, nodeHash(root1, root1), root2, proof));
      if (size1 > 0) assert.ok(!verifyConsistency(size1, size2, root1, nodeHash(root2, root2), proof));
    }
    assert.throws(() => consistencyProof(size2 + 1, size2, read), { code: 'LEDGER_RANGE' });
  }
});

interface Vector {
  readonly leafIdx: number;
  readonly treeSize: number;
  readonly leafHash: string;
  readonly size1: number;
  readonly size2: number;
  readonly root: string;
  readonly root1: string;
  readonly root2: string;
  readonly proof: readonly string[] | null;
  readonly wantErr: boolean;
}

function vectorsBelow(dir: string): string[] {
  return readdirSync(dir).flatMap((name) => {
    const path = join(dir, name);
    if (statSync(path).isDirectory()) return vectorsBelow(path);
    return name.endsWith('.json') ? [path] : [];
  });
}

const vectors = sharedData('tlog/transparency-dev-merkle/testdata');
const skip = vectors === undefined ? 'the shared test data is absent' : false;
const bytes = (text: string | null | undefined): Buffer => Buffer.from(text ?? '', 'base64');

test('transparency-dev inclusion vectors', { skip }, () => {
  const paths = vectorsBelow(join(vectors ?? '', 'inclusion'));
  assert.ok(paths.length > 50);
  for (const path of paths) {
    const vector = JSON.parse(readFileSync(path, 'utf8')) as Vector;
    const proof = (vector.proof ?? []).map(bytes);
    const { leafIdx, treeSize } = vector;
    const ok = verifyInclusion(leafIdx, treeSize, bytes(vector.leafHash), proof, bytes(vector.root));
    assert.equal(ok, !vector.wantErr, path);
  }
});

test('transparency-dev consistency vectors', { skip }, () => {
  const paths = vectorsBelow(join(vectors ?? '', 'consistency'));
  assert.ok(paths.length > 50);
  for (const path of paths) {
    const vector = JSON.parse(readFileSync(path, 'utf8')) as Vector;
    const proof = (vector.proof ?? []).map(bytes);
    const ok = verifyConsistency(vector.size1, vector.size2, bytes(vector.root1), bytes(vector.root2), proof);
    // Some vectors have a text in the place of roots that should not matter; here a root is always a hash.
    const areHashes = bytes(vector.root1).length === 32 && bytes(vector.root2).length === 32;
    assert.equal(ok, !vector.wantErr && areHashes, path);
  }
});
