import type { Study } from '../features/index.js';
import { readStudy } from '../study/index.js';
import definition from './covid-deterioration.json' with { type: 'json' };

/**
 * Deterioration of adults in hospital with COVID-19: WHO Clinical Progression Scale 6 or higher within 28 days, from what is
 * known a day after admission.
 *
 * The bands of probability that give the severity levels are ours; each says what it means.
 */
export const covidDeterioration: Study = readStudy(JSON.stringify(definition), 'covid-deterioration.json');

/**
 * The severity of adults in hospital with COVID-19: the worst stage of the WHO Clinical Progression Scale within 28 days, from
 * the same predictors. Its levels are the scale's own and no bands of ours.
 */
export const covidSeverity: Study = readStudy(JSON.stringify(severityOf(definition)), 'covid-severity');

function severityOf({ levels: _bands, ...rest }: typeof definition): object {
  return {
    ...rest,
    name: 'covid-severity',
    title: 'Severity of adults in hospital with COVID-19 within 28 days of admission',
    model: { family: 'composite' },
  };
}
