/** Milliseconds to fit the severity model's kind of regression: logistic, L2, to a gradient of 1e-9. */
import { fitLogistic } from '../../analytics/models/index.js';
import { drawData } from '../analytics/support/draws.js';
import type { Bench, BenchContext, Measured } from './bench.js';

const ROWS = 100_000;
const COLUMNS = 30;
const ROUNDS = 5;
const SEED = 7;
const PENALTY = 1;

export const severityFit: Bench = {
  names: ['severity-fit'],
  about: `logistic regression of ${ROWS.toLocaleString('en')} rows and ${COLUMNS} columns`,
  run,
};

async function run({ say }: BenchContext): Promise<Measured[]> {
  const { design, y } = drawData(ROWS, COLUMNS, SEED);
  const times: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const startedMs = performance.now();
    const { passes } = fitLogistic(design, y, { penalty: PENALTY });
    const ms = performance.now() - startedMs;
    if (round > 0) times.push(ms);
    say(`${round === 0 ? 'warm-up' : `round ${round}`}: ${ms.toFixed(0)} ms, ${passes} passes`);
  }
  return [{ bench: 'severity-fit', unit: 'ms', ours: times }];
}
