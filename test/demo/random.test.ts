import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../demo/index.js';

const words = (random: Random): number[] => Array.from({ length: 5 }, () => random.word());

test('the same seed and keys give the same numbers, others give others', () => {
  assert.deepEqual(words(new Random(7, 3, 'a')), words(new Random(7, 3, 'a')));
  for (const other of [
    new Random(8, 3, 'a'),
    new Random(7, 4, 'a'),
    new Random(7, 3, 'b'),
    new Random(7, 'a', 3),
  ]) {
    assert.notDeepEqual(words(new Random(7, 3, 'a')), words(other));
  }
  assert.notDeepEqual(words(new Random(2 ** 33)), words(new Random(2 ** 34)));
});

test('draws follow their laws', () => {
  const random = new Random(1);
  const n = 200_000;
  let sum = 0;
  let squares = 0;
  let products = 0;
  for (let at = 0; at < n; at++) {
    const z = random.normal();
    sum += z;
    squares += z * z;
    products += z * random.correlatedNormal([z, 0.6]);
  }
  assert.ok(Math.abs(sum / n) < 0.01);
  assert.ok(Math.abs(squares / n - 1) < 0.02);
  assert.ok(Math.abs(products / n - 0.6) < 0.02);
  const counts = [0, 0, 0, 0, 0, 0];
  for (let at = 0; at < 60_000; at++) {
    const side = random.integer(0, 5);
    counts[side] = (counts[side] ?? 0) + 1;
  }
  for (const count of counts) assert.ok(Math.abs(count - 10_000) < 500, String(counts));
  const picked = { a: 0, b: 0 };
  for (let at = 0; at < 10_000; at++) picked[random.weighted({ a: 3, b: 1 })]++;
  assert.ok(Math.abs(picked.a - 7500) < 200);
  assert.match(random.uuid(), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});
