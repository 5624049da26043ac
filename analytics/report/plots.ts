import type { Bin, Distribution } from '../eda/index.js';
import { figure, shortened, svg, withUnit, words } from './svg.js';

const WIDTH = 250;
const HEIGHT = 120;
const BASE = 92;
const TOP = 26;

/** Two densities over one axis: patients with the outcome as a line, the others as an area. */
export function distributionPlot({ label, unit, bins }: Distribution): string {
  const head = words(4, 14, shortened(withUnit({ label, unit }), 34));
  const [first, last] = [bins[0], bins.at(-1)];
  if (first === undefined || last === undefined) return '';
  const x = (v: number): number => 8 + ((v - first.from) / (last.to - first.from)) * (WIDTH - 16);
  const events = densities(bins, (bin) => bin.events);
  const others = densities(bins, (bin) => bin.others);
  const top = Math.max(...events, ...others, Number.MIN_VALUE);
  const y = (d: number): string => (BASE - (d / top) * (BASE - TOP)).toFixed(1);
  const path = (values: readonly number[]): string =>
    `M${x(first.from).toFixed(1)} ${BASE}` +
    bins.map((bin, i) => `V${y(values[i] ?? 0)}H${x(bin.to).toFixed(1)}`).join('') +
    `V${BASE}`;
  return svg(
    WIDTH,
    HEIGHT,
    label,
    `From ${figure(first.from)} to ${figure(last.to)}; ${about(bins)}`,
    head +
      `<path class="area" d="${path(others)}"/><path class="edge" d="${path(events)}"/>` +
      `<path class="line" d="M8 ${BASE}H${WIDTH - 8}"/>` +
      words(8, HEIGHT - 10, figure(first.from)) +
      words(WIDTH - 8, HEIGHT - 10, figure(last.to), 'end'),
  );
}

function densities(bins: readonly Bin[], of: (bin: Bin) => number): number[] {
  const total = bins.reduce((sum, bin) => sum + of(bin), 0);
  return bins.map((bin) => (total > 0 ? of(bin) / total / (bin.to - bin.from) : 0));
}

/** Where the middle patient of each outcome lies, in words. */
function about(bins: readonly Bin[]): string {
  const middle = (of: (bin: Bin) => number): string => {
    const half = bins.reduce((sum, bin) => sum + of(bin), 0) / 2;
    let seen = 0;
    const bin = bins.find((b) => (seen += of(b)) >= half);
    return bin === undefined ? 'none' : `between ${figure(bin.from)} and ${figure(bin.to)}`;
  };
  return `the middle patient with the outcome lies ${middle((b) => b.events)}, without ${middle((b) => b.others)}.`;
}

const MONTH_MS = (365.25 / 12) * 86_400_000;

/** Admissions a month, those with the outcome on top of the others. */
export function coveragePlot(bins: readonly Bin[]): string {
  const [first, last] = [bins[0], bins.at(-1)];
  if (first === undefined || last === undefined) return '<p>Too few patients to show.</p>';
  const x = (t: number): number => 10 + ((t - first.from) / (last.to - first.from)) * 700;
  const top = Math.max(...bins.map((bin) => rate(bin, bin.events + bin.others)), Number.MIN_VALUE);
  const high = (r: number): number => (r / top) * 130;
  const bars = bins.map((bin) => {
    const [left, width] = [x(bin.from), Math.max(1, x(bin.to) - x(bin.from) - 1)];
    const [others, events] = [high(rate(bin, bin.others)), high(rate(bin, bin.events))];
    const rect = (tone: string, y: number, height: number): string =>
      `<rect class="${tone}" x="${left.toFixed(1)}" y="${y.toFixed(1)}" width="${width.toFixed(1)}" height="${height.toFixed(1)}"><title>${span(bin)}: ${figure(bin.events + bin.others)} patients, ${figure(bin.events)} with the outcome</title></rect>`;
    return rect('bar', 160 - others, others) + rect('minus', 160 - others - events, events);
  });
  return svg(
    720,
    190,
    'Admissions over time',
    bins
      .map(
        (bin) => `${span(bin)}: ${figure(bin.events + bin.others)}, ${figure(bin.events)} with the outcome`,
      )
      .join('; '),
    words(10, 16, `at most ${figure(top, 2)} patients a month`) +
      bars.join('') +
      `<path class="line" d="M10 160H710"/>${words(10, 180, month(first.from))}${words(710, 180, month(last.to - 1), 'end')}`,
  );
}

/** A count as one a month. */
function rate(bin: Bin, count: number): number {
  return (count / (bin.to - bin.from)) * MONTH_MS;
}

function span(bin: Bin): string {
  const [from, to] = [month(bin.from), month(bin.to - 1)];
  return from === to ? from : `${from} to ${to}`;
}

function month(ms: number): string {
  return new Date(ms).toISOString().slice(0, 7);
}
