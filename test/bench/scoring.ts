/** Milliseconds to score a patient whose resources are parsed: reading, features, preparation, model, contributions. */
import type { PermittedPatient } from '../../analytics/features/index.js';
import { covidDeterioration as study, scorePatient, trainSeverity } from '../../analytics/severity/index.js';
import { cohort } from '../analytics/severity/cohort.js';
import { observation } from '../analytics/support/inpatient.js';
import type { Bench, BenchContext, Measured } from './bench.js';
import { quantile } from './bench.js';

const PATIENTS = 2000;
/** Observations of a long stay. */
const LONG = 1000;
const ROUNDS = 5;

export const scoringBench: Bench = {
  names: ['score-p99', 'score-long-p99'],
  about: `severity of a patient with some ten resources, and with ${LONG} Observations more`,
  run,
};

async function run({ say }: BenchContext): Promise<Measured[]> {
  const patients = cohort(PATIENTS, 31);
  const { model: strict } = await trainSeverity(patients, study);
  // The patients have few values; how much is missing is not what is measured.
  const model = { ...strict, study: { ...study, fitting: { ...study.fitting, imputedShareMax: 1 } } };
  const score = (patient: PermittedPatient): number => {
    const startedMs = performance.now();
    const { status } = scorePatient(model, patient);
    const ms = performance.now() - startedMs;
    if (status !== 'scored') throw new Error('a patient was not scored');
    return ms;
  };
  const here = patients.filter((patient) => scorePatient(model, patient).status === 'scored');
  const more = Array.from({ length: LONG }, (_, i) =>
    observation('8867-4', 60 + (i % 60), '/min', (i % 230) / 10),
  );
  const long = here
    .slice(0, 200)
    .map(({ key, resources }): PermittedPatient => ({ key, resources: [...resources, ...more] }));
  const figures = [here, long].map((group) => {
    group.forEach(score);
    return Array.from({ length: ROUNDS }, () => quantile(group.map(score), 0.99));
  });
  say(`${here.length} patients, ${long.length} of them with ${LONG} Observations more`);
  return [
    { bench: 'score-p99', unit: 'ms', ours: figures[0] ?? [] },
    { bench: 'score-long-p99', unit: 'ms', ours: figures[1] ?? [] },
  ];
}
