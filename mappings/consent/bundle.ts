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

  const signatures: unknown = provenance['signature'];
  const signature: unknown = Array.isArray(signatures) && signatures.length === 1 ? signatures[0] : undefined;
  if (!isJson(signature)) return refuse('CONSENT_BUNDLE_SIGNATURE', `${path}.signature`);
  if (signature['sigFormat'] !== SIGNATURE_FORMAT)
    return refuse('CONSENT_BUNDLE_SIGNATURE', `${path}.signature[0].sigFormat`);
  const jws = decode(signature['data']);
  if (jws === undefined) return refuse('CONSENT_BUNDLE_SIGNATURE', `${path}.signature[0].data`);
  const who = isJson(signature['who']) ? signature['who']['reference'] : undefined;
  return {
    ok: true,
    // Their form is checked where they are read: `compileConsent` trusts nothing of it.
    consent: consent as unknown as Consent,
    provenance: provenance as unknown as Provenance,
    jws,
    ...(typeof who === 'string' ? { who } : {}),
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

function refuse(code: ConsentBundleRefusalCode, expression: string): ConsentBundleParts {
  return { ok: false, code, expression };
}
