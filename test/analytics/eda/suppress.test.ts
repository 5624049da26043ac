import assert from 'node:assert/strict';
import { test } from 'node:test';
import { edaFrames, edaReport, SMALL_CELL, suppressSmallCells } from '../../../analytics/index.js';
import type { FeatureTable } from '../../../analytics/index.js';

/** `events` patients with the outcome and `others` without, the first `missing` of either without a value. */
function tableOf(events: number, others: number, missing: number): FeatureTable {
  const n = events + others;
  const outcome = Uint8Array.from({ length: n }, (_, i) => (i < events ? 1 : 0));
  const values = Float64Array.from({ length: n }, (_, i) =>
    i < missing || (i >= events && i < events + missing) ? NaN : i,
  );
  const column = { name: 'crp', label: 'CRP', kind: 'number', unit: 'mg/L', levels: [], values } as const;
  return {
    keys: Array.from({ length: n }, (_, i) => `k${i}`),
    columns: [column],
    outcome,
  } as unknown as FeatureTable;
}

test('small cells go with their complements, extremes always', async () => {
  const shown = suppressSmallCells(edaReport(tableOf(20, 30, 0))).features[0];
  assert.equal(shown?.events.count, 20);
  assert.equal(shown?.events.min, null);
  assert.equal(shown?.all.max, null);
  assert.notEqual(shown?.events.median, null);

  const few = suppressSmallCells(edaReport(tableOf(SMALL_CELL - 1, 30, 0))).features[0];
  assert.ok(Number.isNaN(few?.events.count));
  assert.ok(Number.isNaN(few?.nonEvents.count), 'the complement would tell it');
  assert.equal(few?.events.median, null);

  const missing = suppressSmallCells(edaReport(tableOf(20, 30, 3)));
  assert.ok(Number.isNaN(missing.features[0]?.events.missing));
  assert.ok(Number.isNaN(missing.features[0]?.all.missing), 'six missing in all');
  const { features } = await edaFrames(missing);
  assert.deepEqual(features.shape[0], 1);
});
