import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AnalyticsError } from '../../../analytics/errors.js';
import type { FeatureColumn } from '../../../analytics/features/index.js';
import {
  fitLogistic,
  fitMultinomial,
  fitOrdinal,
  predict,
  predictMultinomial,
  predictOrdinal,
  type Design,
} from '../../../analytics/models/index.js';
import { applyPreparation, fitPreparation, type Preparation } from '../../../analytics/preprocess/index.js';
import {
  portableModel,
  portableText,
  readPortable,
  scorePortable,
  type PortableModel,
} from '../../../analytics/publication/index.js';
import { fitComposite, scoreComposite } from '../../../analytics/severity/index.js';
import { normal, uniform } from '../support/draws.js';
import { maxDifference } from '../support/golden.js';

const ROWS = 600;

interface Fixture {
  readonly columns: FeatureColumn[];
  readonly preparation: Preparation;
  readonly design: Design;
  readonly score: number[];
}

function column(name: string, kind: FeatureColumn['kind'], values: Float64Array): FeatureColumn {
  const levels = kind === 'category' ? ['a', 'b', 'c'] : [];
  return { name, label: name, kind, unit: '1', levels, values };
}

function fixture(): Fixture {
  const next = uniform(3);
  const z = normal(next);
  const crp = Float64Array.from({ length: ROWS }, (_, i) => (i % 9 === 0 ? NaN : Math.exp(3 + z())));
  const age = Float64Array.from({ length: ROWS }, () => 60 + 12 * z());
  const ward = Float64Array.from({ length: ROWS }, () => Math.floor(next() * 3));
  const columns = [
    column('crp', 'numeric', crp),
    column('age', 'numeric', age),
    column('ward', 'category', ward),
  ];
  const preparation = fitPreparation(columns, ['log', 'winsorise', 'none']);
  const score = Array.from({ length: ROWS }, (_, i) => {
    let stage = 0;
    const odds = ((age[i] ?? 0) - 55) / 15;
    while (stage < 4 && next() < 1 / (1 + Math.exp(-odds))) stage++;
    return [4, 5, 6, 7, 10][stage] ?? 0;
  });
  return { columns, preparation, design: applyPreparation(preparation, columns), score };
}

const { columns, preparation, design, score } = fixture();
const inputs = columns.map(({ name, label, kind, unit, levels }) => ({ name, label, kind, unit, levels }));
const CLASSES = ['mild', 'moderate', 'severe', 'critical', 'death'];

function portable(
  kind: PortableModel['kind'],
  intercepts: ArrayLike<number>,
  coefficients: readonly ArrayLike<number>[],
  classes = CLASSES,
): PortableModel {
  return portableModel({
    kind,
    title: 'made up',
    classes,
    inputs,
    preparation,
    parameters: {
      intercepts: Array.from(intercepts),
      coefficients: coefficients.map((row) => Array.from(row)),
    },
    penalty: coefficients.map(() => 1),
    trained: { patients: ROWS, perClass: classes.map(() => 20) },
    code: '1',
  });
}

function rawValues(row: number): Record<string, number | null> {
  return Object.fromEntries(
    columns.map(({ name, values }) => [name, Number.isNaN(values[row]) ? null : (values[row] ?? null)]),
  );
}

function refused(pattern: RegExp, act: () => unknown): void {
  assert.throws(
    act,
    (error) =>
      error instanceof AnalyticsError &&
      error.code === 'ANALYTICS_MODEL_INVALID' &&
      pattern.test(error.message),
  );
}

