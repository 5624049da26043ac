/** The TRIPOD+AI checklist, filled from what a run knows; what only authors can say is left to them and named. */
import type { ModelFamily, Study } from '../features/index.js';
import type { ModelCard } from './model-card.js';

/** An item of the checklist. */
export interface TripodItem {
  /** Such as `8a`. */
  readonly item: string;
  readonly topic: string;
  /** `filled` from the run; `authors`: the run cannot know it; `none`: not part of this run. */
  readonly status: 'filled' | 'authors' | 'none';
  readonly text: string;
}

type Line = readonly [item: string, topic: string, text?: string | undefined, status?: 'none'];

const AUTHORS = 'To be told by the authors: the run cannot know it.';

/**
 * All items of TRIPOD+AI in its order.
 *
 * @see Collins et al., TRIPOD+AI statement, BMJ 2024; 385: e078378
 */
export function tripodChecklist(card: Omit<ModelCard, 'tripod'>, study: Study): TripodItem[] {
  return linesOf(card, study).map(([item, topic, text, status]) => ({
    item,
    topic,
    status: text === undefined ? 'authors' : (status ?? 'filled'),
    text: text ?? AUTHORS,
  }));
}

const FAMILY_TEXTS: Readonly<Record<ModelFamily, string>> = {
  binary: 'Binary logistic regression',
  firth: 'Binary logistic regression by Firth’s method',
  multinomial: 'Multinomial logistic regression of the worst score in five classes',
  'proportional-odds': 'Logistic regression of the worst score in five classes, with proportional odds',
  composite: 'Binary logistic regressions of each stage of the scale among those who reached the one before',
};

function modelText({ regression }: Omit<ModelCard, 'tripod'>, { model }: Study): string {
  const text = FAMILY_TEXTS[model?.family ?? 'binary'];
  if (model?.family === 'firth') return text;
  const penalties = `(${[...new Set(regression.penalties)].join(', ')})`;
  return model?.penalty === undefined
    ? `${text} with a quadratic penalty ${penalties} chosen by cross-validation in the training part`
    : `${text} with a quadratic penalty ${penalties} that the study names`;
}

function outputText({ levels }: Omit<ModelCard, 'tripod'>): string {
  return levels.every(({ from }) => from === null)
    ? `Probabilities of the levels ${levels.map(({ level }) => level).join(', ')}, of death and of the outcome; the level is the highest that is reached more likely than not`
    : `A probability, and a level by it: ${levels.map(({ level, from }) => `${level} from ${from}`).join(', ')}`;
}

