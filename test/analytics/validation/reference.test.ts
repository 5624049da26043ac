/** Resampling and DeLong's method against values that test/golden/resampling.py computes with other people's code. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  designFromColumns,
  fitLogistic,
  predict,
  selectRows,
  type Design,
} from '../../../analytics/models/index.js';
import {
  auroc,
  bootstrapOptimism,
  compareAurocs,
  seededUniform,
} from '../../../analytics/validation/index.js';
import reference from '../../golden/resampling.json' with { type: 'json' };
import { maxDifference } from '../support/golden.js';

interface Pair {
  readonly areas: readonly number[];
  readonly variances: readonly number[];
  readonly difference: number;
  readonly standardError: number;
  readonly p: number;
}

/** The same numbers as the script draws, to the bit. */
function draw(): { design: Design; y: Uint8Array } {
  const next = seededUniform('reference');
  const columns = Array.from({ length: 4 }, () => new Float64Array(reference.rows));
  const y = new Uint8Array(reference.rows);
  for (let i = 0; i < reference.rows; i++) {
    for (const column of columns) column[i] = next();
    const [a = NaN, b = NaN] = columns.map((column) => column[i] ?? NaN);
    y[i] = a + 0.5 * b + 1.5 * next() > 1.75 ? 1 : 0;
  }
  return { design: designFromColumns(columns, ['a', 'b', 'c', 'd']), y };
}

function probabilities(design: Design, y: Uint8Array): Float64Array {
  return predict(design, fitLogistic(design, y, { penalty: 0 }));
}

function same(first: Float64Array, second: Float64Array, y: Uint8Array, want: Pair): void {
  const found = compareAurocs(first, second, y);
  assert.ok(found !== null);
  const alone = [first, second].map((scores) => auroc(scores, y));
  const ours = [
    ...alone.map((area) => area.auroc),
    ...alone.map((area) => area.variance),
    found.difference,
    found.standardError,
    found.p,
  ];
  const theirs = [...want.areas, ...want.variances, want.difference, want.standardError, want.p];
  assert.ok(maxDifference(ours, theirs) < 1e-6, `${ours.join()}, not ${theirs.join()}`);
}

test('DeLong: areas, variances and paired comparison from all pairs, ties included', () => {
  const { design, y } = draw();
  assert.equal(
    y.reduce((a, b) => a + b, 0),
    reference.events,
  );
  const first = probabilities(design, y);
  const columns = [1, 2].map((j) => design.data.subarray(j * design.rows, (j + 1) * design.rows));
  const second = probabilities(designFromColumns(columns, ['b', 'c']), y);
  same(first, second, y, reference.delong);
  same(
    first.map((p) => Math.floor(p * 10)),
    second.map((p) => Math.floor(p * 5)),
    y,
    reference.delongTied,
  );
});

test(`optimism over ${reference.samples} bootstrap samples, sample by sample the same`, () => {
  const { design, y } = draw();
  const found = bootstrapOptimism(
    (rows) => {
      const own = Uint8Array.from(rows, (i) => y[i] ?? 0);
      const fit = fitLogistic(selectRows(design, rows), own, { penalty: 0 });
      return (others) => predict(selectRows(design, others), fit);
    },
    y,
    reference.samples,
    'resamples',
  );
  assert.equal(found.failed, 0);
  for (const [name, want] of Object.entries(reference.optimism)) {
    const ours = found[name as keyof typeof reference.optimism];
    assert.ok(ours !== null);
    assert.ok(
      maxDifference(
        [ours.apparent, ours.optimism, ours.corrected],
        [want.apparent, want.optimism, want.corrected],
      ) < 1e-6,
      `${name}: ${JSON.stringify(ours)}, not ${JSON.stringify(want)}`,
    );
  }
});
