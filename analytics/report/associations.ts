import { SMALL_CELL } from '../eda/index.js';
import { AnalyticsError } from '../errors.js';
import type { FeatureColumn, FeatureTable, Study } from '../features/index.js';
import { choleskyInPlace, choleskyInverse, exp, mean, sumSquares } from '../math/index.js';
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
  const values = raw.filter((v) => !Number.isNaN(v));
  const y = outcome.filter((_, i) => !Number.isNaN(raw[i] ?? NaN));
  const events = y.reduce((total, v) => total + v, 0);
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
  if (!isNumber) {
    const exposed = values.reduce((total, v) => total + v, 0);
    if (exposed < SMALL_CELL || values.length - exposed < SMALL_CELL) return { ...bare, why: 'too-few' };
  }
  const centre = mean(values);
  const sd = Math.sqrt(sumSquares(values, centre) / (values.length - 1));
  if (!(sd > 0)) return { ...bare, why: 'constant' };
  const x = isNumber ? values.map((v) => (v - centre) / sd) : values;
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
