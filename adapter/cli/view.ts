import { readFile, stat } from 'node:fs/promises';
import { extname, resolve } from 'node:path';
import type { Command } from 'commander';
import {
  compileView,
  csvWriter,
  ndjsonWriter,
  SHIPPED_VIEWS,
  ViewError,
} from '../../mappings/views/index.js';
import type { View, ViewCounts } from '../../mappings/views/index.js';
import { AdapterError, messageOf } from '../errors.js';
import { createTerminal } from './terminal.js';
import { localEngine, THREADS_MAX } from './view-engine.js';
import { listViewFiles } from './view-files.js';
import { openViewOutput, ReaderGone } from './view-output.js';
import type { ViewOutput } from './view-output.js';
import { openParquetOutput } from './view-parquet.js';

/** Bytes of a ViewDefinition; one written by hand has a few thousand. */
const DEFINITION_BYTES_MAX = 4 * 1024 * 1024;
interface RunFlags {
  readonly from: string[];
  readonly to?: string;
  readonly format?: string;
  readonly threads?: string;
  readonly json?: boolean;
}

type Format = 'csv' | 'ndjson' | 'parquet';

/** `firebreak view run DEF --from … --to …` and `firebreak view list`. */
export function addView(program: Command): void {
  const view = program
    .command('view')
    .description('flatten FHIR resources into tables by SQL on FHIR v2 ViewDefinitions');
  view
    .command('run')
    .description('run a ViewDefinition over files')
    .argument('<definition>', 'a file with a ViewDefinition, or the name of one that comes with firebreak')
    .requiredOption('--from <path...>', 'NDJSON, Bundles or resources, or folders of them, plain or .gz')
    .option('--to <file>', 'file to write, .csv, .ndjson or .parquet; without it the rows go to stdout')
    .option('--format <format>', 'csv, ndjson or parquet (default: by the ending of --to, else csv)')
    .option('--threads <count>', 'threads to use (default: what the machine has, for long NDJSON)')
    .option('--json', 'print counts as JSON on stdout; needs --to')
    .addHelpText(
      'after',
      `
Examples:
  firebreak view run patient --from ./export --to patients.csv
  firebreak view run observation-vitals-labs --from Observation.ndjson.gz --format ndjson
  firebreak view run observation-vitals-labs --from ./export --to results.parquet
  firebreak view run my-view.json --from ./bundles --to rows.ndjson --json
In CSV a text that a spreadsheet would run as a formula gets an apostrophe before it.`,
    )
    .action(async (definition: string, flags: RunFlags) => {
      await runView(definition, flags);
    });
  view
    .command('list')
    .description('the ViewDefinitions that come with firebreak')
    .option('--json', 'print them whole, as JSON')
    .action((flags: { readonly json?: boolean }) => {
      const terminal = createTerminal(flags.json === true);
      if (flags.json === true) terminal.print(JSON.stringify(Object.fromEntries(SHIPPED_VIEWS)));
      else for (const [name, json] of SHIPPED_VIEWS) terminal.print(`${name}: ${describe(json)}`);
    });
}

function describe(json: unknown): string {
  const { resource, columns } = compileView(json);
  return `${resource} → ${columns.map((column) => column.name).join(', ')}`;
}

async function runView(definition: string, flags: RunFlags): Promise<void> {
  const terminal = createTerminal(flags.json === true);
  const format = formatOf(flags);
  if (flags.json === true && flags.to === undefined) {
    throw new AdapterError('ADAPTER_USAGE', '--json needs --to: stdout has the rows');
  }
  const json = await loadDefinition(definition);
  const view = compileView(json);
  const files = await listViewFiles(flags.from.map((path) => resolve(path)));
  const output = await outputOf(format, flags.to, view);
  const engine = localEngine(threadsOf(flags));
  let counts: ViewCounts;
  try {
    counts = await engine.run({
      definition: json,
      files,
      format: format === 'parquet' ? undefined : format,
      output,
      onFile: (i, rows) => terminal.progress(`${i} of ${files.length} files, ${rows} rows`),
    });
    await output.finish();
  } catch (error) {
    await output.discard();
    if (error instanceof ReaderGone) return;
    throw error;
  }
  const { resources, taken, rows } = counts;
  if (flags.json === true) terminal.print(JSON.stringify({ files: files.length, resources, taken, rows }));
  else
    terminal.say(
      `${rows} rows of ${taken} ${view.resource} among ${resources} resources in ${files.length} files`,
    );
}

function outputOf(format: Format, to: string | undefined, view: View): ViewOutput | Promise<ViewOutput> {
  if (format === 'parquet' && to !== undefined) return openParquetOutput(to, view.columns);
  return openViewOutput(to, format === 'csv' ? csvWriter(view.columns) : ndjsonWriter(view.columns));
}

function formatOf({ to, format }: RunFlags): Format {
  const asked = format ?? (to === undefined ? 'csv' : extname(to).slice(1).toLowerCase());
  if (asked === 'csv') return 'csv';
  if (asked === 'ndjson' || asked === 'jsonl') return 'ndjson';
  if (asked === 'parquet') {
    if (to === undefined) throw new AdapterError('ADAPTER_USAGE', 'Parquet goes to a file: name it by --to');
    return 'parquet';
  }
  throw new AdapterError(
    'ADAPTER_USAGE',
    `rows are written as csv, ndjson or parquet, not as ${asked === '' ? 'this file' : asked}`,
  );
}

function threadsOf({ threads }: RunFlags): number | undefined {
  if (threads === undefined) return undefined;
  const count = Number(threads);
  if (!Number.isInteger(count) || count < 1 || count > THREADS_MAX)
    throw new AdapterError('ADAPTER_USAGE', `--threads is a whole number from 1 to ${THREADS_MAX}`);
  return count;
}

/** The definition's JSON; it compiles. */
async function loadDefinition(definition: string): Promise<unknown> {
  const shipped = SHIPPED_VIEWS.get(definition);
  if (shipped !== undefined) return shipped;
  const size = await stat(definition).then(
    (found) => found.size,
    () => {
      const names = [...SHIPPED_VIEWS.keys()].join(', ');
      throw new AdapterError(
        'ADAPTER_NOT_FOUND',
        `there is no file ${definition}; firebreak has the views ${names}`,
      );
    },
  );
  if (size > DEFINITION_BYTES_MAX)
    throw new AdapterError('ADAPTER_USAGE', `${definition} is too large for a view`);
  let json: unknown;
  try {
    json = JSON.parse((await readFile(definition, 'utf8')).replace(/^\uFEFF/, ''));
  } catch (cause) {
    throw new AdapterError('ADAPTER_USAGE', `${definition} is not JSON: ${messageOf(cause)}`, { cause });
  }
  try {
    compileView(json);
  } catch (cause) {
    if (!(cause instanceof ViewError)) throw cause;
    throw new AdapterError('ADAPTER_USAGE', `${definition}: ${cause.message} (${cause.code})`, { cause });
  }
  return json;
}
