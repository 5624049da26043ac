/** Repeated draws from known models: intervals must cover the truth as often as they promise. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { normalCdf } from '../../../analytics/math/index.js';
import {
  designFromColumns,
  fitFirth,
  fitLogistic,
  fitOrdinal,
  linearPredictor,
  type Design,
} from '../../../analytics/models/index.js';
import { auroc, calibration, Z_95 } from '../../../analytics/validation/index.js';
import { normal, uniform } from '../support/draws.js';

const SETS = 2000;
const ROWS = 600;
/** The slope's estimate is too large by some 7/n, as every maximum of a likelihood is: n is such that this does not show. */
const SLOPE_ROWS = 6000;
const TRUTH = [-0.6, 0.8, -0.5, 0.3];
const CUTS = [-1, 0.2, 1.1];

interface Draw {
  readonly design: Design;
  readonly next: () => number;
}

function drawDesign(seed: number): Draw {
  const next = uniform(seed);
  const z = normal(next);
  const a = Float64Array.from({ length: ROWS }, z);
  const b = a.map((v) => 0.5 * v + z());
  const c = Float64Array.from({ length: ROWS }, () => (next() < 0.3 ? 1 : 0));
  return { design: designFromColumns([a, b, c], ['a', 'b', 'c']), next };
}

/** Whether each of the estimates lies within 1.96 errors of the truth. */
function covers(
  estimates: ArrayLike<number>,
  errors: ArrayLike<number>,
  truth: readonly number[],
): boolean[] {
  return truth.map((value, j) => Math.abs((estimates[j] ?? NaN) - value) <= Z_95 * (errors[j] ?? NaN));
}

function within3Errors(hits: number, sets: number, level: number, what: string): void {
  const error = Math.sqrt((level * (1 - level)) / sets);
  assert.ok(
    Math.abs(hits / sets - level) <= 3 * error,
    `${what}: ${hits} of ${sets}, allowed ${level} ± ${(3 * error).toFixed(4)}`,
  );
}

function add(to: number[], found: readonly boolean[]): void {
  found.forEach((hit, j) => {
    if (hit) to[j] = (to[j] ?? NaN) + 1;
  });
}

/** Slope of the calibration of true probabilities, on a sample of its own. */
function slopeOfTruth(next: () => number, z: () => number): number {
  const truth = Float64Array.from({ length: SLOPE_ROWS }, () => 1 / (1 + Math.exp(0.6 - z())));
  const y = Uint8Array.from(truth, (p) => (next() < p ? 1 : 0));
  return calibration(truth, y).slope?.estimate ?? NaN;
}

test(`coverage of 95 % intervals and the calibration slope, over ${SETS} data sets`, (t) => {
  const hits = { plain: [0, 0, 0, 0], firth: [0, 0, 0, 0], ordinal: [0, 0, 0, 0, 0, 0], large: 0 };
  const slopes: number[] = [];
  const z = normal(uniform(99));
  let auc = 0;
  for (let set = 0; set < SETS; set++) {
    const { design, next } = drawDesign(1000 + set);
    const eta = linearPredictor(design, Float64Array.from(TRUTH));
    const truth = eta.map((e) => 1 / (1 + Math.exp(-e)));
    const y = Uint8Array.from(truth, (p) => (next() < p ? 1 : 0));
    const fit = fitLogistic(design, y, { penalty: 0, standardErrors: true });
    add(hits.plain, covers([fit.intercept, ...fit.coefficients], fit.standardErrors, TRUTH));
    const firth = fitFirth(design, y);
    add(hits.firth, covers([firth.intercept, ...firth.coefficients], firth.standardErrors, TRUTH));
    const found = calibration(truth, y);
    slopes.push(slopeOfTruth(next, z));
    if (found.inTheLarge.interval[0] <= 0 && 0 <= found.inTheLarge.interval[1]) hits.large++;

    // DeLong's interval against the area known from two normal distributions, Φ(δ/√2).
    const shift = Float64Array.from(y, (value) => z() + (value === 1 ? 1 : 0));
    const { interval } = auroc(shift, y);
    const area = normalCdf(Math.SQRT1_2);
    if (interval !== null && interval[0] <= area && area <= interval[1]) auc++;

    const lp = linearPredictor(design, Float64Array.from([0, ...TRUTH.slice(1)]));
    const classes = Uint8Array.from(lp, (e) => {
      const u = Math.log(1 / (1 - next()) - 1);
      return CUTS.filter((cut) => e - u > cut).length;
    });
    const ordinal = fitOrdinal(design, classes, 4, { penalty: 0 });
    add(
      hits.ordinal,
      covers([...ordinal.thresholds, ...ordinal.coefficients], ordinal.standardErrors, [
        ...CUTS,
        ...TRUTH.slice(1),
      ]),
    );
  }
  const shares = (counts: readonly number[]): string =>
    counts.map((count) => (count / SETS).toFixed(4)).join(' ');
  const centre = slopes.reduce((a, b) => a + b, 0) / SETS;
  const spread = Math.sqrt(slopes.reduce((a, b) => a + (b - centre) ** 2, 0) / (SETS - 1) / SETS);
  t.diagnostic(`plain ${shares(hits.plain)}`);
  t.diagnostic(`Firth ${shares(hits.firth)}`);
  t.diagnostic(`ordinal ${shares(hits.ordinal)}`);
  t.diagnostic(`in the large ${shares([hits.large])}, AUROC ${shares([auc])}`);
  t.diagnostic(`slope ${centre.toFixed(4)} ± ${spread.toFixed(4)}`);
  hits.plain.forEach((count, j) => within3Errors(count, SETS, 0.95, `plain ${j}`));
  hits.firth.forEach((count, j) => within3Errors(count, SETS, 0.95, `Firth ${j}`));
  hits.ordinal.forEach((count, j) => within3Errors(count, SETS, 0.95, `ordinal ${j}`));
  within3Errors(hits.large, SETS, 0.95, 'calibration in the large');
  within3Errors(auc, SETS, 0.95, 'AUROC');
  assert.ok(Math.abs(centre - 1) <= 3 * spread, `slope ${centre} ± ${spread}`);
});
