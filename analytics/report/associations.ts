import { SMALL_CELL } from '../eda/index.js';
import { AnalyticsError } from '../errors.js';
import type { FeatureColumn, FeatureTable, Study } from '../features/index.js';
import { choleskyInPlace, choleskyInverse, exp, log, mean, sumSquares } from '../math/index.js';
import { designFromColumns, fitLogistic } from '../models/index.js';
import { applyPreparation, fitStudyPreparation } from '../preprocess/index.js';
import { Z_95 } from '../validation/index.js';

/** One predictor alone against the outcome. */
export interface Association {
  readonly name: string;
  readonly label: string;
  /** What the odds ratio is for: a standard deviation, yes against no, or a level against the first. */
  readonly per: string;
  readonly oddsRatio: number | null;
  /** 95 %, Wald. */
  readonly interval: readonly [low: number, high: number] | null;
  /** Why there is none. */
  readonly why?: 'too-few' | 'separated' | 'constant' | 'no-fit';
}

/** Correlations between prepared predictors and how far each is explained by the others. */
export interface Collinearity {
  readonly names: readonly string[];
  /** Pearson, row-major; missing values stand at the median. */
  readonly correlation: readonly number[];
  /** Variance inflation; null where the predictors are linear combinations of each other. */
  readonly vif: readonly number[] | null;
}

/**
 * Odds ratios of each predictor alone, over the patients who have a value.
 *
 * @param table - One row a patient.
 */
export function associationsOf({ columns, outcome }: FeatureTable): Association[] {
  return columns.flatMap((column): Association[] => {
    if (column.kind !== 'category') return [alone(column, column.values, '', outcome)];
    return column.levels.slice(1).map((level, i) =>
      alone(
        column,
        column.values.map((v) => (Number.isNaN(v) ? NaN : v === i + 1 ? 1 : 0)),
        level,
        outcome,
      ),
    );
  });
}

function alone(column: FeatureColumn, raw: Float64Array, level: string, outcome: Uint8Array): Association {
  const { values, y, events } = present(raw, outcome);
  const isNumber = column.kind === 'numeric';
  const bare = {
    name: level === '' ? column.name : `${column.name}:${level}`,
    label: level === '' ? column.label : `${column.label}: ${level}`,
    per: isNumber
      ? 'standard deviation'
      : level === ''
        ? 'yes against no'
        : `against ${column.levels[0] ?? ''}`,
    oddsRatio: null,
    interval: null,
  };
  if (events < SMALL_CELL || y.length - events < SMALL_CELL) return { ...bare, why: 'too-few' };
  if (!isNumber) return { ...bare, ...ofTwo(values, y, events) };
  const centre = mean(values);
  const sd = Math.sqrt(sumSquares(values, centre) / (values.length - 1));
  if (!(sd > 0)) return { ...bare, why: 'constant' };
  const x = values.map((v) => (v - centre) / sd);
  try {
    const fit = fitLogistic(designFromColumns([x], [bare.name]), y, { penalty: 0, standardErrors: true });
    const beta = fit.coefficients[0] ?? NaN;
    const half = Z_95 * (fit.standardErrors[1] ?? NaN);
    return { ...bare, oddsRatio: exp(beta), interval: [exp(beta - half), exp(beta + half)] };
  } catch (error) {
    if (!(error instanceof AnalyticsError)) throw error;
    return { ...bare, why: error.code === 'ANALYTICS_SEPARATION' ? 'separated' : 'no-fit' };
  }
}

function present(
  raw: Float64Array,
  outcome: Uint8Array,
): { readonly values: Float64Array; readonly y: Uint8Array; readonly events: number } {
  const values = new Float64Array(raw.length);
  const y = new Uint8Array(raw.length);
  let [count, events] = [0, 0];
  for (let i = 0; i < raw.length; i++) {
    const v = raw[i] ?? NaN;
    if (Number.isNaN(v)) continue;
    values[count] = v;
    y[count++] = outcome[i] ?? 0;
    events += outcome[i] ?? 0;
  }
  return { values: values.subarray(0, count), y: y.subarray(0, count), events };
}

/** Of yes-or-no the fit is known without fitting: the odds ratio of the two-by-two table, with Woolf's interval. */
function ofTwo(
  values: Float64Array,
  y: Uint8Array,
  events: number,
): Pick<Association, 'oddsRatio' | 'interval' | 'why'> {
  let [exposed, both] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    if (values[i] !== 1) continue;
    exposed++;
    both += y[i] ?? 0;
  }
  const none = { oddsRatio: null, interval: null };
  if (exposed < SMALL_CELL || values.length - exposed < SMALL_CELL) return { ...none, why: 'too-few' };
  const cells = [both, exposed - both, events - both, values.length - exposed - events + both];
  if (cells.includes(0)) return { ...none, why: 'separated' };
  const [a = NaN, b = NaN, c = NaN, d = NaN] = cells;
  const beta = log((a * d) / (b * c));
  const half = Z_95 * Math.sqrt(cells.reduce((total, n) => total + 1 / n, 0));
  return { oddsRatio: exp(beta), interval: [exp(beta - half), exp(beta + half)] };
}

/**
 * Correlation and variance inflation of the predictors as a model would see them.
 *
 * @throws AnalyticsError ANALYTICS_NO_PATIENTS, ANALYTICS_NOT_FINITE.
 */
export function collinearityOf(table: FeatureTable, study: Study): Collinearity {
  const preparation = fitStudyPreparation(table.columns, study);
  const { rows, data } = applyPreparation(preparation, table.columns);
  const kept = preparation.columns.flatMap(({ role }, j) => (role === 'missing' ? [] : [j]));
  const n = kept.length;
  const matrix = new Float64Array(n * n);
  kept.forEach((a, i) => {
    for (let j = 0; j <= i; j++) {
      const b = kept[j] ?? 0;
      let total = 0;
      for (let row = 0; row < rows; row++)
        total += (data[a * rows + row] as number) * (data[b * rows + row] as number);
      matrix[i * n + j] = matrix[j * n + i] = total / rows;
    }
  });
  const factor = Float64Array.from(matrix);
  const isSingular = choleskyInPlace(factor, n, 1e-10) >= 0;
  const inverse = isSingular ? null : choleskyInverse(factor, n);
  return {
    names: kept.map((j) => preparation.columns[j]?.name ?? ''),
    correlation: Array.from(matrix),
    vif: inverse === null ? null : kept.map((_, i) => inverse[i * n + i] ?? NaN),
  };
}
