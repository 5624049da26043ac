/**
 * SQL on FHIR: Observations a second through a view of eight columns, against `JSON.parse` of the same bytes, which is
 * the floor of whoever parses everything. The closures alone, on resources already parsed, are shown beside it.
 */
import type { JsonObject } from '../../mappings/index.js';
import { ColumnBuilder, compileView, csvWriter, ViewReader } from '../../mappings/views/index.js';
import type { View } from '../../mappings/views/index.js';
import type { Bench, BenchContext, Measured } from './bench.js';
import { rate } from './bench.js';
import { loadCorpus, observationsOf } from './corpus.js';

const OBSERVATIONS = 15_000;
const ROUNDS = 9;
/** Closures alone are so fast that one pass is too short to measure. */
const PASSES = 5;

const PATHS: readonly (readonly [name: string, path: string, type: string])[] = [
  ['id', 'getResourceKey()', 'string'],
  ['patient_id', 'subject.getReferenceKey()', 'string'],
  ['encounter_id', 'encounter.getReferenceKey()', 'string'],
  ['status', 'status', 'code'],
  ['code', "code.coding.where(system = 'http://loinc.org').code.first()", 'code'],
  ['effective', 'effective.ofType(dateTime)', 'dateTime'],
  ['value', 'value.ofType(Quantity).value', 'decimal'],
  ['unit', 'value.ofType(Quantity).unit', 'string'],
];

/** The view that is measured. */
export const OBSERVATION_VIEW = {
  resource: 'Observation',
  status: 'active',
  select: [{ column: PATHS.map(([name, path, type]) => ({ name, path, type })) }],
};

export const viewsBench: Bench = {
  names: ['views', 'views-csv', 'views-closures'],
  about:
    'Observations through a view of 8 columns, from bytes to typed columns and to CSV, against JSON.parse alone',
  run,
};

async function run({ say }: BenchContext): Promise<Measured[]> {
  const corpus = loadCorpus();
  const observations = observationsOf(corpus, OBSERVATIONS);
  say(`${observations.length} Observations, ${corpus.what}`);
  const ndjson = Buffer.concat(observations.flatMap((bytes) => [oneLine(bytes), Buffer.from('\n')]));
  const lines = observations.map(oneLine);
  const parsed = lines.map((bytes) => JSON.parse(bytes.toString()) as JsonObject);
  const view = compileView(OBSERVATION_VIEW);
  const figures = {
    columns: [] as number[],
    csv: [] as number[],
    closures: [] as number[],
    parse: [] as number[],
  };
  for (let round = 0; round <= ROUNDS; round++) {
    const columns = timed(lines.length, () => toColumns(view, ndjson));
    const parse = timed(
      lines.length,
      () => lines.filter((bytes) => JSON.parse(bytes.toString()) !== null).length,
    );
    const csv = timed(lines.length, () => toCsv(view, ndjson));
    const closures = timed(lines.length * PASSES, () => evaluate(view, parsed));
    if (round === 0) continue;
    figures.columns.push(columns);
    figures.csv.push(csv);
    figures.closures.push(closures);
    figures.parse.push(parse);
  }
  const unit = 'Observations/s';
  const against = { what: 'JSON.parse', theirs: figures.parse };
  return [
    { bench: 'views', unit, ours: figures.columns, against },
    { bench: 'views-csv', unit, ours: figures.csv, against },
    { bench: 'views-closures', unit, ours: figures.closures },
  ];
}

/** Resources a second; every one must have made a row. */
function timed(count: number, work: () => number): number {
  const startMs = performance.now();
  if (work() !== count) throw new Error('a resource has made no row');
  return rate(count, startMs);
}

function toColumns(view: View, ndjson: Buffer): number {
  const builder = new ColumnBuilder(view);
  new ViewReader(view, builder.add).lines(ndjson);
  return builder.columns().rowCount;
}

function toCsv(view: View, ndjson: Buffer): number {
  const writer = csvWriter(view.columns);
  let letters = writer.head.length;
  const reader = new ViewReader(view, (row) => {
    letters += writer.row(row).length;
  });
  reader.lines(ndjson);
  return letters > ndjson.length / 100 ? reader.counts.rows : 0;
}

function evaluate(view: View, resources: readonly JsonObject[]): number {
  let rows = 0;
  const viewRun = view.start(() => {
    rows++;
  });
  for (let pass = 0; pass < PASSES; pass++) for (const resource of resources) viewRun.add(resource);
  return rows;
}

/** Bundles of files are indented; a line of NDJSON is not. */
function oneLine(bytes: Buffer): Buffer {
  return Buffer.from(JSON.stringify(JSON.parse(bytes.toString())));
}
