import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AnalyticsError } from '../../../analytics/errors.js';
import type { FeatureColumn } from '../../../analytics/features/index.js';
import { applyPreparation, fitPreparation } from '../../../analytics/preprocess/index.js';
import { normal, uniform } from '../support/draws.js';

function column(name: string, values: readonly number[], more: Partial<FeatureColumn> = {}): FeatureColumn {
  return {
    name,
    label: name,
    kind: 'numeric',
    unit: '1',
    levels: [],
    values: Float64Array.from(values),
    ...more,
  };
}

test('columns are standardised, missing values filled with the median and marked', () => {
  const columns = [column('a', [1, 2, 3, NaN, 10]), column('b', [5, 6, 7, 8, 9])];
  const preparation = fitPreparation(columns, ['none', 'none']);
  assert.deepEqual(
    preparation.columns.map((c) => c.name),
    ['a', 'a:missing', 'b'],
  );
  assert.deepEqual(preparation.dropped, [{ name: 'b:missing', because: 'constant' }]);
  assert.equal(preparation.features[0]?.impute, 2.5);
  assert.deepEqual(preparation.features[0].seen, [1, 10]);
  const design = applyPreparation(preparation, columns);
  for (let j = 0; j < design.columns; j++) {
    const values = design.data.slice(j * 5, j * 5 + 5);
    const mean = values.reduce((a, b) => a + b) / 5;
    const variance = values.reduce((total, v) => total + v * v, 0) / 5;
    assert.ok(Math.abs(mean) < 1e-14 && Math.abs(variance - 1) < 1e-14);
  }
});

test('winsorising cuts at the 1st and 99th percentile of the training part; logarithms bear zero', () => {
  const values = Array.from({ length: 101 }, (_, i) => i);
  const preparation = fitPreparation([column('w', values), column('l', values)], ['winsorise', 'log']);
  assert.deepEqual(preparation.features[0]?.bounds, [1, 99]);
  assert.equal(preparation.features[1]?.floor, 0.5);
  const design = applyPreparation(preparation, [
    column('w', [-1000, 1, 99, 1e9]),
    column('l', [0, 0.5, 1, 1e9]),
  ]);
  assert.equal(design.data[0], design.data[1]);
  assert.equal(design.data[2], design.data[3]);
  assert.equal(design.data[4], design.data[5]);
  assert.ok(design.data.every(Number.isFinite));
});

test('categories become one column a level but the first; what was never seen is dropped', () => {
  const sex = column('sex', [0, 1, 1, 0, NaN], { kind: 'category', levels: ['female', 'male', 'other'] });
  const preparation = fitPreparation([sex], ['none']);
  assert.deepEqual(
    preparation.columns.map((c) => c.name),
    ['sex:male', 'sex:missing'],
  );
  const design = applyPreparation(preparation, [{ ...sex, values: Float64Array.of(0, 1, 2, NaN) }]);
  // A level without a column, and a missing value filled with the most frequent level, count as the first.
  assert.equal(design.data[0], design.data[2]);
  assert.equal(design.data[0], design.data[3]);
  assert.notEqual(design.data[0], design.data[1]);
});

test('all-missing, constant and repeated columns are dropped by name', () => {
  const gaps = [NaN, 1, NaN, 2, 3];
  const preparation = fitPreparation(
    [
      column('void', [NaN, NaN, NaN, NaN, NaN]),
      column('same', [4, 4, 4, 4, 4]),
      column('p', gaps),
      column('q', gaps),
    ],
    ['log', 'none', 'none', 'none'],
  );
  assert.deepEqual(preparation.dropped, [
    { name: 'void', because: 'all-missing' },
    { name: 'same', because: 'constant' },
    { name: 'same:missing', because: 'constant' },
    { name: 'q', because: 'duplicate' },
    { name: 'q:missing', because: 'duplicate' },
  ]);
  assert.deepEqual(JSON.parse(JSON.stringify(preparation)), preparation);
});

test('a preparation that went through JSON prepares to the same bits', () => {
  const z = normal(uniform(4));
  const columns = [
    column(
      'a',
      Array.from({ length: 200 }, () => Math.exp(z())),
    ),
  ];
  const preparation = fitPreparation(columns, ['log']);
  const copy = JSON.parse(JSON.stringify(preparation)) as typeof preparation;
  assert.deepEqual(applyPreparation(copy, columns), applyPreparation(preparation, columns));
});

test('what cannot be prepared is refused by code', () => {
  refused('ANALYTICS_NO_PATIENTS', () => fitPreparation([column('a', [])], ['none']));
  refused('ANALYTICS_NOT_FINITE', () => fitPreparation([column('a', [1, Infinity])], ['none']));
  refused('ANALYTICS_SHAPE', () => fitPreparation([column('a', [1, 2])], []));
  const preparation = fitPreparation([column('a', [1, 2])], ['none']);
  refused('ANALYTICS_SHAPE', () => applyPreparation(preparation, [column('b', [1, 2])]));
});

function refused(code: string, act: () => unknown): void {
  assert.throws(act, (error) => error instanceof AnalyticsError && error.code === code);
}
