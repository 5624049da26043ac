/** Whether a leaf's bytes are an entry in canonical form. */
import { LedgerError } from '../errors.js';
import { checkEntryForm, parseCanonical } from '../log/index.js';
import type { EntryForm } from '../log/index.js';
import { FormPatterns } from './form-patterns.js';

/** Compiled on first use: a process that never verifies needs none. */
let patterns: FormPatterns | undefined;

/**
 * Reads an entry: strict UTF-8, canonical JSON, and of its type's schema. A plain form is told by one pattern; whatever
 * else is judged step by step, and only there refused.
 *
 * @see RFC 8785, JSON Schema 2020-12
 */
export function readEntryForm(bytes: Buffer): EntryForm {
  const entry = (patterns ??= new FormPatterns()).read(bytes.toString('latin1'));
  return entry === undefined ? judgeEntryForm(bytes) : { ok: true, entry };
}

/** Types that have a pattern. */
export function patternTypes(): string[] {
  return (patterns ??= new FormPatterns()).types;
}

/** The check that needs no pattern. */
export function judgeEntryForm(bytes: Buffer): EntryForm {
  try {
    return checkEntryForm(parseCanonical(bytes));
  } catch (error) {
    if (error instanceof LedgerError) return { ok: false, rule: error.message };
    throw error;
  }
}
