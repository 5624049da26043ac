/**
 * Carries out what a permit is bound to, on the bytes of a resource: what must not be seen is cut out or masked, and a
 * label says so. Every other byte stays as it was received.
 */
import type { Obligation } from '../../ledger/consent/index.js';
import { stripBom } from '../json/scan.js';
import { skipSpace, skipString, skipValue } from '../json/skip.js';
import identifying from '../tables/identifying.json' with { type: 'json' };
import { OBLIGATION_CODES } from '../forms/index.js';

interface Member {
  readonly key: string;
  /** Of the key's opening quote. */
  readonly start: number;
  readonly valueStart: number;
  readonly end: number;
}

interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

interface Cutting {
  readonly bytes: Buffer;
  readonly edits: Edit[];
  /** Paths from a resource's root, without a type or with one. */
  readonly paths: ReadonlySet<string>;
  readonly anywhere: ReadonlySet<string>;
}

/** Where something stands: the nearest resource around it, and the path from there. */
interface Place {
  readonly type: string;
  readonly path: string;
}

const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const COMMA = 0x2c;
const QUOTE = 0x22;

const VALUE_SYSTEM = 'http://terminology.hl7.org/CodeSystem/v3-ObservationValue';
/** What a label says of an answer. @see HL7 v3 ObservationValue, SECINTOBV; v3 ActCode, RefrainPolicy */
const LABELS = {
  redact: `${VALUE_SYSTEM}|REDACTED`,
  pseudonymise: `${VALUE_SYSTEM}|PSEUDED`,
  'no-onward-use': OBLIGATION_CODES['no-onward-use'],
} as const satisfies Record<Obligation['kind'], string>;

const MASK =
  '{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"masked"}]}';
/** These go without a mask: nothing requires them, and a masked one would be none. */
const GONE: ReadonlySet<string> = new Set([
  'text',
  'contained',
  'extension',
  'modifierExtension',
  'display',
  'resource',
]);

/** Types that elements of a choice end in. */
const DATATYPES: ReadonlySet<string> = new Set(
  (
    'Age Attachment Boolean Canonical Code CodeableConcept Coding Date DateTime Decimal Duration Identifier Instant ' +
    'Integer Period Quantity Range Ratio Reference SampledData String Time Timing Uri'
  ).split(' '),
);

const IDENTIFYING: ReadonlySet<string> = new Set(identifying.resources);
const IDENTIFYING_ANYWHERE: ReadonlySet<string> = new Set(identifying.anywhere);
const NOTHING: ReadonlySet<string> = new Set();

/**
 * Carries obligations out.
 *
 * A redaction takes each element out at every place where its path leads, `value[x]` by any of its types, in contained
 * resources and a Bundle's entries too; a pseudonymisation takes out what names a person (ids are whoever serves the
 * answer's to exchange). In the place of an element stands that it was masked, so that a required one is not missing.
 * Whether there was anything to take out, the label does not tell.
 *
 * @param received - A resource that `parseJson` takes.
 * @throws TypeError for an obligation of no known kind, and for bytes that are no JSON object: nothing may leave then.
 */
export function carryOut(received: Buffer, obligations: readonly Obligation[]): Buffer {
  if (obligations.length === 0) return received;
  const bytes = stripBom(received);
  const at = skipSpace(bytes, 0);
  if (bytes[at] !== OPEN_OBJECT) throw new TypeError('obligations are carried out on a resource alone');
  const paths = new Set<string>();
  let anywhere = NOTHING;
  const labels: string[] = [];
  for (const obligation of obligations) {
    if (!Object.hasOwn(LABELS, obligation.kind)) throw new TypeError('an obligation of no known kind');
    labels.push(LABELS[obligation.kind]);
    if (obligation.kind === 'redact') for (const element of obligation.elements) paths.add(element);
    else if (obligation.kind === 'pseudonymise') {
      for (const element of IDENTIFYING) paths.add(element);
      anywhere = IDENTIFYING_ANYWHERE;
    }
  }
  const edits = labelEdits(bytes, at, labels);
  if (paths.size > 0) {
    const cutting: Cutting = { bytes, edits, paths, anywhere };
    cutObject(cutting, at, { type: '', path: '' }, true);
  }
  return applied(bytes, edits);
}

