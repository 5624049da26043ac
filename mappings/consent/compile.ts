import type { Consent } from 'fhir/r4.js';
import type {
  Policy,
  PolicyLayer,
  PolicyStatus,
  Provision,
  ProvisionType,
} from '../../ledger/consent/index.js';
import type { ConsentRefusalCode, Json } from './elements.js';
import { ConsentRefused, conceptTokens, isJson, noteUnknown, object, objects, text } from './elements.js';
import type { ProvisionReading, ReferenceResolver } from './provision.js';
import { compileProvision, relativeReference } from './provision.js';
import { interval } from '../dates.js';
import codes from '../tables/consent-codes.json' with { type: 'json' };

/** What the document itself does not say. */
export interface CompileContext {
  /** Names the consent on the log. */
  readonly handle: string;
  /** Leaf that put it there; when it is not there yet, the leaf it would get at the earliest. */
  readonly version: number;
  /** Our name of the patient, resolved from `Consent.patient` by the caller. */
  readonly subject: string;
  readonly layer: PolicyLayer;
  /** Time of the submission, ms: what `dateTime` must not be after. */
  readonly nowMs: number;
  /** The reference that `Consent.patient` must be; absent: any, for the caller to compare. */
  readonly patientReference?: string;
  /** The version it replaces, if any. */
  readonly replaces?: { readonly dateTimeMs: number };
  /** Names the actors and data that references mean; absent: relative literal references are taken as they are. */
  readonly resolve?: ReferenceResolver;
}

/** A policy, or why there is none and at which FHIRPath. */
export type CompiledConsent =
  | { readonly ok: true; readonly policy: Policy }
  | { readonly ok: false; readonly code: ConsentRefusalCode; readonly expression: string };

/** How far a signer's clock may be ahead of ours, ms. */
export const CLOCK_SKEW_MAX_MS = 5 * 60_000;

const STATUSES: readonly string[] = [
  'draft',
  'proposed',
  'active',
  'rejected',
  'inactive',
  'entered-in-error',
] satisfies PolicyStatus[];

/** Members of an R4 Consent that are understood, or change nothing. `implicitRules` and modifiers are not. */
const CONSENT_MEMBERS: ReadonlySet<string> = new Set(
  (
    'resourceType meta language text contained identifier status scope category patient dateTime performer ' +
    'organization sourceAttachment sourceReference policy policyRule verification provision'
  ).split(' '),
);
const POLICY_MEMBERS: ReadonlySet<string> = new Set(['authority', 'uri']);
const VERIFICATION_MEMBERS: ReadonlySet<string> = new Set(['verified', 'verifiedWith', 'verificationDate']);

/**
 * Compiles a FHIR R4 Consent to a policy. The document may be any parsed JSON: nothing of it is trusted.
 *
 * The root's type is `provision.type` where it is given (IHE PCF requires it, R4's text forbids it), else what
 * `policyRule` says (opt-in or opt-out), else deny. A modifier extension, or a member that R4 does not have, makes
 * a policy that denies. An actor or datum that cannot be resolved never matches a permit and always a denial.
 *
 * @returns A refusal names its code and the element's FHIRPath, never a value.
 * @see HL7 FHIR R4, Consent; IHE ITI Privacy Consent on FHIR
 */
export function compileConsent(consent: Consent, context: CompileContext): CompiledConsent {
  try {
    return { ok: true, policy: compile(consent, context) };
  } catch (error) {
    if (error instanceof ConsentRefused) return { ok: false, code: error.code, expression: error.expression };
    throw error;
  }
}

function compile(consent: unknown, context: CompileContext): Policy {
  if (!isJson(consent) || consent['resourceType'] !== 'Consent')
    throw new ConsentRefused('CONSENT_NOT_A_CONSENT', 'Consent');
  const unknown: string[] = [];
  noteUnknown(consent, 'Consent', CONSENT_MEMBERS, unknown);
  noteUnknownWithin(consent, 'policy', POLICY_MEMBERS, unknown);
  noteUnknownWithin(consent, 'verification', VERIFICATION_MEMBERS, unknown);

  const status = text(consent['status'], 'Consent.status');
  if (status === undefined || !isStatus(status)) throw new ConsentRefused('CONSENT_STATUS', 'Consent.status');
  requireScope(consent);
  requirePatient(consent, context);
  const dateTimeMs = signedAt(consent, context);
  const identifier = identifierOf(consent, context);
  const reading: ProvisionReading = { resolve: context.resolve ?? relativeReference, unknown, count: 0 };
  const root = compileRoot(consent, reading);
  const { handle, version, subject, layer } = context;
  return { kind: 'consent', layer, handle, version, identifier, dateTimeMs, subject, status, root, unknown };
}

