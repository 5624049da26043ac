import type {
  Annotation,
  Coding,
  Period,
  Reference,
  RiskAssessment,
  RiskAssessmentPrediction,
} from 'fhir/r4.js';
import { AnalyticsError } from './errors.js';
import type { SeverityLevel } from './features/index.js';
import type { SeverityScore } from './severity/index.js';

/** Code system of our severity levels: mild, moderate, severe, critical. */
export const SEVERITY_LEVEL_SYSTEM = 'urn:firebreak:severity-level';
/** Code system of models: a code is the model's handle on the log. */
export const MODEL_SYSTEM = 'urn:firebreak:model';

/** What a RiskAssessment names beside the score. */
export interface RiskAssessmentContext {
  /** Logical id of the resource. */
  readonly id: string;
  /** Such as `Patient/x`. */
  readonly patientReference: string;
  readonly encounterReference?: string;
  /** Handle of the model, as published on the log. */
  readonly modelHandle: string;
  /** When the score was made, ms. */
  readonly nowMs: number;
  /** What the score rests on, in the names that the reader knows; not empty. */
  readonly basisReferences: readonly string[];
  /** Who answers for the score, such as `Organization/x`. */
  readonly performerReference?: string;
  /** For `meta.tag`: says for instance that all this is a test. */
  readonly tags?: readonly Coding[];
  /** What must be known of the model besides; told as notes. */
  readonly warnings?: readonly string[];
}

/** HL7's scale is coarser than ours: both upper levels are a high risk. */
const QUALITATIVE: Readonly<Record<SeverityLevel, { readonly code: string; readonly display: string }>> = {
  mild: { code: 'low', display: 'Low likelihood' },
  moderate: { code: 'moderate', display: 'Moderate likelihood' },
  severe: { code: 'high', display: 'High likelihood' },
  critical: { code: 'high', display: 'High likelihood' },
};

/** Contributions told in the rationale: more would bury those that matter. */
const REASONS_MAX = 5;

/**
 * A score as a FHIR R4 RiskAssessment.
 *
 * The probability is a fraction of 1, to four digits; notes say what was imputed and what lies outside the model's
 * experience.
 *
 * @throws AnalyticsError ANALYTICS_BASIS_EMPTY when nothing is named as basis.
 * @see HL7 FHIR R4 RiskAssessment
 */
export function riskAssessment(score: SeverityScore, context: RiskAssessmentContext): RiskAssessment {
  if (context.basisReferences.length === 0) {
    throw new AnalyticsError('ANALYTICS_BASIS_EMPTY', 'a RiskAssessment names what it is based on');
  }
  const qualitative = QUALITATIVE[score.level];
  return {
    resourceType: 'RiskAssessment',
    id: context.id,
    ...(context.tags === undefined ? {} : { meta: { tag: [...context.tags] } }),
    status: 'final',
    method: {
      coding: [{ system: MODEL_SYSTEM, code: context.modelHandle }],
      text: 'Logistic regression on predictors at admission, as published on the log under this handle',
    },
    subject: { reference: context.patientReference },
    ...(context.encounterReference === undefined
      ? {}
      : { encounter: { reference: context.encounterReference } }),
    occurrenceDateTime: new Date(context.nowMs).toISOString(),
    ...(context.performerReference === undefined
      ? {}
      : { performer: { reference: context.performerReference } }),
    basis: context.basisReferences.map((reference): Reference => ({ reference })),
    prediction: [
      {
        outcome: { text: score.outcome },
        probabilityDecimal: fraction(score.probability),
        qualitativeRisk: {
          coding: [
            { system: 'http://terminology.hl7.org/CodeSystem/risk-probability', ...qualitative },
            { system: SEVERITY_LEVEL_SYSTEM, code: score.level, display: score.level },
          ],
          text: `${score.level}: ${score.meaning}`,
        },
        whenPeriod: periodOf(score),
        rationale: rationale(score),
      },
      ...levelPredictions(score),
    ],
    note: [...notes(score), ...(context.warnings ?? []).map((text): Annotation => ({ text }))],
  };
}

/** Of a model of stages: the probability of each level, which sum to 1, and of death, which is part of critical. */
function levelPredictions(score: SeverityScore): RiskAssessmentPrediction[] {
  const { stages } = score;
  if (stages === undefined) return [];
  const whenPeriod = periodOf(score);
  const levels = Object.entries(stages.levels).map(([level, probability]) => ({
    outcome: {
      coding: [{ system: SEVERITY_LEVEL_SYSTEM, code: level, display: level }],
      text: `${level} at worst`,
    },
    probabilityDecimal: fraction(probability),
    whenPeriod,
  }));
  const coding = [{ system: 'http://snomed.info/sct', code: '419099009', display: 'Dead' }];
  return [
    ...levels,
    { outcome: { coding, text: 'death' }, probabilityDecimal: fraction(stages.death), whenPeriod },
  ];
}

/** To four digits. */
function fraction(probability: number): number {
  return Math.round(probability * 10_000) / 10_000;
}

function periodOf({ s, horizonEnd }: SeverityScore): Period {
  return { start: new Date(s).toISOString(), end: new Date(horizonEnd).toISOString() };
}

function rationale(score: SeverityScore): string {
  const strongest = score.contributions
    .filter((c) => c.logOdds !== 0)
    .toSorted((a, b) => Math.abs(b.logOdds) - Math.abs(a.logOdds))
    .slice(0, REASONS_MAX)
    .map(
      (c) =>
        `${c.label} ${c.logOdds > 0 ? '+' : '−'}${Math.abs(c.logOdds).toFixed(2)}${c.imputed ? ' (imputed)' : ''}`,
    );
  if (strongest.length === 0)
    return 'No predictor sets this patient apart from the average of the patients the model was trained on.';
  return `In log-odds against the average of the patients the model was trained on, strongest first: ${strongest.join(', ')}.`;
}

function notes(score: SeverityScore): Annotation[] {
  const labels = new Map(score.contributions.map((c) => [c.feature, c.label]));
  const out: Annotation[] = [
    {
      text:
        score.imputed.length === 0
          ? 'Every predictor was present; none was imputed.'
          : `Imputed, since missing at the scoring time: ${score.imputed.map((name) => labels.get(name) ?? name).join(', ')}.`,
    },
  ];
  const outside = score.contributions.filter((c) => c.outside).map((c) => c.label);
  if (outside.length > 0) {
    out.push({ text: `Outside the range of the patients the model was trained on: ${outside.join(', ')}.` });
  }
  if (score.problems.length > 0) {
    const named = score.problems.map(
      (p) => `${p.family} (${p.problem}${p.unit === '' ? '' : `: ${p.unit}`})`,
    );
    out.push({ text: `Values that could not be used: ${[...new Set(named)].join(', ')}.` });
  }
  return out;
}
