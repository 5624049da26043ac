/** Values of a claim: each is refused where it could not be meant. */
import { interval } from '../dates.js';
import { isJsonObject } from '../json/value.js';
import type { JsonObject, JsonValue } from '../json/value.js';
import type { ClaimedAmount, ClaimedDates, ClaimedQuantity } from './claim.js';
import { demand } from './refused.js';

/** More than any bill, in any currency. */
export const AMOUNT_MAX = 1e12;
const QUANTITY_MAX = 1e6;
const CODINGS_MAX = 20;
const TEXT_CHARS_MAX = 1024;
/** Longer than anybody lives. */
const SPAN_MS_MAX = 130 * 366 * 86_400_000;
/** Characters of a URI, and the bar of a search by identifier: no reference can be taken for mark-up. @see RFC 3986 */
const REFERENCE = /^[\w.~:/?#[\]@!$&()*+,;=%|-]+$/;
const ABSOLUTE = /^[a-z][a-z0-9+.-]*:\S+$/i;
const CODE = /^[^\s|]+(?: [^\s|]+)*$/;

/** What codes of a system look like; of systems that are not here any is taken that FHIR takes. */
const FORMS: Readonly<Record<string, RegExp>> = {
  'http://snomed.info/sct': /^[1-9][0-9]{5,17}$/,
  'http://www.nlm.nih.gov/research/umls/rxnorm': /^[0-9]{1,8}$/,
  'http://hl7.org/fhir/sid/cvx': /^[0-9]{1,3}$/,
  'http://loinc.org': /^(?:LA|LP)?[0-9]{1,7}-[0-9]$/,
  'http://hl7.org/fhir/sid/icd-10': /^[A-Z][0-9][0-9A-Z](?:\.[0-9A-Z]{1,4})?$/,
  'http://hl7.org/fhir/sid/icd-10-cm': /^[A-Z][0-9][0-9A-Z](?:\.[0-9A-Z]{1,4})?$/,
};

/** `system|code` of a CodeableConcept, sorted, each once; at least one. @throws Refused */
export function codesIn(concept: JsonValue | undefined, at: string): string[] {
  demand(isJsonObject(concept), 'bad-code', at);
  const { coding } = concept;
  demand(Array.isArray(coding) && coding.length > 0 && coding.length <= CODINGS_MAX, 'bad-code', at);
  const codes = (coding as readonly JsonValue[]).map((one, i) => {
    const here = `${at}.coding[${i}]`;
    demand(isJsonObject(one), 'bad-code', here);
    const { system, code } = one;
    const isNamed = typeof system === 'string' && ABSOLUTE.test(system) && system.length <= TEXT_CHARS_MAX;
    demand(isNamed && typeof code === 'string' && code.length <= 256 && CODE.test(code), 'bad-code', here);
    const form = Object.hasOwn(FORMS, system) ? FORMS[system] : undefined;
    demand(form === undefined || form.test(code), 'bad-code', `${here}.code`);
    return `${system}|${code}`;
  });
  return [...new Set(codes)].toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

/** A Period with its start. @throws Refused */
export function periodIn(period: JsonValue | undefined, at: string): ClaimedDates | undefined {
  if (period === undefined) return undefined;
  demand(isJsonObject(period), 'malformed', at);
  const { start, end } = period;
  demand(typeof start === 'string', 'bad-date', `${at}.start`);
  demand(end === undefined || typeof end === 'string', 'bad-date', `${at}.end`);
  return datesIn(start, end ?? start, at);
}

/** @throws Refused */
export function datesIn(start: string, end: string, at: string): ClaimedDates {
  const from = interval(start);
  const to = interval(end);
  demand(from !== undefined, 'bad-date', at);
  demand(to !== undefined, 'bad-date', at);
  demand(
    to.endMs >= from.startMs && (to.startMs >= from.startMs || to.endMs > from.endMs),
    'reversed-dates',
    at,
  );
  demand(to.endMs - from.startMs <= SPAN_MS_MAX, 'too-long', at);
  return { start, end };
}

/** @throws Refused */
export function amountIn(money: JsonValue | undefined, at: string): ClaimedAmount | undefined {
  if (money === undefined) return undefined;
  demand(isJsonObject(money), 'bad-amount', at);
  const { value, currency } = money;
  demand(typeof value === 'number' && value >= 0 && value <= AMOUNT_MAX, 'bad-amount', `${at}.value`);
  demand(isCurrency(currency), 'bad-currency', `${at}.currency`);
  return { value, currency };
}

/** Whether a value is a code of ISO 4217. */
export function isCurrency(value: unknown): value is string {
  return typeof value === 'string' && CURRENCIES.has(value);
}

const CURRENCIES: ReadonlySet<string> = new Set(Intl.supportedValuesOf('currency'));

/** @throws Refused */
export function quantityIn(quantity: JsonValue | undefined, at: string): ClaimedQuantity | undefined {
  if (quantity === undefined) return undefined;
  demand(isJsonObject(quantity), 'bad-quantity', at);
  const { value, code, unit } = quantity;
  demand(typeof value === 'number' && value > 0 && value <= QUANTITY_MAX, 'bad-quantity', `${at}.value`);
  const of = code ?? unit;
  demand(of === undefined || (typeof of === 'string' && of.length <= 64), 'bad-quantity', at);
  return { value, ...(of === undefined ? {} : { unit: of }) };
}

/** The reference of a Reference, or `undefined` where there is none. @throws Refused */
export function referenceIn(reference: JsonValue | undefined, at: string): string | undefined {
  if (reference === undefined) return undefined;
  demand(isJsonObject(reference), 'malformed', at);
  const text = reference['reference'];
  const isReference = typeof text === 'string' && text.length <= TEXT_CHARS_MAX && REFERENCE.test(text);
  demand(text === undefined || isReference, 'malformed', at);
  return text;
}

/** Objects of a list that may be absent. @throws Refused */
export function objectsIn(list: JsonValue | undefined, at: string, max: number): readonly JsonObject[] {
  if (list === undefined) return [];
  demand(Array.isArray(list), 'malformed', at);
  demand(list.length <= max, 'too-many-lines', at);
  return (list as readonly JsonValue[]).map((one, i) => {
    demand(isJsonObject(one), 'malformed', `${at}[${i}]`);
    return one;
  });
}
