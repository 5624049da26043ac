import type { Association } from './associations.js';
import type { FlowReport } from './study-report.js';

/** Text safe inside HTML and SVG. */
export function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

/** A number for a reader; a dash for none. */
export function figure(value: number | null | undefined, digits = 3): string {
  if (value === null || value === undefined || Number.isNaN(value)) return '–';
  const rounded = Number.isInteger(value) ? value : Number(value.toPrecision(digits));
  const text = Math.abs(rounded) >= 1000 ? rounded.toLocaleString('en') : String(rounded);
  return text.replace('-', '−');
}

/** A predictor's name and unit, in words where the unit's code is not known to everyone. */
export function withUnit({ label, unit }: { readonly label: string; readonly unit: string }): string {
  return unit === '1' ? label : `${label}, ${unit === 'a' ? 'years' : unit}`;
}

/** A text cut to so many letters. */
export function shortened(text: string, letters: number): string {
  return text.length <= letters ? text : `${text.slice(0, letters - 1)}…`;
}

/** A drawing with its title and description, for those who do not see it. */
export function svg(width: number, height: number, title: string, desc: string, body: string): string {
  return `<svg role="img" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}"><title>${escaped(title)}</title><desc>${escaped(desc)}</desc>${body}</svg>`;
}

/** A text in a drawing. */
export function words(x: number, y: number, text: string, anchor = 'start'): string {
  return `<text x="${x}" y="${y}" text-anchor="${anchor}">${escaped(text)}</text>`;
}

function box(x: number, y: number, text: string): string {
  return `<rect class="box" x="${x}" y="${y}" width="300" height="34" rx="4"/>${words(x + 10, y + 22, text)}`;
}

/** Who was looked at, left out and kept, as boxes. */
export function flowPlot({ patients, excluded, included, events }: FlowReport): string {
  const end = 20 + Math.max(1, excluded.length) * 46 + 20;
  const body = [
    box(10, 10, `patients read: ${figure(patients)}`),
    `<path class="line" d="M160 44V${end}"/>`,
    ...excluded.map(
      (step, i) =>
        `<path class="line" d="M160 ${73 + i * 46}H350"/>${box(350, 56 + i * 46, `${step.reason}: ${figure(step.patients)}`)}`,
    ),
    box(10, end, `included: ${figure(included)}, with the outcome: ${figure(events)}`),
  ];
  return svg(
    660,
    Math.max(end + 50, 110),
    'Flow of patients',
    flowText({ patients, excluded, included, events }),
    body.join(''),
  );
}

/** The flow in words. */
export function flowText({ patients, excluded, included, events }: FlowReport): string {
  const left = excluded.map((step) => `${step.reason} ${figure(step.patients)}`).join(', ') || 'none';
  return `${figure(patients)} patients read; left out: ${left}; ${figure(included)} included, ${figure(events)} with the outcome.`;
}

/** Where a ratio stands on the axis. */
function across(ratio: number): number {
  return 430 + Math.max(-1, Math.min(1, Math.log2(ratio) / 4)) * 170;
}

const WHY_NONE: Readonly<Record<NonNullable<Association['why']>, string>> = {
  'too-few': 'too few patients',
  separated: 'separates the outcomes',
  constant: 'one value only',
  'no-fit': 'could not be fitted',
};

/** Odds ratios with their intervals on a logarithmic scale, from 1/16 to 16. */
export function forestPlot(associations: readonly Association[]): string {
  const rows = associations.map((a, i) => {
    const y = 30 + i * 22;
    if (a.oddsRatio === null || a.interval === null)
      return `${words(10, y + 4, shortened(a.label, 40))}${words(620, y + 4, a.why === undefined ? '' : WHY_NONE[a.why])}`;
    const [low, high] = a.interval;
    return `${words(10, y + 4, shortened(a.label, 40))}<path class="mark" d="M${across(low).toFixed(1)} ${y}H${across(high).toFixed(1)}"/><circle class="dot" cx="${across(a.oddsRatio).toFixed(1)}" cy="${y}" r="4"/>${words(620, y + 4, `${figure(a.oddsRatio)} (${figure(low)} to ${figure(high)})`)}`;
  });
  const height = 30 + associations.length * 22 + 24;
  const axis = [1 / 16, 1 / 4, 1, 4, 16]
    .map(
      (tick) =>
        `<path class="${tick === 1 ? 'line' : 'grid'}" d="M${across(tick)} 14V${height - 22}"/>${words(across(tick), height - 6, tick < 1 ? `1/${1 / tick}` : String(tick), 'middle')}`,
    )
    .join('');
  return svg(800, height, 'Odds ratios', 'Each predictor alone, with 95 % interval.', axis + rows.join(''));
}

/** Shares as bars. */
export function barPlot(
  title: string,
  bars: readonly { readonly label: string; readonly share: number | null }[],
): string {
  const body = bars.map(({ label, share }, i) => {
    const y = 8 + i * 22;
    const width = (share ?? 0) * 300;
    return `${words(10, y + 14, shortened(label, 36))}<rect class="bar" x="260" y="${y}" width="${width.toFixed(1)}" height="16"/>${words(266 + width, y + 14, share === null ? '–' : `${figure(share * 100)} %`)}`;
  });
  return svg(660, bars.length * 22 + 16, title, title, body.join(''));
}

/** A square of correlations. */
export function correlationPlot(names: readonly string[], correlation: readonly number[]): string {
  const n = names.length;
  const cells = correlation.map((r, k) => {
    const [i, j] = [Math.floor(k / n), k % n];
    const tone = r < 0 ? 'minus' : 'plus';
    return `<rect class="${tone}" fill-opacity="${Math.min(1, Math.abs(r)).toFixed(2)}" x="${200 + j * 18}" y="${4 + i * 18}" width="17" height="17"><title>${escaped(`${names[i] ?? ''} and ${names[j] ?? ''}: ${figure(r)}`)}</title></rect>`;
  });
  const labels = names.map((name, i) => words(194, 17 + i * 18, shortened(name, 26), 'end'));
  return svg(
    210 + n * 18,
    n * 18 + 10,
    'Correlation',
    'Pearson correlation of the prepared predictors.',
    labels.join('') + cells.join(''),
  );
}
