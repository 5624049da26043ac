import type { Performance } from '../../analytics/index.js';
import type { Summary } from '../services/summary.js';

/** The summary as a table for people. */
export function renderSummary(summary: Summary): string {
  const { handled, log, verify, model, scores, waiting, deadLetters } = summary;
  const rows: [string, string][] = [
    ['received by channel', counts(summary.received.byChannel)],
    ['received by type', counts(summary.received.byType)],
    ['stored by type', counts(summary.stored)],
    ['log entries by type', counts(summary.entries)],
    ['released after consent', number(handled['released'])],
    ['denied', number(handled['denied'])],
    ['duplicates dropped', number(handled['duplicate'])],
    ['directory', number(handled['directory'])],
    ['waiting now', `${waiting.events} events of ${waiting.patients} patients`],
    ['dead letters', deadLetters.count === 0 ? '0' : `${deadLetters.count} (${counts(deadLetters.byCode)})`],
    ['log', `${log.size} entries, root ${log.root}`],
    [
      'verify',
      verify.ok ? 'ok: every leaf, signature and sequence' : `FAILED: ${verify.failures.join('; ')}`,
    ],
    [
      'model',
      model === undefined
        ? (summary.noModel ?? 'none')
        : `${model.trainedNow ? 'trained now' : 'published before'}: ${model.performance.verdict}`,
    ],
    ...(model === undefined ? [] : [['model accuracy', accuracy(model.performance)] as [string, string]]),
    [
      'scores issued',
      `${scores.issuedNow}${Object.keys(scores.notScored).length === 0 ? '' : ` (not scored: ${counts(scores.notScored)})`}`,
    ],
    ...(summary.address === undefined ? [] : [['listening on', summary.address] as [string, string]]),
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  const title = `${summary.demo ? 'DEMO ' : ''}${summary.origin}`;
  return [
    title,
    '─'.repeat(title.length),
    ...rows.map(([name, value]) => `${name.padEnd(width)}  ${wrap(value, width + 2)}`),
  ].join('\n');
}

function accuracy({ accuracy: { brier, scaled }, calibration: { slope } }: Performance): string {
  const fit = `Brier ${brier.toFixed(3)} (scaled ${scaled.toFixed(2)}), calibration slope`;
  if (slope === null) return `${fit} unknown: the outcomes are separated`;
  const [low, high] = slope.interval;
  return `${fit} ${slope.estimate.toFixed(2)} (95 % interval ${low.toFixed(2)} to ${high.toFixed(2)})`;
}

function number(value: number | undefined): string {
  return String(value ?? 0);
}

function counts(values: Readonly<Record<string, number>>): string {
  const entries = Object.entries(values).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return entries.length === 0 ? '–' : entries.map(([name, count]) => `${name} ${count}`).join(', ');
}

const LINE_WIDTH = 110;

function wrap(text: string, indent: number): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + word.length + 1 > LINE_WIDTH - indent) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  lines.push(line);
  return lines.join(`\n${' '.repeat(indent)}`);
}
