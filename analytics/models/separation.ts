import { AnalyticsError } from '../errors.js';
import { mean, sumSquares } from '../math/index.js';
import type { Design } from './design.js';
import type { RowTerms } from './logistic-pass.js';
import { newton } from './newton.js';

/** Whether columns separate the outcomes, so that some plain estimates are infinite. */
export interface Separation {
  /** `complete`: every row lies on its outcome's side; `quasi-complete`: some rows lie on the border. */
  readonly kind: 'none' | 'quasi-complete' | 'complete';
  /** Names of the columns whose coefficients run away. */
  readonly columns: readonly string[];
}

/** Two weak penalties. From the first to the second a coefficient without a limit grows by about log 1000. */
const WEAK = 1e-4;
const WEAKER = 1e-7;
/** Growth, in log-odds a standard deviation, that no coefficient with a limit shows between the two. */
const GROWTH = 0.5;

/**
 * Looks for separation, by how coefficients grow as a penalty on standardised columns vanishes.
 *
 * @param y - 0 or 1, both present.
 * @throws AnalyticsError ANALYTICS_NOT_CONVERGED.
 */
export function findSeparation(design: Design, y: Uint8Array, terms: RowTerms = {}): Separation {
  const standardised = standardise(design);
  const { weights } = terms;
  const weak = newton(standardised, y, WEAK, { weights });
  const weaker = newton(standardised, y, WEAKER, { weights });
  const columns = design.names.filter(
    (_, j) => Math.abs((weaker.beta[j + 1] ?? NaN) - (weak.beta[j + 1] ?? NaN)) > GROWTH,
  );
  if (weaker.separated) return { kind: 'complete', columns: columns.length > 0 ? columns : design.names };
  return { kind: columns.length > 0 ? 'quasi-complete' : 'none', columns };
}

function standardise(design: Design): Design {
  const { rows, columns, data } = design;
  const out = new Float64Array(data.length);
  for (let j = 0; j < columns; j++) {
    const column = data.subarray(j * rows, (j + 1) * rows);
    const centre = mean(column);
    const spread = Math.sqrt(sumSquares(column, centre) / rows);
    if (!(spread > 0))
      throw new AnalyticsError(
        'ANALYTICS_CONSTANT_COLUMN',
        `column ${design.names[j] ?? j} has one value only`,
      );
    for (let i = 0; i < rows; i++) out[j * rows + i] = ((column[i] ?? NaN) - centre) / spread;
  }
  return { ...design, data: out };
}
