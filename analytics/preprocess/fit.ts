import { AnalyticsError } from '../errors.js';
import type { FeatureColumn, Transform } from '../features/index.js';
import { log, mean, quantile, sumSquares } from '../math/index.js';

/** How one feature becomes design columns. Plain JSON: it goes with the model. */
export interface FeaturePreparation {
  readonly name: string;
  readonly transform: Transform;
  /** Winsorised: values are drawn in to these. */
  readonly bounds: readonly [low: number, high: number] | null;
  /** Log: what is smaller, zero included, counts as this. */
  readonly floor: number | null;
  /** Replaces a missing value, after transformation: the median, or the most frequent code of a category. */
  readonly impute: number;
  /** Least and greatest raw value in the training part; a category's are its codes. */
  readonly seen: readonly [low: number, high: number];
}

/** A column of the design and how it is standardised. */
export interface DesignColumn {
  readonly name: string;
  /** Index of the feature it comes from. */
  readonly feature: number;
  readonly role: 'value' | 'missing' | 'level' | 'interaction';
  /** The category's code that gives 1; 0 for other roles. */
  readonly level: number;
  readonly mean: number;
  /** Population standard deviation, above 0. */
  readonly sd: number;
  /** Of an interaction: indexes of the columns, both before it, whose standardised values are multiplied. */
  readonly of?: readonly [number, number];
}

/** A candidate column that the training part could not use. */
export interface DroppedColumn {
  readonly name: string;
  readonly because: 'all-missing' | 'constant' | 'duplicate' | 'without-main-effect';
}

/** Everything needed to prepare another patient as the training part was. Plain JSON. */
export interface Preparation {
  readonly features: readonly FeaturePreparation[];
  readonly columns: readonly DesignColumn[];
  readonly dropped: readonly DroppedColumn[];
}

/** What a study may say about its preparation. */
export interface PreparationOptions {
  /** Winsorised values are drawn in to these quantiles of the training part; 0.01 and 0.99 unless named. */
  readonly winsor?: readonly [low: number, high: number];
  /** Pairs of numeric or yes-or-no features whose product is a column too. */
  readonly interactions?: readonly (readonly [string, string])[];
}

const WINSOR = [0.01, 0.99] as const;

/**
 * Learns the preparation from the training part, and from nothing else.
 *
 * A feature is transformed, its missing values are filled and marked by a column of their own, categories become a column
 * for each level but the first, and every column is standardised. Columns that are constant or repeat another are
 * dropped, and named. An interaction is the product of two standardised columns, standardised again, so that it says what
 * the main effects do not.
 *
 * @param columns - The training part.
 * @param transforms - One for each column; categories and yes-or-no take `none`.
 * @throws AnalyticsError ANALYTICS_NO_PATIENTS for no rows, ANALYTICS_NOT_FINITE for an infinite value,
 * ANALYTICS_SHAPE when transforms and columns differ in number.
 */
export function fitPreparation(
  columns: readonly FeatureColumn[],
  transforms: readonly Transform[],
  { winsor = WINSOR, interactions = [] }: PreparationOptions = {},
): Preparation {
  if (columns.length !== transforms.length)
    throw new AnalyticsError('ANALYTICS_SHAPE', 'not one transform a column');
  if ((columns[0]?.values.length ?? 0) === 0)
    throw new AnalyticsError('ANALYTICS_NO_PATIENTS', 'no training rows');
  const features: FeaturePreparation[] = [];
  const dropped: DroppedColumn[] = [];
  const kept: DesignColumn[] = [];
  const made: Float64Array[] = [];

  const keep = (candidate: Candidate, values: Float64Array): void => {
    const centre = mean(values);
    const sd = Math.sqrt(sumSquares(values, centre) / values.length);
    if (values.every((v) => v === values[0])) dropped.push({ name: candidate.name, because: 'constant' });
    else if (made.some((other) => same(other, values)))
      dropped.push({ name: candidate.name, because: 'duplicate' });
    else {
      made.push(values);
      kept.push({ ...candidate, mean: centre, sd });
    }
  };
  columns.forEach((column, index) => {
    const feature = prepareFeature(column, transforms[index] ?? 'none', winsor);
    features.push(feature);
    if (Number.isNaN(feature.impute)) {
      dropped.push({ name: column.name, because: 'all-missing' });
      return;
    }
    for (const candidate of candidates(column, index)) {
      const values = rawDesignColumn(column.values, feature, candidate);
      keep(candidate, values);
    }
  });
  for (const [a, b] of interactions) {
    const name = `${a}×${b}`;
    const [i, j] = [a, b].map((main) => kept.findIndex((c) => c.role === 'value' && c.name === main));
    const [first, second] = [kept[i ?? -1], kept[j ?? -1]];
    if (i === undefined || j === undefined || first === undefined || second === undefined) {
      dropped.push({ name, because: 'without-main-effect' });
      continue;
    }
    const [x, y] = [standardised(made[i], first), standardised(made[j], second)];
    keep(
      { name, feature: first.feature, role: 'interaction', level: 0, of: [i, j] },
      x.map((v, row) => v * (y[row] ?? NaN)),
    );
  }
  // NaN has no JSON form; what is all missing has no columns, so its filler is never used.
  return {
    features: features.map((f) => (Number.isNaN(f.impute) ? { ...f, impute: 0 } : f)),
    columns: kept,
    dropped,
  };
}

