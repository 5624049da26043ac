/*
 * The WHO Clinical Progression Scale as stages, and stages as levels of severity: mild up to 4, moderate 5, severe 6,
 * critical 7 to 10, with death (10) told apart.
 */
import { AnalyticsError } from '../errors.js';
import { STAGE_SCORES, stageOfScore } from '../features/index.js';
import {
  fitContinuation,
  predictContinuation,
  type ContinuationOptions,
  type Design,
  type StageModel,
} from '../models/index.js';

/** A level of severity; a critical course may end in death, whose probability stands by itself too. */
export type CompositeLevel = 'mild' | 'moderate' | 'severe' | 'critical';

/** What a level says of the time to the horizon, in the scale's words. */
export const LEVEL_MEANINGS: Readonly<Record<CompositeLevel, string>> = {
  mild: 'WHO score 5 (oxygen by mask or nasal prongs) or worse is less likely than not',
  moderate:
    'WHO score 5 (oxygen by mask or nasal prongs) or worse is more likely than not, score 6 or worse less',
  severe:
    'WHO score 6 (non-invasive ventilation or high-flow oxygen) or worse is more likely than not, score 7 or worse less',
  critical: 'WHO score 7 (mechanical ventilation) or worse is more likely than not',
};

/** What a model of stages says of one patient. Plain JSON; personal data. */
export interface CompositeScore {
  /** Probability of reaching each stage, descending. */
  readonly stages: readonly [five: number, six: number, seven: number, death: number];
  /** Probability of each level; they sum to 1, and critical includes death. */
  readonly levels: Readonly<Record<CompositeLevel, number>>;
  /** Part of critical. */
  readonly death: number;
  /** The median level: the highest that is reached with a probability of at least one half. */
  readonly level: CompositeLevel;
}

/**
 * Fits the composite severity model.
 *
 * @param worst - Highest score of each row.
 * @throws AnalyticsError as {@link fitContinuation}.
 */
export function fitComposite(
  design: Design,
  worst: ArrayLike<number>,
  options: ContinuationOptions,
): StageModel[] {
  return fitContinuation(design, Uint8Array.from(worst, stageOfScore), STAGE_SCORES.length, options);
}

/** Scores of all rows under a composite model. */
export function scoreComposite(design: Design, models: readonly StageModel[]): CompositeScore[] {
  if (models.length !== STAGE_SCORES.length)
    throw new AnalyticsError('ANALYTICS_MODEL_INVALID', 'a composite model has four stages');
  const p = predictContinuation(design, models);
  return Array.from({ length: design.rows }, (_, i) => {
    const at = (stage: number): number => p[i * STAGE_SCORES.length + stage] ?? NaN;
    return compositeScore([at(0), at(1), at(2), at(3)]);
  });
}

/**
 * Levels from the stages' probabilities.
 *
 * @param stages - Descending.
 * @throws AnalyticsError ANALYTICS_SHAPE when they are not probabilities in descending order.
 */
export function compositeScore(stages: CompositeScore['stages']): CompositeScore {
  const [five, six, seven, death] = stages;
  if (!(1 >= five && five >= six && six >= seven && seven >= death && death >= 0))
    throw new AnalyticsError('ANALYTICS_SHAPE', 'probabilities of stages lie between 0 and 1 and descend');
  return {
    stages,
    levels: { mild: 1 - five, moderate: five - six, severe: six - seven, critical: seven },
    death,
    level: seven >= 0.5 ? 'critical' : six >= 0.5 ? 'severe' : five >= 0.5 ? 'moderate' : 'mild',
  };
}
