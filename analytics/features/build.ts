import { AnalyticsError } from '../errors.js';
import { compileStudy } from './compile.js';
import type { PermittedPatients } from './patient.js';
import type { ReadingProblem } from './readings.js';
import { patientRow, SEX_LEVELS, type Exclusion, type PatientRow } from './row.js';
import type { Study, StudyFeature } from './study.js';

/** One predictor over all patients. */
export interface FeatureColumn {
  readonly name: string;
  readonly label: string;
  readonly kind: 'numeric' | 'binary' | 'category';
  /** UCUM; `1` for counts and yes-or-no. */
  readonly unit: string;
  /** Names of a category's codes 0, 1, …; empty for other kinds. */
  readonly levels: readonly string[];
  /** One value a patient; NaN where missing. */
  readonly values: Float64Array;
}

/** Predictors and outcome of the patients of a study, ordered by key. */
export interface FeatureTable {
  readonly keys: readonly string[];
  readonly columns: readonly FeatureColumn[];
  /** 1 where the outcome was reached. */
  readonly outcome: Uint8Array;
}

/** Who was looked at, who was left out and why. Plain JSON. */
export interface Flow {
  readonly patients: number;
  readonly excluded: Readonly<Partial<Record<Exclusion, number>>>;
  readonly included: number;
  readonly events: number;
}

/** Values in the window that could not be used, counted. */
export interface ProblemCount {
  readonly family: string;
  readonly problem: ReadingProblem;
  /** As the source wrote it. */
  readonly unit: string;
  readonly count: number;
}

/** What came out of reading the patients. */
export interface Features {
  readonly table: FeatureTable;
  readonly flow: Flow;
  readonly problems: readonly ProblemCount[];
}

/** Kinds of problem told apart, units included; more are counted together, since units come from outside. */
const PROBLEM_KINDS_MAX = 1000;

/**
 * Reads patients into a table of predictors at the scoring time.
 *
 * Patients are taken one by one, so their resources need not be in memory together.
 *
 * @param asOfMs - When the data were read: stays begun a horizon before count as followed up though not closed.
 * @throws AnalyticsError ANALYTICS_DUPLICATE_KEY.
 */
export async function buildFeatures(
  patients: PermittedPatients,
  study: Study,
  asOfMs?: number,
): Promise<Features> {
  const compiled = compileStudy(study);
  const seen = new Set<string>();
  const rows: PatientRow[] = [];
  const excluded: Partial<Record<Exclusion, number>> = {};
  const problems = new Map<
    string,
    { family: string; problem: ReadingProblem; unit: string; count: number }
  >();
  const onProblem = (family: string, problem: ReadingProblem, unit: string): void => {
    const shown = problems.size < PROBLEM_KINDS_MAX ? unit : 'others';
    const name = `${family}\n${problem}\n${shown}`;
    const entry = problems.get(name);
    if (entry === undefined) problems.set(name, { family, problem, unit: shown, count: 1 });
    else entry.count++;
  };
  for await (const patient of patients) {
    if (seen.has(patient.key))
      throw new AnalyticsError('ANALYTICS_DUPLICATE_KEY', 'a patient was given twice');
    seen.add(patient.key);
    const row = patientRow(patient, compiled, { for: 'training', asOfMs }, onProblem);
    if (typeof row === 'string') excluded[row] = (excluded[row] ?? 0) + 1;
    // The resources named as basis matter for single scores only, and would hold much memory here.
    else rows.push({ ...row, basis: [] });
  }
  rows.sort((a, b) => (a.key < b.key ? -1 : 1));
  const outcome = Uint8Array.from(rows, (row) => (row.outcome ? 1 : 0));
  return {
    table: { keys: rows.map((row) => row.key), columns: columnsOf(study, rows), outcome },
    flow: {
      patients: seen.size,
      excluded: Object.fromEntries(Object.entries(excluded).toSorted(([a], [b]) => (a < b ? -1 : 1))),
      included: rows.length,
      events: outcome.reduce((total, value) => total + value, 0),
    },
    problems: [...problems.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry),
  };
}

/**
 * The table's columns for some rows; scoring uses it for one.
 *
 * @param rows - In the order wanted.
 */
export function columnsOf(study: Study, rows: readonly PatientRow[]): FeatureColumn[] {
  return study.features.map((feature, index) => ({
    name: feature.name,
    label: feature.label,
    ...shapeOf(feature, study),
    values: Float64Array.from(rows, (row) => row.values[index] ?? NaN),
  }));
}

function shapeOf(feature: StudyFeature, study: Study): Pick<FeatureColumn, 'kind' | 'unit' | 'levels'> {
  if (feature.kind === 'sex') return { kind: 'category', unit: '1', levels: SEX_LEVELS };
  if (feature.kind === 'presence' || feature.kind === 'below')
    return { kind: 'binary', unit: '1', levels: [] };
  if (feature.kind === 'age') return { kind: 'numeric', unit: 'a', levels: [] };
  const unit = feature.kind === 'measurement' ? study.families[feature.family]?.unit : undefined;
  return { kind: 'numeric', unit: unit ?? '1', levels: [] };
}

/**
 * The table's rows named, in the order named.
 *
 * @param rows - Indexes into the table.
 */
export function takeRows(table: FeatureTable, rows: ArrayLike<number>): FeatureTable {
  const indexes = Array.from(rows);
  return {
    keys: indexes.map((row) => table.keys[row] ?? ''),
    columns: table.columns.map((column) => ({
      ...column,
      values: Float64Array.from(indexes, (row) => column.values[row] ?? NaN),
    })),
    outcome: Uint8Array.from(indexes, (row) => table.outcome[row] ?? 0),
  };
}
