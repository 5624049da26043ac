/**
 * What a custodian attests of a claim: canonical JSON, to which a `claim.attested` entry commits. Of a line that is not
 * supported it says no more: which part of it failed would help whoever guesses.
 */
import { hasExactly, isObject, parseCanonical } from './canonical.js';
import { hashIn } from './judge.js';

export const CLAIM_FORMAT = 'firebreak/claim/v1';
export const EXPENSES_FORMAT = 'firebreak/expenses/v1';

export const LINE_VERDICTS = ['supported', 'not-supported', 'undecidable'] as const;
export type LineSays = (typeof LINE_VERDICTS)[number];

/** How the custodian's instance came by a record. */
export type RecordOrigin = 'received-from' | 'signed-by';

/** One line of a claim. */
export interface AttestedLine {
  readonly sequence: number;
  readonly says: LineSays;
  /** What the claim says itself; opened facts say the same. */
  readonly codes: readonly string[];
  readonly start: string | null;
  readonly end: string | null;
  /** Handle of the record that a supported line rests on. */
  readonly record: string | null;
  /** Names of the record's facts that the file opens. */
  readonly opened: readonly string[];
  /** What rests on the custodian's word alone: comparisons, and what the record says in other words. */
  readonly word: readonly string[];
  /** What was not judged, for want of anything to compare with. */
  readonly unjudged: readonly string[];
}

/** What was found of a claim. */
export interface ClaimDocument {
  readonly format: typeof CLAIM_FORMAT;
  /** Such as `Claim/7`. */
  readonly claim: string;
  /** base64url SHA-256 of the exact bytes that were submitted. */
  readonly hash: string;
  /** Who asked, such as `Organization/x`, and what for: `system|code`. */
  readonly to: string;
  readonly purpose: string;
  /** Whose records were looked at. */
  readonly custodian: string;
  /** The provider that the claim names. */
  readonly provider: string;
  /** ms since the epoch. */
  readonly at: number;
  readonly lines: readonly AttestedLine[];
  readonly records: readonly {
    readonly handle: string;
    readonly origin: RecordOrigin;
    /** Reference of the hospital. */
    readonly by: string;
  }[];
}

/** Whether expenses of at least so much in a time are on record; the patient has signed the question. */
export interface ExpensesDocument {
  readonly format: typeof EXPENSES_FORMAT;
  readonly to: string;
  readonly purpose: string;
  readonly custodian: string;
  readonly atLeast: number;
  readonly currency: string;
  /** Days, both included. */
  readonly start: string;
  readonly end: string;
  readonly at: number;
  readonly says: 'yes' | 'no';
  /** base64url SHA-256 of the patient's signed question. */
  readonly question: string;
}

const MEMBERS = [
  'at',
  'claim',
  'custodian',
  'format',
  'hash',
  'lines',
  'provider',
  'purpose',
  'records',
  'to',
];
const LINE = ['codes', 'end', 'opened', 'record', 'says', 'sequence', 'start', 'unjudged', 'word'];
const EXPENSES = [
  'at',
  'atLeast',
  'currency',
  'custodian',
  'end',
  'format',
  'purpose',
  'question',
  'says',
  'start',
  'to',
];
const LINES_MAX = 500;
const TEXT_CHARS_MAX = 2048;
const CURRENCY = /^[A-Z]{3}$/;
const DAY = /^\d{4}-\d\d-\d\d$/;

/** Reads a document's bytes; `undefined` where they are none, or contradict themselves. */
export function readClaimDocument(bytes: Uint8Array): ClaimDocument | ExpensesDocument | undefined {
  const value = parseCanonical(bytes);
  if (!isObject(value)) return undefined;
  if (value['format'] === EXPENSES_FORMAT) return isExpenses(value) ? value : undefined;
  return isClaimDocument(value) ? value : undefined;
}

function isClaimDocument(value: unknown): value is ClaimDocument {
  if (!isObject(value) || value['format'] !== CLAIM_FORMAT || !hasExactly(value, MEMBERS)) return false;
  const { at, claim, custodian, hash, lines, provider, purpose, records, to } = value;
  if (![claim, custodian, provider, purpose, to].every(isText) || !isTime(at)) return false;
  if (hashIn(hash) === undefined || !isList(lines, isLine) || lines.length === 0) return false;
  if (!isList(records, isRecord)) return false;
  const handles = records.map(({ handle }) => handle);
  const rested = new Set(lines.flatMap(({ record }) => record ?? []));
  // Each record once, and each for a line.
  return (
    new Set(handles).size === handles.length &&
    handles.length === rested.size &&
    handles.every((handle) => rested.has(handle)) &&
    new Set(lines.map(({ sequence }) => sequence)).size === lines.length
  );
}

function isLine(value: unknown): value is AttestedLine {
  if (!isObject(value) || !hasExactly(value, LINE)) return false;
  const { codes, end, opened, record, says, sequence, start, unjudged, word } = value;
  const areTexts = [codes, opened, unjudged, word].every((list) => isList(list, isText));
  const areDates = [start, end].every((date) => date === null || isText(date));
  if (!areTexts || !areDates || !LINE_VERDICTS.some((one) => one === says)) return false;
  if (typeof sequence !== 'number' || !Number.isSafeInteger(sequence) || sequence < 1) return false;
  if (says === 'supported') return hashIn(record) !== undefined;
  // Nothing is told of what does not bear a line out.
  return (
    record === null && [opened, unjudged, word].every((list) => Array.isArray(list) && list.length === 0)
  );
}

function isRecord(value: unknown): value is ClaimDocument['records'][number] {
  if (!isObject(value) || !hasExactly(value, ['by', 'handle', 'origin'])) return false;
  const { by, handle, origin } = value;
  return isText(by) && hashIn(handle) !== undefined && (origin === 'received-from' || origin === 'signed-by');
}

function isExpenses(value: unknown): value is ExpensesDocument {
  if (!isObject(value) || !hasExactly(value, EXPENSES)) return false;
  const { at, atLeast, currency, custodian, end, purpose, question, says, start, to } = value;
  return (
    [custodian, purpose, to].every(isText) &&
    isTime(at) &&
    typeof atLeast === 'number' &&
    atLeast > 0 &&
    typeof currency === 'string' &&
    CURRENCY.test(currency) &&
    isDay(start) &&
    isDay(end) &&
    start <= end &&
    hashIn(question) !== undefined &&
    (says === 'yes' || says === 'no')
  );
}

function isDay(value: unknown): value is string {
  return typeof value === 'string' && DAY.test(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= TEXT_CHARS_MAX;
}

function isTime(value: unknown): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isList<T>(value: unknown, is: (item: unknown) => item is T): value is readonly T[] {
  return Array.isArray(value) && value.length <= LINES_MAX && value.every(is);
}
