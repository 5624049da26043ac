/** How a checker of proofs reads the document behind a consent entry: the Bundle of a Consent and its Provenance. */
import type { ReadConsent } from '../../ledger/proofs/index.js';
import { compileConsent } from './compile.js';
import { consentBundleParts } from './bundle.js';

/** For `proofTrust`. Total and pure; a document that does not compile is none. */
export const readConsentDocument: ReadConsent = (value, { handle, version, subject, nowMs }) => {
  const parts = consentBundleParts(value);
  if (!parts.ok) return undefined;
  const { consent, jws } = parts;
  const compiled = compileConsent(consent, { handle, version, subject, layer: 'patient', nowMs });
  const patient = consent.patient?.reference;
  if (!compiled.ok || patient === undefined) return undefined;
  return { document: { ...consent }, jws, patient, policy: compiled.policy };
};
