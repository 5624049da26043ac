/** How the study's model does on patients that it has not seen, fit to be shown: no small number can be read off it. */
import { SMALL_CELL } from '../eda/index.js';
import { AnalyticsError } from '../errors.js';
import { takeRows, type Features, type FeatureTable, type Study } from '../features/index.js';
import { applyPreparation, fitStudyPreparation, splitStudy } from '../preprocess/index.js';
import { regressionCard, type CardRegression } from '../publication/index.js';
import {
  baselineInputs,
  compareWithBaselines,
  fitStudyModel,
  outcomeProbabilities,
  trainOnFeatures,
  type SeverityModel,
  type TrainedSeverity,
} from '../severity/index.js';
import {
  ageBand,
  atThresholds,
  averagePrecision,
  bootstrapOptimism,
  calibrationCurve,
  crossValidate,
  decisionCurve,
  foldsByKey,
  internalExternal,
  subgroups,
  type CalibrationPoint,
  type Learner,
  type OptimismCorrection,
  type Performance,
  type Proportion,
  type Subgroup,
} from '../validation/index.js';

/** A rule "probability at or above the threshold"; shares are null where one of its four counts is small. */
export interface ShownThreshold {
  readonly threshold: number;
  readonly sensitivity: ShownShare;
  readonly specificity: ShownShare;
  readonly ppv: ShownShare;
  readonly npv: ShownShare;
}

export type ShownShare = Pick<Proportion, 'share' | 'interval'>;

/** The model against a score that needs no model, on the patients who have both. */
export interface ShownBaseline {
  readonly baseline: string;
  readonly patients: number | null;
  readonly baselineAuroc: number | null;
  readonly modelAuroc: number | null;
  /** Model less baseline, with its 95 % interval. */
  readonly difference: number | null;
  readonly interval: readonly [low: number, high: number] | null;
}

/** Validation of the study's model on held-out patients. Plain JSON. */
export interface StudyValidation {
  readonly split: { readonly train: number; readonly test: number };
  /** Which regression, what its rows are of, and all its numbers. */
  readonly regression: CardRegression;
  readonly performance: Performance;
  /** Area under the curve of precision over recall; chance gives the share of events. */
  readonly precisionRecall: number;
  /** Over all patients, each by a model of the others; null where too few could be fitted. */
  readonly crossValidation: Performance | null;
  /** Each hospital by a model of the others; empty where there is one. */
  readonly hospitals: readonly Subgroup[];
  /** Of resampling the training part; null where too few samples could be fitted. */
  readonly optimism: OptimismCorrection | null;
  readonly calibration: readonly CalibrationPoint[];
  /** Net benefits, rounded to a hundredth. */
  readonly decision: readonly {
    readonly threshold: number;
    readonly netBenefit: number;
    readonly treatAll: number;
  }[];
  readonly thresholds: readonly ShownThreshold[];
  readonly subgroups: readonly Subgroup[];
  readonly baselines: readonly ShownBaseline[];
  readonly remarks: readonly string[];
}

const THRESHOLDS = [0.1, 0.2, 0.3, 0.4, 0.5];
/** Steps of the decision curve that are shown. */
const DECISION_STEPS = Array.from({ length: 19 }, (_, i) => (i + 1) / 20);

/** How many bootstrap samples a report takes where nothing else is asked for. */
export const RESAMPLES = 50;

/**
 * Fits the study's model on its training part and measures it on the rest.
 *
 * @param samples - Of the bootstrap; 200 or more for a publication, 0 for none, and for no cross-validation.
 * @returns Why there is none, where the patients do not suffice.
 */
export function validationOf(
  study: Study,
  features: Features,
  samples = RESAMPLES,
): StudyValidation | { readonly why: string } {
  try {
    return validated(study, features, samples);
  } catch (error) {
    if (error instanceof AnalyticsError) return { why: error.message };
    throw error;
  }
}

