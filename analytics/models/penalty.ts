import { AnalyticsError } from '../errors.js';
import { sum } from '../math/index.js';
import { selectRows, type Design } from './design.js';
import { logLoss } from './logistic.js';
import type { RowTerms } from './logistic-pass.js';
import { newton, takeTerms } from './newton.js';

/**
 * Penalties tried, on standardised columns; a factor of √10 apart. From as good as none to one that leaves little but
 * the strongest predictors.
 */
export const PENALTY_GRID: readonly number[] = [0.1, 0.316, 1, 3.16, 10, 31.6, 100, 316];
/** Taken where there are too few patients to choose by cross-validation. */
export const PENALTY_DEFAULT = 10;

/** A penalty and what led to it. */
export interface PenaltyChoice {
  readonly penalty: number;
  /** Mean log-loss a held-out row, one for each penalty tried, in the order of the grid. */
  readonly tried: readonly { readonly penalty: number; readonly logLoss: number }[];
  /** Folds used; 0 when there were too few patients to cross-validate and a fixed penalty was taken. */
  readonly folds: number;
}

/**
 * Chooses the penalty with the least log-loss in cross-validation; of equal ones the larger.
 *
 * The design is the one prepared on the whole training part, so preparation is not repeated inside the folds: that
 * touches the choice of the penalty only, never what is measured on held-out patients.
 *
 * @param y - 0 or 1.
 * @param fold - The fold of each row, counted from 0.
 * @param grid - Penalties above 0, ascending.
 * @param terms - Weights and offsets of the rows; a weight counts in the loss too.
 * @throws AnalyticsError ANALYTICS_SHAPE for an empty grid or folds that do not fit the rows; ANALYTICS_NOT_CONVERGED.
 */
export function choosePenalty(
  design: Design,
  y: Uint8Array,
  fold: Uint8Array,
  grid: readonly number[] = PENALTY_GRID,
  terms: RowTerms = {},
): PenaltyChoice {
  if (grid.length === 0 || fold.length !== design.rows || y.length !== design.rows) {
    throw new AnalyticsError(
      'ANALYTICS_SHAPE',
      'cross-validation wants a grid, and a fold and an outcome a row',
    );
  }
  const total = terms.weights === undefined ? design.rows : sum(terms.weights);
  return crossValidated(fold, grid, total, (inTrain, inTest) => {
    const train = take(design, y, terms, inTrain);
    const test = take(design, y, terms, inTest);
    if (!train.y.includes(0) || !train.y.includes(1)) return undefined;
    return (penalty) => {
      const { beta } = newton(train.design, train.y, penalty, train.terms);
      return logLoss(test.design, test.y, beta, test.terms);
    };
  });
}

/**
 * Chooses the penalty of any model with the least loss on held-out rows; of equal ones the larger.
 *
 * @param fold - The fold of each row, counted from 0.
 * @param total - What the loss is divided by: rows, or their weights.
 * @param lossOf - For one fold: the summed loss of its rows under a fit to the others, by penalty; `undefined` where these do
 * not suffice for a fit.
 */
export function crossValidated(
  fold: Uint8Array,
  grid: readonly number[],
  total: number,
  lossOf: (train: Int32Array, test: Int32Array) => ((penalty: number) => number) | undefined,
): PenaltyChoice {
  const folds = fold.reduce((max, value) => Math.max(max, value), 0) + 1;
  const losses: ((penalty: number) => number)[] = [];
  for (let k = 0; k < folds; k++) {
    const loss =
      folds < 2
        ? undefined
        : lossOf(
            rowsWhere(fold, (f) => f !== k),
            rowsWhere(fold, (f) => f === k),
          );
    if (loss === undefined) return { penalty: PENALTY_DEFAULT, tried: [], folds: 0 };
    losses.push(loss);
  }
  const tried = grid.map((penalty) => ({
    penalty,
    logLoss: losses.reduce((all, loss) => all + loss(penalty), 0) / total,
  }));
  const best = tried.reduce((a, b) => (b.logLoss <= a.logLoss ? b : a));
  return { penalty: best.penalty, tried, folds };
}

function rowsWhere(fold: Uint8Array, isWanted: (fold: number) => boolean): Int32Array {
  const rows: number[] = [];
  fold.forEach((f, row) => {
    if (isWanted(f)) rows.push(row);
  });
  return Int32Array.from(rows);
}

interface Part {
  readonly design: Design;
  readonly y: Uint8Array;
  readonly terms: RowTerms;
}

function take(design: Design, y: Uint8Array, terms: RowTerms, rows: Int32Array): Part {
  return {
    design: selectRows(design, rows),
    y: Uint8Array.from(rows, (row) => y[row] ?? 0),
    terms: takeTerms(terms, rows),
  };
}
