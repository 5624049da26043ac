/**
 * Who may have a patient's records destroyed: the patient, by a signed request, or the custodian, by a duty of law.
 * Erasing discloses nothing, so no consent is asked for it; but nothing is erased without an order, and only the two
 * functions of this file make orders.
 */
import type { KeyObject } from 'node:crypto';
import { verifyDocument } from '../consent/index.js';
import type { SignatureVerdict } from '../consent/index.js';
import type { JsonObject } from '../log/index.js';

/** On what a custodian erases without the patient's signed request. @see GDPR article 17(1)(a) to (e) */
export const ERASURE_DUTIES = [
  'no-longer-necessary',
  'consent-withdrawn',
  'objection',
  'unlawful-processing',
  'legal-obligation',
] as const;

export type ErasureDuty = (typeof ERASURE_DUTIES)[number];

/** A record version that is to be erased. */
export interface ErasureTarget {
  readonly handle: string;
  /** Other names by which a patient may mean it, such as `Observation/<id at the facade>`. */
  readonly names?: readonly string[];
}

/** What a patient signs. */
export interface ErasureRequest {
  readonly kind: typeof ERASURE_REQUEST;
  /** `Patient/<id at the facade>`. */
  readonly patient: string;
  /** All there is of the patient, or records by handle or by their names at the facade. */
  readonly scope: 'all' | readonly string[];
  /** ISO 8601 with an offset. */
  readonly dateTime: string;
  readonly reason?: string;
}

export const ERASURE_REQUEST = 'firebreak/erasure-request/v1';

/** A request with its detached signature. @see signDocument */
export interface SignedErasureRequest {
  readonly request: ErasureRequest;
  /** Compact EdDSA JWS, detached. */
  readonly jws: string;
}

/** Why a patient's request is no order. */
export type ErasureRefusal =
  | Exclude<SignatureVerdict, 'ok'>
  /** Not of the form of {@link ErasureRequest}. */
  | 'form'
  /** Of another patient. */
  | 'patient'
  /** It does not name all that is to be erased. */
  | 'scope'
  /** Signed in the future, or before the key was certified. */
  | 'time';

interface OrderClaims {
  readonly subject: string;
  readonly handles: 'all' | ReadonlySet<string>;
  readonly evidence: string;
}

let mint: ((claims: OrderClaims) => ErasureOrder) | undefined;

/** Leave to destroy records of one patient. */
export class ErasureOrder implements OrderClaims {
  /** Also what makes the type nominal. */
  readonly #minted = true;
  readonly subject: string;
  readonly handles: 'all' | ReadonlySet<string>;
  /** Who asked, why and when, as JSON: what the entries commit to. */
  readonly evidence: string;

  private constructor({ subject, handles, evidence }: OrderClaims) {
    this.subject = subject;
    this.handles = handles === 'all' ? handles : new Set(handles);
    this.evidence = evidence;
    Object.freeze(this);
  }

  static {
    mint = (claims) => new ErasureOrder(claims);
  }

  /** Whether a value was made by a function of this file. */
  static isOrder(value: unknown): value is ErasureOrder {
    return typeof value === 'object' && value !== null && #minted in value && value.#minted;
  }
}

// `new (order.constructor)(…)` would otherwise make another from any order.
Object.defineProperty(ErasureOrder.prototype, 'constructor', { value: Object });

const make = mint;

/** The clock of a wallet may be ahead by so much, ms. */
const CLOCK_SKEW_MS = 5 * 60_000;
const REASON_CHARS_MAX = 2000;
const NAME_CHARS_MAX = 200;

/**
 * The order that a patient's signed request is.
 *
 * @param input - `key` and `kid`: of the patient's certificate; `certifiedAt`: its begin, ms; `patient`: the reference
 * that the request must name; `targets`: what is to be erased, or `all`.
 * @returns The order, or why there is none.
 */
export function orderByPatient(input: {
  readonly subject: string;
  readonly patient: string;
  readonly targets: 'all' | readonly ErasureTarget[];
  readonly signed: SignedErasureRequest;
  readonly key: Uint8Array | KeyObject;
  readonly kid: string;
  readonly certifiedAt: number;
  readonly nowMs: number;
}): ErasureOrder | ErasureRefusal {
  const { request, jws } = input.signed;
  if (!isRequest(request) || typeof jws !== 'string') return 'form';
  const verdict = verifyDocument(documentOf(request), jws, input.key, input.kid);
  if (verdict !== 'ok') return verdict;
  if (request.patient !== input.patient) return 'patient';
  const at = Date.parse(request.dateTime);
  if (at > input.nowMs + CLOCK_SKEW_MS || at < input.certifiedAt - CLOCK_SKEW_MS) return 'time';
  const { targets } = input;
  const { scope } = request;
  if (scope !== 'all') {
    if (targets === 'all') return 'scope';
    const isNamed = ({ handle, names = [] }: ErasureTarget): boolean =>
      scope.includes(handle) || names.some((name) => scope.includes(name));
    if (!targets.every(isNamed)) return 'scope';
  }
  const evidence = { ground: 'patient-request', request, jws, kid: input.kid, at: input.nowMs };
  return made(input.subject, targets, evidence);
}

/**
 * The custodian's order, by a duty of law.
 *
 * @param input - `by`: who decided it at the custodian; `reason`: in that person's words.
 * @returns `form` unless duty, name and reason are given.
 */
export function orderByCustodian(input: {
  readonly subject: string;
  readonly targets: 'all' | readonly ErasureTarget[];
  readonly duty: ErasureDuty;
  readonly by: string;
  readonly reason: string;
  readonly nowMs: number;
}): ErasureOrder | 'form' {
  const { duty, by, reason } = input;
  const isGood =
    ERASURE_DUTIES.includes(duty) && isText(by, NAME_CHARS_MAX) && isText(reason, REASON_CHARS_MAX);
  if (!isGood) return 'form';
  return made(input.subject, input.targets, { ground: duty, by, reason, at: input.nowMs });
}

function documentOf(request: ErasureRequest): JsonObject {
  const { kind, patient, scope, dateTime, reason } = request;
  return { kind, patient, scope, dateTime, ...(reason === undefined ? {} : { reason }) };
}

function made(subject: string, targets: 'all' | readonly ErasureTarget[], evidence: object): ErasureOrder {
  if (make === undefined) throw new Error('orders cannot be made');
  const handles = targets === 'all' ? targets : new Set(targets.map(({ handle }) => handle));
  return make({ subject, handles, evidence: JSON.stringify(evidence) });
}

function isText(value: unknown, max: number): value is string {
  return typeof value === 'string' && value.trim() !== '' && value.length <= max;
}

const DATE_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/;

function isRequest(value: unknown): value is ErasureRequest {
  if (typeof value !== 'object' || value === null) return false;
  const { kind, patient, scope, dateTime, reason, ...more } = value as Record<string, unknown>;
  return (
    kind === ERASURE_REQUEST &&
    isText(patient, NAME_CHARS_MAX) &&
    (scope === 'all' ||
      (Array.isArray(scope) && scope.length > 0 && scope.every((one) => isText(one, NAME_CHARS_MAX)))) &&
    typeof dateTime === 'string' &&
    DATE_TIME.test(dateTime) &&
    !Number.isNaN(Date.parse(dateTime)) &&
    (reason === undefined || isText(reason, REASON_CHARS_MAX)) &&
    Object.keys(more).length === 0
  );
}
