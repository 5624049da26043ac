/** Fits the model that a study asks for. */
import { AnalyticsError } from '../errors.js';
import { CLASS_NAMES, STAGE_SCORES, type FeatureTable, type Study } from '../features/index.js';
import { log } from '../math/index.js';
import {
  choosePenalty,
  crossValidated,
  fitContinuation,
  fitFirth,
  fitLogistic,
  fitMultinomial,
  fitOrdinal,
  PENALTY_DEFAULT,
  PENALTY_GRID,
  predictClasses,
  selectColumns,
  selectRows,
  varyingColumns,
  type ClassParameters,
  type Design,
  type PenaltyChoice,
} from '../models/index.js';
import { foldsByKey } from '../validation/index.js';
import type { BinarySeverityModel, StagedSeverityModel } from './model.js';

/** What a model file says of the fit. */
export type Fitted =
  | Pick<BinarySeverityModel, 'formatVersion' | 'intercept' | 'coefficients' | 'penalty'>
  | Pick<StagedSeverityModel, 'formatVersion' | 'kind' | 'parameters' | 'penalties'>;

/** A fit and what led to it. */
export interface StudyFit {
  readonly fitted: Fitted;
  /** One a row of coefficients. */
  readonly penalties: readonly PenaltyChoice[];
  /** What a reader should know of it. */
  readonly remarks: readonly string[];
}

/** The outcome and stages of the rows to fit. */
export type FitRows = Pick<FeatureTable, 'keys' | 'outcome' | 'stage'>;

/**
 * Fits the study's model to prepared rows.
 *
 * @param penalties - Taken instead of choosing them anew, one a row of coefficients.
 * @throws AnalyticsError as the family's solver does; ANALYTICS_ONE_CLASS where a class of the scale has no patient and the
 * family needs one in each.
 */
export function fitStudyModel(
  design: Design,
  rows: FitRows,
  study: Study,
  penalties?: readonly number[],
): StudyFit {
  const family = study.model?.family ?? 'binary';
  const fixed = penalties ?? (study.model?.penalty === undefined ? undefined : [study.model.penalty]);
  if (family === 'firth') return firth(design, rows);
  if (family === 'binary') return binary(design, rows, study, fixed?.[0]);
  const stages = rows.stage;
  if (stages?.length !== design.rows)
    throw new AnalyticsError('ANALYTICS_SHAPE', 'a model of stages wants the stage of each row');
  return family === 'composite'
    ? composite(design, rows.keys, stages, study, fixed)
    : oneModel(family, design, rows, stages, study, fixed?.[0]);
}

const SEPARATED =
  'The predictors separate the training outcomes completely: only the penalty keeps the estimates finite.';

function binary(design: Design, rows: FitRows, study: Study, fixed: number | undefined): StudyFit {
  const choice =
    fixed === undefined
      ? choosePenalty(design, rows.outcome, foldsOf(rows.keys, rows.outcome, study))
      : taken(fixed);
  const fit = fitLogistic(design, rows.outcome, { penalty: choice.penalty });
  return {
    fitted: {
      formatVersion: 1,
      intercept: fit.intercept,
      coefficients: [...fit.coefficients],
      penalty: fit.penalty,
    },
    penalties: [choice],
    remarks: [...(fit.separated ? [SEPARATED] : []), ...(fixed === undefined ? tooFew([choice]) : [])],
  };
}

function firth(design: Design, rows: FitRows): StudyFit {
  const fit = fitFirth(design, rows.outcome);
  const { kind, columns } = fit.separation;
  return {
    fitted: { formatVersion: 1, intercept: fit.intercept, coefficients: [...fit.coefficients], penalty: 0 },
    penalties: [taken(0)],
    remarks:
      kind === 'none'
        ? []
        : [
            `The predictors separate the training outcomes (${kind}, by ${columns.join(', ')}): plain estimates do not exist, those by Firth’s method do.`,
          ],
  };
}

