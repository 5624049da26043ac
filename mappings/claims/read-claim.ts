/**
 * FHIR R4 `Claim` and `ExplanationOfBenefit` → lines to judge. A line names a record by `encounter`, or by a sequence
 * of the claim's procedures, diagnoses or supporting information; one that names none is looked for by its code.
 *
 * @see https://hl7.org/fhir/R4/claim.html
 */
import { interval } from '../dates.js';
import { isFhirId } from '../references.js';
import { isJsonObject } from '../json/value.js';
import type { JsonObject, JsonValue } from '../json/value.js';
import type { ClaimedLine, LineKind, ReadClaim, ReadClaimAnswer } from './claim.js';
import { demand, Refused } from './refused.js';
import { amountIn, codesIn, datesIn, objectsIn, periodIn, quantityIn, referenceIn } from './values.js';

/** Lines of one claim. */
export const LINES_MAX = 500;
const ENTRIES_MAX = 1000;

/**
 * Reads a claim, or the one claim of a Bundle.
 *
 * @param bases - Addresses that references to our own or the hospital's resources may begin with, without a slash at
 * the end.
 */
export function readClaim(body: JsonValue, bases: readonly string[] = []): ReadClaimAnswer {
  try {
    return { ok: true, claim: claimOf(claimIn(body), bases) };
  } catch (error) {
    if (error instanceof Refused) return { ok: false, refusal: error.refusal };
    throw error;
  }
}

function claimIn(body: JsonValue): JsonObject {
  demand(isJsonObject(body), 'no-claim', '');
  if (body['resourceType'] !== 'Bundle') return body;
  const found = objectsIn(body['entry'], 'Bundle.entry', ENTRIES_MAX).flatMap(({ resource }) =>
    isJsonObject(resource) && isClaim(resource) ? [resource] : [],
  );
  demand(found.length <= 1, 'several-claims', 'Bundle.entry');
  const [claim] = found;
  demand(claim !== undefined, 'no-claim', 'Bundle.entry');
  return claim;
}

function isClaim({ resourceType }: JsonObject): boolean {
  return resourceType === 'Claim' || resourceType === 'ExplanationOfBenefit';
}

function claimOf(claim: JsonObject, bases: readonly string[]): ReadClaim {
  const type = claim['resourceType'];
  demand(type === 'Claim' || type === 'ExplanationOfBenefit', 'no-claim', '');
  const local = (text: string | undefined): string | undefined => localised(text, bases);
  const at = (path: string): string => `${type}.${path}`;
  demand(claim['status'] === 'active', 'malformed', at('status'));
  const patient = local(referenceIn(claim['patient'], at('patient')));
  demand(patient !== undefined, 'malformed', at('patient'));
  const provider = local(referenceIn(claim['provider'], at('provider')));
  demand(provider !== undefined, 'malformed', at('provider'));
  amountIn(isJsonObject(claim['total']) ? claim['total'] : undefined, at('total'));
  const dates = periodIn(claim['billablePeriod'], at('billablePeriod'));
  const named = {
    procedure: partsOf(claim, type, 'procedure', local),
    diagnosis: partsOf(claim, type, 'diagnosis', local),
    supportingInfo: partsOf(claim, type, 'supportingInfo', local),
  };
  const items = objectsIn(claim['item'], at('item'), LINES_MAX);
  demand(items.length > 0, 'malformed', at('item'));
  const prescription = local(referenceIn(claim['prescription'], at('prescription')));
  const lines = items.map((item, i): ClaimedLine => {
    const here = at(`item[${i}]`);
    const { sequence } = item;
    demand(isSequence(sequence), 'malformed', `${here}.sequence`);
    const anchor = anchorOf(item, here, named, local);
    const own = ownDates(item, here);
    const when = own ?? dates;
    const quantity = quantityIn(item['quantity'], `${here}.quantity`);
    const price = amountIn(item['unitPrice'], `${here}.unitPrice`);
    const amount = amountIn(item['net'], `${here}.net`) ?? price;
    return {
      sequence,
      codes: codesIn(item['productOrService'], `${here}.productOrService`),
      ...anchor,
      ...(when === undefined ? {} : { dates: when }),
      ...(quantity === undefined ? {} : { quantity }),
      ...(amount === undefined ? {} : { amount }),
    };
  });
  demand(new Set(lines.map((line) => line.sequence)).size === lines.length, 'malformed', at('item'));
  demandApart(lines, items, at('item'));
  return {
    type,
    name: nameOf(claim, type, local),
    patient,
    provider,
    ...(prescription === undefined ? {} : { prescription }),
    lines,
  };
}

