/*
 * The WHO Clinical Progression Scale as stages: a patient's worst score lies below all of them, or reaches one.
 */
import { AnalyticsError } from '../errors.js';

/** Lowest score of each stage, ascending. */
export const STAGE_SCORES = [5, 6, 7, 10] as const;

/** Names of the stages, for reports. */
export const STAGE_NAMES = ['score 5 or more', 'score 6 or more', 'score 7 or more', 'death'] as const;

/** Names of what a worst score can be: below the first stage, or in one and not in the next. */
export const CLASS_NAMES = ['score 4 or less', 'score 5', 'score 6', 'score 7 to 9', 'death'] as const;

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
