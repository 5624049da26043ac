import type { Consent, Provenance } from 'fhir/r4.js';
import type { Json } from './elements.js';
import { isJson } from './elements.js';

/**
 * Why a Bundle holds no signed consent.
 *
 * - `CONSENT_BUNDLE_TYPE`: no Bundle, or neither a transaction nor a collection.
 * - `CONSENT_BUNDLE_ENTRIES`: anything but one Consent and one Provenance.
 * - `CONSENT_BUNDLE_TARGET`: the Provenance is about something else, or about more.
 * - `CONSENT_BUNDLE_SIGNATURE`: not one signature, or of another format, or not base64.
 */
export type ConsentBundleRefusalCode =
  'CONSENT_BUNDLE_TYPE' | 'CONSENT_BUNDLE_ENTRIES' | 'CONSENT_BUNDLE_TARGET' | 'CONSENT_BUNDLE_SIGNATURE';

/** The parts of a signed consent, none of them verified yet. */
export interface ConsentParts {
  readonly ok: true;
  readonly consent: Consent;
  readonly provenance: Provenance;
  /** Compact JWS with detached payload. */
  readonly jws: string;
  /** `Provenance.signature.who`, where it is a literal reference: a claim, for only the Consent is signed. */
  readonly who?: string;
}

/** The parts of a consent that two people attest, none of them verified yet. */
export interface AttestedParts {
  readonly ok: true;
  readonly consent: Consent;
  readonly provenance: Provenance;
  /** Compact JWS with detached payload, one of each. */
  readonly signatures: readonly [string, string];
}

export type AttestedBundleParts =
  | AttestedParts
  | { readonly ok: false; readonly code: ConsentBundleRefusalCode; readonly expression: string };

export type ConsentBundleParts =
  ConsentParts | { readonly ok: false; readonly code: ConsentBundleRefusalCode; readonly expression: string };

const SIGNATURE_FORMAT = 'application/jose';
/** What carries a detached JWS of ours stays far below; so nothing large is decoded. */
const SIGNATURE_CHARS_MAX = 4096;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const ASCII = /^[\x21-\x7e]+$/;

/**
 * Takes a signed consent's Bundle apart: one Consent, and the Provenance that targets it and carries the patient's
 * signature as `application/jose`.
 *
 * @param bundle - Parsed JSON, not validated.
 * @see HL7 FHIR R4, Provenance.signature and Signature
 */
export function consentBundleParts(bundle: unknown): ConsentBundleParts {
  const parts = partsOf(bundle, 1);
  if (!parts.ok) return parts;
  const { consent, provenance, signatures } = parts;
  const [signature] = signatures;
  if (signature === undefined) return refuse('CONSENT_BUNDLE_SIGNATURE', 'Provenance.signature');
  const { jws, who } = signature;
  return { ok: true, consent, provenance, jws, ...(who === undefined ? {} : { who }) };
}

/**
 * Takes the Bundle of a consent on paper apart, to which two people of the hospital testify: as {@link consentBundleParts},
 * with two signatures.
 */
export function attestedBundleParts(bundle: unknown): AttestedBundleParts {
  const parts = partsOf(bundle, 2);
  if (!parts.ok) return parts;
  const { consent, provenance, signatures } = parts;
  const [one, other] = signatures;
  if (one === undefined || other === undefined)
    return refuse('CONSENT_BUNDLE_SIGNATURE', 'Provenance.signature');
  return { ok: true, consent, provenance, signatures: [one.jws, other.jws] };
}

/** The Consent of a Bundle that is signed in one way or the other; `undefined` for what is none. */
export function bundledConsent(bundle: unknown): Consent | undefined {
  const parts = consentBundleParts(bundle);
  if (parts.ok) return parts.consent;
  const attested = attestedBundleParts(bundle);
  return attested.ok ? attested.consent : undefined;
}

interface ReadSignature {
  readonly jws: string;
  readonly who?: string;
}

type Parts =
  | {
      readonly ok: true;
      readonly consent: Consent;
      readonly provenance: Provenance;
      readonly signatures: readonly ReadSignature[];
    }
  | { readonly ok: false; readonly code: ConsentBundleRefusalCode; readonly expression: string };