function validated(
  study: Study,
  features: Features,
  samples: number,
): StudyValidation | { readonly why: string } {
  const { table } = features;
  const trained = trainOnFeatures(features, study);
  const { train, test } = splitStudy(table, study);
  const held = takeRows(table, test);
  const { outcome } = held;
  const events = outcome.reduce((sum, one) => sum + one, 0);
  if (Math.min(events, outcome.length - events) < SMALL_CELL)
    return { why: 'fewer than 11 held-out patients have the outcome, or have not: nothing can be shown' };
  const { model } = trained;
  const learn = learnerOf(model, table, trained.penalties);
  const p = outcomeProbabilities(model, applyPreparation(model.preparation, held.columns));
  return {
    split: trained.split,
    regression: regressionCard(model),
    performance: trained.performance,
    precisionRecall: averagePrecision(p, outcome),
    optimism:
      samples === 0
        ? null
        : unlessTooFew(() => {
            const part = takeRows(table, train);
            const seed = `${study.fitting.seed}/bootstrap`;
            return bootstrapOptimism(learnerOf(model, part, trained.penalties), part.outcome, samples, seed);
          }),
    crossValidation: samples === 0 ? null : crossValidated(learn, table, study),
    hospitals: samples === 0 ? [] : byHospital(learn, table),
    calibration: calibrationCurve(p, outcome)?.points ?? [],
    decision: decisionCurve(p, outcome, DECISION_STEPS).map(({ threshold, netBenefit, treatAll }) => ({
      threshold,
      netBenefit: hundredth(netBenefit),
      treatAll: hundredth(treatAll),
    })),
    thresholds: atThresholds(p, outcome, THRESHOLDS).map((at) => {
      const counts = [at.truePositive, at.falsePositive, at.trueNegative, at.falseNegative];
      const isShown = counts.every((count) => count === 0 || count >= SMALL_CELL);
      const shown = ({ share, interval }: Proportion): ShownShare =>
        isShown ? { share, interval } : { share: null, interval: null };
      const { threshold, sensitivity, specificity, ppv, npv } = at;
      return {
        threshold,
        sensitivity: shown(sensitivity),
        specificity: shown(specificity),
        ppv: shown(ppv),
        npv: shown(npv),
      };
    }),
    subgroups: groupsOf(held).flatMap(([by, level]) => subgroups(p, outcome, by, level)),
    baselines: baselinesOf(study, held, p),
    // The last one counts values that were not used, which may be few: the report tells them by itself.
    remarks: features.problems.length > 0 ? trained.remarks.slice(0, -1) : trained.remarks,
  };
}

function hundredth(value: number): number {
  return Math.round(value * 100) / 100;
}

/** Preparation and fit are learned anew from the rows given; the penalty is kept. */
function learnerOf(
  model: SeverityModel,
  table: FeatureTable,
  penalties: TrainedSeverity['penalties'],
): Learner {
  const { study } = model;
  const kept = penalties.map(({ penalty }) => penalty);
  return (rows) => {
    const own = takeRows(table, rows);
    const preparation = fitStudyPreparation(own.columns, study);
    const { fitted } = fitStudyModel(applyPreparation(preparation, own.columns), own, study, kept);
    const learnt: SeverityModel = { ...model, preparation, ...fitted };
    return (others) =>
      outcomeProbabilities(learnt, applyPreparation(preparation, takeRows(table, others).columns));
  };
}

/** What cannot be learned from so few is not told. */
function unlessTooFew<T>(made: () => T): T | null {
  try {
    return made();
  } catch (error) {
    if (error instanceof AnalyticsError) return null;
    throw error;
  }
}

/** Each patient once by a model of the others, dealt into folds. */
function crossValidated(learn: Learner, { keys, outcome }: FeatureTable, study: Study): Performance | null {
  const { folds, seed } = study.fitting;
  return unlessTooFew(
    () => crossValidate(learn, outcome, foldsByKey(keys, outcome, folds, `${seed}/validation`)).pooled,
  );
}

/** Each hospital once by a model of the others. */
function byHospital(learn: Learner, { outcome, stays }: FeatureTable): readonly Subgroup[] {
  if (stays === undefined || stays.hospitals.length < 2) return [];
  const names = Array.from(stays.hospital, (i) => stays.hospitals[i] || 'not named');
  return (
    unlessTooFew(() => {
      const { probabilities } = internalExternal(learn, outcome, names);
      return subgroups(probabilities, outcome, 'hospital left out', names);
    }) ?? []
  );
}

function groupsOf({ columns, stays }: FeatureTable): [by: string, level: (string | undefined)[]][] {
  const groups: [string, (string | undefined)[]][] = [];
  const sex = columns.find(({ name }) => name === 'sex');
  if (sex !== undefined)
    groups.push(['sex', Array.from(sex.values, (value) => sex.levels[value] ?? binaryWord(value))]);
  const age = columns.find(({ name, unit }) => name === 'age' && unit === 'a');
  if (age !== undefined) groups.push(['age', Array.from(age.values, (value) => ageBand(value))]);
  if (stays !== undefined && stays.hospitals.length > 1)
    groups.push(['hospital', Array.from(stays.hospital, (i) => stays.hospitals[i] || undefined)]);
  return groups;
}

function binaryWord(value: number): string | undefined {
  return Number.isNaN(value) ? undefined : value === 1 ? 'yes' : 'no';
}

/** The published scores that can be computed from the study's features, on the same patients. */
function baselinesOf(study: Study, table: FeatureTable, p: Float64Array): ShownBaseline[] {
  const { outcome } = table;
  const values = baselineInputs(study, table);
  return compareWithBaselines(p, outcome, values)
    .filter(({ patients }) => patients > 0)
    .map(({ baseline, patients, baselineAuroc, modelAuroc, comparison }) => {
      const isShown =
        patients >= SMALL_CELL && (patients === outcome.length || outcome.length - patients >= SMALL_CELL);
      return {
        baseline,
        patients: isShown ? patients : null,
        baselineAuroc: isShown ? (baselineAuroc?.auroc ?? null) : null,
        modelAuroc: isShown ? (modelAuroc?.auroc ?? null) : null,
        difference: isShown ? (comparison?.difference ?? null) : null,
        interval: isShown ? (comparison?.interval ?? null) : null,
      };
    });
}
