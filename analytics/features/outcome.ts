import type { Admission, Chart } from './chart.js';
import { codingKeys, finite, object, text, time, timeOf } from './fhir-access.js';
import type { CompiledStudy } from './compile.js';
import { STAGE_SCORES } from './stages.js';

/** A score of the study's scale and when it was reached, ms. */
export interface ScoreTime {
  readonly score: number;
  readonly atMs: number;
}

/** Death stands at the top of the scale. */
const DEATH = STAGE_SCORES[3];

/**
 * The scores of a patient before and during a stay, by time; a death that counts is the last.
 *
 * A score known to the day only counts from the day's beginning, so that no predictor from after it gets in; a death known
 * to the day counts at its end, since the patient was alive at admission.
 */
export function courseOf(chart: Chart, admission: Admission, compiled: CompiledStudy): ScoreTime[] {
  const { outcome } = compiled.study;
  const course: ScoreTime[] = [];
  for (const observation of chart.observations) {
    const score =
      finite(observation['valueInteger']) ?? finite(object(observation['valueQuantity'])?.['value']);
    if (score === undefined) continue;
    if (!codingKeys(observation['code']).some((key) => compiled.outcome.has(key))) continue;
    const when = timeOf(observation, 'effective');
    if (when !== undefined) course.push({ score, atMs: when.startMs });
  }
  if (outcome.death) {
    const death = time(text(chart.patient?.['deceasedDateTime']));
    // Also where the scale's own top is lower than the threshold of the study.
    const score = Math.max(DEATH, outcome.threshold);
    if (death !== undefined) course.push({ score, atMs: death.endMs });
    else if (
      (admission.died || chart.patient?.['deceasedBoolean'] === true) &&
      admission.endMs !== undefined
    ) {
      course.push({ score, atMs: admission.endMs });
    }
  }
  return course.toSorted((a, b) => a.atMs - b.atMs || a.score - b.score);
}

/** When a patient first reached the outcome, ms, or `undefined`. */
export function firstOutcome(course: readonly ScoreTime[], compiled: CompiledStudy): number | undefined {
  return course.find(({ score }) => score >= compiled.study.outcome.threshold)?.atMs;
}

/**
 * The highest stage that a patient is in at the scoring time or reaches by the end of the horizon.
 *
 * @returns 0 for none, up to 4 for death.
 */
export function worstStage(course: readonly ScoreTime[], sMs: number, horizonEndMs: number): number {
  const before = course.findLast(({ atMs }) => atMs <= sMs)?.score ?? 0;
  const worst = course.reduce(
    (most, { score, atMs }) => (atMs >= sMs && atMs <= horizonEndMs ? Math.max(most, score) : most),
    before,
  );
  return STAGE_SCORES.filter((least) => worst >= least).length;
}

/**
 * Whether it is known what became of a patient without the outcome: discharged, or watched for the whole horizon.
 *
 * @param asOfMs - When the data were read; undefined when that is not known.
 */
export function isFollowedUp(admission: Admission, horizonMs: number, asOfMs: number | undefined): boolean {
  return (
    admission.finished ||
    admission.endMs !== undefined ||
    (asOfMs !== undefined && admission.t0Ms + horizonMs <= asOfMs)
  );
}