function partsOf(bundle: unknown, count: number): Parts {
  if (!isJson(bundle) || bundle['resourceType'] !== 'Bundle') return refuse('CONSENT_BUNDLE_TYPE', 'Bundle');
  if (bundle['type'] !== 'transaction' && bundle['type'] !== 'collection')
    return refuse('CONSENT_BUNDLE_TYPE', 'Bundle.type');
  const entries: unknown = bundle['entry'];
  if (!Array.isArray(entries) || entries.length !== 2)
    return refuse('CONSENT_BUNDLE_ENTRIES', 'Bundle.entry');
  const consentAt = entries.findIndex((entry) => resourceOf(entry, 'Consent') !== undefined);
  const provenanceAt = entries.findIndex((entry) => resourceOf(entry, 'Provenance') !== undefined);
  const consent = resourceOf(entries[consentAt], 'Consent');
  const provenance = resourceOf(entries[provenanceAt], 'Provenance');
  if (consent === undefined || provenance === undefined)
    return refuse('CONSENT_BUNDLE_ENTRIES', 'Bundle.entry');

  const path = `Bundle.entry[${provenanceAt}].resource`;
  const targets: unknown = provenance['target'];
  const target: unknown = Array.isArray(targets) && targets.length === 1 ? targets[0] : undefined;
  const reference = isJson(target) ? target['reference'] : undefined;
  const consentNames = namesOf(entries[consentAt], consent);
  const isTarget = typeof reference === 'string' && consentNames.includes(reference);
  if (!isTarget || namesOf(entries[provenanceAt], provenance).includes(reference)) {
    return refuse('CONSENT_BUNDLE_TARGET', `${path}.target`);
  }

  const given: unknown = provenance['signature'];
  if (!Array.isArray(given) || given.length !== count)
    return refuse('CONSENT_BUNDLE_SIGNATURE', `${path}.signature`);
  const signatures: ReadSignature[] = [];
  for (const [i, signature] of given.entries()) {
    if (!isJson(signature)) return refuse('CONSENT_BUNDLE_SIGNATURE', `${path}.signature`);
    if (signature['sigFormat'] !== SIGNATURE_FORMAT)
      return refuse('CONSENT_BUNDLE_SIGNATURE', `${path}.signature[${i}].sigFormat`);
    const jws = decode(signature['data']);
    if (jws === undefined) return refuse('CONSENT_BUNDLE_SIGNATURE', `${path}.signature[${i}].data`);
    const who = isJson(signature['who']) ? signature['who']['reference'] : undefined;
    signatures.push({ jws, ...(typeof who === 'string' ? { who } : {}) });
  }
  return {
    ok: true,
    // Their form is checked where they are read: `compileConsent` trusts nothing of it.
    consent: consent as unknown as Consent,
    provenance: provenance as unknown as Provenance,
    signatures,
  };
}

function resourceOf(entry: unknown, type: string): Json | undefined {
  const resource = isJson(entry) ? entry['resource'] : undefined;
  return isJson(resource) && resource['resourceType'] === type ? resource : undefined;
}

/** What an entry's resource is called within the Bundle: its fullUrl, or else its type and id. */
function namesOf(entry: unknown, resource: Json): readonly unknown[] {
  const fullUrl = isJson(entry) ? entry['fullUrl'] : undefined;
  if (fullUrl !== undefined) return [fullUrl];
  const { id, resourceType } = resource;
  return typeof id === 'string' && typeof resourceType === 'string' ? [`${resourceType}/${id}`] : [];
}

function decode(data: unknown): string | undefined {
  if (typeof data !== 'string' || data.length > SIGNATURE_CHARS_MAX || !BASE64.test(data)) return undefined;
  // Of base64 in this form `atob` takes all; the bits that no byte takes must be zero.
  const text = atob(data);
  return btoa(text) === data && ASCII.test(text) ? text : undefined;
}

function refuse(
  code: ConsentBundleRefusalCode,
  expression: string,
): { readonly ok: false; readonly code: ConsentBundleRefusalCode; readonly expression: string } {
  return { ok: false, code, expression };
}
