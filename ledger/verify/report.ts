/**
 * What verifying a log found.
 */

/** What is checked, in the order of a report. */
export const CHECK_NAMES = [
  /** The note is signed by the log's key, and states an origin, a size and a root. */
  'checkpoint',
  /** Each entry hashes to the leaf hash in its tile. */
  'leaf-hashes',
  /** Each tile above the leaves holds the hashes recomputed from below. */
  'tiles',
  /** The root recomputed from the entries is the checkpoint's. */
  'root',
  /** Each entry is canonical JSON of its type's schema. */
  'form',
  /** Times never go back. */
  'order',
  /** Each leaf stands under a submission whose count, root, signature and certificate hold. */
  'submissions',
  /** Each entry may follow those before it: handles made once, ended once, named only after they exist. */
  'sequence',
  /** No subject tag occurs twice, and only instances use them. */
  'tags',
  /** Each anchor has the root and the count of keys of the state map rebuilt from the entries before it. */
  'state',
] as const;

/** Name of a check. */
export type CheckName = (typeof CHECK_NAMES)[number];

/** The first thing that a check found wrong. */
export interface Failure {
  /** Index of the leaf, where there is one. */
  readonly leaf?: number;
  /** Published file in which it shows. */
  readonly path?: string;
  /** The rule broken, in words; never holds content of an entry. */
  readonly rule: string;
  /** base64 or a number. */
  readonly expected?: string;
  readonly found?: string;
}

/** One check's result. */
export interface CheckResult {
  readonly name: CheckName;
  readonly ok: boolean;
  /** How many things were checked. */
  readonly checked: number;
  readonly failure?: Failure;
}

/** The whole result. */
export interface VerifyReport {
  /** All checks passed. */
  readonly ok: boolean;
  /** Empty when the checkpoint could not be read. */
  readonly origin: string;
  readonly size: number;
  /** base64, as in the checkpoint. */
  readonly root: string;
  /** The log key that the signature was checked with. */
  readonly vkey?: string;
  /** Whether the caller gave that key, or the log's own `vkey` file was believed at first sight. */
  readonly vkeyTrust: 'given' | 'first-sight';
  readonly checks: readonly CheckResult[];
  /** Entries by type, of those with a good form. */
  readonly countsByType: Readonly<Record<string, number>>;
}

/** Collects results; of each check only the first failure is kept. */
export class Checks {
  readonly #checked = new Map<CheckName, number>();
  readonly #failures = new Map<CheckName, Failure>();

  /** Counts something as checked. */
  count(name: CheckName): void {
    this.#checked.set(name, (this.#checked.get(name) ?? 0) + 1);
  }

  /** Records a failure. */
  fail(name: CheckName, failure: Failure): void {
    if (!this.#failures.has(name)) this.#failures.set(name, failure);
  }

  /** Says that a failure shows in another file than was thought when it was found. */
  relocate(name: CheckName, from: string, to: string): void {
    const failure = this.#failures.get(name);
    if (failure?.path === from) this.#failures.set(name, { ...failure, path: to });
  }

  /** Counts, and records a failure unless it holds. */
  expect(name: CheckName, holds: boolean, failure: Failure): void {
    this.count(name);
    if (!holds) this.fail(name, failure);
  }

  /** Results of all checks, in order. */
  results(): CheckResult[] {
    return CHECK_NAMES.map((name) => {
      const failure = this.#failures.get(name);
      const result = { name, ok: failure === undefined, checked: this.#checked.get(name) ?? 0 };
      return failure === undefined ? result : { ...result, failure };
    });
  }
}
