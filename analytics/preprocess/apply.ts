import { AnalyticsError } from '../errors.js';
import type { FeatureColumn } from '../features/index.js';
import { designDoubles, type Design } from '../models/index.js';
import { rawDesignColumn, type Preparation } from './fit.js';

/**
 * The design of some patients, prepared as the training part was.
 *
 * @param columns - The features that the preparation was fitted on, in its order.
 * @throws AnalyticsError ANALYTICS_SHAPE when the features are others.
 */
export function applyPreparation(preparation: Preparation, columns: readonly FeatureColumn[]): Design {
  if (
    columns.length !== preparation.features.length ||
    columns.some((c, i) => c.name !== preparation.features[i]?.name)
  ) {
    throw new AnalyticsError('ANALYTICS_SHAPE', 'the features are not those of the preparation');
  }
  const rows = columns[0]?.values.length ?? 0;
  const data = designDoubles(rows * preparation.columns.length);
  preparation.columns.forEach((column, j) => {
    const feature = preparation.features[column.feature];
    const values = columns[column.feature]?.values;
    if (feature === undefined || values === undefined) {
      throw new AnalyticsError('ANALYTICS_MODEL_INVALID', `column ${column.name} comes from no feature`);
    }
    if (column.of !== undefined) {
      const [a, b] = column.of;
      if (column.role !== 'interaction' || !(a < j && b < j))
        throw new AnalyticsError('ANALYTICS_MODEL_INVALID', `column ${column.name} is of columns after it`);
      for (let i = 0; i < rows; i++) {
        const product = (data[a * rows + i] ?? NaN) * (data[b * rows + i] ?? NaN);
        data[j * rows + i] = (product - column.mean) / column.sd;
      }
      return;
    }
    const raw = rawDesignColumn(values, feature, column);
    for (let i = 0; i < rows; i++) data[j * rows + i] = ((raw[i] ?? NaN) - column.mean) / column.sd;
  });
  return { rows, columns: preparation.columns.length, data, names: preparation.columns.map((c) => c.name) };
}
