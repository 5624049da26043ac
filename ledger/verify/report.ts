/**
 * What verifying a log found.
 */
import type { CheckpointRefusal } from '../log/index.js';

/** What is checked, in the order of a report. */
export const CHECK_NAMES = [
  /** The note is signed by the log's key, and states an origin, a size and a root. */
  'checkpoint',
  /** The log grew out of the tree that was verified before; only where one is given. */
  'consistency',
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
  /** Each record of the log that was not erased lies in the vault as its entry says; only where there is a vault. */
  'openings',
] as const;

/** Checks that a report has only where they were asked for. */
const ON_REQUEST: ReadonlySet<CheckName> = new Set(['consistency', 'openings']);

/** Name of a check. */
export type CheckName = (typeof CHECK_NAMES)[number];

/** Failures that a program may want to tell apart. */
export type FailureCode =
  | CheckpointRefusal
  /** A checkpoint of control characters, such as the carriage returns of another system's line ends. */
  | 'control-character'
  /** No key was given and the log publishes none, or none that can be read. */
  | 'no-key'
  /** The log has fewer entries than were verified before. */
  | 'rollback'
  /** The log has another history than the one verified before. */
  | 'fork'
  /** What was verified before is no signed checkpoint of this log. */
  | 'other-log'
  /** A rotation of the log's key that its entries or its keys do not bear out. */
  | 'bad-rotation'
  /** The head is signed by a key that was rotated away. */
  | 'rotated-away'
  /** A record's row is missing from the vault. */
  | 'opening-missing'
  /** A record's row is missing, and the instance knows why: it was restored from an older backup. */
  | 'opening-lost'
  /** A record's row is not what its entry says. */
  | 'opening-other'
  /** An erased record's row is still there. */
  | 'opening-left';

/** The first thing that a check found wrong. */
export interface Failure {
  readonly code?: FailureCode;
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
  /** What of it was not judged, and why. */
  readonly notJudged?: string;
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
  /** Where the verification began: all before was verified earlier. */
  readonly since?: number;
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
  readonly #failures = new Map<CheckName, Failure & { readonly ticket: number }>();
  readonly #leftOut = new Map<CheckName, string>();
  #tickets = 0;

  /** A place in the order of failures, for what is found out later. */
  ticket(): number {
    return this.#tickets++;
  }

  /** Says what of a check is not made, and why. */
  leaveOut(name: CheckName, why: string): void {
    this.#leftOut.set(name, why);
  }

  /** Counts things as checked. */
  count(name: CheckName, times = 1): void {
    this.#checked.set(name, (this.#checked.get(name) ?? 0) + times);
  }

  /** Records a failure. @param ticket - Its place in the order, where it was taken before. */
  fail(name: CheckName, failure: Failure, ticket = this.ticket()): void {
    const first = this.#failures.get(name);
    if (first === undefined || ticket < first.ticket) this.#failures.set(name, { ...failure, ticket });
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
    return CHECK_NAMES.flatMap((name) => {
      const found = this.#failures.get(name);
      const checked = this.#checked.get(name) ?? 0;
      const why = this.#leftOut.get(name);
      if (found === undefined && checked === 0 && why === undefined && ON_REQUEST.has(name)) return [];
      const result = {
        name,
        ok: found === undefined,
        checked,
        ...(why === undefined ? {} : { notJudged: why }),
      };
      if (found === undefined) return [result];
      const { ticket: _, ...failure } = found;
      return [{ ...result, failure }];
    });
  }
}
