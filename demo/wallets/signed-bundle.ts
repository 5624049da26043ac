/** A signed consent: a transaction of the Consent and the Provenance that carries the signature. */
import { createHash } from 'node:crypto';
import type { Bundle, Consent, Provenance } from 'fhir/r4.js';
import { SYNTHETIC_TAG } from '../inpatients/codes.js';
import { canonicalText } from './canonical.js';
import { signWith } from './keys.js';
import type { WalletKeys } from './keys.js';

/**
 * Compact EdDSA JWS with detached payload over the Consent without `id` and `meta`.
 *
 * @param fingerprint - base64url SHA-256 of the signer's certificate (DER).
 * @returns `header..signature`
 * @see RFC 7515 appendix F, RFC 8037
 */
function detachedJws(consent: Consent, keys: WalletKeys, fingerprint: string): string {
  const { id: _id, meta: _meta, ...signed } = consent;
  const header = Buffer.from(JSON.stringify({ alg: 'EdDSA', kid: fingerprint })).toString('base64url');
  const payload = Buffer.from(canonicalText(signed)).toString('base64url');
  const signature = signWith(keys, Buffer.from(`${header}.${payload}`));
  return `${header}..${signature.toString('base64url')}`;
}

/**
 * The Bundle. The same consent under the same keys gives the same bytes, so that it can be sent again after a crash.
 *
 * @see HL7 FHIR R4, Provenance.signature
 */
export function signedBundle(consent: Consent, keys: WalletKeys, fingerprint: string): Bundle {
  const jws = detachedJws(consent, keys, fingerprint);
  const patient = { reference: consent.patient?.reference ?? '' };
  const when = consent.dateTime ?? '';
  const consentUrl = `urn:uuid:${uuidOf(jws, 'consent')}`;
  const provenance: Provenance = {
    resourceType: 'Provenance',
    meta: { tag: [{ ...SYNTHETIC_TAG }] },
    target: [{ reference: consentUrl }],
    recorded: when,
    agent: [{ who: patient }],
    signature: [
      {
        type: [
          {
            system: 'urn:iso-astm:E1762-95:2013',
            code: '1.2.840.10065.1.12.1.1',
            display: 'Author’s Signature',
          },
        ],
        when,
        who: patient,
        targetFormat: 'application/fhir+json',
        sigFormat: 'application/jose',
        data: Buffer.from(jws).toString('base64'),
      },
    ],
  };
  return {
    resourceType: 'Bundle',
    type: 'transaction',
    entry: [
      { fullUrl: consentUrl, resource: consent, request: { method: 'POST', url: 'Consent' } },
      {
        fullUrl: `urn:uuid:${uuidOf(jws, 'provenance')}`,
        resource: provenance,
        request: { method: 'POST', url: 'Provenance' },
      },
    ],
  };
}

/** A UUID (version 8, of our own making) that follows from the signature. */
function uuidOf(jws: string, part: string): string {
  const hex = createHash('sha256').update(`${part}\n${jws}`).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
