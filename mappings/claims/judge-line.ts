/**
 * Whether records bear a line of a claim out. Pure: the records are those that may be looked at, and what is not among
 * them is as if it did not exist.
 */
import { interval } from '../dates.js';
import type { Interval } from '../dates.js';
import { isJsonObject } from '../json/value.js';
import type { JsonValue } from '../json/value.js';
import type { ClaimedDates, ClaimedLine, LineKind, ReadClaim } from './claim.js';

/** A record as lines are judged by it. */
export interface RecordToJudge {
  /** Of its version. */
  readonly handle: string;
  readonly type: string;
  /** All that a claim may call it by. */
  readonly names: ReadonlySet<string>;
  readonly facts: ReadonlyMap<string, JsonValue>;
  /** Reference of the visit that it belongs to, where it says one. */
  readonly encounter?: string;
  /** All that a reference in it may be called by. */
  readonly namesOf: (reference: string) => readonly string[];
}

/** What a line is judged by. */
export type Aspect = 'status' | 'code' | 'dates' | 'provider' | 'prescription' | 'quantity' | 'amount';

/** What became of an aspect; null is not decidable. */
export type Truth = boolean | null;

export type LineVerdict = 'supported' | 'not-supported' | 'undecidable';

export interface JudgedLine {
  readonly sequence: number;
  readonly says: LineVerdict;
  /** The record that comes nearest; absent where none is at hand. */
  readonly record?: RecordToJudge;
  readonly aspects: ReadonlyMap<Aspect, Truth>;
}

const MEDICATIONS = [
  'MedicationRequest',
  'MedicationDispense',
  'MedicationAdministration',
  'MedicationStatement',
] as const;
const KINDS: Readonly<Record<Exclude<LineKind, 'any'>, readonly string[]>> = {
  encounter: ['Encounter'],
  procedure: ['Procedure'],
  diagnosis: ['Condition'],
  immunization: ['Immunization'],
  medication: MEDICATIONS,
};

/** Types of records that lines are judged by; a Claim of the hospital's own says what it asked for. */
export const CLAIM_RECORD_TYPES: ReadonlySet<string> = new Set([...Object.values(KINDS).flat(), 'Claim']);

/** Records in these states say that something did not take place, or that they were an error. */
const VOID: ReadonlySet<JsonValue> = new Set([
  'entered-in-error',
  'not-done',
  'cancelled',
  'planned',
  'draft',
  'preparation',
  'declined',
]);
const REFUTED = /\|(?:entered-in-error|refuted)$/;
const DAY_MS = 86_400_000;
/** Over a longer time a line that names no record is no bill, but a question. */
const SEARCHED_MS_MAX = 400 * DAY_MS;
const PERFORMERS = [
  'serviceProvider',
  'performer',
  'onBehalfOf',
  'requester',
  'recorder',
  'asserter',
] as const;
/** UCUM codes, and the words that stand for them, in ms. */
const TIMES: Readonly<Record<string, number>> = {
  min: 60_000,
  minute: 60_000,
  minutes: 60_000,
  h: 3_600_000,
  hour: 3_600_000,
  hours: 3_600_000,
  d: DAY_MS,
  day: DAY_MS,
  days: DAY_MS,
  wk: 7 * DAY_MS,
  week: 7 * DAY_MS,
  weeks: 7 * DAY_MS,
};

/** Judges every line of a claim by the patient's records. */
export function judgeClaim(claim: ReadClaim, records: readonly RecordToJudge[]): JudgedLine[] {
  const known = new KnownRecords(records);
  const prescribed = claim.prescription === undefined ? undefined : prescription(claim.prescription, known);
  return claim.lines.map((line) => judgeLine(line, claim, known, prescribed));
}

/** Records by what they are called and by their codes. */
class KnownRecords {
  readonly all: readonly RecordToJudge[];
  readonly #named = new Map<string, RecordToJudge[]>();
  readonly #coded = new Map<string, RecordToJudge[]>();
  readonly #claims: readonly RecordToJudge[];