/** What the patient's permission names: an account of benefits stands for its claim. @throws Refused */
function nameOf(
  claim: JsonObject,
  type: ReadClaim['type'],
  local: (text: string | undefined) => string | undefined,
): string {
  const of = type === 'Claim' ? undefined : local(referenceIn(claim['claim'], `${type}.claim`));
  if (of !== undefined) return of;
  const { id } = claim;
  demand(typeof id === 'string' && isFhirId(id), 'malformed', `${type}.id`);
  return `${type}/${id}`;
}

type Named = ReadonlyMap<number, string>;

/** What the sequences of a part name. */
function partsOf(
  claim: JsonObject,
  type: string,
  part: 'procedure' | 'diagnosis' | 'supportingInfo',
  local: (text: string | undefined) => string | undefined,
): Named {
  const member = part === 'supportingInfo' ? 'valueReference' : `${part}Reference`;
  const found = new Map<number, string>();
  for (const [i, one] of objectsIn(claim[part], `${type}.${part}`, LINES_MAX).entries()) {
    const { sequence } = one;
    demand(isSequence(sequence), 'malformed', `${type}.${part}[${i}].sequence`);
    const target = local(referenceIn(one[member], `${type}.${part}[${i}].${member}`));
    if (target !== undefined) found.set(sequence, target);
  }
  return found;
}

function anchorOf(
  item: JsonObject,
  at: string,
  named: Readonly<Record<'procedure' | 'diagnosis' | 'supportingInfo', Named>>,
  local: (text: string | undefined) => string | undefined,
): { readonly kind: LineKind; readonly target?: string } {
  const [encounter] = objectsIn(item['encounter'], `${at}.encounter`, LINES_MAX);
  const visit = local(referenceIn(encounter, `${at}.encounter[0]`));
  if (visit !== undefined) return { kind: 'encounter', target: visit };
  for (const [member, kind, parts] of [
    ['procedureSequence', 'procedure', named.procedure],
    ['informationSequence', 'any', named.supportingInfo],
    ['diagnosisSequence', 'diagnosis', named.diagnosis],
  ] as const) {
    const [first] = numbersIn(item[member], `${at}.${member}`);
    if (first === undefined) continue;
    const target = parts.get(first);
    // A sequence that points nowhere says at least what kind it is.
    return target === undefined ? { kind } : { kind, target };
  }
  return { kind: 'any' };
}

function ownDates(item: JsonObject, at: string): ReturnType<typeof periodIn> {
  const { servicedDate: day, servicedPeriod: period } = item;
  if (day === undefined) return periodIn(period, `${at}.servicedPeriod`);
  demand(typeof day === 'string', 'bad-date', `${at}.servicedDate`);
  return datesIn(day, day, `${at}.servicedDate`);
}

/** Two lines of one code whose own dates overlap in part bill some of the time twice. @throws Refused */
function demandApart(lines: readonly ClaimedLine[], items: readonly JsonObject[], at: string): void {
  const seen = new Map<string, { start: number; end: number; text: string }[]>();
  for (const [i, { codes, target, dates }] of lines.entries()) {
    const isOwn = items[i]?.['servicedDate'] !== undefined || items[i]?.['servicedPeriod'] !== undefined;
    if (!isOwn || target !== undefined || dates === undefined) continue;
    const start = interval(dates.start)?.startMs ?? 0;
    const end = interval(dates.end)?.endMs ?? 0;
    const text = `${dates.start} ${dates.end}`;
    const others = seen.get(codes.join(' ')) ?? [];
    const isApart = others.every((one) => one.text === text || end < one.start || one.end < start);
    demand(isApart, 'overlapping-dates', `${at}[${i}]`);
    seen.set(codes.join(' '), [...others, { start, end, text }]);
  }
}

function numbersIn(list: JsonValue | undefined, at: string): readonly number[] {
  if (list === undefined) return [];
  demand(Array.isArray(list) && list.length <= LINES_MAX && list.every(isSequence), 'malformed', at);
  return list;
}

function isSequence(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0;
}

function localised(text: string | undefined, bases: readonly string[]): string | undefined {
  const base = text === undefined ? undefined : bases.find((one) => text.startsWith(`${one}/`));
  const rest = base === undefined ? text : text?.slice(base.length + 1);
  return rest?.replace(/\/_history\/[^/]*$/, '');
}
