/** Fits a study's model on many made-up patients and prints its hash: run as a process of its own, on as many processors as it is given. */
import { availableParallelism } from 'node:os';
import { buildFeatures, type Features } from '../../../analytics/features/index.js';
import { covidSeverity, trainOnFeatures } from '../../../analytics/severity/index.js';
import { stagedCohort } from '../severity/cohort.js';
import { normal, uniform } from './draws.js';

/** With the columns that are kept, so many rows are above the size from which fits use threads. */
const COPIES = 500;

function repeat<T>(values: Iterable<T>): T[] {
  return [...values].flatMap((value) => Array<T>(COPIES).fill(value));
}

/** Each patient many times over, with values that differ a little. */
function many({ table, ...others }: Features): Features {
  const z = normal(uniform(7));
  return {
    ...others,
    table: {
      ...table,
      keys: table.keys.flatMap((key) => Array.from({ length: COPIES }, (_, i) => `${key}-${i}`)),
      outcome: Uint8Array.from(repeat(table.outcome)),
      ...(table.stage === undefined ? {} : { stage: Uint8Array.from(repeat(table.stage)) }),
      columns: table.columns.map((column) => ({
        ...column,
        values: Float64Array.from(repeat(column.values), (value) =>
          column.kind === 'numeric' ? value + z() : value,
        ),
      })),
    },
  };
}

const features = many(await buildFeatures(stagedCohort(400, 4), covidSeverity));
const { model, hash } = trainOnFeatures(features, {
  ...covidSeverity,
  model: { family: 'composite', penalty: 1 },
});
const { columns } = model.preparation;
process.stdout.write(
  JSON.stringify({
    processors: availableParallelism(),
    columns: columns.length,
    fitted: model.trained.patients,
    hash,
  }),
);
