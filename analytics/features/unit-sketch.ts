import type { Family } from './study.js';

/** Bins across a family's plausible range; on a logarithmic scale each is about 5 % wide. */
const BINS = 256;
/** A range wider than this is divided by ratios instead of differences. */
const LINEAR_RATIO_MAX = 20;
/** A logarithmic scale starts so far below its end, since a range may begin at 0. */
const DECADES = 5;

/** How values of one measurement in one unit are spread: counts in bins, so that its size does not depend on theirs. */
export class UnitSketch {
  readonly counts = new Float64Array(BINS);
  readonly #low: number;
  readonly #step: number;
  readonly #isLog: boolean;

  constructor({ plausible: [low, high] }: Family) {
    this.#isLog = low <= 0 || high / low > LINEAR_RATIO_MAX;
    const from = this.#isLog ? Math.max(Math.log10(Math.max(low, 0)), Math.log10(high) - DECADES) : low;
    this.#low = from;
    this.#step = ((this.#isLog ? Math.log10(high) : high) - from) / BINS;
  }

  /** @param value - After conversion, within the plausible range. */
  add(value: number): void {
    const bin = Math.floor(((this.#isLog ? Math.log10(value) : value) - this.#low) / this.#step);
    const at = bin < 0 || Number.isNaN(bin) ? 0 : bin < BINS ? bin : BINS - 1;
    this.counts[at] = (this.counts[at] ?? 0) + 1;
  }

  /** The value in the middle of a bin. */
  valueAt(bin: number): number {
    const scaled = this.#low + (bin + 0.5) * this.#step;
    return this.#isLog ? 10 ** scaled : scaled;
  }
}

/** The bin in which a quantile lies; counts must not all be 0. */
export function quantileBin(counts: Float64Array, q: number): number {
  const wanted = counts.reduce((a, b) => a + b, 0) * q;
  let seen = 0;
  const found = counts.findIndex((count) => {
    seen += count;
    return seen >= wanted && count > 0;
  });
  return found < 0 ? counts.length - 1 : found;
}

/** Values of one family in one unit, looked at beside the same family's others. */
export interface UnitSpread {
  /** To about 5 %. */
  readonly median: number;
  /** Values beyond three quartile ranges of all the family's values. */
  readonly outliers: number;
  /** The median over that of the unit that most of the family's values have; undefined for that unit itself. */
  readonly ratio: number | undefined;
}

/** Beyond so many quartile ranges from the quartiles lies what Tukey calls far out. */
const FAR_OUT = 3;

/**
 * Each unit's spread.
 *
 * @param sketches - Of one family, one a unit.
 */
export function unitSpreads(sketches: readonly UnitSketch[]): UnitSpread[] {
  const all = new Float64Array(BINS);
  for (const { counts } of sketches) counts.forEach((count, bin) => (all[bin] = (all[bin] ?? 0) + count));
  const [q1, q3] = [quantileBin(all, 0.25), quantileBin(all, 0.75)];
  // At least one bin, else a family whose values are nearly all alike would be full of outliers.
  const range = FAR_OUT * Math.max(1, q3 - q1);
  const totals = sketches.map(({ counts }) => counts.reduce((a, b) => a + b, 0));
  const main = totals.indexOf(Math.max(...totals));
  const medians = sketches.map((sketch) => sketch.valueAt(quantileBin(sketch.counts, 0.5)));
  return sketches.map((sketch, i) => ({
    median: medians[i] ?? NaN,
    outliers: sketch.counts.reduce(
      (sum, count, bin) => (bin < q1 - range || bin > q3 + range ? sum + count : sum),
      0,
    ),
    ratio: i === main ? undefined : (medians[i] ?? NaN) / (medians[main] ?? NaN),
  }));
}
