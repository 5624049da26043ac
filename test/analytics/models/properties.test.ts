/** Laws that every solver obeys, each checked on every family, and the optimum checked by gradients computed here anew. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  designFromColumns,
  fitContinuation,
  fitFirth,
  fitLogistic,
  fitMultinomial,
  fitOrdinal,
  selectRows,
  type Design,
} from '../../../analytics/models/index.js';
import { normal, uniform } from '../support/draws.js';

const ROWS = 800;
const COLUMNS = 3;
const CLASSES = 4;
/** Of each column, for the law of scaling. */
const FACTORS = [50, 0.02, 3];

interface Draw {
  readonly design: Design;
  readonly classes: Uint8Array;
  readonly weights: Float64Array;
}

function draw(seed: number): Draw {
  const next = uniform(seed);
  const z = normal(next);
  const columns = Array.from({ length: COLUMNS }, () => Float64Array.from({ length: ROWS }, z));
  const classes = Uint8Array.from({ length: ROWS }, (_, i) => {
    const eta = 0.7 * (columns[0]?.[i] ?? 0) - 0.5 * (columns[1]?.[i] ?? 0);
    const u = next();
    return [1, 0, -1].filter((cut) => u < logistic(cut + eta)).length;
  });
  const weights = Float64Array.from(classes, (_, i) => (i * 7) % 4);
  return { design: designFromColumns(columns, ['a', 'b', 'c']), classes, weights };
}

