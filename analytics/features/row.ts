import { admissionsOf, chartOf, hadBegun, type Admission, type Chart } from './chart.js';
import type { CompiledStudy } from './compile.js';
import { codingKeys, text } from './fhir-access.js';
import { findings, named, type Findings } from './findings.js';
import { ageYears } from './instants.js';
import { courseOf, firstOutcome, isFollowedUp, worstStage } from './outcome.js';
import type { PermittedPatient, ResourceId } from './patient.js';
import { pickReading, readingsOf, type OnProblem, type OnUse, type Reading } from './readings.js';
import type { Family, Study, StudyFeature } from './study.js';
import { conversion, convert, type Conversion } from './units.js';

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
  /** By the study's own word. */
  | `study: ${string}`
  | 'outcome-before-landmark'
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
  /** As the Encounter names it; empty where it does not. */
  readonly hospital: string;
  /** Whether the outcome was reached in [s, t0 + horizon]. */
  readonly outcome: boolean;
  /** The highest stage of the scale in [s, t0 + horizon]: 0 for none, up to 4 for death. */
  readonly stage: number;
}

/** Which stay is looked at, and whether what became of the patient must be known. */
export interface RowOptions {
  /** `training`: the first stay, with complete follow-up. `scoring`: the latest. */
  readonly for: 'training' | 'scoring';
  /** When the data were read, ms; stays begun so long before count as followed to the horizon. */
  readonly asOfMs?: number | undefined;
  /** Takes the study's landmark as scoring time, and leaves out who has the outcome before it. */
  readonly landmark?: boolean;
  readonly onUse?: OnUse | undefined;
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
  const course = courseOf(chart, admission, compiled);
  const first = firstOutcome(course, compiled);
  if (first !== undefined && first <= t0Ms) return 'outcome-at-admission';
  const landmarkMs =
    options.landmark === true ? t0Ms + (compiled.study.landmarkHours ?? 0) * 3_600_000 : undefined;
  const sMs = landmarkMs ?? Math.min(t0Ms + compiled.scoringMs, first ?? Infinity);
  if (!hasStudyCondition(chart, compiled, t0Ms, sMs)) return 'no-condition';
  const age = ageYears(text(chart.patient?.['birthDate']) ?? '', t0Ms);
  if (age === undefined) return 'age-unknown';
  if (age < compiled.study.cohort.ageYearsMin) return 'under-age';
  const excluded = exclusionOf(chart, compiled, t0Ms, sMs);
  if (excluded !== undefined) return `study: ${excluded}`;
  if (landmarkMs !== undefined && first !== undefined && first < landmarkMs) return 'outcome-before-landmark';
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
    ...predictors(chart, compiled, admission, sMs, age, onProblem, options.onUse),
    t0Ms,
    sMs,
    encounterId: admission.encounterId,
    hospital: admission.hospital,
    outcome,
    stage: worstStage(course, sMs, t0Ms + compiled.horizonMs),
  };
}

function hasStudyCondition(chart: Chart, compiled: CompiledStudy, t0Ms: number, sMs: number): boolean {
  return chart.conditions.some(
    (condition) =>
      codingKeys(condition['code']).some((key) => compiled.cohort.has(key)) && hadBegun(condition, t0Ms, sMs),
  );
}

function exclusionOf(
  chart: Chart,
  { exclusions, disease }: CompiledStudy,
  t0Ms: number,
  sMs: number,
): string | undefined {
  if (exclusions.length === 0) return undefined;
  const keys = chart.conditions
    .filter((condition) => hadBegun(condition, t0Ms, sMs))
    .flatMap((condition) => codingKeys(condition['code']));
  return exclusions.find(({ codes, diseases }) =>
    keys.some((key) => codes.has(key) || diseases.has(disease(key))),
  )?.label;
}

