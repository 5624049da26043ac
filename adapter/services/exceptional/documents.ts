/** Signed documents of emergencies and duties: what they say, and whether their form is good. */
import type { JsonObject } from '../../../ledger/log/index.js';
import { isJsonObject, parseJson } from '../../../mappings/index.js';
import { AdapterError } from '../../errors.js';

/** Each kind separates its signatures from all others. */
export const EMERGENCY_KIND = 'firebreak emergency';
export const REVIEW_KIND = 'firebreak emergency review';
export const DUTY_KIND = 'firebreak legal basis';
export const DUTY_END_KIND = 'firebreak legal basis end';

/** What every one of them says. */
interface Signed {
  /** Origin of the instance's log: a document is for one instance. */
  readonly log: string;
  /** Handle or id of who signs. */
  readonly signer: string;
  /** When, ISO 8601; it is taken within two minutes. */
  readonly at: string;
}

/** A clinician declares an emergency. */
export interface EmergencyDocument extends Signed {
  readonly kind: typeof EMERGENCY_KIND;
  /** `Patient/<id>` at the facade, or for clinicians of the custodian `<source>/<id at the source>`. */
  readonly patient: string;
  readonly reason: string;
}

/** A second person of the hospital says what it was. */
export interface ReviewDocument extends Signed {
  readonly kind: typeof REVIEW_KIND;
  readonly emergency: string;
  readonly outcome: 'justified' | 'unjustified';
  readonly text: string;
}

/** The custodian permits what the law commands. */
export interface DutyDocument extends Signed {
  readonly kind: typeof DUTY_KIND;
  readonly source: string;
  /** The law, as `system|code`. */
  readonly basis: string;
  /** Id of the organisation that must be told. */
  readonly recipient: string;
  /** v3-ActReason code. */
  readonly purpose: string;
  /** The least that it needs: resource types, and codes as `system|code`. */
  readonly types: readonly string[];
  readonly codes: readonly string[];
  /** ISO 8601. */
  readonly start: string;
  readonly end: string;
}

export interface DutyEndDocument extends Signed {
  readonly kind: typeof DUTY_END_KIND;
  readonly duty: string;
}

export type ExceptionalDocument = EmergencyDocument | ReviewDocument | DutyDocument | DutyEndDocument;

/** A document with its signature: a detached JWS, as consents are signed. */
export interface SignedDocument<D extends ExceptionalDocument> {
  readonly document: D;
  readonly jws: string;
}

/** Members of a document, and whether each is a text or a list of them. */
export type Form = Readonly<Record<string, 'text' | 'texts'>>;

const COMMON: Form = { kind: 'text', log: 'text', signer: 'text', at: 'text' };
const FORMS: { readonly [K in ExceptionalDocument['kind']]: Form } = {
  [EMERGENCY_KIND]: { ...COMMON, patient: 'text', reason: 'text' },
  [REVIEW_KIND]: { ...COMMON, emergency: 'text', outcome: 'text', text: 'text' },
  [DUTY_KIND]: {
    ...COMMON,
    source: 'text',
    basis: 'text',
    recipient: 'text',
    purpose: 'text',
    types: 'texts',
    codes: 'texts',
    start: 'text',
    end: 'text',
  },
  [DUTY_END_KIND]: { ...COMMON, duty: 'text' },
};

const TEXT_CHARS_MAX = 1000;
const TEXTS_MAX = 1000;
/** A signed document is no draft, and no copy of an old one. */
export const FRESH_MS = 120_000;

/**
 * Reads a signed document of one kind.
 *
 * @param body - JSON `{document, jws}`.
 * @throws AdapterError ADAPTER_UNPROCESSABLE naming the member that is at fault; MappingError for what is no JSON.
 */
export function readSigned<D extends ExceptionalDocument>(body: Buffer, kind: D['kind']): SignedDocument<D> {
  return readSignedForm<D>(body, kind, FORMS[kind]);
}

/**
 * Reads a signed document that has the common members and those of a form, and no others.
 *
 * @throws AdapterError ADAPTER_UNPROCESSABLE naming the member that is at fault; MappingError for what is no JSON.
 */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the form says what the document is
export function readSignedForm<D>(
  body: Buffer,
  kind: string,
  own: Form,
): { readonly document: D; readonly jws: string } {
  const form = { ...COMMON, ...own };
  const value = parseJson(body);
  const document = isJsonObject(value) ? value['document'] : undefined;
  const jws = isJsonObject(value) ? value['jws'] : undefined;
  if (!isJsonObject(document) || typeof jws !== 'string')
    throw unfit('send {"document": …, "jws": …}', 'document');
  if (document['kind'] !== kind) throw unfit(`the kind is “${kind}”`, 'document.kind');
  for (const [name, is] of Object.entries(form)) {
    const member: unknown = document[name];
    const isGood = is === 'text' ? isText(member) : isTexts(member);
    if (!isGood) throw unfit(`${name} is missing, empty or too long`, `document.${name}`);
  }
  for (const name of Object.keys(document))
    if (!Object.hasOwn(form, name))
      throw unfit('a member that is not known', `document.${name.slice(0, 64)}`);
  return { document: document as unknown as D, jws };
}

/**
 * @param withinMs - How old, or how far ahead by another clock, it may be.
 * @throws AdapterError ADAPTER_UNPROCESSABLE for a document of another instance, or of another time.
 */
export function requireFresh(
  { log, at }: Pick<Signed, 'log' | 'at'>,
  origin: string,
  nowMs: number,
  withinMs = FRESH_MS,
): void {
  if (log !== origin) throw unfit('it is for another log', 'document.log');
  if (!(Math.abs(timeOf(at) - nowMs) <= withinMs)) throw unfit('it was not signed just now', 'document.at');
}

/** Ms since the epoch; NaN for what is no instant. */
export function timeOf(text: string): number {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)$/.test(text)
    ? Date.parse(text)
    : Number.NaN;
}

export function unfit(message: string, expression: string): AdapterError {
  return new AdapterError('ADAPTER_UNPROCESSABLE', message, { expression });
}

/** A document as what is signed. */
export function signedForm(document: ExceptionalDocument): JsonObject {
  return document as unknown as JsonObject;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== '' && value.length <= TEXT_CHARS_MAX;
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && value.length <= TEXTS_MAX && value.every(isText);
}
