import type { Admission, Chart } from './chart.js';
import { codingKeys, finite, object, text, time, timeOf } from './fhir-access.js';
import type { CompiledStudy } from './compile.js';

/**
 * When a patient reached the outcome, before or during a stay.
 *
 * A score known to the day only counts from the day's beginning, so that no predictor from after it gets in; a death known
 * to the day counts at its end, since the patient was alive at admission.
 *
 * @returns Times in ms, ascending; empty where the outcome was not reached.
 */
export function outcomeTimes(chart: Chart, admission: Admission, compiled: CompiledStudy): number[] {
  const { outcome } = compiled.study;
  const times: number[] = [];
  for (const observation of chart.observations) {
    const score =
      finite(observation['valueInteger']) ?? finite(object(observation['valueQuantity'])?.['value']);
    if (score === undefined || score < outcome.threshold) continue;
    if (!codingKeys(observation['code']).some((key) => compiled.outcome.has(key))) continue;
    const when = timeOf(observation, 'effective');
    if (when !== undefined) times.push(when.startMs);
  }
  if (outcome.death) {
    const death = time(text(chart.patient?.['deceasedDateTime']));
    if (death !== undefined) times.push(death.endMs);
    else if (
      (admission.died || chart.patient?.['deceasedBoolean'] === true) &&
      admission.endMs !== undefined
    ) {
      times.push(admission.endMs);
    }
  }
  return times.toSorted((a, b) => a - b);
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
