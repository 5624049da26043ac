import { hash } from 'node:crypto';
import type { Action } from './policy.js';

/** Who asks. */
export interface RequestActor {
  /** Every reference the actor is known by, those of its organisations and groups included. */
  readonly references: readonly string[];
  /** Tokens; absent where the roles are not known. */
  readonly roles?: readonly string[];
}

/** What is asked for: one resource version, or what one is about to be. */
export interface RequestResource {
  readonly type: string;
  readonly id?: string;
  /** Tokens of kind and category, such as `http://hl7.org/fhir/resource-types|Observation`. */
  readonly classes: readonly string[];
  /** Tokens of what it is about, such as `http://loinc.org|8867-4`. */
  readonly codes: readonly string[];
  /** When the data came about, ms, both ends included; absent where it is not known. */
  readonly period?: { readonly startMs: number; readonly endMs: number };
  /**
   * Security labels; `undefined` (or none) where nobody labelled it. With `UNREADABLE` among them it may have others:
   * nobody who knew it labelled it, and these were found by its codes.
   */
  readonly labels: readonly string[] | undefined;
  /** What else the resource is called by, beside `type/id`. */
  readonly references?: readonly string[];
  /** What it refers to; absent where not known. */
  readonly refersTo?: readonly string[];
  /** What refers to it; absent where not known. */
  readonly referredBy?: readonly string[];
  /** Its authors; absent where not known. */
  readonly authors?: readonly string[];
}

/** One question to the gate. */
export interface AccessRequest {
  /** Whose data; the same name as in {@link Policy.subject}. */
  readonly subject: string;
  readonly actor: RequestActor;
  readonly action: Action;
  /** Tokens: exactly one, or the answer is `one-purpose`. */
  readonly purposes: readonly string[];
  readonly resource: RequestResource;
}

/**
 * Names a request by its content: two requests have one hash only if they ask the same.
 *
 * @returns base64url SHA-256 of the request's RFC 8785 form, without members that are undefined.
 * @throws TypeError when a text is none or a time no integer; the gate answers `error` then.
 */
export function requestHash(request: AccessRequest): string {
  return hashOfText(new RequestNames(request).textOf(request.resource));
}

/** What names a request, from its text. */
export function hashOfText(text: string): string {
  return hash('sha256', text, 'base64url');
}

/** The RFC 8785 forms of requests that differ in their resource alone. */
export class RequestNames {
  readonly #asking: Omit<AccessRequest, 'resource'>;
  #head: string | undefined;
  #tail = '';

  constructor(asking: Omit<AccessRequest, 'resource'>) {
    this.#asking = asking;
  }

  /** @throws TypeError as {@link requestHash}. */
  textOf(resource: RequestResource): string {
    return this.#headText() + resourceText(resource) + this.#tail;
  }

  /**
   * Whether the request for a resource can be named: what cannot be is not permitted. It costs less than to name it, and the
   * gate asks it for every permit.
   *
   * @throws TypeError where {@link textOf} would.
   */
  check({
    authors,
    classes,
    codes,
    id,
    labels,
    period,
    references,
    referredBy,
    refersTo,
    type,
  }: RequestResource): void {
    this.#headText();
    if (typeof type !== 'string' || (id !== undefined && typeof id !== 'string')) throw noText();
    checkTexts(classes);
    checkTexts(codes);
    for (const texts of [labels, references, refersTo, referredBy, authors])
      if (texts !== undefined) checkTexts(texts);
    if (period === undefined) return;
    number(period.startMs);
    number(period.endMs);
  }

  #headText(): string {
    this.#tail ||= `,"subject":${quote(this.#asking.subject)}}`;
    this.#head ??= headOf(this.#asking);
    return this.#head;
  }
}

function checkTexts(values: readonly unknown[]): void {
  for (const value of values) if (typeof value !== 'string') throw noText();
}

function noText(): TypeError {
  return new TypeError('a request holds something other than text');
}

// Members in RFC 8785 order, written by hand: JSON.stringify takes twice as long for it.

function headOf({ action, actor, purposes }: Omit<AccessRequest, 'resource'>): string {
  const roles = actor.roles === undefined ? '' : `,"roles":${list(actor.roles)}`;
  const who = `{"references":${list(actor.references)}${roles}}`;
  return `{"action":${quote(action)},"actor":${who},"purposes":${list(purposes)},"resource":`;
}

function resourceText(resource: RequestResource): string {
  const { authors, id, labels, period, references, referredBy, refersTo } = resource;
  let text = '{';
  if (authors !== undefined) text += `"authors":${list(authors)},`;
  text += `"classes":${list(resource.classes)},"codes":${list(resource.codes)}`;
  if (id !== undefined) text += `,"id":${quote(id)}`;
  if (labels !== undefined) text += `,"labels":${list(labels)}`;
  if (period !== undefined)
    text += `,"period":{"endMs":${number(period.endMs)},"startMs":${number(period.startMs)}}`;
  if (references !== undefined) text += `,"references":${list(references)}`;
  if (referredBy !== undefined) text += `,"referredBy":${list(referredBy)}`;
  if (refersTo !== undefined) text += `,"refersTo":${list(refersTo)}`;
  return `${text},"type":${quote(resource.type)}}`;
}

/** What a JSON string cannot hold as it is; surrogates are left to JSON.stringify too. */
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const SPECIAL = /["\\\u0000-\u001f\ud800-\udfff]/;

function quote(text: string): string {
  if (typeof text !== 'string') throw noText();
  return SPECIAL.test(text) ? JSON.stringify(text) : `"${text}"`;
}

function list(texts: readonly string[]): string {
  let out = '';
  for (const text of texts) out += (out === '' ? '' : ',') + quote(text);
  return `[${out}]`;
}

function number(ms: number): string {
  if (!Number.isSafeInteger(ms)) throw new TypeError('a time is an integer of ms');
  return String(ms);
}
