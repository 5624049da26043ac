import { AnalyticsError } from '../errors.js';
import { compileStudy } from './compile.js';
import type { PermittedPatients } from './patient.js';
import type { ReadingProblem } from './readings.js';
import { RowColumns } from './row-columns.js';
import { patientRow, SEX_LEVELS, type Exclusion, type PatientRow, type RowOptions } from './row.js';
import type { Study, StudyFeature } from './study.js';
import { UnitSketch, unitSpreads, type UnitSpread } from './unit-sketch.js';

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
  /** The highest stage of the scale, 0 to 4; only models of stages need it. */
  readonly stage?: Uint8Array;
  /** When and where the patients were admitted. */
  readonly stays?: Stays;
}

/** When and where patients were admitted, one value a patient. */
export interface Stays {
  /** Admission, ms since the epoch. */
  readonly t0Ms: Float64Array;
  /** Index into `hospitals`. */
  readonly hospital: Uint16Array;
  /** Names as the Encounters give them, ascending; an empty one stands for none. */
  readonly hospitals: readonly string[];
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

/** Values in the window that were used, by the unit in which they came. */
export interface UnitCount extends UnitSpread {
  readonly family: string;
  /** As the source wrote it. */
  readonly unit: string;
  readonly count: number;
  /** After conversion, in the family's unit: a unit written wrongly shows as a mean far from the others. */
  readonly mean: number;
}

/** What came out of reading the patients. */
export interface Features {
  readonly table: FeatureTable;
  /** The same at the study's landmark, for who is free of the outcome then; absent where the study has none. */
  readonly landmark?: FeatureTable;
  readonly units?: readonly UnitCount[];
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
  const rows = new RowColumns(study.features.length);
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
  const units = new Map<string, UnitUse>();
  const onUse = (family: string, unit: string, value: number): void => {
    const shown = units.size < PROBLEM_KINDS_MAX ? unit : 'others';
    const name = `${family}\n${shown}`;
    const entry = units.get(name);
    const read = study.families[family];
    if (read === undefined) return;
    const of = entry ?? { family, unit: shown, count: 0, total: 0, sketch: new UnitSketch(read) };
    if (entry === undefined) units.set(name, of);
    of.count++;
    of.total += value;
    of.sketch.add(value);
  };
  const landmarkRows = new RowColumns(study.features.length);
  for await (const patient of patients) {
    if (seen.has(patient.key))
      throw new AnalyticsError('ANALYTICS_DUPLICATE_KEY', 'a patient was given twice');
    seen.add(patient.key);
    const row = patientRow(patient, compiled, { for: 'training', asOfMs, onUse }, onProblem);
    if (typeof row === 'string') excluded[row] = (excluded[row] ?? 0) + 1;
    else rows.add(row);
    if (study.landmarkHours === undefined || typeof row === 'string') continue;
    const options: RowOptions = { for: 'training', asOfMs, landmark: true };
    const later = patientRow(patient, compiled, options, () => undefined);
    if (typeof later !== 'string') landmarkRows.add(later);
  }
  const table = tableOf(study, rows);
  const { outcome } = table;
  return {
    table,
    ...(study.landmarkHours === undefined ? {} : { landmark: tableOf(study, landmarkRows) }),
    units: unitCounts(
      [...units.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry),
    ),
    flow: {
      patients: seen.size,
      excluded: Object.fromEntries(Object.entries(excluded).toSorted(([a], [b]) => (a < b ? -1 : 1))),
      included: rows.count,
      events: outcome.reduce((total, value) => total + value, 0),
    },
    problems: [...problems.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry),
  };
}

interface UnitUse {
  readonly family: string;
  readonly unit: string;
  count: number;
  total: number;
  readonly sketch: UnitSketch;
}

/** @param uses - Ordered by family. */
function unitCounts(uses: readonly UnitUse[]): UnitCount[] {
  const families = [...new Set(uses.map(({ family }) => family))];
  return families.flatMap((name) => {
    const group = uses.filter(({ family }) => family === name);
    const spreads = unitSpreads(group.map(({ sketch }) => sketch));
    return group.flatMap(({ family, unit, count, total }, i) => {
      const spread = spreads[i];
      return spread === undefined ? [] : [{ family, unit, count, mean: total / count, ...spread }];
    });
  });
}

function tableOf(study: Study, rows: RowColumns): FeatureTable {
  const { keys, columns, outcome, stage, t0Ms, hospital, hospitals } = rows.sorted();
  return {
    keys,
    columns: columnsWith(study, (index) => columns[index] ?? new Float64Array(keys.length)),
    outcome,
    stage,
    stays: { t0Ms, hospital, hospitals },
  };
}

/**
 * The table's columns for some rows; scoring uses it for one.
 *
 * @param rows - In the order wanted.
 */
export function columnsOf(study: Study, rows: readonly PatientRow[]): FeatureColumn[] {
  return columnsWith(study, (index) => Float64Array.from(rows, (row) => row.values[index] ?? NaN));
}

function columnsWith(study: Study, values: (index: number) => Float64Array): FeatureColumn[] {
  return study.features.map((feature, index) => ({
    name: feature.name,
    label: feature.label,
    ...shapeOf(feature, study),
    values: values(index),
  }));
}

function shapeOf(feature: StudyFeature, study: Study): Pick<FeatureColumn, 'kind' | 'unit' | 'levels'> {
  if (feature.kind === 'sex') return { kind: 'category', unit: '1', levels: SEX_LEVELS };
  if (feature.kind === 'presence' || feature.kind === 'below' || feature.kind === 'disease')
    return { kind: 'binary', unit: '1', levels: [] };
  if (feature.kind === 'age') return { kind: 'numeric', unit: 'a', levels: [] };
  if (feature.kind === 'column') return { kind: 'numeric', unit: feature.unit ?? '1', levels: [] };
  if (feature.kind !== 'measurement' || feature.pick === 'count')
    return { kind: 'numeric', unit: '1', levels: [] };
  const unit = feature.unit ?? study.families[feature.family]?.unit ?? '1';
  return { kind: 'numeric', unit: feature.pick === 'slope' ? `${unit}/d` : unit, levels: [] };
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
    ...(table.stage === undefined
      ? {}
      : { stage: Uint8Array.from(indexes, (row) => table.stage?.[row] ?? 0) }),
    ...(table.stays === undefined ? {} : { stays: takeStays(table.stays, indexes) }),
  };
}

function takeStays({ t0Ms, hospital, hospitals }: Stays, rows: readonly number[]): Stays {
  return {
    t0Ms: Float64Array.from(rows, (row) => t0Ms[row] ?? NaN),
    hospital: Uint16Array.from(rows, (row) => hospital[row] ?? 0),
    hospitals,
  };
}
