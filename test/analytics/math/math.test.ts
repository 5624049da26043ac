import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AnalyticsError } from '../../../analytics/errors.js';
import {
  chiSquaredTail,
  erfc,
  exp,
  log,
  log1p,
  logistic,
  logit,
  normalCdf,
  normalTwoSided,
  quantile,
  sum,
} from '../../../analytics/math/index.js';
import { uniform } from '../support/draws.js';

/** Doubles between two numbers. */
function ulps(a: number, b: number): number {
  if (Object.is(a, b) || a === b) return 0;
  const view = new BigInt64Array(Float64Array.of(a, b).buffer);
  const distance = (view[0] ?? 0n) - (view[1] ?? 0n);
  return Number(distance < 0n ? -distance : distance);
}

function near(got: number, want: number): void {
  assert.ok(Math.abs(got - want) <= 2e-13 * Math.abs(want), `${got} is not ${want}`);
}

test('exp lies within 2 ulp of the engine over its whole range, subnormal results included', () => {
  const next = uniform(1);
  for (let i = 0; i < 200_000; i++) {
    const x = (next() - 0.5) * (i % 2 === 0 ? 1490 : 3);
    assert.ok(ulps(exp(x), Math.exp(x)) <= 2, `exp(${x})`);
  }
});

test('log and log1p lie within 2 ulp of the engine', () => {
  const next = uniform(2);
  for (let i = 0; i < 200_000; i++) {
    const x = Math.exp((next() - 0.5) * (i % 2 === 0 ? 1400 : 1));
    assert.ok(ulps(log(x), Math.log(x)) <= 2, `log(${x})`);
    const z = next() ** 6;
    assert.ok(ulps(log1p(z), Math.log1p(z)) <= 2, `log1p(${z})`);
  }
});

test('exp and log at the edges', () => {
  assert.deepEqual(
    [exp(0), exp(-0), exp(Infinity), exp(-Infinity), exp(710), exp(-746), exp(-745)],
    [1, 1, Infinity, 0, Infinity, 0, 5e-324],
  );
  assert.ok(Number.isNaN(exp(NaN)));
  assert.equal(exp(709.78), Math.exp(709.78));
  assert.deepEqual([log(1), log(0), log(Infinity), log(5e-324)], [0, -Infinity, Infinity, Math.log(5e-324)]);
  assert.ok(Number.isNaN(log(-1)) && Number.isNaN(log(NaN)));
});

test('known bits of exp and log, the same on every machine', () => {
  assert.equal(exp(1), Math.E);
  assert.equal(exp(-10.5), 0.000027536449349747158);
  assert.equal(log(10), Math.LN10);
  assert.equal(log(2), Math.LN2);
});

test('logistic is monotone, symmetric and inverts logit', () => {
  assert.deepEqual([logistic(0), logistic(800), logistic(-800)], [0.5, 1, 0]);
  for (const x of [-20, -3.3, -0.1, 0.7, 5, 20]) {
    assert.ok(Math.abs(logistic(x) + logistic(-x) - 1) < 1e-15);
    assert.ok(Math.abs(logit(logistic(x)) - x) < 1e-6);
  }
  assert.equal(logit(0), logit(1e-12));
});

test('sums keep NaN; quantiles interpolate as R does by default', () => {
  assert.ok(Number.isNaN(sum([1, NaN, 2])));
  assert.equal(sum(Array.from({ length: 1000 }, (_, i) => i)), 499_500);
  assert.deepEqual(
    [0, 0.25, 0.5, 1].map((q) => quantile([1, 2, 4, 8], q)),
    [1, 1.75, 3, 8],
  );
  assert.throws(
    () => quantile([], 0.5),
    (error) => error instanceof AnalyticsError && error.code === 'ANALYTICS_SHAPE',
  );
});

test('tail probabilities as tabled, over the whole range', () => {
  near(erfc(0.5), 0.4795001221869535);
  near(erfc(1.9), 0.0072095707647425325);
  near(erfc(2.1), 0.002979466656332984);
  near(erfc(5), 1.5374597944280347e-12);
  near(erfc(-1), 1.842700792949715);
  near(erfc(20), 5.3958656116079005e-176);
  assert.equal(erfc(0), 1);
  assert.equal(erfc(40), 0);
  assert.ok(Number.isNaN(erfc(NaN)));
  near(normalCdf(1.959963984540054), 0.975);
  near(normalTwoSided(-3), 0.002699796063260207);
  near(chiSquaredTail(3.841458820694124, 1), 0.05);
  near(chiSquaredTail(21.5945579196136, 6), 0.0014336539893692157);
  near(chiSquaredTail(5.659844467947405, 8), 0.6852734811880207);
  near(chiSquaredTail(30, 7), 9.495972508134177e-5);
  assert.equal(chiSquaredTail(-1e-12, 3), 1);
  assert.throws(
    () => chiSquaredTail(1, 0),
    (error) => error instanceof AnalyticsError && error.code === 'ANALYTICS_SHAPE',
  );
});
