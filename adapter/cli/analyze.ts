import type { Command } from 'commander';
import { edaFrames } from '../../analytics/index.js';
import { AdapterError } from '../errors.js';
import { analyse } from '../services/analysis.js';
import type { Analysis } from '../services/analysis.js';
import { configOf, onInstance } from './open.js';
import { createTerminal } from './terminal.js';

interface AnalyzeFlags {
  readonly json?: boolean;
  readonly csv?: boolean;
}

export function addAnalyze(program: Command): void {
  program
    .command('analyze')
    .description('the severity model and the exploratory analysis of the permitted patients it was made from')
    .option('--json', 'print report and performance as JSON')
    .option('--csv', 'print the distributions as CSV, one row a predictor and group')
    .addHelpText('after', '\nExamples:\n  firebreak analyze\n  firebreak analyze --csv > eda.csv')
    .action(async (flags: AnalyzeFlags, command: Command) => {
      const { config } = configOf(command);
      const terminal = createTerminal(flags.json === true);
      const analysis = await onInstance<Analysis>(
        config,
        { command: 'analyze', args: {} },
        (line) => terminal.progress(String(line)),
        (instance) => analyse(instance, (line) => terminal.progress(line)),
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
