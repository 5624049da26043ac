import { HASH_BYTES } from '../log/index.js';
import type { Entry } from '../log/index.js';
import { TAG_ROW_BYTES } from './bundle-hashes.js';
import type { EntryHashes } from './bundle-hashes.js';
import { CommonRules } from './common-rules.js';
import { HandleTable } from './handle-table.js';
import { inlineHasher } from './hash-thread.js';
import type { Hasher } from './hash-thread.js';
import type { Checks } from './report.js';
import { Sequence } from './sequence.js';
import type { SnapshotReader, SnapshotWriter } from './snapshot.js';
import { StateRebuild } from './state-rebuild.js';
import type { BrokenSeal, SubmissionSeal } from './submission-seal.js';
import { Submissions } from './submissions.js';

/** Judges entries by content, one after the other. */
export class EntryRules {
  readonly #checks: Checks;
  readonly #submissions: Submissions;
  readonly #common: CommonRules;
  readonly #sequence = new Sequence();
  readonly #tags = new HandleTable();
  readonly #state = new StateRebuild();
  /** Resolves when all signatures so far are checked. */
  #sealed: Promise<void> = Promise.resolve();

  /**
   * @param origin - The log's, which submissions must name.
   * @param nowMs - The verifier's clock; without it the future is not refused.
   */
  constructor(checks: Checks, origin: string, nowMs: number | undefined, hasher: Hasher = inlineHasher) {
    this.#checks = checks;
    this.#submissions = new Submissions(origin, (leaf, seal) => {
      const ticket = checks.ticket();
      const checked = judgeSeal(hasher, seal, (broken) =>
        checks.fail('submissions', { leaf, ...broken }, ticket),
      );
      // A failure is thrown by `end`; until then it must not count as unhandled.
      checked.catch(() => undefined);
      this.#sealed = this.#sealed.then(() => checked);
      this.#sealed.catch(() => undefined);
    });
    this.#common = new CommonRules(checks, this.#submissions, nowMs);
  }

  /** Entries of good form by type. */
  get countsByType(): Record<string, number> {
    return this.#common.countsByType;
  }

  /** Takes the next entry's bytes. @returns The entry, if its form is good. */
  next(leaf: number, bytes: Buffer, { draft, tags }: EntryHashes): Entry | undefined {
    const entry = this.#common.next(leaf, bytes, draft);
    if (entry === undefined) return undefined;
    const broken = this.#sequence.next(entry);
    this.#checks.expect('sequence', broken === undefined, { leaf, rule: broken ?? '' });
    this.#tagged(leaf, entry, tags);
    const anchor = this.#state.next(leaf, entry, tags);
    if (anchor === undefined) return entry;
    this.#checks.count('state');
    if (anchor.failure !== undefined) this.#checks.fail('state', { leaf, ...anchor.failure });
    return entry;
  }

  /** Writes where the rules stand, behind the last entry of a submission. */
  save(out: SnapshotWriter): void {
    out.number(this.#common.at);
    this.#submissions.save(out);
    this.#sequence.save(out);
    this.#tags.save(out);
    this.#state.save(out);
  }

  /** Goes on from what {@link save} has written. @throws LedgerError LEDGER_CORRUPT */
  restore(from: SnapshotReader): void {
    this.#common.at = from.number();
    this.#submissions.restore(from);
    this.#sequence.restore(from);
    this.#tags.restore(from);
    this.#state.restore(from);
    from.end();
  }

  /** To be called behind the last entry. @throws LedgerError LEDGER_UNREADABLE where the hasher failed. */
  async end(): Promise<void> {
    await this.settle();
    this.#common.end();
  }

  /** Waits for all signatures so far. @throws LedgerError LEDGER_UNREADABLE where the hasher failed. */
  async settle(): Promise<void> {
    await this.#sealed;
  }

  #tagged(leaf: number, { actor, tags }: Entry, rows: Buffer): void {
    if (rows.length !== tags.length * TAG_ROW_BYTES) {
      this.#checks.fail('tags', { leaf, rule: 'tags that are not where they belong' });
    }
    if (tags.length > 0 && this.#submissions.enrolled(actor)?.role !== 'instance') {
      this.#checks.fail('tags', { leaf, rule: 'tags of an actor that is no instance' });
    }
    for (let at = 0; at < rows.length; at += TAG_ROW_BYTES) {
      const isNew = this.#tags.add(rows.subarray(at, at + HASH_BYTES), 1);
      this.#checks.expect('tags', isNew, { leaf, rule: 'a tag that occurred before' });
    }
  }
}

async function judgeSeal(
  hasher: Hasher,
  seal: SubmissionSeal,
  onBroken: (broken: BrokenSeal) => void,
): Promise<void> {
  const broken = await hasher.checkSeal(seal);
  if (broken !== undefined) onBroken(broken);
}
