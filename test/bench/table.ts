/** The report for a person. */
import type { Reported } from './bench.js';

const HEAD = ['bench', 'ours', 'unit', 'spread', 'rounds', 'against', 'theirs', 'ratio', 'aim', 'met'];

/** Columns as wide as their widest cell. */
export function table(reported: readonly Reported[]): string {
  const rows = [HEAD, ...reported.map(cells)];
  const widths = HEAD.map((_, j) => Math.max(...rows.map((row) => (row[j] ?? '').length)));
  return rows
    .map((row) =>
      row
        .map((cell, j) => cell.padEnd(widths[j] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function cells({ result, spread, rounds }: Reported): string[] {
  const { bench, ours, unit, against, theirs, ratio, aim, met } = result;
  return [
    bench,
    figure(ours),
    unit,
    `${figure(spread[0])}–${figure(spread[1])}`,
    String(rounds),
    against ?? '',
    figure(theirs),
    figure(ratio),
    figure(aim),
    met === null ? '' : met ? 'yes' : 'NO',
  ];
}

function figure(value: number | null): string {
  return value === null ? '' : value.toLocaleString('en', { maximumSignificantDigits: 4 });
}
