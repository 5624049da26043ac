/**
 * Reads elements of a Consent from parsed JSON that nobody has validated: what has the wrong JSON type refuses the
 * document, what has the right one but says nothing that can be compared becomes `UNREADABLE`.
 */
import type { Span } from '../../ledger/consent/index.js';
import { UNREADABLE } from '../../ledger/consent/index.js';
import { interval } from '../dates.js';

/**
 * Why a document is not taken.
 *
 * - `CONSENT_NOT_A_CONSENT`: another resource, or none.
 * - `CONSENT_ELEMENT`: an element of the wrong JSON type, or an empty array.
 * - `CONSENT_STATUS`, `CONSENT_SCOPE`: no code of R4, or a scope that is not about the use of data.
 * - `CONSENT_PATIENT`: names no patient, or another than the one it was handed in for.
 * - `CONSENT_IDENTIFIER`: several identifiers, so that what it replaces cannot be told.
 * - `CONSENT_DATE_MISSING`, `CONSENT_DATE_BAD`, `CONSENT_DATE_FUTURE`: `dateTime` absent, no date, or to come.
 * - `CONSENT_DATE_BACKDATED`: not later than the version it would replace.
 * - `CONSENT_PERIOD`: a period without ends, of bad dates, or that ends before it starts.
 * - `CONSENT_PROVISION_TYPE`: neither permit nor deny, or absent in a nested provision.
 * - `CONSENT_TOO_DEEP`, `CONSENT_TOO_LARGE`: beyond the named maxima.
 */
export type ConsentRefusalCode =
  | 'CONSENT_NOT_A_CONSENT'
  | 'CONSENT_ELEMENT'
  | 'CONSENT_STATUS'
  | 'CONSENT_SCOPE'
  | 'CONSENT_PATIENT'
  | 'CONSENT_IDENTIFIER'
  | 'CONSENT_DATE_MISSING'
  | 'CONSENT_DATE_BAD'
  | 'CONSENT_DATE_FUTURE'
  | 'CONSENT_DATE_BACKDATED'
  | 'CONSENT_PERIOD'
  | 'CONSENT_PROVISION_TYPE'
  | 'CONSENT_TOO_DEEP'
  | 'CONSENT_TOO_LARGE';

/** Carries a refusal out of the recursion; never leaves these files. */
export class ConsentRefused extends Error {
  readonly code: ConsentRefusalCode;
  readonly expression: string;

  constructor(code: ConsentRefusalCode, expression: string) {
    super(code);
    this.code = code;
    this.expression = expression;
  }
}

/** A JSON object whose members are not known yet. */
export type Json = { readonly [name: string]: unknown };

/**
 * How far apart the first and the last zone's clocks are, ms: a date without a zone holds surely only where it
 * holds in all of them.
 */
const ZONES_MS = 26 * 3_600_000;
/** Longest FHIR date without a time of day, and so without a zone. */
const DATE_CHARS = 10;

/** Whether a value is a JSON object. */
export function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** An element that must be an object. */
export function object(value: unknown, path: string): Json {
  if (!isJson(value)) throw new ConsentRefused('CONSENT_ELEMENT', path);
  return value;
}

/** A repeating element: absent, or a non-empty array of objects. */
export function objects(value: unknown, path: string): readonly Json[] | undefined {
  if (value === undefined) return undefined;
  if (!Array.isArray(value) || value.length === 0) throw new ConsentRefused('CONSENT_ELEMENT', path);
  return value.map((item: unknown, i) => object(item, `${path}[${i}]`));
}

/** A primitive that is absent or a string. */
export function text(value: unknown, path: string): string | undefined {
  if (value !== undefined && typeof value !== 'string') throw new ConsentRefused('CONSENT_ELEMENT', path);
  return value;
}

/** `system|code` of a Coding; without both it cannot be compared. */
export function codingToken(coding: Json, path: string): string {
  const system = text(coding['system'], `${path}.system`);
  const code = text(coding['code'], `${path}.code`);
  return system === undefined || code === undefined || system === '' || code === ''
    ? UNREADABLE
    : `${system}|${code}`;
}

/** Tokens of a CodeableConcept: one concept in the words of several systems. Text alone cannot be compared. */
export function conceptTokens(concept: Json, path: string): readonly string[] {
  const codings = objects(concept['coding'], `${path}.coding`);
  if (codings === undefined) return [UNREADABLE];
  return codings.map((coding, i) => codingToken(coding, `${path}.coding[${i}]`));
}

/**
 * A Period as a span.
 *
 * @see Span for how a date without a zone is read
 */
export function span(value: unknown, path: string): Span | undefined {
  if (value === undefined) return undefined;
  const period = object(value, path);
  const start = text(period['start'], `${path}.start`);
  const end = text(period['end'], `${path}.end`);
  if (start === undefined && end === undefined) throw new ConsentRefused('CONSENT_PERIOD', path);
  const from = start === undefined ? undefined : interval(start);
  const to = end === undefined ? undefined : interval(end);
  if (start !== undefined && from === undefined) throw new ConsentRefused('CONSENT_PERIOD', `${path}.start`);
  if (end !== undefined && to === undefined) throw new ConsentRefused('CONSENT_PERIOD', `${path}.end`);
  // Two dates without a zone were written in the same one.
  const apartMs = isZoneless(start) && isZoneless(end) ? ZONES_MS : 0;
  if (from !== undefined && to !== undefined && from.startMs > to.endMs - apartMs) {
    throw new ConsentRefused('CONSENT_PERIOD', path);
  }
  return {
    ...(from === undefined ? {} : { startMs: from.startMs }),
    ...(to === undefined ? {} : { endMs: to.endMs }),
    ...(from !== undefined && isZoneless(start) ? { sureStartMs: from.startMs + ZONES_MS } : {}),
    ...(to !== undefined && isZoneless(end) ? { sureEndMs: to.endMs - ZONES_MS } : {}),
  };
}

function isZoneless(date: string | undefined): boolean {
  return date !== undefined && date.length <= DATE_CHARS;
}

/**
 * Notes what could change an element's meaning and is not understood: modifier extensions, and members that R4
 * does not have. Plain extensions change nothing.
 *
 * @param known - The element's members in R4.
 */
export function noteUnknown(
  element: Json,
  path: string,
  known: ReadonlySet<string>,
  unknown: string[],
): void {
  for (const name of Object.keys(element)) {
    if (name === 'extension' || name === 'id' || known.has(name)) continue;
    // `_name` holds the extensions of the primitive `name`.
    if (name.startsWith('_') && known.has(name.slice(1)) && element[name.slice(1)] !== undefined) continue;
    unknown.push(`${path}.${name}`);
  }
}