function oneModel(
  family: 'multinomial' | 'proportional-odds',
  design: Design,
  { keys, outcome }: FitRows,
  stages: Uint8Array,
  study: Study,
  fixed: number | undefined,
): StudyFit {
  const missing = CLASS_NAMES.filter((_, k) => !stages.includes(k));
  if (missing.length > 0)
    throw new AnalyticsError(
      'ANALYTICS_ONE_CLASS',
      `no patient of the training part has ${missing.join(', nor ')} as the worst: a ${family} model wants some of each, a composite one does not`,
    );
  const fit = family === 'multinomial' ? multinomial : ordinal;
  const choice =
    fixed === undefined
      ? crossValidated(foldsOf(keys, outcome, study), PENALTY_GRID, design.rows, (train, test) => {
          const own = takeStages(stages, train);
          if (CLASS_NAMES.some((_, k) => !own.includes(k))) return undefined;
          // A column may have one value in all folds but one.
          const whole = selectRows(design, train);
          const varying = varyingColumns(whole);
          const part = selectColumns(whole, varying);
          const held = selectColumns(selectRows(design, test), varying);
          const heldStages = takeStages(stages, test);
          return (penalty) => {
            const p = predictClasses(family, fit(part, own, penalty), held);
            let loss = 0;
            heldStages.forEach((stage, i) => {
              loss -= log(Math.max(p[i * CLASS_NAMES.length + stage] ?? NaN, Number.MIN_VALUE));
            });
            return loss;
          };
        })
      : taken(fixed);
  return {
    fitted: {
      formatVersion: 2,
      kind: family,
      parameters: fit(design, stages, choice.penalty),
      penalties: Array<number>(family === 'multinomial' ? CLASS_NAMES.length : 1).fill(choice.penalty),
    },
    penalties: [choice],
    remarks: fixed === undefined ? tooFew([choice]) : [],
  };
}

function multinomial(design: Design, stages: Uint8Array, penalty: number): ClassParameters {
  const fit = fitMultinomial(design, stages, CLASS_NAMES.length, { penalty });
  return { intercepts: [...fit.intercepts], coefficients: fit.coefficients.map((row) => [...row]) };
}

function ordinal(design: Design, stages: Uint8Array, penalty: number): ClassParameters {
  const fit = fitOrdinal(design, stages, CLASS_NAMES.length, { penalty });
  return { intercepts: [...fit.thresholds], coefficients: [[...fit.coefficients]] };
}

function composite(
  design: Design,
  keys: readonly string[],
  stages: Uint8Array,
  study: Study,
  fixed: readonly number[] | undefined,
): StudyFit {
  const choices = STAGE_SCORES.map(() => taken(PENALTY_DEFAULT));
  const steps = fitContinuation(design, stages, STAGE_SCORES.length, {
    penaltyOf: (stage, part, y, rows) => {
      const given = fixed?.[stage - 1] ?? fixed?.[0];
      const own = Array.from(rows, (row) => keys[row] ?? '');
      const choice = given === undefined ? choosePenalty(part, y, foldsOf(own, y, study)) : taken(given);
      choices[stage - 1] = choice;
      return choice.penalty;
    },
  });
  const rates = steps.flatMap(({ kind }, k) => (kind === 'rate' ? [CLASS_NAMES[k + 1] ?? ''] : []));
  return {
    fitted: {
      formatVersion: 2,
      kind: 'continuation-ratio',
      parameters: {
        intercepts: steps.map(({ intercept }) => intercept),
        coefficients: steps.map(({ coefficients }) => [...coefficients]),
      },
      penalties: steps.map(({ penalty }) => penalty),
    },
    penalties: choices,
    remarks: [
      ...(rates.length === 0
        ? []
        : [
            `Too few patients went on to, or stayed short of, ${rates.join(', ')}: everyone has the same probability of that step.`,
          ]),
      ...(fixed === undefined ? tooFew(choices.filter((_, k) => steps[k]?.kind === 'logits')) : []),
    ],
  };
}

function tooFew(choices: readonly PenaltyChoice[]): string[] {
  return choices.some(({ folds }) => folds === 0)
    ? ['There were too few patients to choose the penalty by cross-validation.']
    : [];
}

function taken(penalty: number): PenaltyChoice {
  return { penalty, tried: [], folds: 0 };
}

function foldsOf(keys: readonly string[], y: Uint8Array, { fitting }: Study): Uint8Array {
  return foldsByKey(keys, y, fitting.folds, `${fitting.seed}/folds`);
}

function takeStages(stages: Uint8Array, rows: Int32Array): Uint8Array {
  return Uint8Array.from(rows, (row) => stages[row] ?? 0);
}
