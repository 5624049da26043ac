/*
 * Published scores that a new model has to beat on the same patients. Each is computed from measured values alone: a patient
 * without one of them has no such score, and none is invented.
 */
import { AnalyticsError } from '../errors.js';
import { logistic } from '../math/index.js';
import { auroc, compareAurocs, type Auroc, type AurocComparison } from '../validation/index.js';
import scores from './published-scores.json' with { type: 'json' };

/** What the scores are made of; NaN where not known. */
export interface BaselineValues {
  /** Years. */
  readonly age: number;
  /** 1 or 0, as the others below that are not measured. */
  readonly male: number;
  /** How many of the 4C comorbidities. */
  readonly comorbidities: number;
  /** /min. */
  readonly respiratoryRate: number;
  /** %. */
  readonly spo2: number;
  /** 3 to 15. */
  readonly gcs: number;
  /** mmol/L. */
  readonly urea: number;
  /** mg/L. */
  readonly crp: number;
  /** 10⁹/L. */
  readonly lymphocytes: number;
  /** mmHg. */
  readonly systolic: number;
  /** /min. */
  readonly heartRate: number;
  /** Degrees Celsius. */
  readonly temperature: number;
  /** Receives oxygen. */
  readonly oxygen: number;
  /** Infiltrates on the chest radiograph. */
  readonly infiltrates: number;
  /** Infected in hospital. */
  readonly nosocomial: number;
}

/** Names of the baselines. */
export const BASELINES = ['4C Deterioration', '4C Mortality', 'NEWS2', 'qSOFA', 'age alone'] as const;
/** One of them. */
export type Baseline = (typeof BASELINES)[number];

/**
 * A baseline for one patient: a probability for 4C Deterioration, points for the others, years for age alone.
 *
 * @returns NaN when a value that it needs is not known.
 */
export function baselineScore(baseline: Baseline, values: BaselineValues): number {
  return COMPUTED[baseline](values);
}

function fourCDeterioration(values: BaselineValues): number {
  const { intercept, binary, numeric } = scores.fourCDeterioration;
  let s =
    intercept +
    binary.nosocomial * values.nosocomial +
    binary.male * values.male +
    binary.infiltrates * values.infiltrates +
    binary.oxygen * values.oxygen +
    binary.gcsBelow15 * indicator(values.gcs, (v) => v < 15);
  for (const name of ['age', 'respiratoryRate', 'spo2', 'urea', 'crp', 'lymphocytes'] as const) {
    const { linear, knots } = numeric[name];
    const x = values[name];
    s += linear * x;
    for (const [c = NaN, k = NaN] of knots) s += x > k ? c * (x - k) * (x - k) * (x - k) : 0;
  }
  return logistic(s);
}

function fourCMortality(values: BaselineValues): number {
  const { below, upTo, male } = scores.fourCMortality;
  let points = male * values.male + bandPoints(upTo.urea, values.urea, (v, bound) => v <= bound);
  for (const name of ['age', 'respiratoryRate', 'spo2', 'gcs', 'comorbidities', 'crp'] as const)
    points += bandPoints(below[name], values[name], (v, bound) => v < bound);
  return points;
}

function news2(values: BaselineValues): number {
  const { upTo, oxygen, notAlert } = scores.news2;
  let points = oxygen * values.oxygen + notAlert * indicator(values.gcs, (v) => v < 15);
  for (const name of ['respiratoryRate', 'spo2', 'systolic', 'heartRate', 'temperature'] as const)
    points += bandPoints(upTo[name], values[name], (v, bound) => v <= bound);
  return points;
}

function qSofa(values: BaselineValues): number {
  const { respiratoryRateFrom, systolicUpTo, gcsBelow } = scores.qSofa;
  return (
    indicator(values.respiratoryRate, (v) => v >= respiratoryRateFrom) +
    indicator(values.systolic, (v) => v <= systolicUpTo) +
    indicator(values.gcs, (v) => v < gcsBelow)
  );
}

function indicator(value: number, holds: (value: number) => boolean): number {
  return Number.isNaN(value) ? NaN : holds(value) ? 1 : 0;
}

/** Points of the first band that a value falls into. */
function bandPoints(
  bands: readonly (readonly (number | null)[])[],
  value: number,
  within: (value: number, bound: number) => boolean,
): number {
  if (Number.isNaN(value)) return NaN;
  return bands.find(([bound]) => typeof bound !== 'number' || within(value, bound))?.[1] ?? NaN;
}

const COMPUTED: Readonly<Record<Baseline, (values: BaselineValues) => number>> = {
  '4C Deterioration': fourCDeterioration,
  '4C Mortality': fourCMortality,
  NEWS2: news2,
  qSOFA: qSofa,
  'age alone': ({ age }) => age,
};

/** A model against a baseline on the patients who have both. Plain JSON. */
export interface BaselineComparison {
  readonly baseline: Baseline;
  /** Patients for whom the baseline can be computed. */
  readonly patients: number;
  /** Null where these have one outcome only, as are the two below. */
  readonly baselineAuroc: Auroc | null;
  readonly modelAuroc: Auroc | null;
  /** Model less baseline; null as well where both rank the patients alike. */
  readonly comparison: AurocComparison | null;
}

/** Fewer patients of an outcome allow no comparison. */
const CLASS_MIN = 2;

/**
 * Compares a model's probabilities with every baseline.
 *
 * @param p - Probabilities of held-out patients.
 * @param y - 0 or 1.
 * @param values - One a patient.
 * @throws AnalyticsError ANALYTICS_SHAPE.
 */
export function compareWithBaselines(
  p: Float64Array,
  y: Uint8Array,
  values: readonly BaselineValues[],
): BaselineComparison[] {
  if (p.length !== y.length || values.length !== y.length)
    throw new AnalyticsError('ANALYTICS_SHAPE', 'a probability, an outcome and values a patient');
  return BASELINES.map((baseline) => {
    const score = values.map((one) => baselineScore(baseline, one));
    const rows = [...score.keys()].filter((i) => !Number.isNaN(score[i]));
    const own = Uint8Array.from(rows, (i) => y[i] ?? 0);
    const events = own.reduce((total, value) => total + value, 0);
    if (Math.min(events, own.length - events) < CLASS_MIN)
      return { baseline, patients: rows.length, baselineAuroc: null, modelAuroc: null, comparison: null };
    const theirs = Float64Array.from(rows, (i) => score[i] ?? NaN);
    const ours = Float64Array.from(rows, (i) => p[i] ?? NaN);
    return {
      baseline,
      patients: rows.length,
      baselineAuroc: auroc(theirs, own),
      modelAuroc: auroc(ours, own),
      comparison: compareAurocs(ours, theirs, own),
    };
  });
}
