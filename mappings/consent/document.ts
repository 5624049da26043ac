/** How a checker of proofs reads the document behind a consent entry: the Bundle of a Consent and its Provenance. */
import type { ReadConsent, ReadEnd } from '../../ledger/proofs/index.js';
import { compileConsent } from './compile.js';
import { isJson } from './elements.js';
import { attestedBundleParts, consentBundleParts } from './bundle.js';

/** For `proofTrust`. Total and pure; a document that does not compile is none. */
export const readConsentDocument: ReadConsent = (value, { handle, version, subject, nowMs }) => {
  const end = endOf(value);
  if (end !== undefined) return end;
  const parts = consentBundleParts(value);
  const attested = parts.ok ? undefined : attestedBundleParts(value);
  const found = attested?.ok === true ? attested : parts;
  if (!found.ok) return undefined;
  const { consent } = found;
  const [jws, cosigned] = 'signatures' in found ? found.signatures : [found.jws];
  const compiled = compileConsent(consent, { handle, version, subject, layer: 'patient', nowMs });
  const patient = consent.patient?.reference;
  if (!compiled.ok || patient === undefined) return undefined;
  return {
    document: { ...consent },
    jws,
    ...(cosigned === undefined ? {} : { cosigned }),
    patient,
    policy: compiled.policy,
  };
};

/** By which a wallet ends its own enrolment. */
const UNLINK_KIND = 'firebreak unlink';

/** The document by which a patient ended the enrolment, as it is kept. */
function endOf(value: unknown): ReadEnd | undefined {
  const { document, jws, ...more } = isJson(value) ? value : {};
  const isEnd = isJson(document) && document['kind'] === UNLINK_KIND && Object.keys(more).length === 0;
  return isEnd && typeof jws === 'string' ? { document, jws } : undefined;
}