/** @param isResource - Whether the object is a resource, from which paths are counted. @returns Index behind it. */
function cutObject(cutting: Cutting, at: number, around: Place, isResource: boolean): number {
  const { bytes } = cutting;
  const { members, end } = membersOf(bytes, at);
  const place = isResource ? { type: typeOf(bytes, members), path: '' } : around;
  const isReference = members.some(({ key }) => key === 'reference');
  const isCut = members.map(({ key }) => {
    const name = key.startsWith('_') ? key.slice(1) : key;
    return isTaken(cutting, place, name) || (isReference && name === 'display' && cutting.anywhere.size > 0);
  });
  members.forEach((member, i) => {
    if (isCut[i] === true) cutMember(cutting, members, isCut, i);
    else cutWithin(cutting, member.valueStart, placeOf(place, member.key), isContent(place, member.key));
  });
  return end;
}

function isTaken({ paths, anywhere }: Cutting, place: Place, key: string): boolean {
  if (place.path === '' && (key === 'resourceType' || key === 'id' || key === 'meta')) return false;
  if (anywhere.has(key)) return true;
  const path = place.path === '' ? key : `${place.path}.${key}`;
  if (paths.has(path) || paths.has(`${place.type}.${path}`)) return true;
  // `value[x]` is written with its type: valueQuantity.
  const choice = /^([a-z][a-z0-9]*)[A-Z]/.exec(key)?.[1];
  for (let from = choice; from !== undefined && from.length < key.length; from = longer(key, from)) {
    const element = `${path.slice(0, path.length - key.length)}${from}`;
    const chosen = `${element}[x]`;
    if (paths.has(chosen) || paths.has(`${place.type}.${chosen}`)) return true;
    // FHIRPath knows the choice by its name alone.
    const isChoice = DATATYPES.has(key.slice(from.length));
    if (isChoice && (paths.has(element) || paths.has(`${place.type}.${element}`))) return true;
  }
  return false;
}

/** The next longer beginning of a name that ends before a capital letter, for `multipleBirth[x]`. */
function longer(key: string, from: string): string | undefined {
  const next = /^[A-Z][a-z0-9]*(?=[A-Z])/.exec(key.slice(from.length))?.[0];
  return next === undefined ? undefined : from + next;
}

function placeOf(place: Place, key: string): Place {
  const name = key.startsWith('_') ? key.slice(1) : key;
  return { type: place.type, path: place.path === '' ? name : `${place.path}.${name}` };
}

/** Members that hold resources: their paths begin anew. */
function isContent({ path }: Place, key: string): boolean {
  return (key === 'contained' && path === '') || key === 'resource';
}

function cutWithin(cutting: Cutting, at: number, place: Place, isResource: boolean): number {
  const { bytes } = cutting;
  if (bytes[at] === OPEN_OBJECT) return cutObject(cutting, at, place, isResource);
  if (bytes[at] !== OPEN_ARRAY) return skipValue(bytes, at);
  at = skipSpace(bytes, at + 1);
  while (at < bytes.length && bytes[at] !== CLOSE_ARRAY) {
    at = skipSpace(bytes, cutWithin(cutting, at, place, isResource));
    if (bytes[at] === COMMA) at = skipSpace(bytes, at + 1);
    else if (bytes[at] !== CLOSE_ARRAY) return bytes.length;
  }
  return at + 1;
}

/** Masks a member, or takes it out with its comma. */
function cutMember(
  { bytes, edits }: Cutting,
  members: readonly Member[],
  isCut: readonly boolean[],
  i: number,
): void {
  const member = members[i];
  if (member === undefined) return;
  const masked = maskOf(bytes, member);
  if (masked !== undefined) {
    edits.push({ start: member.start, end: member.end, text: masked });
    return;
  }
  const isLast = members.slice(i + 1).every((one, n) => isCut[i + 1 + n] === true && !maskOf(bytes, one));
  const before = members[i - 1];
  const next = members[i + 1];
  if (!isLast && next !== undefined) edits.push({ start: member.start, end: next.start, text: '' });
  else edits.push({ start: before === undefined ? member.start : before.end, end: member.end, text: '' });
}

