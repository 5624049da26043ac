/*
 * Continuation-ratio logits for ordered stages: one binary model a stage, fitted to those who reached the stage before. A
 * stage's probability is the product of the conditional ones up to it, so the stages' probabilities are ordered for every
 * patient, which separate models of "score ≥ 5", "score ≥ 6" … do not promise.
 */
import { AnalyticsError } from '../errors.js';
import { logistic, logit } from '../math/index.js';
import { checkTerms, selectColumns, selectRows, varyingColumns, type Design } from './design.js';
import { fitLogistic, linearPredictor } from './logistic.js';
import type { RowTerms } from './logistic-pass.js';
import { takeTerms } from './newton.js';

/** The step from one stage to the next. Plain JSON. */
export interface StageModel {
  /**
   * `logits`: a fitted model. `rate`: too few patients for one, or all with the same outcome, so that everyone has one
   * probability; its coefficients are 0.
   */
  readonly kind: 'logits' | 'rate';
  readonly intercept: number;
  /** One a column. */
  readonly coefficients: readonly number[];
  readonly penalty: number;
  /** Patients who reached the stage before, and those of them who reached this one; weighted where rows have weights. */
  readonly atRisk: number;
  readonly reached: number;
}

/** How to fit. */
export interface ContinuationOptions extends RowTerms {
  /** The penalty of each stage, from its own rows; called only for stages that get a model. */
  readonly penaltyOf: (stage: number, design: Design, y: Uint8Array, rows: Int32Array) => number;
  /** Stages with fewer who reached it, or fewer who did not, get a rate. */
  readonly fewest?: number;
}

/** With fewer patients in the smaller outcome a model of the step would be noise. */
const FEWEST = 10;

/**
 * Fits a chain of stages.
 *
 * @param reached - The highest stage of each row: 0 for none, up to `stages`.
 * @param stages - How many there are.
 * @throws AnalyticsError ANALYTICS_SHAPE; ANALYTICS_ONE_CLASS when no row, or every row, reaches the first stage; as
 * {@link fitLogistic}.
 */
export function fitContinuation(
  design: Design,
  reached: Uint8Array,
  stages: number,
  options: ContinuationOptions,
): StageModel[] {
  if (reached.length !== design.rows || !Number.isInteger(stages) || stages < 1)
    throw new AnalyticsError('ANALYTICS_SHAPE', 'a chain wants a stage a row');
  if (reached.some((stage) => stage > stages))
    throw new AnalyticsError('ANALYTICS_SHAPE', 'a row has a stage that is not there');
  checkTerms(design, options);
  const { weights, fewest = FEWEST } = options;
  const counted = [...reached.keys()].filter((i) => weights?.[i] !== 0);
  return Array.from({ length: stages }, (_, step) => {
    const stage = step + 1;
    const rows = Int32Array.from(counted.filter((i) => (reached[i] ?? 0) >= step));
    const y = Uint8Array.from(rows, (i) => ((reached[i] ?? 0) >= stage ? 1 : 0));
    // A weight is a repetition, here too.
    let [atRisk, events] = [0, 0];
    rows.forEach((row, i) => {
      const weight = weights?.[row] ?? 1;
      atRisk += weight;
      if (y[i] === 1) events += weight;
    });
    const others = atRisk - events;
    if (step === 0 && (events === 0 || others === 0))
      throw new AnalyticsError(
        'ANALYTICS_ONE_CLASS',
        `all ${y.length} rows are on the same side of the first stage`,
      );
    const count = { atRisk, reached: events };
    const part = selectRows(design, rows);
    // Among those who got far a column may have one value only; it says nothing there and is left out.
    const varying = varyingColumns(part);
    const varied = selectColumns(part, varying);
    if (Math.min(events, others) < fewest || y.length < varied.columns + 1) {
      // Half a patient on either side keeps the odds finite.
      const rate = (events + 0.5) / (atRisk + 1);
      return {
        kind: 'rate',
        intercept: logit(rate),
        coefficients: Array<number>(design.columns).fill(0),
        penalty: 0,
        ...count,
      };
    }
    const penalty = options.penaltyOf(stage, varied, y, rows);
    const fit = fitLogistic(varied, y, { penalty, ...takeTerms(options, rows) });
    const coefficients = Array<number>(design.columns).fill(0);
    varying.forEach((column, j) => {
      coefficients[column] = fit.coefficients[j] ?? NaN;
    });
    return { kind: 'logits', intercept: fit.intercept, coefficients, penalty, ...count };
  });
}

/**
 * Probability of reaching each stage: for every row these descend.
 *
 * @returns Row-major: rows × stages.
 */
export function predictContinuation(
  design: Design,
  models: readonly Pick<StageModel, 'intercept' | 'coefficients'>[],
): Float64Array {
  const stages = models.length;
  const out = new Float64Array(design.rows * stages);
  models.forEach(({ intercept, coefficients }, stage) => {
    if (coefficients.length !== design.columns)
      throw new AnalyticsError('ANALYTICS_SHAPE', 'a stage has another number of coefficients');
    const eta = linearPredictor(design, Float64Array.of(intercept, ...coefficients));
    for (let i = 0; i < design.rows; i++) {
      const before = stage === 0 ? 1 : (out[i * stages + stage - 1] ?? NaN);
      out[i * stages + stage] = before * logistic(eta[i] ?? NaN);
    }
  });
  return out;
}
