/** Who decides what, by a seeded draw. */
import { Random } from '../random.js';

/** Shares of patients; they need not sum to 1. */
export interface ConsentMix {
  /** Care and research, at once. */
  readonly full: number;
  /** Care alone, at once. */
  readonly careOnly: number;
  /** Care and research, but only in the phase `late`: until then the records wait. */
  readonly late: number;
  /** A signed refusal, at once. */
  readonly refuse: number;
  /** Care and research at once, both withdrawn in the phase `withdraw`. */
  readonly withdraw: number;
}

/** What one patient does. */
export type ConsentChoice = keyof ConsentMix;

/** The demo's mix: constants of ours. */
export const CONSENT_MIX: ConsentMix = {
  full: 0.8,
  careOnly: 0.07,
  late: 0.06,
  refuse: 0.04,
  withdraw: 0.03,
};

/** A patient's choice follows from seed and id alone, whoever else is asked. */
export function choiceOf(seed: number, patient: string, mix: ConsentMix): ConsentChoice {
  return new Random(seed, patient, 'consent').weighted({ ...mix });
}
