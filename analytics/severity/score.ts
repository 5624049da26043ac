import { AnalyticsError } from '../errors.js';
import {
  columnsOf,
  compileStudy,
  patientRow,
  type Exclusion,
  type FeatureColumn,
  type LevelBand,
  type PatientRow,
  type PermittedPatient,
  type ReadingProblem,
  type ResourceId,
} from '../features/index.js';
import { logistic } from '../math/index.js';
import type { Design } from '../models/index.js';
import { applyPreparation } from '../preprocess/index.js';
import { compositeScore, LEVEL_MEANINGS, type CompositeScore } from './levels.js';
import type { SeverityModel } from './model.js';
import { explain, stageProbabilities, type Explanation } from './regression.js';

/** What one predictor adds to a patient's log-odds of the outcome, against a patient at the training part's mean. */
export interface Contribution {
  readonly feature: string;
  readonly label: string;
  /** Raw value; a category's code; null where missing. */
  readonly value: number | null;
  readonly unit: string;
  readonly logOdds: number;
  /** Whether the value was missing and filled in. */
  readonly imputed: boolean;
  /** Whether the value lies outside what the training part had. */
  readonly outside: boolean;
}

/** A score. Plain JSON; personal data. */
export interface SeverityScore {
  readonly status: 'scored';
  /** Of the study's outcome, 0 to 1. */
  readonly probability: number;
  readonly level: LevelBand['level'];
  /** What the level means. */
  readonly meaning: string;
  /** Probabilities of the stages and levels, where the model tells them; the level is theirs then. */
  readonly stages?: CompositeScore;
  /** The study's outcome and horizon, for whoever shows the score. */
  readonly outcome: string;
  readonly intercept: number;
  /** In the study's order; with the intercept they add up to the log-odds. */
  readonly contributions: readonly Contribution[];
  /** Names of the predictors that were missing. */
  readonly imputed: readonly string[];
  /** Values in the window that could not be used. */
  readonly problems: readonly {
    readonly family: string;
    readonly problem: ReadingProblem;
    readonly unit: string;
  }[];
  /** Resources that the score rests on, the Encounter first; never empty. */
  readonly basisIds: readonly ResourceId[];
  /** Admission, ms. */
  readonly t0: number;
  /** Scoring time, ms. */
  readonly s: number;
  /** End of the time in which the outcome counts, ms. */
  readonly horizonEnd: number;
  readonly encounterId: string;
}

/** Why a patient is not scored. */
export type ScoreRefusalCode = Exclude<Exclusion, 'follow-up-incomplete'> | 'too-much-missing';

/** A refusal to score. */
export interface ScoreRefusal {
  readonly status: 'refused';
  readonly code: ScoreRefusalCode;
}

/**
 * Scores a patient's latest stay by what was known at the scoring time.
 *
 * @param patient - With the resources whose use the patient permits.
 * @throws AnalyticsError ANALYTICS_MODEL_INVALID when model and study do not fit together.
 */
export function scorePatient(model: SeverityModel, patient: PermittedPatient): SeverityScore | ScoreRefusal {
  const { study } = model;
  const compiled = compileStudy(study);
  const problems: { family: string; problem: ReadingProblem; unit: string }[] = [];
  const row = patientRow(patient, compiled, { for: 'scoring' }, (family, problem, unit) => {
    problems.push({ family, problem, unit });
  });
  if (row === 'follow-up-incomplete')
    throw new AnalyticsError('ANALYTICS_MODEL_INVALID', 'scoring asks for no follow-up');
  if (typeof row === 'string') return { status: 'refused', code: row };
  const columns = columnsOf(study, [row]);
  const design = applyPreparation(model.preparation, columns);
  const explanation = explain(model, design);
  const contributions = contributionsOf(model, columns, explanation);
  const imputed = contributions.filter((c) => c.imputed).map((c) => c.feature);
  if (imputed.length > study.fitting.imputedShareMax * contributions.length || row.encounterId === '') {
    return { status: 'refused', code: 'too-much-missing' };
  }
  const logOdds = contributions.reduce((total, c) => total + c.logOdds, explanation.intercept);
  const probability = logistic(logOdds);
  const stages = stagesOf(model, design);
  const band = bandOf(model, probability, stages);
  return {
    status: 'scored',
    probability,
    level: band.level,
    meaning: band.meaning,
    ...(stages === undefined ? {} : { stages }),
    outcome: `${study.outcome.label}, within ${study.window.horizonDays} days of admission`,
    intercept: explanation.intercept,
    contributions,
    imputed,
    problems,
    basisIds: basisOf(row),
    t0: row.t0Ms,
    s: row.sMs,
    horizonEnd: row.t0Ms + compiled.horizonMs,
    encounterId: row.encounterId,
  };
}

/**
 * The band that a probability falls into.
 *
 * @param levels - Ascending from 0.
 * @throws AnalyticsError ANALYTICS_MODEL_INVALID when there are none.
 */
export function levelOf(levels: readonly LevelBand[], probability: number): LevelBand {
  const band = levels.findLast(({ from }) => probability >= from);
  if (band === undefined)
    throw new AnalyticsError('ANALYTICS_MODEL_INVALID', 'the model has no level for a probability');
  return band;
}

/** Of the one patient in the design. */
function stagesOf(model: SeverityModel, design: Design): CompositeScore | undefined {
  const p = stageProbabilities(model, design);
  if (p === undefined) return undefined;
  const [five = NaN, six = NaN, seven = NaN, death = NaN] = p;
  return compositeScore([five, six, seven, death]);
}

function bandOf(
  { study }: SeverityModel,
  probability: number,
  stages: CompositeScore | undefined,
): Pick<LevelBand, 'level' | 'meaning'> {
  return stages === undefined
    ? levelOf(study.levels, probability)
    : { level: stages.level, meaning: LEVEL_MEANINGS[stages.level] };
}

/** A predictor may have several columns, such as one for each category, or a share in an interaction's. */
function contributionsOf(
  { preparation }: SeverityModel,
  columns: readonly FeatureColumn[],
  { terms }: Explanation,
): Contribution[] {
  const sums = new Float64Array(columns.length);
  preparation.columns.forEach((column, j) => {
    sums[column.feature] = (sums[column.feature] ?? NaN) + (terms[j] ?? NaN);
  });
  return columns.map((column, index): Contribution => {
    const value = column.values[0] ?? NaN;
    const missing = Number.isNaN(value);
    const [low, high] = preparation.features[index]?.seen ?? [-Infinity, Infinity];
    return {
      feature: column.name,
      label: column.label,
      value: missing ? null : value,
      unit: column.unit,
      logOdds: sums[index] ?? NaN,
      imputed: missing,
      outside: !missing && (value < low || value > high),
    };
  });
}

/** Each resource once: the Encounter, then the others by type and id. */
function basisOf(row: PatientRow): ResourceId[] {
  const names = new Map(row.basis.flat().map((id) => [`${id.type}/${id.id}`, id]));
  const others = [...names.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, id]) => id);
  return [{ type: 'Encounter', id: row.encounterId }, ...others];
}