function linesOf(card: Omit<ModelCard, 'tripod'>, study: Study): readonly Line[] {
  const { counts, outcome, use } = card;
  const { cohort, fitting, features } = study;
  return [
    ['1', 'Title', `Development and internal validation of a prediction model: ${study.title}`],
    ['2', 'Abstract'],
    ['3a', 'Background: context and rationale'],
    ['3b', 'Background: target population and purpose', `${use.intended} ${use.notIntended}`],
    ['3c', 'Background: known inequalities'],
    ['4', 'Objectives', `Probability of ${outcome.label} within ${outcome.horizonDays} days of admission`],
    [
      '5a',
      'Sources of data',
      'Routine FHIR records of patients whose consent permits research, by hospitals of one instance',
    ],
    ['5b', 'Dates', card.readOn === null ? undefined : `Records as they were on ${card.readOn}`],
    ['6a', 'Setting', `Stays of the classes ${cohort.encounterClasses.join(', ')}`],
    ['6b', 'Eligibility', eligibility(study)],
    ['6c', 'Treatments received'],
    ['7', 'Data preparation', preparation(study)],
    [
      '8a',
      'Outcome',
      `${outcome.label}, within ${outcome.horizonDays} days of admission; the same for all patients`,
    ],
    ['8b', 'Outcome: assessors'],
    ['8c', 'Outcome: blinding'],
    ['9a', 'Choice of predictors'],
    [
      '9b',
      'Predictors: definition',
      `Known at most ${outcome.scoringHours} hours after admission and no earlier than ${study.window.lookBackHours} hours before: ${features.map(({ label }) => label).join('; ')}`,
    ],
    ['9c', 'Predictors: assessors'],
    [
      '10',
      'Sample size',
      `All who were eligible: ${shown(counts.included)} patients, ${shown(counts.events)} with the outcome`,
    ],
    [
      '11',
      'Missing data',
      `The training part’s median or most frequent category, with an indicator column; nobody is scored with more than ${fitting.imputedShareMax * 100} % of the predictors missing`,
    ],
    [
      '12a',
      'Use of the data',
      `${counts.fitted} patients to fit, ${counts.heldOut} held out (${splitText(study)})`,
    ],
    ['12b', 'Predictors in the model', 'Standardised; winsorised or logarithms where the study says so'],
    [
      '12c',
      'Model type and internal validation',
      `${modelText(card, study)}; measured once on the patients held out`,
    ],
    ['12d', 'Heterogeneity between clusters', 'Not estimated in this run', 'none'],
    [
      '12e',
      'Performance measures',
      'AUROC with DeLong interval, Brier and scaled Brier, calibration in the large, intercept, slope, expected over observed',
    ],
    ['12f', 'Model updating', 'None: the model was fitted anew', 'none'],
    ['12g', 'Evaluation: how predictions were made', 'By the model file, on the patients held out'],
    ['13', 'Class imbalance', 'No resampling and no weights'],
    ['14', 'Fairness'],
    ['15', 'Model output', outputText(card)],
    ['16', 'Training against evaluation', 'The same setting, eligibility, outcome and predictors'],
    ['17', 'Ethical approval'],
    ['18a', 'Funding'],
    ['18b', 'Conflicts of interest'],
    ['18c', 'Protocol', `The study file ${study.name} ${study.version}, committed to on the log`],
    ['18d', 'Registration', `Entry model.published ${card.handle}`],
    ['18e', 'Data sharing', 'None: records stay in the vault and are used as far as each consent permits'],
    [
      '18f',
      'Code sharing',
      `Firebreak ${card.code ?? '(version not kept)'}, Apache License 2.0; model ${card.modelHash}`,
    ],
    ['19', 'Patient and public involvement'],
    [
      '20a',
      'Flow of participants',
      `${counts.included} included; the flow with its exclusions stands in the analysis report`,
    ],
    ['20b', 'Characteristics', 'Table 1 of the analysis report'],
    ['20c', 'Comparison with development data', 'Not part of this run', 'none'],
    [
      '21',
      'Participants and events',
      `Fitted on ${counts.fitted} patients with ${shown(counts.eventsFitted)} events; held out ${counts.heldOut} with ${shown(counts.eventsHeldOut)}`,
    ],
    [
      '22',
      'Model specification',
      `${card.regression.terms.length} columns with ${card.regression.intercepts.length === 1 ? 'an intercept' : `${card.regression.intercepts.length} intercepts`}, all in this card and in the model file`,
    ],
    ['23a', 'Performance', performanceText(card)],
    ['23b', 'Heterogeneity of performance', 'Not estimated in this run', 'none'],
    ['24', 'Results of updating', 'None', 'none'],
    ['25', 'Interpretation'],
    ['26', 'Limitations', use.knownLimits.join(' ')],
    [
      '27a',
      'Poor or missing input',
      'Refused when too much is missing; what was imputed, could not be used or lies outside the training range is told with each score',
    ],
    ['27b', 'Users’ interaction and expertise'],
    ['27c', 'Next steps'],
  ];
}

function eligibility({ cohort }: Study): string {
  const out = (cohort.exclude ?? []).map(({ label }) => label);
  return `${cohort.ageYearsMin} years or older, with one of ${cohort.conditions.map(({ system, code }) => `${system}|${code}`).join(', ')}${out.length === 0 ? '' : `; not with ${out.join(', ')}`}`;
}

function preparation({ fitting, interactions = [] }: Study): string {
  const [low, high] = fitting.winsor ?? [0.01, 0.99];
  return `Units converted by UCUM; preparation learned from the training part alone; winsorised at the quantiles ${low} and ${high}; ${interactions.length} interactions`;
}

function splitText({ fitting: { split, testShare } }: Study): string {
  if (split?.by === 'hospital') return `the hospitals ${split.hold.join(', ')}`;
  return split?.by === 'time'
    ? `the last ${testShare * 100} % admitted`
    : `${testShare * 100} % drawn by patient`;
}

/** A performance in one line, without counts. */
export function performanceText({
  discrimination: { auroc, interval },
  accuracy,
  calibration: { slope, inTheLarge, expectedOverObserved },
  ordinal,
}: Pick<ModelCard, 'discrimination' | 'accuracy' | 'calibration' | 'ordinal'>): string {
  return [
    `AUROC ${auroc.toFixed(2)}${interval === null ? '' : ` (95 % interval ${interval[0].toFixed(2)} to ${interval[1].toFixed(2)})`}`,
    `Brier ${accuracy.brier.toFixed(3)} (scaled ${accuracy.scaled.toFixed(2)})`,
    `calibration slope ${slope === null ? 'none' : slope.estimate.toFixed(2)}`,
    `in the large ${inTheLarge.estimate.toFixed(2)}`,
    `expected over observed ${expectedOverObserved.toFixed(2)}`,
    ...(ordinal === null
      ? []
      : [
          `C-index of the stages ${ordinal.cIndex?.toFixed(2) ?? 'none'}`,
          `ranked probability score ${ordinal.rankedProbability.toFixed(3)}`,
          `weighted kappa ${ordinal.kappa?.toFixed(2) ?? 'none'}`,
        ]),
  ].join('; ');
}

function shown(count: number | null): string {
  return count === null ? '(not shown: few)' : String(count);
}
