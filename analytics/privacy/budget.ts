import { checkedEpsilon } from './epsilon.js';
import type { MicroEpsilon } from './epsilon.js';
import { PrivacyError } from './errors.js';

/** An answer that was paid for; what a budget is rebuilt from. */
export interface PaidAnswer<Answer> {
  /** Names the data set and its state. */
  readonly dataset: string;
  /** Names the question: two that ask the same have one name, whoever asks and at whatever price. */
  readonly question: string;
  readonly epsilonMicro: MicroEpsilon;
  readonly answer: Answer;
}

/** Nothing is answered and nothing is spent. */
export interface BudgetRefusal {
  readonly kind: 'refused';
  readonly code: 'BUDGET_SPENT' | 'BUDGET_UNKNOWN_DATASET';
  readonly leftMicro: number;
}

/** An answer: `first` has to be recorded before it is told. */
export type BudgetAnswer<Answer> =
  | { readonly kind: 'first'; readonly paid: PaidAnswer<Answer> }
  | { readonly kind: 'repeated'; readonly paid: PaidAnswer<Answer> };

interface Account<Answer> {
  readonly total: number;
  spent: number;
  readonly answers: Map<string, PaidAnswer<Answer>>;
}

/**
 * The privacy budgets of data sets, each one over all who ask: two who pool their answers learn no more than one may.
 * A question that was answered is answered alike again and costs nothing, so noise cannot be averaged away. What was
 * paid is rebuilt from recorded answers after a restart.
 *
 * An answer is made by {@link ask}, recorded by the caller, and counted by {@link record}: if the record fails nothing
 * was told and nothing is spent.
 */
export class PrivacyBudgets<Answer> {
  readonly #accounts = new Map<string, Account<Answer>>();

  /**
   * Opens the budget of a data set.
   *
   * @throws PrivacyError PRIVACY_BAD_INPUT for a second budget or none.
   */
  open(dataset: string, totalMicro: MicroEpsilon): void {
    checkedEpsilon(totalMicro);
    if (this.#accounts.has(dataset)) throw new PrivacyError('PRIVACY_BAD_INPUT', 'a data set has one budget');
    this.#accounts.set(dataset, { total: totalMicro, spent: 0, answers: new Map() });
  }

  /** What is left of a budget, in millionths of ε; 0 for a data set without one. */
  left(dataset: string): number {
    const account = this.#accounts.get(dataset);
    return account === undefined ? 0 : account.total - account.spent;
  }

  /**
   * The answer to a question.
   *
   * @param make - Makes the answer with noise for this ε; called only where it is new and can be paid.
   * @throws PrivacyError PRIVACY_BAD_INPUT; what `make` throws.
   */
  ask(
    dataset: string,
    question: string,
    epsilonMicro: MicroEpsilon,
    make: () => Answer,
  ): BudgetAnswer<Answer> | BudgetRefusal {
    checkedEpsilon(epsilonMicro);
    const account = this.#accounts.get(dataset);
    if (account === undefined) return { kind: 'refused', code: 'BUDGET_UNKNOWN_DATASET', leftMicro: 0 };
    const before = account.answers.get(question);
    if (before !== undefined) return { kind: 'repeated', paid: before };
    const leftMicro = account.total - account.spent;
    if (epsilonMicro > leftMicro) return { kind: 'refused', code: 'BUDGET_SPENT', leftMicro };
    return { kind: 'first', paid: { dataset, question, epsilonMicro, answer: make() } };
  }

  /**
   * Counts an answer that was recorded, now or before a restart.
   *
   * @throws PrivacyError PRIVACY_BAD_INPUT where it answers a question a second time, or more is spent than there was.
   */
  record(paid: PaidAnswer<Answer>): void {
    checkedEpsilon(paid.epsilonMicro);
    const account = this.#accounts.get(paid.dataset);
    if (account === undefined || account.answers.has(paid.question))
      throw new PrivacyError('PRIVACY_BAD_INPUT', 'an answer is of a data set with a budget, and the first');
    if (account.spent + paid.epsilonMicro > account.total)
      throw new PrivacyError('PRIVACY_BAD_INPUT', 'more is spent than the budget holds');
    account.spent += paid.epsilonMicro;
    account.answers.set(paid.question, paid);
  }
}
