/** What appoints somebody to act for a patient, and what ends it. */
import type { RelatedPerson } from 'fhir/r4.js';

export const APPOINTMENT_KIND = 'firebreak appointment';
export const APPOINTMENT_END_KIND = 'firebreak appointment end';

/** What a representative may do: sign consents, withdraw them, answer access requests, read. */
export const ACTS = ['consent', 'withdraw', 'decide', 'read'] as const;
export type Act = (typeof ACTS)[number];

export const RELATIONSHIPS = ['parent', 'guardian', 'power-of-attorney'] as const;
export type Relationship = (typeof RELATIONSHIPS)[number];

/**
 * Appoints a representative: signed by the patient's wallet and sent as `{document, jws}`, or signed by two of the
 * hospital's staff and sent as `{document, signatures}`; then it names what they have seen.
 */
export interface AppointmentDocument {
  readonly kind: typeof APPOINTMENT_KIND;
  /** Origin of the log. */
  readonly log: string;
  /** When, ISO 8601; it is taken within two minutes, where two staff sign within an hour. */
  readonly at: string;
  /** `Patient/…` at the facade. */
  readonly patient: string;
  /** Handle of a participant who is certified here. */
  readonly representative: string;
  readonly relationship: Relationship;
  readonly acts: readonly Act[];
  /** From this instant on it is over: of a minor, the day of coming of age. */
  readonly until: string;
  /** base64url SHA-256 of the paper on which staff appoint: a birth certificate, a court's order, a deed. */
  readonly evidence?: string;
}

/** Ends an appointment at once: the patient's word, the representative's own, or that of two staff on one made by staff. */
export interface AppointmentEndDocument {
  readonly kind: typeof APPOINTMENT_END_KIND;
  readonly log: string;
  readonly at: string;
  readonly patient: string;
  /** Handle of the appointment. */
  readonly appointment: string;
}

/** Answer of `POST /pki/representatives` and of its end. */
export interface Appointed {
  /** The appointment's, on the log. */
  readonly handle: string;
}

/** Who acts, or acted, for a patient; answer of `GET /me/representatives`. */
export interface OwnRepresentatives {
  readonly representatives: readonly {
    readonly handle: string;
    readonly standing: 'in-force' | 'ended' | 'over';
    readonly appointedBy: 'patient' | 'hospital';
    readonly acts: readonly Act[];
    readonly person: RelatedPerson;
  }[];
}