/** A column that a feature may give, before it is known whether the training part can use it. */
export type Candidate = Omit<DesignColumn, 'mean' | 'sd'>;

function candidates(column: FeatureColumn, feature: number): Candidate[] {
  const missing: Candidate = { name: `${column.name}:missing`, feature, role: 'missing', level: 0 };
  if (column.kind !== 'category') return [{ name: column.name, feature, role: 'value', level: 0 }, missing];
  const levels = column.levels
    .map((level, code): Candidate => ({
      name: `${column.name}:${level}`,
      feature,
      role: 'level',
      level: code,
    }))
    .slice(1);
  return [...levels, missing];
}

function prepareFeature(
  column: FeatureColumn,
  transform: Transform,
  winsor: readonly [number, number],
): FeaturePreparation {
  const present = presentSorted(column.values);
  const low = present[0] ?? 0;
  const high = present.at(-1) ?? 0;
  if (!Number.isFinite(low) || !Number.isFinite(high)) {
    throw new AnalyticsError('ANALYTICS_NOT_FINITE', `feature ${column.name} has an infinite value`);
  }
  const bare: FeaturePreparation = {
    name: column.name,
    transform,
    bounds: null,
    floor: null,
    impute: NaN,
    seen: [low, high],
  };
  if (present.length === 0) return bare;
  if (column.kind === 'category') return { ...bare, transform: 'none', impute: mostFrequent(present) };
  const shaped: FeaturePreparation = {
    ...bare,
    bounds: transform === 'winsorise' ? [quantile(present, winsor[0]), quantile(present, winsor[1])] : null,
    // Half of the least value above zero stands for zero and what is below.
    floor: transform === 'log' ? (present.find((v) => v > 0) ?? 1) / 2 : null,
  };
  // Every transformation keeps the order, so the middle values stay the middle ones.
  const at = (present.length - 1) / 2;
  const middle = [Math.floor(at), Math.ceil(at)].map((i) => tamed(present[i] ?? NaN, shaped));
  return { ...shaped, impute: quantile(middle, at - Math.floor(at)) };
}

function presentSorted(values: Float64Array): Float64Array {
  const present = new Float64Array(values.length);
  let count = 0;
  for (const v of values) if (!Number.isNaN(v)) present[count++] = v;
  return present.subarray(0, count).toSorted();
}

/** One value after winsorising or logarithm. */
function tamed(value: number, feature: FeaturePreparation): number {
  if (feature.bounds !== null) {
    const [low, high] = feature.bounds;
    return value < low ? low : value > high ? high : value;
  }
  if (feature.floor !== null) return log(value < feature.floor ? feature.floor : value);
  return value;
}

/**
 * A design column before standardising.
 *
 * @param values - The feature's raw values; NaN where missing.
 */
export function rawDesignColumn(
  values: Float64Array,
  feature: FeaturePreparation,
  column: Candidate,
): Float64Array {
  const out = new Float64Array(values.length);
  const { role, level } = column;
  for (let i = 0; i < out.length; i++) {
    const v = values[i] ?? NaN;
    const isMissing = Number.isNaN(v);
    if (role === 'missing') out[i] = isMissing ? 1 : 0;
    else if (role === 'value') out[i] = isMissing ? feature.impute : tamed(v, feature);
    else out[i] = (isMissing ? feature.impute : v) === level ? 1 : 0;
  }
  return out;
}

/** The most frequent value; of equally frequent ones the least. */
function mostFrequent(sorted: Float64Array): number {
  let best = NaN;
  let bestCount = 0;
  for (let i = 0; i < sorted.length;) {
    let j = i;
    while (j < sorted.length && sorted[j] === sorted[i]) j++;
    if (j - i > bestCount) {
      bestCount = j - i;
      best = sorted[i] ?? NaN;
    }
    i = j;
  }
  return best;
}

/** As the design has it; the same arithmetic as when the preparation is applied. */
function standardised(values: Float64Array | undefined, { mean: centre, sd }: DesignColumn): Float64Array {
  return (values ?? new Float64Array(0)).map((v) => (v - centre) / sd);
}

function same(a: Float64Array, b: Float64Array): boolean {
  return a.every((v, i) => v === b[i]);
}
