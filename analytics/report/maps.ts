import { DRIFT_NOTABLE, type Drift, type MissingMap } from '../eda/index.js';
import { escaped, figure, shortened, svg, words } from './svg.js';

const CELL = 26;
const LEFT = 174;

/** Which predictors are missing in the same patients: a row a pattern, a dark cell where the predictor is missing. */
export function missingPlot({ names, patterns, rest }: MissingMap): string {
  if (names.length === 0) return '<p>Every patient has every value.</p>';
  if (patterns.length === 0) return '<p>No pattern is shared by 11 patients or more.</p>';
  const top = headroom(names);
  const rows = patterns.map(({ missing, about }, i) => {
    const y = top + i * 20;
    const gone = new Set(missing);
    const cells = names.map(
      (_, j) =>
        `<rect class="${gone.has(j) ? 'gone' : 'there'}" x="${LEFT + j * CELL}" y="${y}" width="${CELL - 2}" height="17"/>`,
    );
    return words(LEFT - 8, y + 13, `about ${figure(about)}`, 'end') + cells.join('');
  });
  return svg(
    LEFT + names.length * CELL + 90,
    top + patterns.length * 20 + 30,
    'Values missing together',
    patterns
      .map(
        ({ missing, about }) =>
          `about ${figure(about)} patients lack ${missing.length === 0 ? 'nothing' : missing.map((j) => names[j] ?? '').join(', ')}`,
      )
      .join('; '),
    heads(names) +
      rows.join('') +
      words(LEFT - 8, top + patterns.length * 20 + 18, `about ${figure(rest)}`, 'end') +
      words(LEFT, top + patterns.length * 20 + 18, 'other patterns'),
  );
}

/** Which predictors are missing together, two by two: the darker, the more of those who lack the row's lack the column's. */
export function togetherPlot({ names, together }: MissingMap): string {
  const n = names.length;
  if (n < 2) return '';
  const top = headroom(names);
  const rows = names.map((name, i) => {
    const y = top + i * 20;
    const cells = names.map((column, j) => {
      const share = together[i * n + j] ?? null;
      const tip = `<title>${escaped(`of those without ${name}, without ${column}: ${share === null ? '–' : `about ${figure(share * 100)} %`}`)}</title>`;
      const at = `x="${LEFT + j * CELL}" y="${y}" width="${CELL - 2}" height="17"`;
      return share === null
        ? `<rect class="hollow" ${at}>${tip}</rect>`
        : `<rect class="plus" fill-opacity="${(0.06 + share * 0.94).toFixed(2)}" ${at}>${tip}</rect>`;
    });
    return words(LEFT - 8, y + 13, shortened(name, 22), 'end') + cells.join('');
  });
  return svg(
    LEFT + n * CELL + 90,
    top + n * 20 + 6,
    'Values missing together, two by two',
    'The darker, the more of the patients without the row’s predictor are without the column’s. Hollow: too few.',
    heads(names) + rows.join(''),
  );
}

/** Groups against predictors, coloured by how far a group's mean is from the others'; notable ones are written out. */
export function driftPlot(
  { groups, names: all }: Drift,
  cells: readonly (readonly (number | null)[])[],
  title: string,
): string {
  const differing = [...all.keys()].filter((j) => cells.some((row) => (row[j] ?? 0) !== 0));
  if (differing.length === 0) return '<p>No difference that may be shown.</p>';
  const names = differing.map((j) => all[j] ?? '');
  const values = cells.map((row) => differing.map((j) => row[j] ?? null));
  const width = CELL + 4;
  const top = headroom(names);
  const rows = groups.map(({ name, patients }, i) => {
    const y = top + i * 24;
    const drawn = names.map((column, j) => {
      const value = values[i]?.[j] ?? null;
      const x = LEFT + j * width;
      const tip = `<title>${escaped(`${name}, ${column}: ${figure(value)}`)}</title>`;
      if (value === null)
        return `<rect class="there" x="${x}" y="${y}" width="${width - 2}" height="22">${tip}</rect>`;
      const tone = value < 0 ? 'minus' : 'plus';
      const label =
        Math.abs(value) < DRIFT_NOTABLE
          ? ''
          : `<text class="small" x="${x + width / 2 - 1}" y="${y + 15}" text-anchor="middle">${value.toFixed(1).replace('-', '−')}</text>`;
      return `<rect class="${tone}" fill-opacity="${Math.min(0.75, Math.abs(value)).toFixed(2)}" x="${x}" y="${y}" width="${width - 2}" height="22">${tip}</rect>${label}`;
    });
    return words(LEFT - 8, y + 15, `${shortened(name, 18)} (${figure(patients)})`, 'end') + drawn.join('');
  });
  const notable = groups.flatMap(({ name }, i) =>
    names.flatMap((column, j) => {
      const value = values[i]?.[j] ?? null;
      return value === null || Math.abs(value) < DRIFT_NOTABLE
        ? []
        : [`${name}, ${column}: ${figure(value)}`];
    }),
  );
  return svg(
    LEFT + names.length * width + 90,
    top + groups.length * 24 + 10,
    title,
    notable.length === 0 ? 'No difference is above 0.25.' : `Above 0.25: ${notable.join('; ')}`,
    heads(names, width) + rows.join(''),
  );
}

/** Room for slanted names above the columns. */
function headroom(names: readonly string[]): number {
  return 20 + 5 * Math.max(...names.map((name) => Math.min(20, name.length)));
}

/** Names above columns, slanted. */
function heads(names: readonly string[], width = CELL): string {
  const top = headroom(names);
  return names
    .map((name, j) => {
      const x = LEFT + j * width + width / 2;
      return `<text x="${x}" y="${top - 6}" transform="rotate(-50 ${x} ${top - 6})">${escaped(shortened(name, 20))}</text>`;
    })
    .join('');
}
