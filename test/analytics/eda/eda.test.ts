import assert from 'node:assert/strict';
import { test } from 'node:test';
import { edaFrames, edaReport, toDataFrame } from '../../../analytics/eda/index.js';
import type { FeatureColumn, FeatureTable } from '../../../analytics/features/index.js';

function column(name: string, values: readonly number[], more: Partial<FeatureColumn> = {}): FeatureColumn {
  return {
    name,
    label: name,
    kind: 'numeric',
    unit: 'mg/L',
    levels: [],
    values: Float64Array.from(values),
    ...more,
  };
}

const table: FeatureTable = {
  keys: ['a', 'b', 'c', 'd', 'e', 'f'],
  columns: [
    column('x', [1, 2, 3, 4, NaN, 6]),
    column('sex', [0, 1, 1, 0, 1, NaN], { kind: 'category', levels: ['female', 'male', 'other'] }),
    column('void', [NaN, NaN, NaN, NaN, NaN, NaN]),
  ],
  outcome: Uint8Array.of(0, 0, 0, 1, 1, 1),
};

test('counts, missing values, distribution and differences by outcome', () => {
  const report = edaReport(table);
  assert.deepEqual([report.patients, report.events], [6, 3]);
  const [x, sex, none] = report.features;
  assert.deepEqual(x?.all, {
    count: 5,
    missing: 1,
    mean: 3.2,
    sd: Math.sqrt(14.8 / 4),
    min: 1,
    q25: 2,
    median: 3,
    q75: 4,
    max: 6,
  });
  assert.deepEqual([x.events.count, x.events.missing, x.events.mean, x.nonEvents.mean], [2, 1, 5, 2]);
  // Means 5 and 2, variances 2 and 1.
  assert.ok(Math.abs((x.standardisedDifference ?? NaN) - 3 / Math.sqrt(1.5)) < 1e-12);
  assert.equal(x.aloneAuroc, 1);
  assert.deepEqual(sex?.levels, [
    { level: 'female', all: 2, events: 1, nonEvents: 1 },
    { level: 'male', all: 3, events: 1, nonEvents: 2 },
    { level: 'other', all: 0, events: 0, nonEvents: 0 },
  ]);
  assert.deepEqual(
    [none?.all.count, none?.all.mean, none?.standardisedDifference, none?.aloneAuroc],
    [0, null, null, null],
  );
  assert.deepEqual(JSON.parse(JSON.stringify(report)), report);
});

test('a predictor that separates too well is suspected of a leak, on enough patients only', () => {
  assert.deepEqual(edaReport(table).leakSuspects, []);
  const outcome = Uint8Array.from({ length: 100 }, (_, i) => i % 2);
  const columns = [
    column(
      'planted',
      Array.from(outcome, (y, i) => y * 100 - i),
    ),
    column(
      'honest',
      Array.from({ length: 100 }, (_, i) => (i * 37) % 101),
    ),
  ];
  assert.deepEqual(edaReport({ keys: Array.from(outcome, String), columns, outcome }).leakSuspects, [
    'planted',
  ]);
});

test('danfo frames hold the table and the numbers of the report', async () => {
  const frame = await toDataFrame(table);
  assert.deepEqual(frame.columns, ['key', 'x', 'sex', 'void', 'outcome']);
  assert.deepEqual(frame.shape, [6, 5]);
  assert.deepEqual(frame.column('outcome').values, [0, 0, 0, 1, 1, 1]);
  const { features, summaries } = await edaFrames(edaReport(table));
  assert.deepEqual(features.column('name').values, ['x', 'sex', 'void']);
  assert.deepEqual(features.column('missing').values, [1, 1, 6]);
  assert.deepEqual(summaries.shape, [9, 11]);
});
