/** The exploratory analysis behind the published model, fit to be shown: small cells are suppressed. */
import type { EdaReport, Performance, StudyReport } from '../../analytics/index.js';
import { buildFeatures, readStudy, studyReport, suppressSmallCells } from '../../analytics/index.js';
import type { Instance } from '../instance/instance.js';
import { publishModel, readModel, researchPatients } from './severity-model.js';
import { refreshSeverity } from './severity.js';

export interface Analysis {
  readonly eda?: EdaReport;
  readonly performance?: Performance;
  readonly headline: readonly string[];
  readonly why?: string;
}

/**
 * The analysis of the model in force; makes the model when there is none and enough patients permit it.
 *
 * @param isRefreshed - Fits and publishes it anew, on the patients who permit it now: without those who have withdrawn.
 */
export async function analyse(
  instance: Instance,
  onProgress: (line: string) => void,
  isRefreshed = false,
): Promise<Analysis> {
  const known = readModel(instance);
  const published =
    known === undefined
      ? (await refreshSeverity(instance, new Set(), onProgress)).model
      : isRefreshed
        ? await publishModel(instance, onProgress, known.model.study)
        : known;
  if (published === undefined) {
    return { headline: [], why: 'no model: too few patients permit research, or none has the outcome' };
  }
  if ('why' in published) return { headline: [], why: published.why };
  const { flow, performance } = published;
  const excluded = Object.entries(flow.excluded).filter(([, count = 0]) => count > 0);
  return {
    eda: suppressSmallCells(published.eda),
    performance,
    headline: [
      `${flow.patients} permitted patients, ${flow.included} included, ${flow.events} with the outcome`,
      `excluded: ${excluded.length === 0 ? 'none' : excluded.map(([why, count]) => `${why} ${count}`).join(', ')}`,
      performance.verdict,
    ],
  };
}

/**
 * The report of a study over the patients who permit research, its model measured on some held out; nothing is published.
 *
 * @param text - The study file.
 * @param name - Its name, for messages.
 * @param samples - Of the bootstrap.
 * @throws AnalyticsError ANALYTICS_STUDY_INVALID, ANALYTICS_NO_PATIENTS.
 */
export async function analyseStudy(
  instance: Instance,
  text: string,
  name: string,
  onProgress: (line: string) => void,
  samples?: number,
): Promise<StudyReport> {
  const study = readStudy(text, name);
  const { patients } = await researchPatients(instance, onProgress);
  return studyReport(study, await buildFeatures(patients, study, instance.nowMs()), samples);
}
