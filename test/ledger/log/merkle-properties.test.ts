/** Laws over random trees of up to 5,000 leaves: every proof verifies, and none that was changed in a bit. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../../demo/random.js';
import {
  CompactRange,
  consistencyProof,
  inclusionProof,
  leafHash,
  nodeHash,
  verifyConsistency,
  verifyInclusion,
} from '../../../ledger/log/index.js';
import type { NodeReader } from '../../../ledger/log/index.js';

const SIZE_MAX = 5000;
const TREES = 12;
/** Changing every bit of a proof takes some 3,000 checks, so that is done to a sample. */
const WHOLLY_FLIPPED = 3;

/** A tree with the root of each of its sizes, and any of its nodes. */
interface Grown {
  readonly leaves: readonly Buffer[];
  readonly roots: readonly Buffer[];
  readonly read: NodeReader;
}

function grown(size: number, name: string): Grown {
  const range = new CompactRange();
  const nodes = new Map<number, Buffer[]>();
  const roots = [range.root()];
  const leaves = Array.from({ length: size }, (_, i) => leafHash(Buffer.from(`${name} ${i}`)));
  for (const leaf of leaves) {
    range.append(leaf, (height, _index, hash) => {
      const level = nodes.get(height) ?? [];
      nodes.set(height, level);
      level.push(hash);
    });
    roots.push(range.root());
  }
  const read: NodeReader = (height, index) =>
    nodes.get(height)?.[index] ?? assert.fail(`no node ${index} at height ${height}`);
  return { leaves, roots, read };
}

function flipped(hash: Buffer, bit: number): Buffer {
  const other = Buffer.from(hash);
  other[bit >> 3] = (other[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return other;
}

/** Changes one bit of each hash in turn, or with `all` every bit; none may pass. */
function noneFlippedPasses(
  hashes: readonly Buffer[],
  passes: (changed: readonly Buffer[]) => boolean,
  random: Random,
  all: boolean,
): void {
  for (const [i, hash] of hashes.entries()) {
    const bits = all ? Array.from({ length: 256 }, (_, bit) => bit) : [random.integer(0, 255)];
    for (const bit of bits) assert.ok(!passes(hashes.with(i, flipped(hash, bit))), `hash ${i}, bit ${bit}`);
  }
}

function samples(random: Random, max: number): Set<number> {
  return new Set(Array.from({ length: WHOLLY_FLIPPED }, () => random.integer(0, max)));
}

const random = new Random(6962, 'trees');
const sizes = [1, 2, SIZE_MAX, ...Array.from({ length: TREES - 3 }, () => random.integer(3, SIZE_MAX))];

test('each leaf of a random tree is proved, and by no proof with a changed bit', () => {
  for (const size of sizes) {
    const { leaves, roots, read } = grown(size, `tree of ${size}`);
    const root = roots[size] ?? assert.fail();
    const whole = samples(random, size - 1);
    for (const [index, leaf] of leaves.entries()) {
      const proof = inclusionProof(index, size, read);
      assert.ok(verifyInclusion(index, size, leaf, proof, root), `leaf ${index} of ${size}`);
      noneFlippedPasses(
        [leaf, root, ...proof],
        ([changedLeaf = leaf, changedRoot = root, ...changed]) =>
          verifyInclusion(index, size, changedLeaf, changed, changedRoot),
        random,
        whole.has(index),
      );
    }
  }
});

test('each size of a random tree leads to its last, and by no proof with a changed bit', () => {
  for (const size of sizes) {
    const { roots, read } = grown(size, `tree of ${size}`);
    const last = roots[size] ?? assert.fail();
    const whole = samples(random, size);
    for (const [before, root] of roots.entries()) {
      const proof = consistencyProof(before, size, read);
      assert.ok(verifyConsistency(before, size, root, last, proof), `${before} to ${size}`);
      // The empty tree leads to every tree, whatever that is.
      if (before === 0) continue;
      noneFlippedPasses(
        [root, last, ...proof],
        ([changedRoot = root, changedLast = last, ...changed]) =>
          verifyConsistency(before, size, changedRoot, changedLast, changed),
        random,
        whole.has(before),
      );
    }
  }
});

test('two random trees of one size share no proof', () => {
  for (const size of sizes.filter((each) => each > 2)) {
    const [one, other] = [grown(size, 'one'), grown(size, 'other')];
    const root = other.roots[size] ?? assert.fail();
    for (let i = 0; i < 50; i++) {
      const index = random.integer(0, size - 1);
      const leaf = one.leaves[index] ?? assert.fail();
      assert.ok(!verifyInclusion(index, size, leaf, inclusionProof(index, size, one.read), root));
      assert.ok(
        !verifyInclusion(index, size, nodeHash(leaf, leaf), inclusionProof(index, size, other.read), root),
      );
      const before = random.integer(1, size - 1);
      const earlier = one.roots[before] ?? assert.fail();
      assert.ok(!verifyConsistency(before, size, earlier, root, consistencyProof(before, size, other.read)));
    }
  }
});