function compileRoot(consent: Json, reading: ProvisionReading): Provision {
  const path = 'Consent.provision';
  const base = policyRuleType(consent);
  const source = consent['provision'];
  if (source === undefined) return { type: base, provisions: [] };
  return compileProvision(object(source, path), path, 1, base, reading);
}

/** Opt-in and opt-out contradict each other, so both together are neither: deny. */
function policyRuleType(consent: Json): ProvisionType {
  const path = 'Consent.policyRule';
  if (consent['policyRule'] === undefined) return 'deny';
  const rules: Readonly<Record<string, string>> = codes.policyRules;
  const types = conceptTokens(object(consent['policyRule'], path), path).map((token) => {
    const at = token.lastIndexOf('|');
    return token.slice(0, at) === codes.policyRuleSystem ? rules[token.slice(at + 1)] : undefined;
  });
  return types.includes('permit') && !types.includes('deny') ? 'permit' : 'deny';
}

/** A consent to be treated, or an advance directive, says nothing on data. */
function requireScope(consent: Json): void {
  const path = 'Consent.scope';
  if (consent['scope'] === undefined) throw new ConsentRefused('CONSENT_SCOPE', path);
  const tokens = conceptTokens(object(consent['scope'], path), path);
  if (!codes.scopes.some((scope) => tokens.includes(`${codes.scopeSystem}|${scope}`))) {
    throw new ConsentRefused('CONSENT_SCOPE', path);
  }
}

function requirePatient(consent: Json, context: CompileContext): void {
  const path = 'Consent.patient';
  if (consent['patient'] === undefined) throw new ConsentRefused('CONSENT_PATIENT', path);
  const reference = text(object(consent['patient'], path)['reference'], `${path}.reference`);
  const { patientReference } = context;
  if (reference === undefined || (patientReference !== undefined && reference !== patientReference)) {
    throw new ConsentRefused('CONSENT_PATIENT', `${path}.reference`);
  }
}

function signedAt(consent: Json, context: CompileContext): number {
  const path = 'Consent.dateTime';
  const dateTime = text(consent['dateTime'], path);
  if (dateTime === undefined) throw new ConsentRefused('CONSENT_DATE_MISSING', path);
  // The earliest instant it can mean: a date of today is not in the future, wherever it was written.
  const atMs = interval(dateTime)?.startMs;
  if (atMs === undefined) throw new ConsentRefused('CONSENT_DATE_BAD', path);
  if (atMs > context.nowMs + CLOCK_SKEW_MAX_MS) throw new ConsentRefused('CONSENT_DATE_FUTURE', path);
  if (context.replaces !== undefined && atMs <= context.replaces.dateTimeMs) {
    throw new ConsentRefused('CONSENT_DATE_BACKDATED', path);
  }
  return atMs;
}

/** A document without an identifier replaces nothing: it gets one of its own, from its handle. */
function identifierOf(consent: Json, context: CompileContext): string {
  const path = 'Consent.identifier';
  const identifiers = objects(consent['identifier'], path);
  const identifier = identifiers?.[0];
  if (identifiers === undefined || identifier === undefined) return `handle:${context.handle}`;
  if (identifiers.length > 1) throw new ConsentRefused('CONSENT_IDENTIFIER', `${path}[1]`);
  const value = text(identifier['value'], `${path}[0].value`);
  if (value === undefined || value === '') throw new ConsentRefused('CONSENT_IDENTIFIER', `${path}[0].value`);
  return `${text(identifier['system'], `${path}[0].system`) ?? ''}|${value}`;
}

function noteUnknownWithin(consent: Json, name: string, known: ReadonlySet<string>, unknown: string[]): void {
  const path = `Consent.${name}`;
  objects(consent[name], path)?.forEach((item, i) => noteUnknown(item, `${path}[${i}]`, known, unknown));
}

function isStatus(status: string): status is PolicyStatus {
  return STATUSES.includes(status);
}
