import type { Entry } from '../log/index.js';
import { readEntryForm } from './entry-form.js';
import type { Checks } from './report.js';
import type { Breach } from './submissions.js';

/** How far an entry's time may lie ahead of the verifier's clock: clocks of two machines differ. */
const CLOCK_SKEW_MAX_MS = 5 * 60_000;

/** Follows submissions, leaf by leaf. */
export interface SubmissionRules {
  /** Submissions that came to their end. */
  readonly checked: number;
  next(leaf: number, entry: Entry | undefined, draft: Buffer): readonly Breach[];
  end(): readonly Breach[];
}

/** What is judged of entries whether those before are known or not: form, submission and time. */
export class CommonRules {
  readonly #checks: Checks;
  readonly #nowMs: number | undefined;
  readonly #submissions: SubmissionRules;
  readonly #counts = new Map<string, number>();
  /** The latest time so far, ms. */
  at = 0;

  /** @param nowMs - The verifier's clock; without it the future is not refused. */
  constructor(checks: Checks, submissions: SubmissionRules, nowMs: number | undefined) {
    this.#checks = checks;
    this.#submissions = submissions;
    this.#nowMs = nowMs;
  }

  /** Entries of good form by type. */
  get countsByType(): Record<string, number> {
    return Object.fromEntries([...this.#counts].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** Takes the next entry's bytes. @returns The entry, if its form is good. */
  next(leaf: number, bytes: Buffer, draft: Buffer): Entry | undefined {
    const form = readEntryForm(bytes);
    this.#checks.count('form');
    if (!form.ok) this.#checks.fail('form', { leaf, rule: form.rule });
    const entry = form.ok ? form.entry : undefined;
    const ended = this.#submissions.checked;
    for (const breach of this.#submissions.next(leaf, entry, draft)) this.#checks.fail('submissions', breach);
    if (this.#submissions.checked > ended) this.#checks.count('submissions');
    if (entry === undefined) return undefined;
    this.#counts.set(entry.type, (this.#counts.get(entry.type) ?? 0) + 1);
    this.#judgeTime(leaf, entry.at);
    return entry;
  }

  /** To be called behind the last entry. */
  end(): void {
    for (const breach of this.#submissions.end()) this.#checks.fail('submissions', breach);
  }

  /** Judges an entry's time by that of the entries before. */
  #judgeTime(leaf: number, at: number): void {
    this.#checks.count('order');
    if (at < this.at) {
      const expected = `at least ${this.at}`;
      this.#checks.fail('order', { leaf, rule: 'time goes back', expected, found: `${at}` });
    }
    if (this.#nowMs !== undefined && at > this.#nowMs + CLOCK_SKEW_MAX_MS) {
      const expected = `at most ${this.#nowMs + CLOCK_SKEW_MAX_MS}`;
      this.#checks.fail('order', { leaf, rule: 'the time is in the future', expected, found: `${at}` });
    }
    this.at = Math.max(this.at, at);
  }
}
