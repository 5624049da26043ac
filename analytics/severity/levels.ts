/*
 * The WHO Clinical Progression Scale as stages, and stages as levels of severity: mild up to 4, moderate 5, severe 6,
 * critical 7 to 10, with death (10) told apart.
 */
import { AnalyticsError } from '../errors.js';
import {
  fitContinuation,
  predictContinuation,
  type ContinuationOptions,
  type Design,
  type StageModel,
} from '../models/index.js';

/** Lowest score of each stage, ascending. */
export const STAGE_SCORES = [5, 6, 7, 10] as const;

/** Names of the stages, for reports. */
export const STAGE_NAMES = ['score 5 or more', 'score 6 or more', 'score 7 or more', 'death'] as const;

/** A level of severity; a critical course may end in death, whose probability stands by itself too. */
export type CompositeLevel = 'mild' | 'moderate' | 'severe' | 'critical';

/** What the composite model says of one patient. Plain JSON; personal data. */
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
 * The stage of a patient's worst score.
 *
 * @param score - Highest score on the WHO Clinical Progression Scale in the horizon, 0 to 10.
 * @returns 0 for none, up to 4 for death.
 * @throws AnalyticsError ANALYTICS_SHAPE for anything else.
 */
export function stageOfScore(score: number): number {
  if (!Number.isInteger(score) || score < 0 || score > 10)
    throw new AnalyticsError('ANALYTICS_SHAPE', 'a score on the WHO scale is a whole number from 0 to 10');
  return STAGE_SCORES.filter((least) => score >= least).length;
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
