/**
 * The one privacy budget of the instance's patients, over all who ask. An answer is on the disk, and on the log, before it
 * is told; after a restart the budget is rebuilt from the rows.
 */
import { createHash, randomBytes } from 'node:crypto';
import { PrivacyBudgets, PrivacyError } from '../../../analytics/privacy/index.js';
import type { NoisyCounts, PaidAnswer } from '../../../analytics/privacy/index.js';
import type { Appender } from '../../../ledger/custody/index.js';
import { canonicalBytes } from '../../../ledger/log/index.js';
import type { JsonValue } from '../../../ledger/log/index.js';
import { AdapterError } from '../../errors.js';
import { evidenceOf } from '../exceptional/context.js';
import type { CohortRows } from './rows.js';
import { newHandle } from '../../handle.js';

/** All patients of an instance are one data set: a cohort is a part of it, and parts overlap. */
const DATASET = 'patients';
const ANSWER = 'aggregate/';
const MICRO = 1_000_000;

export interface StoredAnswer {
  readonly handle: string;
  readonly counts: NoisyCounts;
}

export interface ToldAnswer extends StoredAnswer {
  readonly repeated: boolean;
  /** In ε. */
  readonly left: number;
}

export interface BudgetOptions {
  readonly rows: CohortRows;
  readonly appender: () => Appender;
  /** ε in all. */
  readonly total: number;
}

export class DurableBudget {
  readonly #options: BudgetOptions;
  readonly #budgets = new PrivacyBudgets<StoredAnswer>();
  /** One question at a time: two at once must not both find the same ε left. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(options: BudgetOptions) {
    this.#options = options;
  }

  /** Opens the budget with what was spent of it before. */
  static async open(options: BudgetOptions): Promise<DurableBudget> {
    const budget = new DurableBudget(options);
    const paid = (await options.rows.all(ANSWER)) as PaidAnswer<StoredAnswer>[];
    const spent = paid.reduce((sum, { epsilonMicro }) => sum + epsilonMicro, 0);
    // Whoever makes the budget smaller than what was spent has none left.
    budget.#budgets.open(DATASET, Math.max(Math.round(options.total * MICRO), spent, 1));
    for (const one of paid) budget.#budgets.record(one);
    return budget;
  }

  /** What is left, in ε. */
  get left(): number {
    return this.#budgets.left(DATASET) / MICRO;
  }

  /**
   * Answers a question, from the first answer where there is one.
   *
   * @param question - All that the answer hangs on, and who asks.
   * @param make - Makes the noisy counts for an ε in millionths.
   * @throws AdapterError ADAPTER_UNPROCESSABLE where the budget does not hold it; LedgerError when the log cannot take it:
   * then nothing was told and nothing is spent.
   */
  answer(
    question: object,
    epsilon: number,
    make: (epsilonMicro: number) => Promise<NoisyCounts>,
  ): Promise<ToldAnswer> {
    const work = this.#turn.then(() => this.#answer(question, epsilon, make));
    this.#turn = work.catch(() => undefined);
    return work;
  }

  async #answer(
    question: object,
    epsilon: number,
    make: (epsilonMicro: number) => Promise<NoisyCounts>,
  ): Promise<ToldAnswer> {
    const epsilonMicro = Math.round(epsilon * MICRO);
    const name = createHash('sha256')
      .update(canonicalBytes(question as JsonValue))
      .digest('base64url');
    const pending: StoredAnswer = { handle: newHandle(), counts: {} };
    let asked;
    try {
      asked = this.#budgets.ask(DATASET, name, epsilonMicro, () => pending);
    } catch (error) {
      if (!(error instanceof PrivacyError)) throw error;
      throw new AdapterError('ADAPTER_UNPROCESSABLE', `${error.message} (${error.code})`, { cause: error });
    }
    if (asked.kind === 'refused')
      throw new AdapterError(
        'ADAPTER_UNPROCESSABLE',
        `${asked.code}: ${asked.leftMicro / MICRO} of ε is left, and ${epsilon} was asked for`,
      );
    if (asked.kind === 'repeated') return { ...asked.paid.answer, repeated: true, left: this.left };
    const answer: StoredAnswer = { handle: pending.handle, counts: await make(epsilonMicro) };
    const paid: PaidAnswer<StoredAnswer> = { dataset: DATASET, question: name, epsilonMicro, answer };
    const { evidence, commitment } = evidenceOf({ question, epsilonMicro, answer: answer.counts });
    const { rows, appender } = this.#options;
    await appender().appendUntagged(() => ({
      drafts: [{ type: 'aggregate.answered', body: { handle: answer.handle, commitment } }],
      writes: [rows.put(ANSWER + name, { ...paid, evidence })],
      value: undefined,
    }));
    this.#budgets.record(paid);
    return { ...answer, repeated: false, left: this.left };
  }
}

/** Random bytes for noise. */
export function noiseBytes(size: number): Uint8Array {
  return randomBytes(size);
}
