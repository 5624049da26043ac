/** How far a consent on paper reaches: the hospital's own update of the record and its treatment, and no further. */
import type { Consent } from 'fhir/r4.js';
import type { Policy } from '../../ledger/consent/index.js';

/** Extension of `Consent.sourceAttachment`: base64url SHA-256 of the paper as it was scanned. */
export const PAPER_DIGEST = 'urn:firebreak:consent:paper';

const TREATMENT = 'http://terminology.hl7.org/CodeSystem/v3-ActReason|TREAT';
const ACTIONS: readonly unknown[] = ['collect', 'access'];
const DIGEST = /^[A-Za-z0-9_-]{43}$/;

/**
 * Why a consent cannot be on paper, as the FHIRPath of what is at fault; `undefined` for one that can.
 *
 * @param custodian - Reference of the hospital that keeps the record.
 */
export function beyondPaper(consent: Consent, policy: Policy, custodian: string): string | undefined {
  const [digest, ...more] = (consent.sourceAttachment?.extension ?? []).filter(
    ({ url }) => url === PAPER_DIGEST,
  );
  const isDigest = typeof digest?.valueString === 'string' && DIGEST.test(digest.valueString);
  if (!isDigest || more.length > 0) return 'Consent.sourceAttachment';
  const { root, unknown } = policy;
  if (unknown.length > 0) return unknown[0];
  if (root.provisions.length > 0) return 'Consent.provision.provision';
  // A refusal may be as wide as the patient wishes.
  if (root.type === 'deny') return undefined;
  const [actor, ...others] = root.actors ?? [];
  if (actor?.reference !== custodian || others.length > 0) return 'Consent.provision.actor';
  const { actions = [], purposes = [], subsumedPurposes = purposes } = root;
  const areActions = actions.length > 0 && actions.every((action) => ACTIONS.includes(action));
  if (!areActions) return 'Consent.provision.action';
  if (![purposes, subsumedPurposes].every((codes) => codes.length === 1 && codes[0] === TREATMENT))
    return 'Consent.provision.purpose';
  return undefined;
}

/** Whether a patient speaks of treatment, so that what was on paper is settled by it. */
export function speaksOfTreatment({ root }: Policy): boolean {
  return root.purposes?.includes(TREATMENT) ?? true;
}
