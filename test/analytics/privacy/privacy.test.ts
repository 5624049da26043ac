import assert from 'node:assert/strict';
import { createCipheriv } from 'node:crypto';
import { describe, it } from 'node:test';
import {
  BINS_MAX,
  DiscreteLaplace,
  noisyHistogram,
  noisySum,
  PrivacyBudgets,
  PrivacyError,
} from '../../../analytics/privacy/index.js';
import type { PrivacyErrorCode, RandomBytes } from '../../../analytics/privacy/index.js';

/** Bytes of a key stream: the same for the same seed. */
function seeded(seed: number): RandomBytes {
  const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16, seed), Buffer.alloc(16));
  return (size) => cipher.update(Buffer.alloc(size));
}

function refuses(run: () => unknown, code: PrivacyErrorCode): void {
  assert.throws(run, (error: unknown) => {
    assert.ok(error instanceof PrivacyError, String(error));
    assert.equal(error.code, code);
    return true;
  });
}

const DRAWS = 60_000;

describe('discrete Laplace', () => {
  for (const [numerator, denominator] of [
    [1n, 1n],
    [2n, 1n],
    [7n, 3n],
    [1n, 4n],
    [10n, 1n],
  ] as const)
    it(`of scale ${numerator}/${denominator} is distributed as it says (χ²)`, () => {
      const noise = new DiscreteLaplace(numerator, denominator, seeded(Number(numerator + denominator)));
      const counts = new Map<number, number>();
      for (let i = 0; i < DRAWS; i++) {
        const y = Number(noise.draw());
        counts.set(y, (counts.get(y) ?? 0) + 1);
      }
      const p = Math.exp(-Number(denominator) / Number(numerator));
      const share = (y: number): number => ((1 - p) / (1 + p)) * p ** Math.abs(y);
      // Cells of expected count 5 or more, and the rest as one.
      let [chi2, cells, seen, expectedAll] = [0, 0, 0, 0];
      for (let y = 0; DRAWS * share(y) >= 5; y++)
        for (const signed of y === 0 ? [0] : [y, -y]) {
          const expected = DRAWS * share(signed);
          const observed = counts.get(signed) ?? 0;
          chi2 += (observed - expected) ** 2 / expected;
          cells++;
          seen += observed;
          expectedAll += expected;
        }
      const rest = DRAWS - expectedAll;
      if (rest > 1) chi2 += (DRAWS - seen - rest) ** 2 / rest;
      // Wilson and Hilferty: the 99.9th percentile for so many degrees of freedom.
      const bound = cells * (1 - 2 / (9 * cells) + 3.09 * Math.sqrt(2 / (9 * cells))) ** 3;
      assert.ok(chi2 < bound, `χ² is ${chi2.toFixed(1)}, the bound ${bound.toFixed(1)}`);
    });

  it('moves by one with a likelihood that changes by exp(ε) at most', () => {
    const noise = new DiscreteLaplace(1n, 1n, seeded(9));
    const counts = new Map<number, number>();
    for (let i = 0; i < DRAWS; i++) {
      const y = Number(noise.draw());
      counts.set(y, (counts.get(y) ?? 0) + 1);
    }
    for (let y = -3; y < 3; y++) {
      const ratio = (counts.get(y) ?? 0) / (counts.get(y + 1) ?? 1);
      assert.ok(Math.abs(Math.log(ratio)) < 1 + 0.15, `${y}: ${ratio}`);
    }
  });

  it('has no bound of size: scales beyond what floating-point numbers tell apart', () => {
    const noise = new DiscreteLaplace(10n ** 30n, 1n, seeded(3));
    const draws = Array.from({ length: 50 }, () => noise.draw());
    assert.ok(draws.some((y) => y > 10n ** 28n) && draws.some((y) => y < -(10n ** 28n)));
    assert.equal(new Set(draws).size, 50);
  });

  it('refuses a scale that is none, and a poor source', () => {
    refuses(() => new DiscreteLaplace(0n, 1n, seeded(1)), 'PRIVACY_BAD_INPUT');
    refuses(() => new DiscreteLaplace(1n, -1n, seeded(1)), 'PRIVACY_BAD_INPUT');
    refuses(() => new DiscreteLaplace(5n, 1n, () => new Uint8Array(1)).draw(), 'PRIVACY_RANDOM');
  });
});

