import { LedgerError } from '../errors.js';
import { checkEntryForm, parseCanonical } from '../log/index.js';
import type { Entry, EntryForm } from '../log/index.js';
import { HandleTable } from './handle-table.js';
import type { Checks } from './report.js';
import { Sequence } from './sequence.js';
import { StateRebuild } from './state-rebuild.js';
import { Submissions } from './submissions.js';

/** How far an entry's time may lie ahead of the verifier's clock: clocks of two machines differ. */
const CLOCK_SKEW_MAX_MS = 5 * 60_000;

/** Judges entries by content, one after the other. */
export class EntryRules {
  readonly #checks: Checks;
  readonly #nowMs: number | undefined;
  readonly #submissions: Submissions;
  readonly #sequence = new Sequence();
  readonly #tags = new HandleTable();
  readonly #state = new StateRebuild();
  readonly #counts = new Map<string, number>();
  #at = 0;

  /**
   * @param origin - The log's, which submissions must name.
   * @param nowMs - The verifier's clock; without it the future is not refused.
   */
  constructor(checks: Checks, origin: string, nowMs: number | undefined) {
    this.#checks = checks;
    this.#nowMs = nowMs;
    this.#submissions = new Submissions(origin);
  }

  /** Entries of good form by type. */
  get countsByType(): Record<string, number> {
    return Object.fromEntries([...this.#counts].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** Takes the next entry's bytes. */
  next(leaf: number, bytes: Buffer): void {
    const form = readForm(bytes);
    this.#checks.count('form');
    if (!form.ok) this.#checks.fail('form', { leaf, rule: form.rule });
    const entry = form.ok ? form.entry : undefined;
    const ended = this.#submissions.checked;
    for (const breach of this.#submissions.next(leaf, entry)) this.#checks.fail('submissions', breach);
    if (this.#submissions.checked > ended) this.#checks.count('submissions');
    if (entry === undefined) return;
    this.#counts.set(entry.type, (this.#counts.get(entry.type) ?? 0) + 1);
    this.#order(leaf, entry);
    const broken = this.#sequence.next(entry);
    this.#checks.expect('sequence', broken === undefined, { leaf, rule: broken ?? '' });
    this.#tagged(leaf, entry);
    const anchor = this.#state.next(leaf, entry);
    if (anchor === undefined) return;
    this.#checks.count('state');
    if (anchor.failure !== undefined) this.#checks.fail('state', { leaf, ...anchor.failure });
  }

  /** To be called behind the last entry. */
  end(): void {
    for (const breach of this.#submissions.end()) this.#checks.fail('submissions', breach);
  }

  #order(leaf: number, { at }: Entry): void {
    const expected = `at least ${this.#at}`;
    this.#checks.expect('order', at >= this.#at, { leaf, rule: 'time goes back', expected, found: `${at}` });
    if (this.#nowMs !== undefined && at > this.#nowMs + CLOCK_SKEW_MAX_MS) {
      this.#checks.fail('order', { leaf, rule: 'the time is in the future', found: `${at}` });
    }
    this.#at = Math.max(this.#at, at);
  }

  #tagged(leaf: number, { actor, tags }: Entry): void {
    if (tags.length > 0 && this.#submissions.enrolled(actor)?.role !== 'instance') {
      this.#checks.fail('tags', { leaf, rule: 'tags of an actor that is no instance' });
    }
    for (const tag of tags) {
      this.#checks.expect('tags', this.#tags.get(tag) === 0, { leaf, rule: 'a tag that occurred before' });
      this.#tags.set(tag, 1);
    }
  }
}

function readForm(bytes: Buffer): EntryForm {
  try {
    return checkEntryForm(parseCanonical(bytes));
  } catch (error) {
    if (error instanceof LedgerError) return { ok: false, rule: error.message };
    throw error;
  }
}
