/**
 * No oracle: how often an insurer may ask about one patient. Counted in the batch that answers, so that neither a
 * restart nor asking at once gives more; a claim that was answered is answered again from the first answer.
 */
import { AdapterError } from '../../errors.js';

/** What one insurer has asked about one patient. */
export interface Tries {
  /** Start of the window, ms. */
  readonly since: number;
  /** Claims answered in it. */
  readonly answered: number;
  /** Lines in it that were not supported, or could not be decided. */
  readonly missed: number;
  /** Contents of each claim, ever, by the hash of its name: a claim that is changed again and again is a question. */
  readonly variants: Readonly<Record<string, readonly string[]>>;
}

export const WINDOW_MS = 30 * 86_400_000;
/** Claims of a patient and insurer in a window. */
export const ANSWERED_MAX = 200;
/** Lines in vain of a patient and insurer in a window; those behind the last of a claim are not decided. */
export const MISSED_MAX = 40;
/** Contents of one claim. */
export const VARIANTS_MAX = 5;

/** Questions of one patient that a bank was answered, ever since the window began. */
export interface Questions {
  readonly since: number;
  readonly answered: number;
}

/** Questions of a patient and bank in a window: by bisection an amount is found in some twenty. */
export const QUESTIONS_MAX = 6;

/** @throws AdapterError ADAPTER_TOO_MANY_REQUESTS beyond the limit: then nothing is counted and nothing told. */
export function askedOnce(before: Questions | undefined, nowMs: number): Questions {
  const isOver = before === undefined || nowMs - before.since >= WINDOW_MS;
  const { since, answered } = isOver ? { since: nowMs, answered: 0 } : before;
  if (answered >= QUESTIONS_MAX)
    throw new AdapterError(
      'ADAPTER_TOO_MANY_REQUESTS',
      'this organisation has asked about this patient too often',
    );
  return { since, answered: answered + 1 };
}

/** Lines in vain that are left of the present window. */
export function missesLeft(before: Tries | undefined, nowMs: number): number {
  return before === undefined || nowMs - before.since >= WINDOW_MS ? MISSED_MAX : MISSED_MAX - before.missed;
}

/**
 * What has been tried once this has.
 *
 * @param content - Hash of what the claim says.
 * @param missed - Lines that would be answered in vain.
 * @throws AdapterError ADAPTER_TOO_MANY_REQUESTS beyond a limit: then nothing is counted and nothing told.
 */
export function triedOnce(
  before: Tries | undefined,
  nowMs: number,
  of: { readonly claim: string; readonly content: string; readonly missed: number },
): Tries {
  const isOver = before === undefined || nowMs - before.since >= WINDOW_MS;
  const tries = isOver ? { since: nowMs, answered: 0, missed: 0, variants: before?.variants ?? {} } : before;
  const known = tries.variants[of.claim] ?? [];
  const variants = known.includes(of.content) ? known : [...known, of.content];
  const answered = tries.answered + 1;
  // Whether the last lines hold must not be told by whether they are answered: the limit is looked at before.
  if (tries.missed >= MISSED_MAX || answered > ANSWERED_MAX || variants.length > VARIANTS_MAX)
    throw new AdapterError(
      'ADAPTER_TOO_MANY_REQUESTS',
      'this insurer has asked about this patient too often',
    );
  const missed = Math.min(MISSED_MAX, tries.missed + of.missed);
  return { since: tries.since, answered, missed, variants: { ...tries.variants, [of.claim]: variants } };
}