/** What stands in an element's place; `undefined` where nothing does. */
function maskOf(bytes: Buffer, { key, valueStart }: Member): string | undefined {
  if (key.startsWith('_') || GONE.has(key)) return undefined;
  const first = bytes[valueStart];
  if (first === OPEN_OBJECT) return `"${key}":${MASK}`;
  if (first !== OPEN_ARRAY) return `"_${key}":${MASK}`;
  const inner = bytes[skipSpace(bytes, valueStart + 1)];
  return inner === OPEN_OBJECT ? `"${key}":[${MASK}]` : `"_${key}":[${MASK}]`;
}

function membersOf(bytes: Buffer, at: number): { members: Member[]; end: number } {
  const members: Member[] = [];
  at = skipSpace(bytes, at + 1);
  while (at < bytes.length && bytes[at] !== CLOSE_OBJECT) {
    if (bytes[at] !== QUOTE) throw new TypeError('the bytes are no JSON');
    const start = at;
    const keyEnd = skipString(bytes, at);
    const valueStart = skipSpace(bytes, skipSpace(bytes, keyEnd) + 1);
    const end = skipValue(bytes, valueStart);
    // Also finds a name that was written with escapes.
    const key = JSON.parse(bytes.toString('utf8', start, keyEnd)) as string;
    members.push({ key, start, valueStart, end });
    at = skipSpace(bytes, end);
    if (bytes[at] === COMMA) at = skipSpace(bytes, at + 1);
    else if (bytes[at] !== CLOSE_OBJECT) throw new TypeError('the bytes are no JSON');
  }
  return { members, end: at + 1 };
}

function typeOf(bytes: Buffer, members: readonly Member[]): string {
  const found = members.find(({ key }) => key === 'resourceType');
  return found === undefined ? '' : String(JSON.parse(bytes.toString('utf8', found.valueStart, found.end)));
}

/** Puts labels into the resource's `meta.security`. */
function labelEdits(bytes: Buffer, at: number, labels: readonly string[]): Edit[] {
  const codings = labels.map((token) => {
    const bar = token.lastIndexOf('|');
    return `{"system":"${token.slice(0, bar)}","code":"${token.slice(bar + 1)}"}`;
  });
  const text = codings.join(',');
  const { members } = membersOf(bytes, at);
  const meta = members.find(({ key }) => key === 'meta');
  if (meta === undefined || bytes[meta.valueStart] !== OPEN_OBJECT) {
    return insert(at + 1, `"meta":{"security":[${text}]}${members.length === 0 ? '' : ','}`);
  }
  const within = membersOf(bytes, meta.valueStart).members;
  const security = within.find(({ key }) => key === 'security');
  if (security === undefined || bytes[security.valueStart] !== OPEN_ARRAY) {
    return insert(meta.valueStart + 1, `"security":[${text}]${within.length === 0 ? '' : ','}`);
  }
  const isEmpty = bytes[skipSpace(bytes, security.valueStart + 1)] === CLOSE_ARRAY;
  return insert(security.valueStart + 1, isEmpty ? text : `${text},`);
}

function insert(where: number, text: string): Edit[] {
  return [{ start: where, end: where, text }];
}

function applied(bytes: Buffer, edits: readonly Edit[]): Buffer {
  const parts: Buffer[] = [];
  let from = 0;
  for (const { start, end, text } of edits.toSorted((a, b) => a.start - b.start)) {
    // Of members that go together the stretches may touch or overlap.
    if (start > from) parts.push(bytes.subarray(from, start));
    parts.push(Buffer.from(text, 'utf8'));
    from = Math.max(from, end);
  }
  parts.push(bytes.subarray(from));
  return Buffer.concat(parts);
}
