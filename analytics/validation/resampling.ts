import { AnalyticsError } from '../errors.js';
import { brier, calibration } from './calibration.js';
import { measure, type Performance } from './performance.js';
import { drawRows, seededUniform } from './random.js';
import { auroc } from './roc.js';

/**
 * Learns from some rows, everything included that looks at outcomes or spreads: preparation, choice of penalty, fit.
 *
 * @returns What gives the probabilities of other rows.
 */
export type Learner = (rows: Int32Array) => (rows: Int32Array) => Float64Array;

/** A measure with what resampling says of its optimism. */
export interface Corrected {
  /** On the rows learned from. */
  readonly apparent: number;
  /** Mean of (on the sample learned from − on all rows). */
  readonly optimism: number;
  readonly corrected: number;
}

/** Bootstrap validation. Plain JSON. */
export interface OptimismCorrection {
  readonly auroc: Corrected;
  readonly brier: Corrected;
  /** Null where the outcomes are separated, so that there is no slope. */
  readonly calibrationSlope: Corrected | null;
  readonly samples: number;
  /** Samples in which nothing could be learned or measured; they are left out. */
  readonly failed: number;
}

/**
 * Harrell's optimism correction.
 *
 * @param y - 0 or 1.
 * @param samples - 200 or more for a report.
 * @throws AnalyticsError ANALYTICS_SHAPE; ANALYTICS_ONE_CLASS; ANALYTICS_NOT_CONVERGED when more than half the samples fail; as
 * the learner on all rows.
 * @see Harrell FE et al., Stat Med 1996; 15: 361-387
 */
export function bootstrapOptimism(
  learn: Learner,
  y: Uint8Array,
  samples: number,
  seed: string,
): OptimismCorrection {
  if (!Number.isInteger(samples) || samples < 1)
    throw new AnalyticsError('ANALYTICS_SHAPE', 'a bootstrap wants a sample at least');
  const all = Int32Array.from(y, (_, i) => i);
  const apparent = measuresOf(learn(all)(all), y);
  const next = seededUniform(seed);
  const totals = { auroc: 0, brier: 0, slope: 0 };
  let slopes = 0;
  let failed = 0;
  for (let b = 0; b < samples; b++) {
    const rows = drawRows(y.length, next);
    try {
      const predict = learn(rows);
      const own = measuresOf(
        predict(rows),
        Uint8Array.from(rows, (i) => y[i] ?? 0),
      );
      const whole = measuresOf(predict(all), y);
      totals.auroc += own.auroc - whole.auroc;
      totals.brier += own.brier - whole.brier;
      if (own.slope !== null && whole.slope !== null) {
        totals.slope += own.slope - whole.slope;
        slopes++;
      }
    } catch (error) {
      if (!(error instanceof AnalyticsError)) throw error;
      failed++;
    }
  }
  const used = samples - failed;
  if (used * 2 < samples)
    throw new AnalyticsError(
      'ANALYTICS_NOT_CONVERGED',
      `${failed} of ${samples} samples cannot be learned from`,
    );
  return {
    auroc: corrected(apparent.auroc, totals.auroc / used),
    brier: corrected(apparent.brier, totals.brier / used),
    calibrationSlope:
      apparent.slope === null || slopes === 0 ? null : corrected(apparent.slope, totals.slope / slopes),
    samples,
    failed,
  };
}

function corrected(apparent: number, optimism: number): Corrected {
  return { apparent, optimism, corrected: apparent - optimism };
}

function measuresOf(p: Float64Array, y: Uint8Array): { auroc: number; brier: number; slope: number | null } {
  return {
    auroc: auroc(p, y).auroc,
    brier: brier(p, y).brier,
    slope: calibration(p, y).slope?.estimate ?? null,
  };
}

/** Performance on rows not learned from, by fold or by group. */
export interface HeldOut<G> {
  /** Of every row, from the model that has not seen it. */
  readonly probabilities: Float64Array;
  /** Of all rows together. */
  readonly pooled: Performance;
  /** Null where a part has one outcome only. */
  readonly parts: readonly {
    readonly part: G;
    readonly patients: number;
    readonly events: number;
    readonly performance: Performance | null;
  }[];
}

/**
 * Cross-validation over folds.
 *
 * @param fold - The fold of each row; 0, 1 …
 * @throws AnalyticsError ANALYTICS_SHAPE for fewer than two folds; as the learner.
 */
export function crossValidate(learn: Learner, y: Uint8Array, fold: Uint8Array): HeldOut<number> {
  return leaveOut(learn, y, [...fold]);
}

/**
 * Internal-external validation: each hospital is left out once, and predicted from all the others.
 *
 * @param group - The hospital of each row.
 * @throws AnalyticsError ANALYTICS_SHAPE for fewer than two groups; as the learner.
 * @see Steyerberg EW & Harrell FE, J Clin Epidemiol 2016; 69: 245-247
 */
export function internalExternal(learn: Learner, y: Uint8Array, group: readonly string[]): HeldOut<string> {
  return leaveOut(learn, y, group);
}

function leaveOut<G extends string | number>(learn: Learner, y: Uint8Array, part: readonly G[]): HeldOut<G> {
  const names = [...new Set(part)].toSorted((a, b) => (a < b ? -1 : 1));
  if (part.length !== y.length || names.length < 2)
    throw new AnalyticsError('ANALYTICS_SHAPE', 'leaving out wants a part a row, and two parts at least');
  const probabilities = new Float64Array(y.length);
  const parts = names.map((name) => {
    const inside = rowsWhere(part, (value) => value === name);
    const p = learn(rowsWhere(part, (value) => value !== name))(inside);
    inside.forEach((row, i) => {
      probabilities[row] = p[i] ?? NaN;
    });
    const own = Uint8Array.from(inside, (i) => y[i] ?? 0);
    const events = own.reduce((total, value) => total + value, 0);
    const both = events > 0 && events < own.length;
    return { part: name, patients: own.length, events, performance: both ? measure(p, own) : null };
  });
  return { probabilities, pooled: measure(probabilities, y), parts };
}

function rowsWhere<G>(part: readonly G[], wanted: (value: G) => boolean): Int32Array {
  return Int32Array.from([...part.keys()].filter((i) => wanted(part[i] as G)));
}
