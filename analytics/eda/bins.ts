import { SMALL_CELL } from './suppress.js';

/** A stretch of an axis and how many patients lie in it. */
export interface Bin {
  /** Values from here, inclusive. */
  readonly from: number;
  /** Up to here; exclusive save in the last one. */
  readonly to: number;
  readonly events: number;
  readonly others: number;
}

/**
 * Counts by outcome along an axis, none of them small: neighbours are joined until each bin counts no patients or at
 * least 11 with the outcome, and likewise without.
 *
 * Values before the first edge count in the first bin, values behind the last in the last, so no bin tells of a single
 * patient's extreme value.
 *
 * @param values - One a patient; NaN counts nowhere.
 * @param outcome - 0 or 1, one a patient.
 * @param edges - Ascending, at least two.
 * @returns Empty where even all together are few.
 */
export function safeBins(values: Float64Array, outcome: Uint8Array, edges: readonly number[]): Bin[] {
  const count = edges.length - 1;
  const events = new Float64Array(count);
  const others = new Float64Array(count);
  const first = edges[0] ?? 0;
  // Edges are evenly spaced or few, so the place is guessed and then mended.
  const width = ((edges[count] ?? 0) - first) / count;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? NaN;
    if (Number.isNaN(value)) continue;
    let bin = Math.min(count - 1, Math.max(0, Math.floor((value - first) / width)));
    while (bin > 0 && value < (edges[bin] ?? 0)) bin--;
    while (bin < count - 1 && value >= (edges[bin + 1] ?? 0)) bin++;
    if (outcome[i] === 1) events[bin] = (events[bin] ?? 0) + 1;
    else others[bin] = (others[bin] ?? 0) + 1;
  }
  return joined(
    Array.from(events, (e, bin) => ({
      from: edges[bin] ?? NaN,
      to: edges[bin + 1] ?? NaN,
      events: e,
      others: others[bin] ?? 0,
    })),
  );
}

function joined(bins: readonly Bin[]): Bin[] {
  const out: Bin[] = [];
  let open: Bin | undefined;
  for (const bin of bins) {
    open =
      open === undefined
        ? bin
        : { from: open.from, to: bin.to, events: open.events + bin.events, others: open.others + bin.others };
    if (isShown(open)) {
      out.push(open);
      open = undefined;
    }
  }
  // What is left over is too small to stand alone: it joins what is before it.
  while (open !== undefined) {
    const before = out.pop();
    if (before === undefined) return [];
    open = {
      from: before.from,
      to: open.to,
      events: before.events + open.events,
      others: before.others + open.others,
    };
    if (isShown(open)) {
      out.push(open);
      open = undefined;
    }
  }
  return out;
}

function isShown({ events, others }: Bin): boolean {
  return [events, others].every((count) => count === 0 || count >= SMALL_CELL);
}

/**
 * Edges at round numbers that cover a stretch.
 *
 * @param low - Less than `high`.
 * @param wanted - About so many bins.
 */
export function roundEdges(low: number, high: number, wanted: number): number[] {
  const raw = (high - low) / wanted;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= raw) ?? raw;
  const start = Math.floor(low / step);
  const end = Math.ceil(high / step);
  return Array.from({ length: Math.max(1, end - start) + 1 }, (_, i) =>
    Number(((start + i) * step).toPrecision(12)),
  );
}
