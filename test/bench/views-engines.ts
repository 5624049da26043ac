/**
 * A view of eight columns over a file of Observations to a file of CSV, on all cores: against DuckDB on as many threads,
 * by a JSON path a column, by all paths at once, and by declared types; and against the specification's reference
 * implementation, in memory, where FIREBREAK_BENCH_SOF names its `src/index.js`.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { DuckDBInstance } from '@duckdb/node-api';
import type { DuckDBConnection } from '@duckdb/node-api';
import { localEngine } from '../../adapter/cli/view-engine.js';
import { openViewOutput } from '../../adapter/cli/view-output.js';
import { compileView, csvWriter } from '../../mappings/views/index.js';
import type { Bench, BenchContext, Measured } from './bench.js';
import { rate } from './bench.js';
import { loadCorpus, observationsOf } from './corpus.js';
import { OBSERVATION_VIEW } from './views.js';

const OBSERVATIONS = 15_000;
/** How often they stand in the file: a hospital's file is long, and threads start cold. */
const COPIES = 60;
const ROUNDS = 5;
/** The reference implementation takes a second for some hundred. */
const FOR_REFERENCE = 300;
const TIMES_REFERENCE = 50;
const REFERENCE = process.env['FIREBREAK_BENCH_SOF'];

/** Column, JSON path, place in a declared structure. */
const FIELDS = [
  ['id', '$.id', 'id'],
  ['patient_id', '$.subject.reference', 'subject.reference'],
  ['encounter_id', '$.encounter.reference', 'encounter.reference'],
  ['status', '$.status', 'status'],
  ['code', '$.code.coding[0].code', 'code.coding[1].code'],
  ['effective', '$.effectiveDateTime', 'effectiveDateTime'],
  ['value', '$.valueQuantity.value', 'valueQuantity.value'],
  ['unit', '$.valueQuantity.unit', 'valueQuantity.unit'],
] as const;

export const viewsEnginesBench: Bench = {
  names: ['views-duckdb-paths', 'views-duckdb-list', 'views-duckdb-typed', 'views-reference'],
  about:
    'Observations from NDJSON to CSV on all cores, against DuckDB, and against the reference implementation',
  run,
};

async function run({ say }: BenchContext): Promise<Measured[]> {
  const corpus = loadCorpus();
  const lines = observationsOf(corpus, OBSERVATIONS).map((bytes) =>
    JSON.stringify(JSON.parse(bytes.toString())),
  );
  const folder = mkdtempSync(join(tmpdir(), 'firebreak-bench-'));
  const file = join(folder, 'observations.ndjson');
  const text = `${lines.join('\n')}\n`;
  for (let i = 0; i < COPIES; i++) writeFileSync(file, text, { flag: 'a' });
  const count = lines.length * COPIES;
  say(`${count} Observations, ${corpus.what}; ${availableParallelism()} threads`);
  const database = await DuckDBInstance.create(':memory:', { threads: String(availableParallelism()) });
  const connection = await database.connect();
  try {
    const queries = queriesOn(file);
    const ours: number[] = [];
    const theirs = queries.map(() => [] as number[]);
    for (let round = 0; round <= ROUNDS; round++) {
      const own = await timed(count, () => throughEngine(file, join(folder, 'ours.csv'), count));
      const others: number[] = [];
      for (const query of queries) others.push(await timed(count, () => copy(connection, query, folder)));
      say(
        `${round === 0 ? 'warm-up' : `round ${round}`}: ${[own, ...others].map(Math.round).join(', ')} a second`,
      );
      if (round === 0) continue;
      ours.push(own);
      theirs.forEach((figures, i) => figures.push(others[i] ?? Number.NaN));
    }
    const unit = 'Observations/s';
    const names = ['paths', 'list', 'typed'];
    return [
      ...theirs.map((figures, i): Measured => ({
        bench: `views-duckdb-${names[i] ?? ''}`,
        unit,
        ours,
        against: { what: 'DuckDB', theirs: figures },
        ...(i === 0 ? { aim: { of: 'ratio', least: 1 } } : {}),
      })),
      await againstReference(lines.slice(0, FOR_REFERENCE), ours, say),
    ];
  } finally {
    connection.closeSync();
    database.closeSync();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function timed(count: number, work: () => Promise<void>): Promise<number> {
  const startMs = performance.now();
  await work();
  return rate(count, startMs);
}

async function throughEngine(file: string, to: string, count: number): Promise<void> {
  const output = openViewOutput(to, csvWriter(compileView(OBSERVATION_VIEW).columns));
  const { rows } = await localEngine().run({
    definition: OBSERVATION_VIEW,
    files: [file],
    format: 'csv',
    output,
    onFile: () => {},
  });
  await output.finish();
  if (rows !== count) throw new Error('a resource has made no row');
}

async function copy(connection: DuckDBConnection, query: string, folder: string): Promise<void> {
  await connection.run(`COPY (${query}) TO '${join(folder, 'theirs.csv')}'`);
}

function queriesOn(file: string): string[] {
  const paths = FIELDS.map(([name, path]) => `json_extract_string(json, '${path}') "${name}"`);
  const all = FIELDS.map(([, path]) => `'${path}'`).join(', ');
  const places = FIELDS.map(([name], i) => `found[${i + 1}] "${name}"`);
  const typed = FIELDS.map(([name, , place]) => `${place} "${name}"`);
  const columns = `{id: 'VARCHAR', subject: 'STRUCT(reference VARCHAR)', encounter: 'STRUCT(reference VARCHAR)', status: 'VARCHAR',
    code: 'STRUCT(coding STRUCT(code VARCHAR)[])', effectiveDateTime: 'VARCHAR', valueQuantity: 'STRUCT(value DOUBLE, unit VARCHAR)'}`;
  return [
    `SELECT ${paths.join(', ')} FROM read_ndjson_objects('${file}')`,
    `SELECT ${places.join(', ')} FROM (SELECT json_extract_string(json, [${all}]) found FROM read_ndjson_objects('${file}'))`,
    `SELECT ${typed.join(', ')} FROM read_json('${file}', format = 'newline_delimited', columns = ${columns})`,
  ];
}

/** Resources parsed before, for the reference implementation reads no text. */
async function againstReference(
  lines: readonly string[],
  ours: readonly number[],
  say: BenchContext['say'],
): Promise<Measured> {
  const bench = { bench: 'views-reference', unit: 'Observations/s', ours };
  if (REFERENCE === undefined) {
    say('the reference implementation is absent: FIREBREAK_BENCH_SOF names none');
    return bench;
  }
  const { evaluate } = (await import(pathToFileURL(REFERENCE).href)) as {
    evaluate: (view: unknown, resources: unknown[]) => unknown[];
  };
  const resources = lines.map((line) => JSON.parse(line) as unknown);
  const theirs = ours.map(() => {
    const startMs = performance.now();
    if (evaluate(OBSERVATION_VIEW, resources).length !== resources.length)
      throw new Error('a resource has made no row');
    return rate(resources.length, startMs);
  });
  return {
    ...bench,
    against: { what: 'reference implementation', theirs },
    aim: { of: 'ratio', least: TIMES_REFERENCE },
  };
}
