import { SMALL_CELL, stabilityOf, type Stability } from '../eda/index.js';
import type { FeatureTable } from '../features/index.js';
import { applyPreparation } from '../preprocess/index.js';
import { Z_95 } from '../validation/index.js';
import type { SeverityModel } from './model.js';
import { outcomeProbabilities } from './regression.js';

/** How a model fares on patients who came after those it was fitted on. Plain JSON; no count in it is small. */
export interface Watch {
  /** Patients since, with the outcome known. */
  readonly patients: number;
  readonly stability: readonly Stability[];
  /** Observed over expected outcomes, with its 95 % interval; null where too few have, or have not, the outcome. */
  readonly observedOverExpected: {
    readonly ratio: number;
    readonly interval: readonly [number, number];
  } | null;
  /** `drifted`: a predictor has changed, or the outcomes are not those expected. */
  readonly verdict: 'steady' | 'look' | 'drifted' | 'too-few';
}

/** With fewer patients since, nothing can be told from chance. */
const PATIENTS_MIN = 50;

/**
 * Compares patients since with those that a model was fitted on: predictor by predictor, and outcomes with predictions.
 *
 * @param reference - Patients that it was fitted on.
 * @param present - Others, later, with their outcomes.
 * @throws AnalyticsError ANALYTICS_SHAPE when the columns are not the model's.
 */
export function watchModel(model: SeverityModel, reference: FeatureTable, present: FeatureTable): Watch {
  const patients = present.keys.length;
  if (patients < PATIENTS_MIN || reference.keys.length < PATIENTS_MIN)
    return {
      patients: patients < SMALL_CELL ? 0 : patients,
      stability: [],
      observedOverExpected: null,
      verdict: 'too-few',
    };
  const stability = stabilityOf(reference, present);
  const observedOverExpected = outcomesAgainst(model, present);
  const [low, high] = observedOverExpected?.interval ?? [1, 1];
  const isOff = low > 1 || high < 1;
  const verdict =
    isOff || stability.some((one) => one.verdict === 'changed')
      ? 'drifted'
      : stability.some((one) => one.verdict === 'shifted')
        ? 'look'
        : 'steady';
  return { patients, stability, observedOverExpected, verdict };
}

function outcomesAgainst(
  model: SeverityModel,
  { columns, outcome }: FeatureTable,
): Watch['observedOverExpected'] {
  const observed = outcome.reduce((total, v) => total + v, 0);
  if (observed < SMALL_CELL || outcome.length - observed < SMALL_CELL) return null;
  const p = outcomeProbabilities(model, applyPreparation(model.preparation, columns));
  const expected = p.reduce((total, v) => total + v, 0);
  const ratio = observed / expected;
  // Under the model the count has the variance Σp(1−p); on the logarithm's scale, so that the interval stays above 0.
  const half = (Z_95 * Math.sqrt(p.reduce((total, v) => total + v * (1 - v), 0))) / expected;
  return { ratio, interval: [ratio * Math.exp(-half / ratio), ratio * Math.exp(half / ratio)] };
}