test('every kind: a file read back scores raw values as the fit scores prepared ones', () => {
  const stage = Uint8Array.from(score, (value) => [4, 5, 6, 7, 10].indexOf(value));
  const y = stage.map((value) => (value > 0 ? 1 : 0));
  const binary = fitLogistic(design, y, { penalty: 1 });
  const multi = fitMultinomial(design, stage, 5, { penalty: 1 });
  const ordinal = fitOrdinal(design, stage, 5, { penalty: 1 });
  const composite = fitComposite(design, score, { penaltyOf: () => 1 });
  const wanted: [PortableModel, (row: number) => number[]][] = [
    [
      portable('binary', [binary.intercept], [binary.coefficients], ['mild', 'worse']),
      (row) => {
        const p = predict(design, binary)[row] ?? NaN;
        return [1 - p, p];
      },
    ],
    [
      portable('multinomial', multi.intercepts, multi.coefficients),
      (row) => [...predictMultinomial(design, multi).subarray(row * 5, row * 5 + 5)],
    ],
    [
      portable('proportional-odds', ordinal.thresholds, [ordinal.coefficients]),
      (row) => [...predictOrdinal(design, ordinal).subarray(row * 5, row * 5 + 5)],
    ],
    [
      portable(
        'continuation-ratio',
        composite.map(({ intercept }) => intercept),
        composite.map(({ coefficients }) => coefficients),
      ),
      (row) => {
        const { levels, death } = scoreComposite(design, composite)[row] ?? assert.fail();
        return [levels.mild, levels.moderate, levels.severe, levels.critical - death, death];
      },
    ],
  ];
  for (const [model, want] of wanted) {
    const read = readPortable(portableText(model), model.sha256);
    assert.deepEqual(read, model);
    for (const row of [0, 1, 8, 599]) {
      const got = scorePortable(read, rawValues(row));
      assert.ok(maxDifference(got.probabilities, want(row)) < 1e-12, `${model.kind}, row ${row}`);
      assert.deepEqual(got.imputed, row === 0 ? ['crp'] : []);
    }
  }
  const [model] = wanted[0] ?? assert.fail();
  const far = scorePortable(model, { age: 400 });
  assert.deepEqual([far.imputed, far.outside], [['crp', 'ward'], ['age']]);
});

test('an altered file is refused, whatever was altered', () => {
  const model = portable('binary', [0.5], [preparation.columns.map(() => 0.1)], ['a', 'b']);
  const text = portableText(model);
  refused(/altered/, () => readPortable(text.replace('0.1', '0.2')));
  refused(/altered/, () => readPortable(text.replace('made up', 'made of')));
  refused(/altered/, () => readPortable(text.replace(model.sha256, 'A'.repeat(43))));
  // Altered and given a hash of its own: only the published hash tells.
  const forged = portableText(portable('binary', [0.6], [preparation.columns.map(() => 0.1)], ['a', 'b']));
  assert.ok(readPortable(forged));
  refused(/published/, () => readPortable(forged, model.sha256));
  refused(/not JSON/, () => readPortable('{'));
  refused(/not of this format: \/ /, () => readPortable('{}'));
  refused(/not of this format: \/formatVersion/, () =>
    readPortable(text.replace('"formatVersion":1', '"formatVersion":2')),
  );
  refused(/not of this format/, () => readPortable(text.replace('"code":', '"extra":1,"code":')));
});

test('parts that contradict each other are refused, small counts hidden, bad values told', () => {
  const row = preparation.columns.map(() => 0);
  refused(/two classes/, () => portable('binary', [0], [row]));
  refused(/intercept/, () => portable('multinomial', [0], [row]));
  refused(/coefficient a column/, () => portable('binary', [0], [row.slice(1)], ['a', 'b']));
  refused(/ascend/, () => portable('proportional-odds', [0, 2, 1, 3], [row]));
  const model = portable('binary', [0], [row], ['a', 'b']);
  assert.deepEqual(model.trained.perClass, [20, 20]);
  const { sha256: _, format: __, formatVersion: ___, ...open } = model;
  const few = portableModel({ ...open, trained: { patients: 30, perClass: [26, 4] } });
  assert.deepEqual(few.trained, { patients: 30, perClass: [null, null] });
  assert.throws(
    () => scorePortable(model, { crpp: 3 }),
    (error) => error instanceof AnalyticsError && error.code === 'ANALYTICS_SHAPE',
  );
  assert.throws(
    () => scorePortable(model, { crp: Infinity }),
    (error) => error instanceof AnalyticsError && error.code === 'ANALYTICS_NOT_FINITE',
  );
});
