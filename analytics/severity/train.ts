import { edaReport, type EdaReport } from '../eda/index.js';
import { AnalyticsError } from '../errors.js';
import {
  buildFeatures,
  takeRows,
  type Features,
  type Flow,
  type PermittedPatients,
  type ProblemCount,
  type Study,
} from '../features/index.js';
import { choosePenalty, fitLogistic, predict, type PenaltyChoice } from '../models/index.js';
import { applyPreparation, fitStudyPreparation, splitStudy } from '../preprocess/index.js';
import { foldsByKey, measure, type Performance } from '../validation/index.js';
import { MODEL_FORMAT, MODEL_FORMAT_VERSION, modelHash, type SeverityModel } from './model.js';

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
  readonly penalty: PenaltyChoice;
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
  const { seed, folds } = study.fitting;
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
  const design = applyPreparation(preparation, train.columns);
  const penalty = choosePenalty(
    design,
    train.outcome,
    foldsByKey(train.keys, train.outcome, folds, `${seed}/folds`),
  );
  const fit = fitLogistic(design, train.outcome, { penalty: penalty.penalty });
  const performance = measure(predict(applyPreparation(preparation, test.columns), fit), test.outcome);

  const model: SeverityModel = {
    format: MODEL_FORMAT,
    formatVersion: MODEL_FORMAT_VERSION,
    study,
    preparation,
    intercept: fit.intercept,
    coefficients: [...fit.coefficients],
    penalty: fit.penalty,
    trained: {
      patients: train.keys.length,
      events: train.outcome.reduce((total, value) => total + value, 0),
    },
  };
  const eda = edaReport(table);
  return {
    model,
    hash: modelHash(model),
    eda,
    performance,
    flow,
    problems,
    penalty,
    split: { train: train.keys.length, test: test.keys.length },
    cohort: table.keys,
    remarks: remarks(performance, eda, fit.separated, penalty, problems),
  };
}

function remarks(
  performance: Performance,
  eda: EdaReport,
  separated: boolean,
  penalty: PenaltyChoice,
  problems: readonly ProblemCount[],
): string[] {
  const out = [performance.verdict];
  if (separated) {
    out.push(
      'The predictors separate the training outcomes completely: only the penalty keeps the estimates finite.',
    );
  }
  if (eda.leakSuspects.length > 0) {
    out.push(
      `Predictors that separate too well by themselves, look for a leak: ${eda.leakSuspects.join(', ')}.`,
    );
  }
  if (penalty.folds === 0) out.push('There were too few patients to choose the penalty by cross-validation.');
  const unused = problems.reduce((total, { count }) => total + count, 0);
  if (unused > 0) out.push(`${unused} values in the window could not be used.`);
  return out;
}