describe('answers', () => {
  const sure = { bins: ['a', 'b', 'c'], perPatientMax: 1, epsilonMicro: 100_000_000, least: 11 };

  it('count each patient once a bin, in no more bins than allowed', () => {
    const patients = Array.from({ length: 40 }, () => ['c', 'b', 'b', 'b', 'elsewhere']);
    // With so large an ε noise is next to none.
    assert.deepEqual(noisyHistogram(patients, sure, seeded(1)), { a: null, b: 40, c: null });
    assert.deepEqual(noisyHistogram(patients, { ...sure, perPatientMax: 2 }, seeded(1)), {
      a: null,
      b: 40,
      c: 40,
    });
  });

  it('change by no more than the noise hides when one patient is added, whatever it holds', () => {
    for (const most of [1, 2, 3]) {
      const question = { ...sure, perPatientMax: most, least: 0 };
      const before = noisyHistogram([], question, seeded(2));
      for (const patient of [
        [],
        ['a'],
        ['a', 'b', 'c'],
        Array.from({ length: 1000 }, (_, i) => 'abc'[i % 3] ?? ''),
      ]) {
        // The same bytes are the same noise.
        const after = noisyHistogram([patient], question, seeded(2));
        const moved = question.bins.reduce(
          (sum, bin) => sum + Math.abs((after[bin] ?? 0) - (before[bin] ?? 0)),
          0,
        );
        assert.ok(moved <= most);
      }
    }
  });

  it('are shown or not by the noisy count alone', () => {
    const question = { bins: ['a'], perPatientMax: 1, epsilonMicro: 500_000, least: 11 };
    let [shownOfTen, hiddenOfTwelve] = [0, 0];
    for (let seed = 0; seed < 100; seed++) {
      const of = (count: number): number | null | undefined =>
        noisyHistogram(
          Array.from({ length: count }, () => ['a']),
          question,
          seeded(seed),
        )['a'];
      const [ten, twelve] = [of(10), of(12)];
      // One source of bytes, so the noise of both is one.
      if (typeof ten === 'number') assert.equal(twelve, ten + 2);
      if (typeof ten === 'number') shownOfTen++;
      if (twelve === null) hiddenOfTwelve++;
    }
    assert.ok(shownOfTen > 5 && hiddenOfTwelve > 5);
  });

  it('sum within bounds', () => {
    const question = { low: 0, high: 100, epsilonMicro: 100_000_000 };
    const about = (values: number[]): number => Number(noisySum(values, question, seeded(4)));
    const noise = about([]);
    assert.equal(about([50, 1e9, -5, NaN, Infinity]) - noise, 150);
    assert.equal(about([0.4, 99.6]) - noise, 100);
  });

  it('refuse questions that are none', () => {
    for (const bad of [
      { bins: [] },
      { bins: ['a', 'a'] },
      { bins: Array.from({ length: BINS_MAX + 1 }, String) },
      { perPatientMax: 0 },
      { perPatientMax: 1.5 },
      { least: -1 },
      { epsilonMicro: 0 },
      { epsilonMicro: 0.5 },
      { epsilonMicro: 100_000_001 },
      { epsilonMicro: NaN },
    ])
      refuses(() => noisyHistogram([], { ...sure, ...bad }, seeded(1)), 'PRIVACY_BAD_INPUT');
    for (const [low, high] of [
      [1, 1],
      [2, 1],
      [0, 0.5],
      [NaN, 1],
    ] as const)
      refuses(() => noisySum([], { low, high, epsilonMicro: 1 }, seeded(1)), 'PRIVACY_BAD_INPUT');
  });
});

function opened(total = 1_000_000): PrivacyBudgets<string> {
  const budgets = new PrivacyBudgets<string>();
  budgets.open('d', total);
  return budgets;
}

function ask(budgets: PrivacyBudgets<string>, question: string, micro: number): string {
  const answer = budgets.ask('d', question, micro, () => `${question}!`);
  if (answer.kind === 'refused') return answer.code;
  if (answer.kind === 'first') budgets.record(answer.paid);
  return `${answer.kind} ${answer.paid.answer}`;
}

describe('budgets', () => {
  it('are spent by new questions alone, over all who ask', () => {
    const budgets = opened();
    assert.equal(ask(budgets, 'a', 400_000), 'first a!');
    assert.equal(ask(budgets, 'a', 400_000), 'repeated a!');
    // A higher price buys no second draw.
    assert.equal(ask(budgets, 'a', 600_000), 'repeated a!');
    assert.equal(ask(budgets, 'b', 600_001), 'BUDGET_SPENT');
    assert.equal(budgets.left('d'), 600_000);
    assert.equal(ask(budgets, 'b', 600_000), 'first b!');
    assert.equal(ask(budgets, 'c', 1), 'BUDGET_SPENT');
    assert.equal(ask(budgets, 'b', 1), 'repeated b!');
    assert.equal(budgets.left('d'), 0);
  });

  it('spend nothing where the answer fails or is not recorded', () => {
    const budgets = opened();
    assert.throws(() => budgets.ask('d', 'a', 5, () => assert.fail('no answer')), /no answer/);
    assert.equal(budgets.ask('d', 'a', 5, () => 'lost').kind, 'first');
    assert.equal(budgets.left('d'), 1_000_000);
  });

  it('hold after a restart: rebuilt from what was recorded at any point', () => {
    const recorded: Parameters<PrivacyBudgets<string>['record']>[0][] = [];
    let budgets = opened();
    for (let i = 0; i < 50; i++) {
      // A restart before each question.
      budgets = opened();
      for (const paid of recorded) budgets.record(paid);
      const answer = budgets.ask('d', `q${i % 30}`, 50_000, () => String(i));
      if (answer.kind !== 'first') continue;
      recorded.push(answer.paid);
    }
    assert.equal(recorded.length, 20);
    assert.equal(
      recorded.reduce((sum, { epsilonMicro }) => sum + epsilonMicro, 0),
      1_000_000,
    );
  });

  it('refuse what cannot be', () => {
    const budgets = opened(10);
    assert.deepEqual(
      budgets.ask('other', 'a', 1, () => ''),
      {
        kind: 'refused',
        code: 'BUDGET_UNKNOWN_DATASET',
        leftMicro: 0,
      },
    );
    refuses(() => budgets.open('d', 5), 'PRIVACY_BAD_INPUT');
    refuses(() => budgets.open('e', 0), 'PRIVACY_BAD_INPUT');
    refuses(() => ask(budgets, 'a', -1), 'PRIVACY_BAD_INPUT');
    const paid = { dataset: 'd', question: 'a', epsilonMicro: 6, answer: '' };
    budgets.record(paid);
    refuses(() => budgets.record(paid), 'PRIVACY_BAD_INPUT');
    refuses(() => budgets.record({ ...paid, question: 'b' }), 'PRIVACY_BAD_INPUT');
    refuses(() => budgets.record({ ...paid, dataset: 'other' }), 'PRIVACY_BAD_INPUT');
  });
});
