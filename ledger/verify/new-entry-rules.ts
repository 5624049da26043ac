import type { Entry } from '../log/index.js';
import type { EntryHashes } from './bundle-hashes.js';
import { CommonRules } from './common-rules.js';
import type { Checks } from './report.js';
import { SubmissionOutline } from './submission-outline.js';

/** Why checks are not made where the entries before are unknown. */
const NEEDS_STATE = 'needs the entries before: verify with a state, or from the first entry on';

/** Judges new entries by what can be said of them without those before. */
export class NewEntryRules {
  readonly #common: CommonRules;

  constructor(checks: Checks, origin: string, nowMs: number | undefined) {
    this.#common = new CommonRules(checks, new SubmissionOutline(origin), nowMs);
    for (const name of ['sequence', 'tags', 'state'] as const) checks.leaveOut(name, NEEDS_STATE);
    checks.leaveOut('submissions', `who may sign, and the signatures: ${NEEDS_STATE}`);
  }

  /** Entries of good form by type. */
  get countsByType(): Record<string, number> {
    return this.#common.countsByType;
  }

  /** Takes the next entry's bytes. @returns The entry, if its form is good. */
  next(leaf: number, bytes: Buffer, { draft }: EntryHashes): Entry | undefined {
    return this.#common.next(leaf, bytes, draft);
  }

  /** To be called behind the last entry. */
  async end(): Promise<void> {
    this.#common.end();
  }
}
