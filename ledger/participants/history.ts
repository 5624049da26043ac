/**
 * Whether a certificate was good at a place of the log. The order of leaves decides, so what was signed before an
 * expiry, a rotation or a revocation stays checkable after it.
 */
import { readCertificate } from './certificate.js';
import type { ParticipantCertificate } from './certificate.js';

/** A certificate, and the leaf from which on it is the participant's. */
export interface PlacedCertificate {
  /** DER. */
  readonly certificate: Uint8Array;
  /** Of the entry that certifies it. */
  readonly leaf: number;
  /** A rotation ends all certificates before it; a renewal lets them expire. */
  readonly by: 'participant.enrolled' | 'participant.renewed' | 'key.rotated';
}

/** All that the log says of one participant's certificates. */
export interface CertificateHistory {
  /** In the order of their leaves. */
  readonly certificates: readonly PlacedCertificate[];
  /** Leaf of the `participant.revoked`. */
  readonly revokedLeaf?: number;
}

/** A place of the log: the leaf of what was signed, and the time that its entry has. */
export interface LogPosition {
  readonly leaf: number;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
}

/** Why a certificate was not good there. */
export type HistoryRefusal =
  /** No certificate of this participant, or not yet one. */
  'unknown' | 'revoked' | 'rotated-away' | 'not-yet-valid' | 'expired';

export type CertificateAt =
  | { readonly ok: true; readonly certificate: ParticipantCertificate }
  | { readonly ok: false; readonly code: HistoryRefusal };

/**
 * Judges a participant's certificate at a place of the log: certified before it, valid at its time, and neither
 * revoked nor rotated away before it.
 *
 * @param fingerprint - base64url SHA-256 of the certificate that is asked about.
 * @throws ParticipantError PARTICIPANT_BAD_CERTIFICATE when the history holds what is no certificate of the profile.
 * @see RFC 5280 section 6.1.3
 */
export function certificateAt(
  { certificates, revokedLeaf }: CertificateHistory,
  fingerprint: string,
  { leaf, atMs }: LogPosition,
): CertificateAt {
  const read = certificates
    .filter((placed) => placed.leaf < leaf)
    .map((placed) => ({ ...placed, facts: readCertificate(placed.certificate) }));
  const place = read.findIndex(({ facts }) => facts.fingerprint === fingerprint);
  const facts = read[place]?.facts;
  if (facts === undefined) return { ok: false, code: 'unknown' };
  if (revokedLeaf !== undefined && revokedLeaf < leaf) return { ok: false, code: 'revoked' };
  if (read.slice(place + 1).some(({ by }) => by === 'key.rotated'))
    return { ok: false, code: 'rotated-away' };
  if (atMs < facts.notBefore) return { ok: false, code: 'not-yet-valid' };
  // The last second counts whole: certificates tell no parts of it.
  if (atMs >= facts.notAfter + 1000) return { ok: false, code: 'expired' };
  return { ok: true, certificate: facts };
}
