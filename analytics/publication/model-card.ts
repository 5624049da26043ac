/** Model cards: what a model is, for whom, what it was fitted on and how it did. */
import { SMALL_CELL } from '../eda/index.js';
import { CLASS_NAMES, isStaged, STAGE_NAMES, type Flow } from '../features/index.js';
import type { ClassKind } from '../models/index.js';
import {
  LEVEL_MEANINGS,
  modelHash,
  penaltiesOf,
  regressionOf,
  type SeverityModel,
} from '../severity/index.js';
import type { OrdinalPerformance, Performance } from '../validation/index.js';
import { tripodChecklist, type TripodItem } from './tripod.js';

/** What a card is made of. */
export interface CardSource {
  /** Name on the log. */
  readonly handle: string;
  readonly model: SeverityModel;
  /** On patients held out. */
  readonly performance: Performance;
  readonly flow: Flow;
  /** Version of the software that fitted it, where it was kept. */
  readonly code?: string;
  /** When the records were read, ms, where it was kept. */
  readonly asOfMs?: number;
  /** Whether patients whom it was fitted on have withdrawn since. */
  readonly isTouched: boolean;
}

/** Counts of patients; null where one below 11 could be computed from it. */
export interface CardCounts {
  readonly included: number;
  readonly fitted: number;
  readonly heldOut: number;
  readonly events: number | null;
  readonly eventsFitted: number | null;
  readonly eventsHeldOut: number | null;
}

/** A column of the model and what it adds. */
export interface CardTerm {
  readonly column: string;
  /** Log-odds a standard deviation, one of each of the regression's rows. */
  readonly coefficients: readonly number[];
}

/** The regression, whole. */
export interface CardRegression {
  readonly kind: ClassKind;
  /** What each row of coefficients is of. */
  readonly rows: readonly string[];
  /** One a row. */
  readonly penalties: readonly number[];
  readonly intercepts: readonly { readonly of: string; readonly value: number }[];
  readonly terms: readonly CardTerm[];
}

/** A model card. Plain JSON, without any patient's data and without counts of 1 to 10 patients. */
export interface ModelCard {
  readonly format: 'firebreak.model-card';
  readonly formatVersion: 2;
  readonly handle: string;
  /** SHA-256 of the model file, base64url. */
  readonly modelHash: string;
  readonly study: { readonly name: string; readonly version: string; readonly title: string };
  readonly code: string | null;
  /** When the records were read, such as `2026-11-23`. */
  readonly readOn: string | null;
  readonly use: {
    readonly intended: string;
    readonly notIntended: string;
    readonly knownLimits: readonly string[];
  };
  readonly outcome: { readonly label: string; readonly horizonDays: number; readonly scoringHours: number };
  readonly counts: CardCounts;
  readonly discrimination: Performance['discrimination'];
  readonly accuracy: Performance['accuracy'];
  readonly calibration: Performance['calibration'];
  readonly precision: Performance['precision'];
  /** Of a model of stages. */
  readonly ordinal: OrdinalPerformance | null;
  readonly regression: CardRegression;
  /** Candidate columns that could not be used, and predictors that read the outcome. */
  readonly left: readonly string[];
  /** `from`: the least probability of the outcome; null where the level follows from the stages' probabilities. */
  readonly levels: readonly {
    readonly level: string;
    readonly from: number | null;
    readonly meaning: string;
  }[];
  readonly isTouched: boolean;
  /** TRIPOD+AI, as far as the run can tell. */
  readonly tripod: readonly TripodItem[];
}

/**
 * The card of a published model.
 *
 * @see Mitchell et al., Model Cards for Model Reporting, FAT* 2019; Collins et al., TRIPOD+AI, BMJ 2024; 385: e078378
 */