function logistic(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

/** What a fit says: intercepts or thresholds, and rows of coefficients. */
interface Estimates {
  readonly intercepts: readonly number[];
  readonly rows: readonly (readonly number[])[];
}

interface Family {
  /** Without a penalty where the family can do without. */
  fit(design: Design, classes: Uint8Array, weights?: Float64Array): Estimates;
  /** Components of the gradient of what the fit makes greatest, each a sum over rows. */
  gradient(drawn: Draw, found: Estimates): number[];
  readonly isScaled: boolean;
}

const isUp = (classes: Uint8Array, from = 1): Uint8Array => classes.map((k) => (k >= from ? 1 : 0));

function row({ design }: Draw, i: number): number[] {
  return [1, ...Array.from({ length: COLUMNS }, (_, j) => design.data[j * ROWS + i] ?? Number.NaN)];
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((total, value, j) => total + value * (b[j] ?? Number.NaN), 0);
}

/** Σ factor(i) × row(i). */
function scores(drawn: Draw, factor: (i: number, x: readonly number[]) => number): number[] {
  const sums = Array<number>(COLUMNS + 1).fill(0);
  for (let i = 0; i < ROWS; i++) {
    const x = row(drawn, i);
    const f = factor(i, x);
    x.forEach((value, j) => {
      sums[j] = (sums[j] ?? 0) + f * value;
    });
  }
  return sums;
}

/** The penalty is of the coefficients and not of the intercept. */
function penalised(gradient: readonly number[], coefficients: readonly number[], penalty: number): number[] {
  return gradient.map((value, j) =>
    j === 0 ? value : value - penalty * (coefficients[j - 1] ?? Number.NaN),
  );
}

function binary(penalty: number): Family {
  return {
    isScaled: penalty === 0,
    fit: (design, classes, weights) => {
      const terms = weights === undefined ? {} : { weights };
      const { intercept, coefficients } = fitLogistic(design, isUp(classes), { penalty, ...terms });
      return { intercepts: [intercept], rows: [[...coefficients]] };
    },
    gradient: (drawn, { intercepts, rows: [own = []] }) => {
      const y = isUp(drawn.classes);
      const sums = scores(drawn, (i, x) => (y[i] ?? 0) - logistic(dot([...intercepts, ...own], x)));
      return penalised(sums, own, penalty);
    },
  };
}

const firth: Family = {
  isScaled: true,
  fit: (design, classes, weights) => {
    const { intercept, coefficients } = fitFirth(
      design,
      isUp(classes),
      weights === undefined ? {} : { weights },
    );
    return { intercepts: [intercept], rows: [[...coefficients]] };
  },
  gradient: (drawn, { intercepts, rows: [own = []] }) => {
    const y = isUp(drawn.classes);
    const beta = [...intercepts, ...own];
    const p = Float64Array.from(y, (_, i) => logistic(dot(beta, row(drawn, i))));
    const spread = (i: number): number => (p[i] ?? 0) * (1 - (p[i] ?? 0));
    const information = beta.map((_, k) => scores(drawn, (i, x) => spread(i) * (x[k] ?? Number.NaN)));
    // Firth's score: an observation's leverage draws it to one half.
    return scores(drawn, (i, x) => {
      const leverage = spread(i) * dot(x, solved(information, x));
      return (y[i] ?? 0) - (p[i] ?? 0) + leverage * (0.5 - (p[i] ?? 0));
    });
  },
};

/** Gaussian elimination; the matrix is symmetric and positive. */
function solved(matrix: readonly (readonly number[])[], right: readonly number[]): number[] {
  const rows = matrix.map((line, k) => [...line, right[k] ?? Number.NaN]);
  rows.forEach((pivot, k) => {
    rows.forEach((line, m) => {
      if (m === k) return;
      const factor = (line[k] ?? Number.NaN) / (pivot[k] ?? Number.NaN);
      line.forEach((value, j) => {
        line[j] = value - factor * (pivot[j] ?? Number.NaN);
      });
    });
  });
  return rows.map((line, k) => (line.at(-1) ?? Number.NaN) / (line[k] ?? Number.NaN));
}

const MULTINOMIAL_PENALTY = 2;
const multinomial: Family = {
  isScaled: false,
  fit: (design, classes, weights) => {
    const terms = weights === undefined ? {} : { weights };
    const fit = fitMultinomial(design, classes, CLASSES, { penalty: MULTINOMIAL_PENALTY, ...terms });
    return { intercepts: [...fit.intercepts], rows: fit.coefficients.map((own) => [...own]) };
  },
  gradient: (drawn, { intercepts, rows }) =>
    rows.flatMap((own, k) => {
      const sums = scores(drawn, (i, x) => {
        const odds = rows.map((other, m) => Math.exp(dot([intercepts[m] ?? Number.NaN, ...other], x)));
        const share = (odds[k] ?? Number.NaN) / odds.reduce((a, b) => a + b, 0);
        return (drawn.classes[i] === k ? 1 : 0) - share;
      });
      return penalised(sums, own, MULTINOMIAL_PENALTY);
    }),
};

const ordinal: Family = {
  isScaled: true,
  fit: (design, classes, weights) => {
    const terms = weights === undefined ? {} : { weights };
    const { thresholds, coefficients } = fitOrdinal(design, classes, CLASSES, { penalty: 0, ...terms });
    return { intercepts: [...thresholds], rows: [[...coefficients]] };
  },
  gradient: (drawn, { intercepts, rows: [own = []] }) => {
    const below = (k: number, x: readonly number[]): number =>
      k < 0 ? 0 : k >= CLASSES - 1 ? 1 : logistic((intercepts[k] ?? Number.NaN) - dot([0, ...own], x));
    const [, ...slopes] = scores(drawn, (i, x) => {
      const k = drawn.classes[i] ?? 0;
      return below(k, x) + below(k - 1, x) - 1;
    });
    const cuts = intercepts.map((_, cut) => {
      const [sum = Number.NaN] = scores(drawn, (i, x) => {
        const k = drawn.classes[i] ?? 0;
        if (k !== cut && k !== cut + 1) return 0;
        const at = below(cut, x);
        return ((k === cut ? 1 : -1) * at * (1 - at)) / (below(k, x) - below(k - 1, x));
      });
      return sum;
    });
    return [...cuts, ...slopes];
  },
};

const chain: Family = {
  isScaled: true,
  fit: (design, classes, weights) => {
    const terms = weights === undefined ? {} : { weights };
    const steps = fitContinuation(design, classes, CLASSES - 1, { penaltyOf: () => 0, ...terms });
    return {
      intercepts: steps.map(({ intercept }) => intercept),
      rows: steps.map(({ coefficients }) => coefficients),
    };
  },
  gradient: (drawn, { intercepts, rows }) =>
    rows.flatMap((own, step) =>
      scores(drawn, (i, x) => {
        const k = drawn.classes[i] ?? 0;
        if (k < step) return 0;
        return (k > step ? 1 : 0) - logistic(dot([intercepts[step] ?? Number.NaN, ...own], x));
      }),
    ),
};

function alike(a: Estimates, b: Estimates, most: number): void {
  const [left, right] = [a, b].map(({ intercepts, rows }) => [...intercepts, ...rows.flat()]);
  assert.equal(left?.length, right?.length);
  left?.forEach((value, i) => {
    const other = right?.[i] ?? Number.NaN;
    assert.ok(Math.abs(value - other) <= most * Math.max(1, Math.abs(value)), `${i}: ${value}, ${other}`);
  });
}

for (const [name, family] of Object.entries({
  'binary without a penalty': binary(0),
  'binary with a penalty': binary(1.5),
  'Firth’s method': firth,
  multinomial,
  'proportional odds': ordinal,
  'continuation-ratio logits': chain,
})) {
  const drawn = draw(name.length);
  const { design, classes, weights } = drawn;

  test(`${name}: the gradient at the optimum is below 1e-9, computed anew from the rows`, () => {
    const gradient = family.gradient(drawn, family.fit(design, classes));
    assert.ok(gradient.length > COLUMNS);
    for (const component of gradient) assert.ok(Math.abs(component) < 1e-9, gradient.join());
  });

  test(`${name}: a weight is a repetition, and a weight of 0 a row left out`, () => {
    const repeated = [...weights].flatMap((weight, i) => Array<number>(weight).fill(i));
    const long = selectRows(design, repeated);
    const longClasses = Uint8Array.from(repeated, (i) => classes[i] ?? 0);
    alike(family.fit(design, classes, weights), family.fit(long, longClasses), 1e-9);
  });

  test(`${name}: the order of rows does not matter, the same order gives the same bits`, () => {
    const order = Array.from({ length: ROWS }, (_, i) => (i * 77) % ROWS);
    const mixed = family.fit(
      selectRows(design, order),
      Uint8Array.from(order, (i) => classes[i] ?? 0),
    );
    alike(family.fit(design, classes), mixed, 1e-9);
    assert.deepEqual(family.fit(design, classes), family.fit(design, classes));
  });

  if (family.isScaled)
    test(`${name}: a column times a factor has its coefficient divided by it`, () => {
      const scaled = {
        ...design,
        data: design.data.map((value, at) => value * (FACTORS[Math.floor(at / ROWS)] ?? 1)),
      };
      const { intercepts, rows } = family.fit(scaled, classes);
      const back = rows.map((own) => own.map((value, j) => value * (FACTORS[j] ?? 1)));
      alike(family.fit(design, classes), { intercepts, rows: back }, 1e-8);
    });
}

test('continuation-ratio logits: a step too rare for a model has the rate of the repeated rows', () => {
  const { design, classes } = draw(5);
  const rare = classes.map((k, i) => (k === CLASSES - 1 && i > 30 ? CLASSES - 2 : k));
  const weights = Float64Array.from(rare, (_, i) => i % 2);
  const kept = [...rare.keys()].filter((i) => i % 2 === 1);
  const options = { penaltyOf: () => 1 };
  const weighted = fitContinuation(design, rare, CLASSES - 1, { ...options, weights });
  const left = fitContinuation(
    selectRows(design, kept),
    Uint8Array.from(kept, (i) => rare[i] ?? 0),
    CLASSES - 1,
    options,
  );
  assert.equal(left.at(-1)?.kind, 'rate');
  assert.deepEqual(
    weighted.map(({ kind, atRisk, reached }) => [kind, atRisk, reached]),
    left.map(({ kind, atRisk, reached }) => [kind, atRisk, reached]),
  );
  assert.equal(weighted.at(-1)?.intercept, left.at(-1)?.intercept);
});
