/** A consent with its signature, as it is sent: a transaction of the Consent and of the Provenance that signs it. */
import type { Bundle, Consent, Provenance } from 'fhir/r4.js';
import { detachedJws, documentBytes } from '../wallet/detached-jws.js';
import type { WalletKeys } from '../wallet/keys.js';

/** What is signed of a consent: its RFC 8785 form. The consent must carry neither `id` nor `meta`. */
export function consentBytes(consent: Consent): Uint8Array {
  return documentBytes(consent);
}

/**
 * Signs the bytes as they were shown, and packs them.
 *
 * @param bytes - What {@link consentBytes} gave.
 * @param fingerprint - Of the signer's certificate.
 * @see RFC 7515 appendix F, RFC 8037; HL7 FHIR R4, Provenance.signature
 */
export function signedBundle(bytes: Uint8Array, keys: WalletKeys, fingerprint: string): string {
  const jws = detachedJws(keys, fingerprint, bytes);
  const consent = JSON.parse(new TextDecoder().decode(bytes)) as Consent;
  const patient = { reference: consent.patient?.reference ?? '' };
  const when = consent.dateTime ?? '';
  const fullUrl = `urn:uuid:${crypto.randomUUID()}`;
  const provenance: Provenance = {
    resourceType: 'Provenance',
    target: [{ reference: fullUrl }],
    recorded: when,
    agent: [{ who: patient }],
    signature: [
      {
        type: [{ system: 'urn:iso-astm:E1762-95:2013', code: '1.2.840.10065.1.12.1.1' }],
        when,
        who: patient,
        targetFormat: 'application/fhir+json',
        sigFormat: 'application/jose',
        data: btoa(jws),
      },
    ],
  };
  const bundle: Bundle<Consent | Provenance> = {
    resourceType: 'Bundle',
    type: 'transaction',
    entry: [
      { fullUrl, resource: consent, request: { method: 'POST', url: 'Consent' } },
      {
        fullUrl: `urn:uuid:${crypto.randomUUID()}`,
        resource: provenance,
        request: { method: 'POST', url: 'Provenance' },
      },
    ],
  };
  return JSON.stringify(bundle);
}
