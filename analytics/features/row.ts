import { admissionsOf, chartOf, hadBegun, type Admission, type Chart } from './chart.js';
import type { CompiledStudy } from './compile.js';
import { codingKeys, text } from './fhir-access.js';
import { findings, named, type Findings } from './findings.js';
import { ageYears } from './instants.js';
import { isFollowedUp, outcomeTimes } from './outcome.js';
import type { PermittedPatient, ResourceId } from './patient.js';
import { pickReading, readingsOf, type OnProblem, type Reading } from './readings.js';
import type { StudyFeature } from './study.js';

/** Levels of the feature `sex`, by their codes in a column. */
export const SEX_LEVELS = ['female', 'male', 'other'] as const;

/** Why a patient is not in a study, in the order in which it is asked. */
export type Exclusion =
  | 'no-admission'
  | 'admission-time-unknown'
  | 'outcome-at-admission'
  | 'no-condition'
  | 'age-unknown'
  | 'under-age'
  | 'follow-up-incomplete';

/** One patient's predictors at the scoring time. */
export interface PatientRow {
  readonly key: string;
  /** One value a feature of the study, in its order; NaN where missing. Sex is an index of {@link SEX_LEVELS}. */
  readonly values: Float64Array;
  /** For each feature, the resources that its value came from. */
  readonly basis: readonly (readonly ResourceId[])[];
  /** Admission. */
  readonly t0Ms: number;
  /** Scoring time. */
  readonly sMs: number;
  readonly encounterId: string;
  /** Whether the outcome was reached in [s, t0 + horizon]. */
  readonly outcome: boolean;
}

/** Which stay is looked at, and whether what became of the patient must be known. */
export interface RowOptions {
  /** `training`: the first stay, with complete follow-up. `scoring`: the latest. */
  readonly for: 'training' | 'scoring';
  /** When the data were read, ms; stays begun so long before count as followed to the horizon. */
  readonly asOfMs?: number | undefined;
}

/**
 * One patient's row, or why there is none.
 *
 * s = min(t0 + scoring hours, first outcome). Who has the outcome by t0 is excluded. The outcome's own Observations are
 * never predictors, since only listed codes are read.
 *
 * @param onProblem - Told of each value in the window that could not be used.
 * @see STANDARDS 7
 */
export function patientRow(
  patient: PermittedPatient,
  compiled: CompiledStudy,
  options: RowOptions,
  onProblem: OnProblem,
): PatientRow | Exclusion {
  const chart = chartOf(patient);
  const { admissions, imprecise } = admissionsOf(chart, compiled);
  const admission = options.for === 'training' ? admissions[0] : admissions.at(-1);
  if (admission === undefined) return imprecise ? 'admission-time-unknown' : 'no-admission';
  const { t0Ms } = admission;
  const outcomes = outcomeTimes(chart, admission, compiled);
  const first = outcomes[0];
  if (first !== undefined && first <= t0Ms) return 'outcome-at-admission';
  const sMs = Math.min(t0Ms + compiled.scoringMs, first ?? Infinity);
  if (!hasStudyCondition(chart, compiled, t0Ms, sMs)) return 'no-condition';
  const age = ageYears(text(chart.patient?.['birthDate']) ?? '', t0Ms);
  if (age === undefined) return 'age-unknown';
  if (age < compiled.study.cohort.ageYearsMin) return 'under-age';
  const outcome = first !== undefined && first <= t0Ms + compiled.horizonMs;
  if (
    options.for === 'training' &&
    !outcome &&
    !isFollowedUp(admission, compiled.horizonMs, options.asOfMs)
  ) {
    return 'follow-up-incomplete';
  }
  return {
    key: patient.key,
    ...predictors(chart, compiled, admission, sMs, age, onProblem),
    t0Ms,
    sMs,
    encounterId: admission.encounterId,
    outcome,
  };
}

function hasStudyCondition(chart: Chart, compiled: CompiledStudy, t0Ms: number, sMs: number): boolean {
  return chart.conditions.some(
    (condition) =>
      codingKeys(condition['code']).some((key) => compiled.cohort.has(key)) && hadBegun(condition, t0Ms, sMs),
  );
}

function predictors(
  chart: Chart,
  compiled: CompiledStudy,
  { t0Ms }: Admission,
  sMs: number,
  age: number,
  onProblem: OnProblem,
): Pick<PatientRow, 'values' | 'basis'> {
  const { features } = compiled.study;
  const fromMs = t0Ms - compiled.lookBackMs;
  const readings = readingsOf(chart, compiled, fromMs, sMs, onProblem);
  const found = findings(chart, compiled, fromMs, t0Ms, sMs);
  const values = new Float64Array(features.length).fill(NaN);
  const basis: ResourceId[][] = features.map(() => []);
  features.forEach((spec, index) => {
    const { value, from } = feature(spec, index, chart, age, readings, found);
    values[index] = value;
    basis[index] = from.toSorted((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
  });
  return { values, basis };
}

function feature(
  spec: StudyFeature,
  index: number,
  chart: Chart,
  age: number,
  readings: ReadonlyMap<string, readonly Reading[]>,
  found: Findings,
): { value: number; from: readonly ResourceId[] } {
  if (spec.kind === 'age') return { value: age, from: [] };
  if (spec.kind === 'sex') {
    const level = SEX_LEVELS.findIndex((name) => name === chart.patient?.['gender']);
    return { value: level < 0 ? NaN : level, from: [] };
  }
  if (spec.kind === 'disease-count') return { value: found.diseases.size, from: found.diseaseBasis };
  if (spec.kind === 'presence') {
    const presence = found.presence.get(index);
    return { value: presence?.present === true ? 1 : 0, from: presence?.from ?? [] };
  }
  const reading = pickReading(readings.get(spec.family) ?? [], spec.pick);
  if (reading === undefined) return { value: NaN, from: [] };
  return {
    value: spec.kind === 'measurement' ? reading.value : reading.value < spec.threshold ? 1 : 0,
    from: named('Observation', reading.id),
  };
}
