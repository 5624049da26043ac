/** A score as a card of CDS Hooks 2.0. */
import type { JsonObject } from '../../../mappings/index.js';
import { percent, toldSeverity } from '../severity-words.js';

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
  const told = toldSeverity(assessment);
  if (told === undefined) return undefined;
  const { level, probability, notes } = told;
  const isOutside = notes.some((note) => note.startsWith(OUTSIDE));
  const indicator = INDICATORS[level] ?? 'warning';
  const lines = [
    `${percent(probability)}: ${told.outcome}.`,
    told.meaning,
    told.levels === '' ? '' : `Worst level to come: ${told.levels}.`,
    told.rationale,
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

/** The detail is GitHub markdown, and part of what it says came from a hospital's data. */
function plain(text: string): string {
  return text.replaceAll(/[\\`*_[\]<>!#|~]/g, String.raw`\$&`);
}
