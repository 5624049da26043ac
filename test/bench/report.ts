/** Seconds from the features of a million patients to the report's page. */
import type { Features, FeatureTable } from '../../analytics/features/index.js';
import { reportHtml, studyReport } from '../../analytics/report/index.js';
import { covidDeterioration as study } from '../../analytics/severity/index.js';
import { normal, uniform } from '../analytics/support/draws.js';
import type { Bench, BenchContext, Measured } from './bench.js';

const ROWS = 1_000_000;
const ROUNDS = 3;
const HOSPITALS = 20;
/** Of each predictor's values. */
const MISSING = 0.15;

export const studyReportBench: Bench = {
  names: [],
  namesOnRequest: ['report'],
  about: `the exploratory report of ${ROWS.toLocaleString('en')} patients and ${study.features.length} predictors`,
  run,
};

async function run({ say }: BenchContext): Promise<Measured[]> {
  const table = drawTable();
  const features: Features = {
    table,
    flow: {
      patients: ROWS,
      excluded: {},
      included: ROWS,
      events: table.outcome.reduce((a, b) => a + b, 0),
    },
    problems: [],
  };
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const startedMs = performance.now();
    const { length } = reportHtml(studyReport(study, features));
    const s = (performance.now() - startedMs) / 1000;
    times.push(s);
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    say(
      `round ${round + 1}: ${s.toFixed(1)} s, a page of ${Math.round(length / 1024)} KiB, ${Math.round((heapUsed + arrayBuffers) / 2 ** 20)} MiB in use`,
    );
  }
  return [{ bench: 'report', unit: 's', ours: times }];
}

/** Made-up values: no patients behind them. */
function drawTable(): FeatureTable {
  const next = uniform(17);
  const z = normal(next);
  const outcome = Uint8Array.from({ length: ROWS }, () => (next() < 0.3 ? 1 : 0));
  return {
    keys: Array.from({ length: ROWS }, (_, i) => `p${i}`),
    outcome,
    columns: study.features.map(({ name, label, kind }) => {
      const isBinary = kind === 'presence' || kind === 'below' || kind === 'disease';
      return {
        name,
        label,
        kind: kind === 'sex' ? 'category' : isBinary ? 'binary' : 'numeric',
        unit: '1',
        levels: kind === 'sex' ? ['female', 'male', 'other'] : [],
        values: Float64Array.from({ length: ROWS }, (_, i) => {
          if (kind === 'sex') return next() < 0.5 ? 0 : 1;
          if (isBinary) return next() < 0.2 ? 1 : 0;
          return next() < MISSING ? NaN : 50 + 10 * z() + 3 * (outcome[i] ?? 0);
        }),
      };
    }),
    stays: {
      t0Ms: Float64Array.from(
        { length: ROWS },
        () => Date.UTC(2020, 0, 1) + next() * 3 * 365.25 * 86_400_000,
      ),
      hospital: Uint16Array.from({ length: ROWS }, () => Math.floor(next() * HOSPITALS)),
      hospitals: Array.from({ length: HOSPITALS }, (_, i) => `Hospital ${i + 1}`),
    },
  };
}
