import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Command } from 'commander';
import { AnalyticsError, edaFrames, flowText, readStudy, reportHtml } from '../../analytics/index.js';
import type { StudyReport } from '../../analytics/index.js';
import { AdapterError } from '../errors.js';
import { analyse, analyseStudy } from '../services/analysis.js';
import type { Analysis } from '../services/analysis.js';
import { configOf, onInstance } from './open.js';
import { createTerminal } from './terminal.js';
import { writeWhole } from './write-whole.js';

interface AnalyzeFlags {
  readonly json?: boolean;
  readonly csv?: boolean;
  readonly report?: string;
  readonly resamples?: string;
  readonly refresh?: boolean;
}

export function addAnalyze(program: Command): void {
  program
    .command('analyze')
    .description('the severity model and the exploratory analysis of the permitted patients it was made from')
    .argument(
      '[study]',
      'a study file, YAML or JSON: reports on its patients and measures its model; publishes nothing',
    )
    .option('--report <file>', 'with a study: write the report as one HTML page')
    .option('--resamples <count>', 'with a study: bootstrap samples for the optimism (default 50; 0: none)')
    .option('--refresh', 'without a study: fit and publish the model anew, on the patients who permit it now')
    .option('--json', 'print report and performance as JSON')
    .option('--csv', 'print the distributions as CSV, one row a predictor and group')
    .addHelpText(
      'after',
      '\nExamples:\n  firebreak analyze\n  firebreak analyze --csv > eda.csv\n  firebreak analyze --refresh\n  firebreak analyze my-study.yaml --report report.html',
    )
    .action(async (file: string | undefined, flags: AnalyzeFlags, command: Command) => {
      if (file !== undefined) {
        if (flags.refresh === true) throw new AdapterError('ADAPTER_USAGE', '--refresh wants no study file');
        await reportStudy(file, flags, command);
        return;
      }
      if (flags.resamples !== undefined)
        throw new AdapterError('ADAPTER_USAGE', '--resamples wants a study file');
      if (flags.report !== undefined) throw new AdapterError('ADAPTER_USAGE', '--report wants a study file');
      const { config } = configOf(command);
      const terminal = createTerminal(flags.json === true);
      const analysis = await onInstance<Analysis>(
        config,
        { command: 'analyze', args: { refresh: flags.refresh === true } },
        (line) => terminal.progress(String(line)),
        (instance) => analyse(instance, (line) => terminal.progress(line), flags.refresh === true),
      );
      if (analysis.eda === undefined)
        throw new AdapterError('ADAPTER_CONFLICT', analysis.why ?? 'there is no model');
      if (flags.json === true) {
        terminal.print(JSON.stringify(analysis));
        return;
      }
      const { features, summaries } = await edaFrames(analysis.eda);
      if (flags.csv === true) {
        const { toCSV } = await import('danfojs-node');
        terminal.print(String(toCSV(summaries)));
        return;
      }
      terminal.print(
        [...analysis.headline, '', table(features.columns, features.values as Cell[][])].join('\n'),
      );
    });
}

async function reportStudy(file: string, flags: AnalyzeFlags, command: Command): Promise<void> {
  const source = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new AdapterError('ADAPTER_NOT_FOUND', `there is no study file ${file}`, { cause });
  });
  const name = basename(file);
  try {
    // Read here too, so that a mistyped name is told before an instance is opened.
    readStudy(source, name);
  } catch (cause) {
    if (!(cause instanceof AnalyticsError)) throw cause;
    throw new AdapterError('ADAPTER_USAGE', cause.message, { cause });
  }
  const samples = samplesOf(flags.resamples);
  const { config } = configOf(command);
  const terminal = createTerminal(flags.json === true);
  const report = await onInstance<StudyReport>(
    config,
    { command: 'analyze-study', args: { text: source, name, ...(samples === undefined ? {} : { samples }) } },
    (line) => terminal.progress(String(line)),
    (instance) => analyseStudy(instance, source, name, (line) => terminal.progress(line), samples),
  );
  if (flags.report !== undefined) await writeWhole(flags.report, reportHtml(report));
  if (flags.csv === true) {
    const { toCSV } = await import('danfojs-node');
    const { summaries } = await edaFrames(report.eda);
    terminal.print(String(toCSV(summaries)));
    return;
  }
  const { validation } = report;
  const verdict =
    'why' in validation ? `no model was measured: ${validation.why}` : validation.performance.verdict;
  terminal.print(flags.json === true ? JSON.stringify(report) : `${flowText(report.flow)}\n${verdict}`);
}

const SAMPLES_MAX = 2000;

function samplesOf(given: string | undefined): number | undefined {
  if (given === undefined) return undefined;
  const count = /^\d{1,4}$/.test(given) ? Number(given) : Number.NaN;
  if (!(count <= SAMPLES_MAX))
    throw new AdapterError('ADAPTER_USAGE', `--resamples is a number up to ${SAMPLES_MAX}`);
  return count;
}

type Cell = string | number | null;

function table(columns: readonly string[], rows: readonly Cell[][]): string {
  const cells = [columns, ...rows.map((row) => row.map(text))];
  const widths = columns.map((_, i) => Math.max(...cells.map((row) => (row[i] ?? '').length)));
  return cells
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function text(cell: Cell): string {
  if (cell === null || (typeof cell === 'number' && Number.isNaN(cell))) return '–';
  return typeof cell === 'number' && !Number.isInteger(cell) ? cell.toFixed(3) : String(cell);
}
