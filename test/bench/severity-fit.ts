/**
 * Milliseconds to fit the severity model's kind of regression: logistic, L2, to a gradient of 1e-9, from columns, packing
 * included; against scikit-learn's newton-cholesky at tol 1e-8 on the same values, where Python has it.
 */
import { designFromColumns, fitLogistic } from '../../analytics/models/index.js';
import { drawData } from '../analytics/support/draws.js';
import type { Bench, BenchContext, Measured } from './bench.js';
import { startScikit } from './scikit.js';

const ROWS = 100_000;
const ROWS_LARGE = 1_000_000;
const COLUMNS = 30;
const ROUNDS = 7;
const SEED = 7;
const PENALTY = 1;
/** Both stop near the optimum, each in its own way. */
const SAME = 1e-6;
/** Our time to theirs. */
const RATIO_MOST = 0.5;

export const severityFit: Bench = {
  names: ['severity-fit'],
  namesOnRequest: ['severity-fit-1m'],
  about: `logistic regression of ${ROWS.toLocaleString('en')} rows and ${COLUMNS} columns, or of a million`,
  run,
};

async function run({ say, asked }: BenchContext): Promise<Measured[]> {
  const measured: Measured[] = [];
  if (asked.length === 0 || asked.includes('severity-fit'))
    measured.push(await measureFit('severity-fit', ROWS, say));
  if (asked.includes('severity-fit-1m')) measured.push(await measureFit('severity-fit-1m', ROWS_LARGE, say));
  return measured;
}

async function measureFit(bench: string, rows: number, say: (text: string) => void): Promise<Measured> {
  const { design, y } = drawData(rows, COLUMNS, SEED);
  const columns = design.names.map((_, j) => design.data.slice(j * rows, (j + 1) * rows));
  const scikit = await startScikit(design, y);
  say(`scikit-learn ${scikit?.version ?? 'is absent'}`);
  const ours: number[] = [];
  const theirs: number[] = [];
  try {
    for (let round = 0; round <= ROUNDS; round++) {
      const startedMs = performance.now();
      const fit = fitLogistic(designFromColumns(columns, design.names), y, { penalty: PENALTY });
      const ms = performance.now() - startedMs;
      const other = await scikit?.fit();
      say(
        `${round === 0 ? 'warm-up' : `round ${round}`}: ${ms.toFixed(0)} ms, ${fit.passes} passes, gradient ${fit.gradientMax.toExponential(1)}` +
          (other === undefined
            ? ''
            : `; ${other.ms.toFixed(0)} ms, gradient ${other.gradient.toExponential(1)}`),
      );
      if (other !== undefined) mustAgree(fit, other);
      if (round === 0) continue;
      ours.push(ms);
      if (other !== undefined) theirs.push(other.ms);
    }
  } finally {
    scikit?.close();
  }
  if (scikit === undefined) return { bench, unit: 'ms', ours };
  return {
    bench,
    unit: 'ms',
    ours,
    against: { what: 'scikit-learn', theirs },
    aim: { of: 'ratio', most: RATIO_MOST },
  };
}

function mustAgree(
  fit: { readonly intercept: number; readonly coefficients: Float64Array; readonly gradientMax: number },
  other: { readonly gradient: number; readonly estimates: readonly number[] },
): void {
  [fit.intercept, ...fit.coefficients].forEach((estimate, j) => {
    if (!(Math.abs(estimate - (other.estimates[j] ?? Number.NaN)) < SAME))
      throw new Error('the two fits differ');
  });
  if (fit.gradientMax > other.gradient) throw new Error('our gradient is the larger');
}
