import { SMALL_CELL } from '../eda/index.js';
import { AnonymityError } from './errors.js';

/** Counts by row and column with their sums; null is a cell that is not shown. */
export interface ShownCounts {
  readonly cells: readonly (readonly (number | null)[])[];
  readonly rowSums: readonly (number | null)[];
  readonly columnSums: readonly (number | null)[];
  readonly sum: number | null;
}

/**
 * A contingency table fit to be shown: cells of 1 to `least` − 1 are left out, and with them as many others as it
 * takes that no row, column or margin tells them by subtraction: where anything is left out of a line, it is two
 * cells or more, which together count `least` or more.
 *
 * @param counts - Whole numbers, in rows of one length.
 * @throws AnonymityError ANONYMITY_BAD_INPUT.
 */
export function suppressCounts(counts: readonly (readonly number[])[], least = SMALL_CELL): ShownCounts {
  const width = counts[0]?.length ?? 0;
  if (counts.some((row) => row.length !== width || row.some((n) => !Number.isSafeInteger(n) || n < 0)))
    throw new AnonymityError('ANONYMITY_BAD_INPUT', 'counts are whole numbers in rows of one length');
  // The sums are one more row and column of the same grid, so that all lines are judged alike.
  const rows = counts.map((row) => [...row, row.reduce((a, b) => a + b, 0)]);
  const full = [
    ...rows,
    Array.from({ length: width + 1 }, (_, j) => rows.reduce((sum, row) => sum + (row[j] ?? 0), 0)),
  ];
  const hidden = full.map((row) => row.map((n) => n > 0 && n < least));
  for (let next = weakLine(full, hidden, least); next.length > 0; next = weakLine(full, hidden, least))
    hideOneMore(next, full, hidden);
  const shown = full.map((row, i) => row.map((n, j) => (hidden[i]?.[j] === true ? null : n)));
  return {
    cells: shown.slice(0, -1).map((row) => row.slice(0, -1)),
    rowSums: shown.slice(0, -1).map((row) => row[width] ?? null),
    columnSums: (shown.at(-1) ?? []).slice(0, -1),
    sum: shown.at(-1)?.[width] ?? null,
  };
}

type Place = readonly [row: number, column: number];

/** Cells of which one more has to be hidden, since what is hidden is small together or is told; empty if none. */
function weakLine(
  full: readonly (readonly number[])[],
  hidden: readonly boolean[][],
  least: number,
): Place[] {
  const [height, width] = [full.length, full[0]?.length ?? 0];
  const across = full.map((row, i) => row.map((_, j): Place => [i, j]));
  const down = Array.from({ length: width }, (_, j) => full.map((__, i): Place => [i, j]));
  for (const line of [...across, ...down]) {
    const out = line.filter(([i, j]) => hidden[i]?.[j] === true);
    const [i = 0, j = 0] = line.at(-1) ?? [];
    // With the sum of the line, the sum of what is hidden is told.
    if (out.length === 0 || hidden[i]?.[j] === true) continue;
    if (out.reduce((sum, [r, c]) => sum + (full[r]?.[c] ?? 0), 0) < least) return line;
  }
  for (const [i, j] of across.flat()) {
    if (hidden[i]?.[j] !== true) continue;
    const reached = reachedWithout(i, j, hidden, height, width);
    // Where it is told, any cell between what is reached and the rest gives another way round.
    if (!reached.has(height + j))
      return across.flat().filter(([r, c]) => reached.has(r) !== reached.has(height + c));
  }
  return [];
}

/**
 * The rows, and behind them the columns, to which hidden cells lead from a cell's row without that cell. Each cell
 * stands in two lines: as an edge between its row and its column it is told by the sums exactly where nothing else
 * leads from the one to the other.
 */
function reachedWithout(
  row: number,
  column: number,
  hidden: readonly (readonly boolean[])[],
  height: number,
  width: number,
): ReadonlySet<number> {
  const isWay = (i: number, j: number): boolean => hidden[i]?.[j] === true && !(i === row && j === column);
  const reached = new Set([row]);
  // A set takes new members while it is gone through.
  for (const at of reached) {
    if (at < height) {
      for (let j = 0; j < width; j++) if (isWay(at, j)) reached.add(height + j);
    } else for (let i = 0; i < height; i++) if (isWay(i, at - height)) reached.add(i);
  }
  return reached;
}

/** Hides the smallest cell of those that are shown: one of nobody late, sums last. */
function hideOneMore(
  line: readonly Place[],
  full: readonly (readonly number[])[],
  hidden: readonly boolean[][],
): void {
  const at = ([i, j]: Place): number => full[i]?.[j] ?? 0;
  const isSum = ([i, j]: Place): boolean => i === full.length - 1 || j === (full[0]?.length ?? 0) - 1;
  const last = (place: Place): number => (isSum(place) ? 2 : at(place) === 0 ? 1 : 0);
  const next = line
    .filter(([i, j]) => hidden[i]?.[j] === false)
    .toSorted((a, b) => last(a) - last(b) || at(a) - at(b))[0];
  // A line all hidden has its sum hidden, and where all cells between two sides are hidden, none of them is told.
  const row = next === undefined ? undefined : hidden[next[0]];
  if (row === undefined || next === undefined) throw new TypeError('a line all hidden cannot be weak');
  row[next[1]] = true;
}