  constructor(records: readonly RecordToJudge[]) {
    this.all = records;
    this.#claims = records.filter(({ type }) => type === 'Claim');
    for (const record of records) {
      for (const name of record.names) add(this.#named, name, record);
      if (record.type !== 'Claim') for (const code of codesOf(record)) add(this.#coded, code, record);
    }
  }

  named(reference: string): readonly RecordToJudge[] {
    return this.#named.get(reference) ?? [];
  }

  coded(codes: readonly string[]): readonly RecordToJudge[] {
    return [...new Set(codes.flatMap((code) => this.#coded.get(code) ?? []))];
  }

  get claims(): readonly RecordToJudge[] {
    return this.#claims;
  }
}

function add(map: Map<string, RecordToJudge[]>, key: string, record: RecordToJudge): void {
  const known = map.get(key);
  if (known === undefined) map.set(key, [record]);
  else known.push(record);
}

/** Codes of what a record is about. */
function codesOf({ type, facts }: RecordToJudge): readonly string[] {
  const value = facts.get(type === 'Encounter' ? 'type' : 'code');
  return textsOf(value);
}

function textsOf(value: JsonValue | undefined): readonly string[] {
  if (typeof value === 'string') return [value];
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : [];
}

function judgeLine(
  line: ClaimedLine,
  claim: ReadClaim,
  known: KnownRecords,
  prescribed: RecordToJudge | false | undefined,
): JudgedLine {
  const { kind, target, codes, sequence } = line;
  const types = kind === 'any' ? undefined : KINDS[kind];
  const candidates = (target === undefined ? known.coded(codes) : known.named(target)).filter(
    ({ type }) => type !== 'Claim' && (types === undefined || types.includes(type)),
  );
  if (target === undefined && isQuestion(line.dates))
    return { sequence, says: 'undecidable', aspects: new Map([['dates', null]]) };
  let best: JudgedLine = { sequence, says: 'not-supported', aspects: new Map() };
  const bearing: RecordToJudge[] = [];
  for (const record of candidates) {
    const aspects = aspectsOf(record, line, claim, known, prescribed);
    const judged = { sequence, says: verdictOf(aspects), record, aspects };
    if (judged.says === 'supported') bearing.push(record);
    if (best.record === undefined || rank(judged) > rank(best)) best = judged;
  }
  return counted(best, line, bearing);
}

/** Whether a record is there or not, the answer is the same. */
function isQuestion(dates: ClaimedDates | undefined): boolean {
  const claimed = dates === undefined ? undefined : claimedOf(dates);
  return claimed !== undefined && claimed.end.endMs - claimed.start.startMs > SEARCHED_MS_MAX;
}

/** A number of times is borne out by as many records. */
function counted(best: JudgedLine, { quantity }: ClaimedLine, bearing: readonly RecordToJudge[]): JudgedLine {
  if (best.says !== 'supported' || quantity === undefined || !isCount(quantity.unit)) return best;
  if (best.aspects.has('quantity') || bearing.length >= quantity.value) return best;
  return { ...best, says: 'not-supported', aspects: new Map([...best.aspects, ['quantity', false]]) };
}

function rank({ says, aspects }: JudgedLine): number {
  const base = { supported: 2000, undecidable: 1000, 'not-supported': 0 }[says];
  return base + [...aspects.values()].filter((one) => one === true).length;
}

/** An amount that no claim of the hospital's own tells of is not judged, and does not hinder. */
function verdictOf(aspects: ReadonlyMap<Aspect, Truth>): LineVerdict {
  if ([...aspects.values()].includes(false)) return 'not-supported';
  const isOpen = [...aspects].some(([aspect, truth]) => truth === null && aspect !== 'amount');
  return isOpen ? 'undecidable' : 'supported';
}

function aspectsOf(
  record: RecordToJudge,
  line: ClaimedLine,
  claim: ReadClaim,
  known: KnownRecords,
  prescribed: RecordToJudge | false | undefined,
): ReadonlyMap<Aspect, Truth> {
  const aspects = new Map<Aspect, Truth>([
    ['status', takesPlace(record)],
    ['code', codeHolds(record, line.codes)],
    ['dates', datesHold(record, line.dates)],
    ['provider', providerHolds(record, claim.provider, known)],
  ]);
  if (prescribed !== undefined)
    aspects.set('prescription', prescribed !== false && prescriptionHolds(prescribed, line.dates));
  const quantity = quantityHolds(record, line);
  if (quantity !== undefined) aspects.set('quantity', quantity);
  if (line.amount !== undefined) aspects.set('amount', amountHolds(line, claim, known));
  return aspects;
}

function takesPlace({ facts }: RecordToJudge): Truth {
  const marks = [...textsOf(facts.get('verificationStatus')), ...textsOf(facts.get('clinicalStatus'))];
  return !VOID.has(facts.get('status') ?? null) && !marks.some((mark) => REFUTED.test(mark));
}

function codeHolds(record: RecordToJudge, codes: readonly string[]): Truth {
  const own = codesOf(record);
  return own.length === 0 ? null : own.some((code) => codes.includes(code));
}

interface Claimed {
  readonly start: Interval;
  readonly end: Interval;
}

function claimedOf({ start, end }: ClaimedDates): Claimed | undefined {
  const from = interval(start);
  const to = interval(end);
  return from === undefined || to === undefined ? undefined : { start: from, end: to };
}

function timeOf(value: JsonValue | undefined): Interval | undefined {
  return typeof value === 'string' ? interval(value) : undefined;
}

/** When a record says that it was, by the first of its facts that says so. */
function spanOf({ facts }: RecordToJudge): { readonly start?: Interval; readonly end?: Interval } {
  const start = ['start', 'handedOver', 'prepared', 'authored', 'recorded', 'asserted']
    .map((name) => timeOf(facts.get(name)))
    .find((found) => found !== undefined);
  const end = timeOf(facts.get('end'));
  return { ...(start === undefined ? {} : { start }), ...(end === undefined ? {} : { end }) };
}

function datesHold(record: RecordToJudge, dates: ClaimedDates | undefined): Truth {
  const claimed = dates === undefined ? undefined : claimedOf(dates);
  const { start, end } = spanOf(record);
  if (claimed === undefined || start === undefined) return null;
  if (record.type === 'Condition') {
    // An illness is there from its onset until it has gone.
    const hasBegun = start.startMs <= claimed.end.endMs;
    return hasBegun && (end === undefined || end.endMs >= claimed.start.startMs);
  }
  const isBegunWithin = start.endMs >= claimed.start.startMs && start.startMs <= claimed.end.endMs;
  if (record.type !== 'Encounter' || !isBegunWithin) return isBegunWithin;
  if (end === undefined) return null;
  // A stay is as long as it was: not longer, and not a day more of it is claimed on either side.
  return (
    end.startMs <= claimed.end.endMs &&
    claimed.start.endMs >= start.startMs - DAY_MS &&
    claimed.end.startMs <= end.endMs + DAY_MS
  );
}

function providerHolds(record: RecordToJudge, provider: string, known: KnownRecords): Truth {
  const own = namesProvider(record, provider);
  if (own === true) return true;
  const { encounter } = record;
  const visits =
    encounter === undefined ? [] : record.namesOf(encounter).flatMap((name) => known.named(name));
  const byVisit = visits.map((visit) => namesProvider(visit, provider));
  if (byVisit.includes(true)) return true;
  return own === false || byVisit.includes(false) ? false : null;
}

function namesProvider(record: RecordToJudge, provider: string): Truth {
  const references = PERFORMERS.flatMap((name) => textsOf(record.facts.get(name)));
  if (references.length === 0) return null;
  return references.some((one) => record.namesOf(one).includes(provider));
}

function prescription(reference: string, known: KnownRecords): RecordToJudge | false {
  return known.named(reference).find(({ type }) => type === 'MedicationRequest') ?? false;
}

/** A prescription bears out what was handed over on it until a year after. */
function prescriptionHolds(record: RecordToJudge, dates: ClaimedDates | undefined): Truth {
  const claimed = dates === undefined ? undefined : claimedOf(dates);
  const authored = timeOf(record.facts.get('authored'));
  if (takesPlace(record) !== true) return false;
  if (claimed === undefined || authored === undefined) return null;
  return authored.startMs <= claimed.end.endMs && authored.endMs >= claimed.start.startMs - 366 * DAY_MS;
}

function isCount(unit: string | undefined): boolean {
  return unit === undefined || unit === '1' || unit.startsWith('{');
}

/** `undefined` where nothing of the record is compared with it. */
function quantityHolds(record: RecordToJudge, { quantity }: ClaimedLine): Truth | undefined {
  if (quantity === undefined) return undefined;
  const { value, unit } = quantity;
  const time = unit === undefined ? undefined : TIMES[unit];
  if (time !== undefined) {
    const { start, end } = spanOf(record);
    if (start === undefined || end === undefined) return null;
    // Begun units count as whole ones.
    return (value - 1) * time < Math.max(1, end.endMs - start.startMs);
  }
  if (isMedication(record)) {
    const given = record.facts.get('quantity');
    const supplied = typeof given === 'string' ? Number(given) : given;
    if (typeof supplied !== 'number') return null;
    const of = record.facts.get('unit');
    const isSame = unit === undefined || typeof of !== 'string' || of === unit || of.endsWith(`|${unit}`);
    return isSame ? value <= supplied : null;
  }
  return isCount(unit) ? undefined : null;
}

function isMedication({ type }: RecordToJudge): boolean {
  return (MEDICATIONS as readonly string[]).includes(type);
}

/** What the hospital's own claims for that time ask for the same thing. */
function amountHolds(
  { codes, amount, dates }: ClaimedLine,
  { provider }: ReadClaim,
  { claims }: KnownRecords,
): Truth {
  const claimed = dates === undefined ? undefined : claimedOf(dates);
  if (amount === undefined || claimed === undefined) return null;
  let truth: Truth = null;
  for (const record of claims) {
    const { facts, namesOf } = record;
    const start = timeOf(facts.get('start'));
    const by = facts.get('provider');
    const isThen =
      start !== undefined && start.endMs >= claimed.start.startMs && start.startMs <= claimed.end.endMs;
    if (!isThen || typeof by !== 'string' || !namesOf(by).includes(provider)) continue;
    const items = facts.get('items');
    for (const item of Array.isArray(items) ? (items as readonly JsonValue[]) : []) {
      if (!isJsonObject(item) || item['net'] === null || item['net'] === undefined) continue;
      if (!textsOf(item['code']).some((code) => codes.includes(code))) continue;
      if (Number(item['net']) === amount.value && item['currency'] === amount.currency) return true;
      truth = false;
    }
  }
  return truth;
}
