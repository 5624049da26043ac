import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AnonymityError, suppressCounts } from '../../../analytics/anonymity/index.js';
import type { ShownCounts } from '../../../analytics/anonymity/index.js';

/** Whether the sums of all lines tell any hidden number, by elimination over their equations. */
function tellsAny({ cells, rowSums, columnSums, sum }: ShownCounts): boolean {
  const grid = [...cells.map((row, i) => [...row, rowSums[i] ?? null]), [...columnSums, sum]];
  const unknowns = grid.flatMap((row, i) => row.flatMap((n, j) => (n === null ? [`${i},${j}`] : [])));
  const sign = (i: number, j: number, byRow: boolean): number => {
    const isSum = byRow ? j === (grid[0]?.length ?? 0) - 1 : i === grid.length - 1;
    return isSum ? -1 : 1;
  };
  const equations = [
    ...grid.map((row, i) => row.map((_, j) => [i, j, sign(i, j, true)] as const)),
    ...(grid[0] ?? []).map((_, j) => grid.map((__, i) => [i, j, sign(i, j, false)] as const)),
  ].map((line) => {
    const row = unknowns.map(() => 0);
    for (const [i, j, factor] of line) {
      const at = unknowns.indexOf(`${i},${j}`);
      if (at !== -1) row[at] = factor;
    }
    return row;
  });
  // Reduced row echelon form: a row with one entry alone tells that unknown.
  let pivot = 0;
  for (let column = 0; column < unknowns.length; column++) {
    const found = equations.findIndex((row, i) => i >= pivot && Math.abs(row[column] ?? 0) > 1e-9);
    if (found === -1) continue;
    const [a, b] = [equations[pivot] ?? [], equations[found] ?? []];
    equations[found] = a;
    const lead = b[column] ?? 1;
    const reduced = b.map((n) => n / lead);
    equations[pivot] = reduced;
    equations.forEach((row, i) => {
      const factor = row[column] ?? 0;
      if (i !== pivot) equations[i] = row.map((n, j) => n - factor * (reduced[j] ?? 0));
    });
    pivot++;
  }
  return equations.some((row) => row.filter((n) => Math.abs(n) > 1e-9).length === 1);
}

/** A small generator with a seed. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

describe('small cells', () => {
  it('are left out with their complements', () => {
    assert.deepEqual(
      suppressCounts([
        [5, 40],
        [30, 50],
      ]),
      {
        cells: [
          [null, null],
          [null, null],
        ],
        rowSums: [45, 80],
        columnSums: [35, 90],
        sum: 125,
      },
    );
    assert.deepEqual(
      suppressCounts([
        [0, 40],
        [30, 50],
      ]).cells,
      [
        [0, 40],
        [30, 50],
      ],
    );
    assert.deepEqual(suppressCounts([[3]]), {
      cells: [[null]],
      rowSums: [null],
      columnSums: [null],
      sum: null,
    });
    assert.deepEqual(suppressCounts([]), { cells: [], rowSums: [], columnSums: [], sum: 0 });
  });

  it('are told by no sums, in a thousand tables', () => {
    const next = random(8);
    for (let round = 0; round < 1000; round++) {
      const [height, width] = [1 + Math.floor(next() * 5), 1 + Math.floor(next() * 5)];
      const counts = Array.from({ length: height }, () =>
        Array.from({ length: width }, () => Math.floor(next() ** 3 * 60)),
      );
      const shown = suppressCounts(counts);
      shown.cells.forEach((row, i) => {
        row.forEach((n, j) => {
          assert.ok(n === null || n === 0 || n >= 11);
          assert.ok(n === null || n === counts[i]?.[j]);
        });
        const rowSum = shown.rowSums[i] ?? null;
        const left = row.filter((n) => n === null).length;
        if (rowSum !== null && left > 0)
          assert.ok(rowSum - row.reduce<number>((sum, n) => sum + (n ?? 0), 0) >= 11);
      });
      assert.ok(!tellsAny(shown), JSON.stringify({ counts, shown }));
    }
  });

  it('are of whole numbers in a rectangle', () => {
    for (const bad of [[[1], [1, 2]], [[-1]], [[0.5]]])
      assert.throws(
        () => suppressCounts(bad),
        (error: unknown) => {
          assert.ok(error instanceof AnonymityError);
          assert.equal(error.code, 'ANONYMITY_BAD_INPUT');
          return true;
        },
      );
  });
});
