import { edaReport, SMALL_CELL, type EdaReport } from '../eda/index.js';
import { AnalyticsError } from '../errors.js';
import {
  buildFeatures,
  takeRows,
  type Features,
  type FeatureTable,
  type Flow,
  type PermittedPatients,
  type ProblemCount,
  type Study,
} from '../features/index.js';
import type { Design } from '../models/index.js';
import { applyPreparation, fitStudyPreparation, splitStudy } from '../preprocess/index.js';
import { measure, measureStages, type Performance } from '../validation/index.js';
import { fitStudyModel, type StudyFit } from './fit.js';
import { MODEL_FORMAT, modelHash, type SeverityModel } from './model.js';
import { CLASS_COUNT, outcomeProbabilities, stageProbabilities } from './regression.js';

/** A model and all that a reader needs to judge it. */
export interface TrainedSeverity {
  readonly model: SeverityModel;
  /** SHA-256 of the model, base64url. */
  readonly hash: string;
  readonly eda: EdaReport;
  /** On the held-out part, which neither preparation nor fit has seen. */
  readonly performance: Performance;
  readonly flow: Flow;
  /** Values that could not be used, counted. */
  readonly problems: readonly ProblemCount[];
  /** One a row of coefficients. */
  readonly penalties: StudyFit['penalties'];
  readonly split: { readonly train: number; readonly test: number };
  /** Keys of all patients whose data were used, ascending. */
  readonly cohort: readonly string[];
  /** What a reader should know, in words; the performance's verdict stands first. */
  readonly remarks: readonly string[];
}

/**
 * Trains and measures the severity model of a study.
 *
 * Patients are ordered by key, split with equal shares of outcomes; preparation, penalty and coefficients come from the
 * training part alone, so the same patients give the same bits.
 *
 * @param patients - Each with the resources whose use the patient permits.
 * @param asOfMs - When the data were read; lets stays that are old enough count as followed up.
 * @throws AnalyticsError ANALYTICS_NO_PATIENTS, ANALYTICS_ONE_CLASS, ANALYTICS_TOO_FEW_ROWS, ANALYTICS_DUPLICATE_KEY,
 * ANALYTICS_NOT_FINITE, ANALYTICS_NOT_CONVERGED.
 */
export async function trainSeverity(
  patients: PermittedPatients,
  study: Study,
  asOfMs?: number,
): Promise<TrainedSeverity> {
  return trainOnFeatures(await buildFeatures(patients, study, asOfMs), study);
}

/** The same as {@link trainSeverity}, from features already built. */
export function trainOnFeatures({ table, flow, problems }: Features, study: Study): TrainedSeverity {
  if (table.keys.length === 0)
    throw new AnalyticsError('ANALYTICS_NO_PATIENTS', 'no patient is left after the exclusions');
  const split = splitStudy(table, study);
  const train = takeRows(table, split.train);
  const test = takeRows(table, split.test);
  if (!test.outcome.includes(1) || !test.outcome.includes(0)) {
    throw new AnalyticsError(
      'ANALYTICS_ONE_CLASS',
      'too few patients of each outcome to hold some of both out',
    );
  }

  const preparation = fitStudyPreparation(train.columns, study);
  const fit = fitStudyModel(applyPreparation(preparation, train.columns), train, study);
  const model: SeverityModel = {
    format: MODEL_FORMAT,
    study,
    preparation,
    ...fit.fitted,
    trained: {
      patients: train.keys.length,
      events: train.outcome.reduce((total, value) => total + value, 0),
      ...(fit.fitted.formatVersion === 1 ? {} : classCounts(train)),
    },
  };
  const held = applyPreparation(preparation, test.columns);
  const performance = measuredOn(model, held, test);
  const eda = edaReport(table);
  return {
    model,
    hash: modelHash(model),
    eda,
    performance,
    flow,
    problems,
    penalties: fit.penalties,
    split: { train: train.keys.length, test: test.keys.length },
    cohort: table.keys,
    remarks: remarks(performance, eda, fit, problems),
  };
}

/** None where one is small, since a model file is for everybody. */
function classCounts({ stage = new Uint8Array(0) }: FeatureTable): { perClass?: number[] } {
  const perClass = Array<number>(CLASS_COUNT).fill(0);
  for (const own of stage) perClass[own] = (perClass[own] ?? 0) + 1;
  return perClass.some((count) => count > 0 && count < SMALL_CELL) ? {} : { perClass };
}

/** On held-out patients; for a model of stages also how well it orders them. */
function measuredOn(model: SeverityModel, held: Design, { outcome, stage }: FeatureTable): Performance {
  const performance = measure(outcomeProbabilities(model, held), outcome);
  const stages = stageProbabilities(model, held);
  return stages === undefined || stage === undefined
    ? performance
    : { ...performance, ordinal: measureStages(stages, stage, CLASS_COUNT) };
}

function remarks(
  performance: Performance,
  eda: EdaReport,
  { remarks: ofFit }: StudyFit,
  problems: readonly ProblemCount[],
): string[] {
  const out = [performance.verdict, ...ofFit];
  if (eda.leakSuspects.length > 0) {
    out.push(
      `Predictors that separate too well by themselves, look for a leak: ${eda.leakSuspects.join(', ')}.`,
    );
  }
  const unused = problems.reduce((total, { count }) => total + count, 0);
  if (unused > 0) out.push(`${unused} values in the window could not be used.`);
  return out;
}
