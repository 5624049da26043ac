/**
 * What was billed for a patient in a time, from `Claim` and `ExplanationOfBenefit`. Pure; rather too little than too much is
 * counted, for the question is whether it was at least so much.
 *
 * @see https://hl7.org/fhir/R4/claim.html and https://hl7.org/fhir/R4/explanationofbenefit.html
 */
import { interval } from '../dates.js';
import { isJsonObject } from '../json/value.js';
import type { JsonObject, JsonValue } from '../json/value.js';
import { AMOUNT_MAX, isCurrency } from './values.js';

/** Types of records that say what was billed. */
export const EXPENSE_RECORD_TYPES: ReadonlySet<string> = new Set(['Claim', 'ExplanationOfBenefit']);

export interface ExpensesAsked {
  readonly atLeast: number;
  /** ISO 4217; nothing is converted. */
  readonly currency: string;
  /** Days, both included. */
  readonly start: string;
  readonly end: string;
}

/** A bill, as the record has it. */
export interface ExpenseRecord {
  readonly resource: JsonObject;
  /** All that other records may call it by. */
  readonly names: ReadonlySet<string>;
  /** All that a reference in it may be called by. */
  readonly namesOf: (reference: string) => readonly string[];
}

export interface ExpensesFound<R extends ExpenseRecord> {
  readonly says: 'yes' | 'no';
  /** The records whose amounts were added. */
  readonly counted: readonly R[];
}

export type ExpensesFault = 'bad-amount' | 'bad-currency' | 'bad-date' | 'reversed-dates' | 'too-long';

const DAY = /^\d{4}-\d\d-\d\d$/;
const DAY_MS = 86_400_000;
/** A question is of a time that somebody keeps accounts of. */
const SPAN_MS_MAX = 10 * 366 * DAY_MS;
/** Decimal places of an amount that are reckoned with: more has no currency. */
const PLACES = 6;
const ADJUDICATION = 'http://terminology.hl7.org/CodeSystem/adjudication';

/** What is wrong with a question, and with which member of it; `undefined` where it can be meant. */
export function expensesFault({
  atLeast,
  currency,
  start,
  end,
}: Readonly<Record<keyof ExpensesAsked, unknown>>):
  readonly [ExpensesFault, keyof ExpensesAsked] | undefined {
  const isAmount = typeof atLeast === 'number' && atLeast > 0 && microsOf(atLeast) !== undefined;
  if (!isAmount) return ['bad-amount', 'atLeast'];
  if (!isCurrency(currency)) return ['bad-currency', 'currency'];
  const [from, to] = [dayOf(start), dayOf(end)];
  if (from === undefined) return ['bad-date', 'start'];
  if (to === undefined) return ['bad-date', 'end'];
  if (to < from) return ['reversed-dates', 'end'];
  return to - from > SPAN_MS_MAX ? ['too-long', 'end'] : undefined;
}

/**
 * Adds up what lies wholly within the days, in the one currency. An account of benefits whose claim is among the records
 * is the same expense once more; of several for one claim the least counts.
 *
 * @param records - Those that may be looked at; what is not among them is as if it did not exist.
 */
export function judgeExpenses<R extends ExpenseRecord>(
  asked: ExpensesAsked,
  records: readonly R[],
): ExpensesFound<R> {
  const claims = new Set<string>();
  for (const { resource, names } of records)
    if (resource['resourceType'] === 'Claim') for (const name of names) claims.add(name);
  const found: { readonly record: R; readonly micros: bigint }[] = [];
  const benefits = new Map<string, { readonly record: R; readonly micros: bigint }>();
  for (const record of records) {
    const micros = isWithin(record.resource, asked) ? billedIn(record.resource, asked.currency) : undefined;
    if (micros === undefined) continue;
    const { resource, namesOf } = record;
    const of = resource['resourceType'] === 'Claim' ? undefined : claimOf(resource);
    if (of === undefined) {
      found.push({ record, micros });
      continue;
    }
    const called = namesOf(of);
    if (called.some((name) => claims.has(name))) continue;
    const key = called.toSorted().join(' ');
    const other = benefits.get(key);
    if (other === undefined || micros < other.micros) benefits.set(key, { record, micros });
  }
  found.push(...benefits.values());
  const sum = found.reduce((total, { micros }) => total + micros, 0n);
  const least = microsOf(asked.atLeast);
  return {
    says: least !== undefined && sum >= least ? 'yes' : 'no',
    counted: found.map(({ record }) => record),
  };
}

/** A bill that stands: not a draft, not cancelled, and no estimate of what a treatment would cost. */
function isWithin(resource: JsonObject, { start, end }: ExpensesAsked): boolean {
  if (resource['status'] !== 'active' || (resource['use'] ?? 'claim') !== 'claim') return false;
  const { billablePeriod: period, created } = resource;
  const from = isJsonObject(period) ? (period['start'] ?? period['end']) : created;
  const to = isJsonObject(period) ? (period['end'] ?? period['start']) : created;
  if (typeof from !== 'string' || typeof to !== 'string') return false;
  if (interval(from) === undefined || interval(to) === undefined) return false;
  // Days as the bill says them, wherever it was written; a month alone is all of its days.
  const first = `${from}-01-01`.slice(0, 10);
  const last = to.length >= 10 ? to.slice(0, 10) : `${to}${to.length === 4 ? '-12-31' : '-31'}`;
  return first >= start && last <= end;
}

function billedIn(resource: JsonObject, currency: string): bigint | undefined {
  const { total } = resource;
  if (isJsonObject(total)) return microsIn(total, currency);
  if (!Array.isArray(total)) return undefined;
  for (const one of total as readonly JsonValue[])
    if (isJsonObject(one) && isSubmitted(one['category']) && isJsonObject(one['amount']))
      return microsIn(one['amount'], currency);
  return undefined;
}

function isSubmitted(category: JsonValue | undefined): boolean {
  const codings = isJsonObject(category) ? category['coding'] : undefined;
  return (
    Array.isArray(codings) &&
    (codings as readonly JsonValue[]).some(
      (one) => isJsonObject(one) && one['system'] === ADJUDICATION && one['code'] === 'submitted',
    )
  );
}

function microsIn({ value, currency }: JsonObject, wanted: string): bigint | undefined {
  return currency === wanted && typeof value === 'number' ? microsOf(value) : undefined;
}

function claimOf({ claim }: JsonObject): string | undefined {
  const reference = isJsonObject(claim) ? claim['reference'] : undefined;
  return typeof reference === 'string' ? reference : undefined;
}

/** Millionths: sums of decimals are exact, which those of binary fractions are not. */
function microsOf(value: number): bigint | undefined {
  if (!(value >= 0 && value <= AMOUNT_MAX)) return undefined;
  const [, whole, part = ''] = /^(\d+)(?:\.(\d+))?$/.exec(String(value)) ?? [];
  if (whole === undefined || part.length > PLACES) return undefined;
  return BigInt(whole + part.padEnd(PLACES, '0'));
}

/** Start of a day, ms; `undefined` for what is none. */
function dayOf(text: unknown): number | undefined {
  return typeof text === 'string' && DAY.test(text) ? interval(text)?.startMs : undefined;
}
