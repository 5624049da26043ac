/** The exploratory analysis behind the published model, fit to be shown: small cells are suppressed. */
import type { EdaReport, Performance } from '../../analytics/index.js';
import { suppressSmallCells } from '../../analytics/index.js';
import type { Instance } from '../instance/instance.js';
import { readModel } from './severity-model.js';
import { refreshSeverity } from './severity.js';

export interface Analysis {
  readonly eda?: EdaReport;
  readonly performance?: Performance;
  readonly headline: readonly string[];
  readonly why?: string;
}

/** The analysis of the model in force; makes the model when there is none and enough patients permit it. */
export async function analyse(instance: Instance, onProgress: (line: string) => void): Promise<Analysis> {
  const known = readModel(instance);
  const published = known ?? (await refreshSeverity(instance, new Set(), onProgress)).model;
  if (published === undefined) {
    return { headline: [], why: 'no model: too few patients permit research, or none has the outcome' };
  }
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
