import type { Entry } from '../log/index.js';
import type { EntryHashes } from './bundle-hashes.js';
import { readEntryForm } from './entry-form.js';
import { judgeTime } from './entry-rules.js';
import type { Checks } from './report.js';
import { SubmissionOutline } from './submission-outline.js';

/** Why checks are not made where the entries before are unknown. */
const NEEDS_STATE = 'needs the entries before: verify with a state, or from the first entry on';

/** Judges new entries by what can be said of them without those before. */
export class NewEntryRules {
  readonly #checks: Checks;
  readonly #nowMs: number | undefined;
  readonly #submissions: SubmissionOutline;
  readonly #counts = new Map<string, number>();
  #at = 0;

  constructor(checks: Checks, origin: string, nowMs: number | undefined) {
    this.#checks = checks;
    this.#nowMs = nowMs;
    this.#submissions = new SubmissionOutline(origin);
    for (const name of ['sequence', 'tags', 'state'] as const) checks.leaveOut(name, NEEDS_STATE);
    checks.leaveOut('submissions', `who may sign, and the signatures: ${NEEDS_STATE}`);
  }

  /** Entries of good form by type. */
  get countsByType(): Record<string, number> {
    return Object.fromEntries([...this.#counts].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** Takes the next entry's bytes. @returns The entry, if its form is good. */
  next(leaf: number, bytes: Buffer, { draft }: EntryHashes): Entry | undefined {
    const form = readEntryForm(bytes);
    this.#checks.count('form');
    if (!form.ok) this.#checks.fail('form', { leaf, rule: form.rule });
    const entry = form.ok ? form.entry : undefined;
    const ended = this.#submissions.checked;
    for (const breach of this.#submissions.next(leaf, entry, draft)) this.#checks.fail('submissions', breach);
    if (this.#submissions.checked > ended) this.#checks.count('submissions');
    if (entry === undefined) return undefined;
    this.#counts.set(entry.type, (this.#counts.get(entry.type) ?? 0) + 1);
    this.#at = judgeTime(this.#checks, leaf, entry.at, this.#at, this.#nowMs);
    return entry;
  }

  /** To be called behind the last entry. */
  async end(): Promise<void> {
    for (const breach of this.#submissions.end()) this.#checks.fail('submissions', breach);
  }
}
