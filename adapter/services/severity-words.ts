/** What a RiskAssessment of ours says, in words for a card or a terminal. */
import { SEVERITY_LEVEL_SYSTEM } from '../../analytics/index.js';
import { isJsonObject } from '../../mappings/index.js';
import type { JsonObject } from '../../mappings/index.js';

/** The prediction of a model's outcome. */
export interface ToldSeverity {
  readonly level: string;
  readonly probability: number;
  readonly outcome: string;
  /** What the level means. */
  readonly meaning: string;
  readonly rationale: string;
  /** Such as `mild 62 %, moderate 20 %, severe 10 %, critical 8 % (death 3 %)`; empty where the model tells no levels. */
  readonly levels: string;
  readonly notes: readonly string[];
}

/** `undefined` where the resource does not tell its level, such as one of which the patient lets a part be seen only. */
export function toldSeverity(assessment: JsonObject): ToldSeverity | undefined {
  const [prediction, ...others] = objectsOf(assessment['prediction']);
  const risk = prediction?.['qualitativeRisk'];
  const level = levelIn(risk);
  const probability = prediction?.['probabilityDecimal'];
  if (prediction === undefined || level === undefined || typeof probability !== 'number') return undefined;
  return {
    level,
    probability,
    outcome: textIn(prediction['outcome']),
    meaning: textIn(risk),
    rationale: textOf(prediction['rationale']),
    levels: levelsText(others),
    notes: objectsOf(assessment['note']).map(({ text }) => textOf(text)),
  };
}

function levelsText(predictions: readonly JsonObject[]): string {
  const told = predictions.flatMap(({ outcome, probabilityDecimal: p }) =>
    typeof p === 'number' ? [{ name: levelIn(outcome), share: percent(p) }] : [],
  );
  const levels = told.flatMap(({ name, share }) => (name === undefined ? [] : [`${name} ${share}`]));
  const death = told.find(({ name }) => name === undefined);
  return `${levels.join(', ')}${death === undefined ? '' : ` (death ${death.share})`}`;
}

/** A probability for a reader. */
export function percent(probability: number): string {
  return probability > 0 && probability < 0.005 ? 'under 1 %' : `${Math.round(probability * 100)} %`;
}

function levelIn(concept: unknown): string | undefined {
  const found = objectsOf(isJsonObject(concept) ? concept['coding'] : undefined).find(
    ({ system }) => system === SEVERITY_LEVEL_SYSTEM,
  )?.['code'];
  return typeof found === 'string' ? found : undefined;
}

function textIn(concept: unknown): string {
  return isJsonObject(concept) ? textOf(concept['text']) : '';
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function objectsOf(value: unknown): JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}
