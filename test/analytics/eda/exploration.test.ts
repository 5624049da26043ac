import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  coverageOf,
  distributionsOf,
  driftBetween,
  missingMap,
  SMALL_CELL,
  viewFrame,
} from '../../../analytics/eda/index.js';
import type { FeatureTable } from '../../../analytics/features/index.js';
import { ColumnBuilder, compileView } from '../../../mappings/views/index.js';
import { normal, uniform } from '../support/draws.js';

const next = uniform(11);
const z = normal(next);

function tableOf(
  rows: number,
  value: (i: number) => number,
  kind: 'numeric' | 'binary' = 'numeric',
): FeatureTable {
  return {
    keys: Array.from({ length: rows }, (_, i) => `p${i}`),
    columns: [
      {
        name: 'a',
        label: 'a',
        kind,
        unit: '1',
        levels: [],
        values: Float64Array.from({ length: rows }, (_, i) => value(i)),
      },
    ],
    outcome: Uint8Array.from({ length: rows }, (_, i) => (i % 3 === 0 ? 1 : 0)),
  };
}

function isSmall(count: number): boolean {
  return count > 0 && count < SMALL_CELL;
}

test('no bin of a distribution is small, all patients are in one, and extremes are not at its ends', () => {
  for (const rows of [10, 60, 200, 1000, 5000]) {
    const table = tableOf(rows, (i) => (i === 7 ? 1e6 : z()));
    const [distribution] = distributionsOf(table);
    const bins = distribution?.bins ?? [];
    if (rows < 2 * SMALL_CELL) assert.equal(bins.length, 0);
    for (const { events, others } of bins) assert.ok(!isSmall(events) && !isSmall(others));
    if (bins.length > 0)
      assert.equal(
        bins.reduce((sum, b) => sum + b.events + b.others, 0),
        rows,
      );
    bins.forEach(({ from }, i) => i > 0 && assert.equal(from, bins[i - 1]?.to));
    if (rows > 500) assert.ok((bins.at(-1)?.to ?? Infinity) < 10);
  }
});

test('where few values are missing, counts of a distribution do not tell how many', () => {
  const table = tableOf(400, (i) => (i < 6 ? NaN : z()));
  const [distribution] = distributionsOf(table);
  assert.equal(distribution?.isRounded, true);
  for (const { events, others } of distribution.bins) assert.deepEqual([events % 11, others % 11], [0, 0]);
});

test('patterns of missing values are counted about, the most frequent first', () => {
  const table = tableOf(300, (i) => (i % 3 === 0 ? NaN : 1));
  const second = {
    ...(table.columns[0] ?? assert.fail()),
    name: 'b',
    values: table.columns[0]?.values.map((_, i) => (i < 5 ? NaN : 1)) ?? assert.fail(),
  };
  const map = missingMap({ ...table, columns: [...table.columns, second] });
  assert.deepEqual(map.names, ['a', 'b']);
  // Of the 100 without a, 2 are without b, too: too few to tell, either way.
  assert.deepEqual(map.together, [1, null, null, null]);
  assert.deepEqual(
    map.patterns.map(({ missing, about }) => [missing.join(), about % 11]),
    [
      ['', 0],
      ['0', 0],
    ],
  );
});

test('drift: a shift is seen in its size, and what few have is not shown', () => {
  const table = tableOf(4000, (i) => z() + (i % 4 === 0 ? 0.8 : 0));
  const groups = Uint8Array.from(table.keys, (_, i) => i % 4);
  const drift = driftBetween(table, groups, ['n', 'e', 's', 'w']) ?? assert.fail();
  assert.ok(Math.abs((drift.differences[0]?.[0] ?? 0) - 0.8) < 0.1);
  const rare = tableOf(400, (i) => (i < 3 ? 1 : 0), 'binary');
  const few = driftBetween(
    rare,
    Uint8Array.from(rare.keys, (_, i) => i % 2),
    ['n', 'e'],
  );
  assert.deepEqual(few?.differences, [[null], [null]]);
  assert.equal(driftBetween(rare, new Uint8Array(400), ['n']), undefined);
});

test('drift: one hidden count of outcomes cannot be computed from the total', () => {
  const table = tableOf(300, () => 1);
  const outcome = Uint8Array.from(table.keys, (_, i) =>
    i < 100 ? i % 2 : i < 200 ? (i < 104 ? 1 : 0) : i % 2,
  );
  const groups = Uint8Array.from(table.keys, (_, i) => Math.floor(i / 100));
  const drift = driftBetween({ ...table, outcome }, groups, ['n', 'e', 's']);
  assert.equal(drift?.groups.filter(({ events }) => events === null).length, 2);
});

test('time coverage goes by months, joined where they are thin', () => {
  const table = tableOf(600, () => 1);
  const t0Ms = Float64Array.from(table.keys, (_, i) => Date.UTC(2021, (i % 12) + (i % 24 === 23 ? 6 : 0), 3));
  const bins = coverageOf({ t0Ms, hospital: new Uint16Array(600), hospitals: [''] }, table.outcome);
  assert.equal(bins[0]?.from, Date.UTC(2021, 0, 1));
  for (const { events, others } of bins) assert.ok(!isSmall(events) && !isSmall(others));
});

test("a view's columns become a frame; what is missing stays missing", async () => {
  const builder = new ColumnBuilder(
    compileView({
      resource: 'Patient',
      select: [
        {
          column: [
            { name: 'id', path: 'id', type: 'id' },
            { name: 'active', path: 'active', type: 'boolean' },
            { name: 'births', path: 'multipleBirthInteger', type: 'integer' },
          ],
        },
      ],
    }),
  );
  builder.add(['a', true, 2]);
  builder.add(['b', null, null]);
  const frame = await viewFrame(builder.columns());
  assert.deepEqual(frame.columns, ['id', 'active', 'births']);
  assert.deepEqual(frame.values, [
    ['a', true, 2],
    ['b', undefined, NaN],
  ]);
});