function predictors(
  chart: Chart,
  compiled: CompiledStudy,
  { t0Ms }: Admission,
  sMs: number,
  age: number,
  onProblem: OnProblem,
  onUse: OnUse | undefined,
): Pick<PatientRow, 'values' | 'basis'> {
  const { features } = compiled.study;
  const fromMs = t0Ms - compiled.lookBackMs;
  const readings = readingsOf(chart, compiled, fromMs, sMs, onProblem, onUse);
  const found = findings(chart, compiled, fromMs, t0Ms, sMs);
  const values = new Float64Array(features.length).fill(NaN);
  const basis: ResourceId[][] = features.map(() => []);
  features.forEach((spec, index) => {
    const view = compiled.views.get(index);
    const { value, from } =
      spec.kind === 'column'
        ? picked(
            view?.read(chart.all, fromMs, sMs, (problem) => onProblem(spec.name, problem, '')) ?? [],
            spec.pick,
            view?.resource ?? '',
          )
        : feature(spec, index, chart, age, readings, found, compiled);
    if (!Number.isFinite(value) && !Number.isNaN(value)) {
      // Of a ratio over nothing.
      onProblem(spec.name, 'not-a-number', '');
      return;
    }
    values[index] = value;
    basis[index] = from.toSorted((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
  });
  return { values, basis };
}

interface Value {
  readonly value: number;
  readonly from: readonly ResourceId[];
}

const ABSENT: Value = { value: NaN, from: [] };

function picked(
  readings: readonly Reading[],
  pick: (StudyFeature & { kind: 'measurement' })['pick'],
  type: string,
): Value {
  const found = pickReading(readings, pick);
  return found === undefined
    ? ABSENT
    : { value: found.value, from: found.ids.flatMap((id) => named(type, id)) };
}

function feature(
  spec: Exclude<StudyFeature, { kind: 'column' }>,
  index: number,
  chart: Chart,
  age: number,
  readings: ReadonlyMap<string, readonly Reading[]>,
  found: Findings,
  { asked, study }: CompiledStudy,
): Value {
  const read = (family: string, pick: (StudyFeature & { kind: 'measurement' })['pick']): Value =>
    picked(readings.get(family) ?? [], pick, 'Observation');
  switch (spec.kind) {
    case 'age':
      return { value: age, from: [] };
    case 'sex': {
      const level = SEX_LEVELS.findIndex((name) => name === chart.patient?.['gender']);
      return { value: level < 0 ? NaN : level, from: [] };
    }
    case 'disease':
    case 'disease-count': {
      const present = [...found.diseases].filter(([disease]) => asked[index]?.has(disease) === true);
      const count = present.length;
      return {
        value: spec.kind === 'disease' ? Math.min(count, 1) : count,
        from: present.flatMap(([, from]) => from),
      };
    }
    case 'presence': {
      const presence = found.presence.get(index);
      return { value: presence?.present === true ? 1 : 0, from: presence?.from ?? [] };
    }
    case 'ratio': {
      const [above, below] = [read(spec.numerator, spec.pick), read(spec.denominator, spec.pick)];
      if (Number.isNaN(above.value) || Number.isNaN(below.value)) return ABSENT;
      const value = below.value === 0 ? Infinity : above.value / below.value;
      return { value, from: [...above.from, ...below.from] };
    }
    case 'measurement': {
      const taken = read(spec.family, spec.pick);
      return spec.unit === undefined || spec.pick === 'count'
        ? taken
        : { value: inUnit(taken.value, spec, spec.unit, study), from: taken.from };
    }
    case 'below':
    default: {
      const { value, from } = read(spec.family, spec.pick);
      return Number.isNaN(value) ? ABSENT : { value: value < spec.threshold ? 1 : 0, from };
    }
  }
}

/** A measurement in the unit that the feature asks for. */
function inUnit(
  value: number,
  { family, pick }: StudyFeature & { kind: 'measurement' },
  unit: string,
  study: Study,
): number {
  const by = unitOf(study.families[family], unit);
  if (by === undefined || Number.isNaN(value)) return NaN;
  return convert(value, pick === 'slope' ? { slope: by.slope, offset: 0 } : by);
}

/** The way from a family's unit to another; between mass and substance only where all its codes have one molar mass. */
export function unitOf(family: Family | undefined, unit: string): Conversion | undefined {
  if (family === undefined) return undefined;
  const masses = new Set(family.codes.map((code) => code.molarMass));
  const [mass] = masses;
  return conversion(family.unit, unit, masses.size === 1 ? mass : undefined);
}