export function modelCard(source: CardSource): ModelCard {
  const { handle, model, performance, flow, code, asOfMs, isTouched } = source;
  const { study } = model;
  const card: Omit<ModelCard, 'tripod'> = {
    format: 'firebreak.model-card',
    formatVersion: 2,
    handle,
    modelHash: modelHash(model),
    study: { name: study.name, version: study.version, title: study.title },
    code: code ?? null,
    readOn: asOfMs === undefined ? null : new Date(asOfMs).toISOString().slice(0, 10),
    use: {
      intended:
        'Tells clinicians how likely the outcome is, for patients like those of the cohort, as one reason among others.',
      notIntended:
        'Not a medical device. Decides about nobody: not on admission, treatment, discharge, cover or payment; not for patients outside the cohort.',
      knownLimits: limitsOf(source),
    },
    outcome: {
      label: study.outcome.label,
      horizonDays: study.window.horizonDays,
      scoringHours: study.window.scoringHours,
    },
    counts: countsOf(model, performance, flow),
    discrimination: performance.discrimination,
    accuracy: performance.accuracy,
    calibration: performance.calibration,
    precision: performance.precision,
    ordinal: performance.ordinal ?? null,
    regression: regressionCard(model),
    left: [
      ...model.preparation.dropped.map(({ name, because }) => `${name}: ${because}`),
      ...(study.dropped ?? []).map(({ name }) => `${name}: reads what defines the outcome`),
    ],
    levels: levelsOf(model),
    isTouched,
  };
  return { ...card, tripod: tripodChecklist(card, study) };
}

function levelsOf({ study }: SeverityModel): ModelCard['levels'] {
  if (!isStaged(study)) return study.levels.map(({ level, from, meaning }) => ({ level, from, meaning }));
  const levels = ['mild', 'moderate', 'severe', 'critical'] as const;
  return levels.map((level) => ({ level, from: null, meaning: LEVEL_MEANINGS[level] }));
}

/** What rows of coefficients and intercepts are of, by kind. */
const ROWS: Readonly<Record<ClassKind, readonly [rows: readonly string[], intercepts: readonly string[]]>> = {
  binary: [['the outcome'], ['the outcome']],
  multinomial: [CLASS_NAMES, CLASS_NAMES],
  'proportional-odds': [['a higher class'], CLASS_NAMES.slice(0, -1).map((name) => `${name}, or lower`)],
  'continuation-ratio': [
    STAGE_NAMES.map((name, k) => (k === 0 ? name : `${name}, of those with ${STAGE_NAMES[k - 1] ?? ''}`)),
    STAGE_NAMES,
  ],
};

/** A model's regression as a card tells it. */
export function regressionCard(model: SeverityModel): CardRegression {
  const { kind, intercepts, coefficients } = regressionOf(model);
  const [rows, names] = ROWS[kind];
  return {
    kind,
    rows,
    penalties: penaltiesOf(model),
    intercepts: intercepts.map((value, k) => ({ of: names[k] ?? '', value })),
    terms: model.preparation.columns.map(({ name }, j) => ({
      column: name,
      coefficients: coefficients.map((row) => row[j] ?? NaN),
    })),
  };
}

function countsOf(model: SeverityModel, performance: Performance, flow: Flow): CardCounts {
  const groups: readonly (readonly [number, number])[] = [
    [flow.included, flow.events],
    [model.trained.patients, model.trained.events],
    [performance.patients, performance.events],
  ];
  // Either part follows from the whole and the other part, so that one small count hides all three.
  const isSmall = groups.some(([all, events]) => [events, all - events].some((n) => n > 0 && n < SMALL_CELL));
  const shown = (count: number): number | null => (isSmall ? null : count);
  return {
    included: flow.included,
    fitted: model.trained.patients,
    heldOut: performance.patients,
    events: shown(flow.events),
    eventsFitted: shown(model.trained.events),
    eventsHeldOut: shown(performance.events),
  };
}

/** Fewer events or non-events than this are too few to judge calibration (Collins et al., Stat Med 2016; 35: 214-226). */
const EVENTS_MIN = 100;

function limitsOf({ model, performance, isTouched }: CardSource): string[] {
  const { patients, events, precision, calibration } = performance;
  const slope = calibration.slope?.estimate;
  const perColumn = model.trained.events / Math.max(1, model.preparation.columns.length);
  return [
    ...(precision === 'wide' || precision === 'unknown'
      ? ['Few patients were held out: the discrimination may lie far from the estimate.']
      : []),
    ...(Math.min(events, patients - events) < EVENTS_MIN
      ? [`Calibration rests on fewer than ${EVENTS_MIN} patients in the smaller class.`]
      : []),
    ...(perColumn < 10 ? ['Fewer than 10 events a column: the coefficients are shrunk and uncertain.'] : []),
    ...(slope === undefined || slope < 0.8 ? ['Its probabilities may be too extreme on new patients.'] : []),
    ...(isTouched
      ? ['Patients whom it was fitted on have withdrawn since: it is to be fitted anew without them.']
      : []),
    'It has not been evaluated at hospitals other than those of its patients.',
    'Only patients who permit research at this organisation are in it; they may differ from those who do not.',
  ];
}
