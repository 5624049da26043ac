/** A score as a card of CDS Hooks 2.0. */
import { SEVERITY_LEVEL_SYSTEM } from '../../../analytics/index.js';
import { isJsonObject } from '../../../mappings/index.js';
import type { JsonObject } from '../../../mappings/index.js';

/** @see https://cds-hooks.hl7.org/2.0/#card-attributes */
export interface Card {
  readonly uuid: string;
  /** Under 140 letters. */
  readonly summary: string;
  readonly detail: string;
  readonly indicator: 'info' | 'warning' | 'critical';
  readonly source: { readonly label: string; readonly url: string };
  readonly links: readonly { readonly label: string; readonly url: string; readonly type: 'absolute' }[];
}

const INDICATORS: Readonly<Record<string, Card['indicator']>> = {
  mild: 'info',
  moderate: 'info',
  severe: 'warning',
  critical: 'critical',
};
const SUMMARY_CHARS_MAX = 139;
/** What a note begins with that makes a card a warning: the score stands on thin ground. */
const OUTSIDE = 'Outside the range';

/**
 * The card that tells of a score, or `undefined` where the resource does not tell its level, such as one of which the
 * patient lets a part be seen only.
 *
 * @param assessment - RiskAssessment as the facade shows it.
 * @param url - Its address at the facade.
 */
export function cardOf(assessment: JsonObject, url: string, uuid: string): Card | undefined {
  const [prediction] = objectsOf(assessment['prediction']);
  const risk = prediction?.['qualitativeRisk'];
  const level = objectsOf(isJsonObject(risk) ? risk['coding'] : undefined).find(
    ({ system }) => system === SEVERITY_LEVEL_SYSTEM,
  )?.['code'];
  const probability = prediction?.['probabilityDecimal'];
  if (prediction === undefined || typeof level !== 'string' || typeof probability !== 'number')
    return undefined;
  const outcome = isJsonObject(prediction['outcome']) ? textOf(prediction['outcome']['text']) : '';
  const notes = objectsOf(assessment['note']).map(({ text }) => textOf(text));
  const isOutside = notes.some((note) => note.startsWith(OUTSIDE));
  const indicator = INDICATORS[level] ?? 'warning';
  const lines = [
    `${percent(probability)}: ${outcome}.`,
    isJsonObject(risk) ? textOf(risk['text']) : '',
    textOf(prediction['rationale']),
    ...notes,
  ];
  return {
    uuid,
    summary: `Severity ${level}: ${percent(probability)} risk of deterioration`.slice(0, SUMMARY_CHARS_MAX),
    // A score outside of what the model has seen is never told without a warning.
    indicator: isOutside && indicator === 'info' ? 'warning' : indicator,
    detail: lines
      .filter((line) => line !== '')
      .map(plain)
      .join('\n\n'),
    source: { label: 'Firebreak severity model', url },
    links: [
      { label: 'Score, with what it stands on', url, type: 'absolute' },
      { label: 'Proof that the log holds it', url: `${url}?_proof=true`, type: 'absolute' },
    ],
  };
}

function percent(probability: number): string {
  return `${Math.round(probability * 100)} %`;
}

/** The detail is GitHub markdown, and part of what it says came from a hospital's data. */
function plain(text: string): string {
  return text.replaceAll(/[\\`*_[\]<>!#|~]/g, String.raw`\$&`);
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function objectsOf(value: unknown): JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}
