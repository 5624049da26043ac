/** Appointments as they are kept, and whether a certificate may act for a patient by one of them. */
import type { StateView } from '../../../ledger/custody/index.js';
import type { JsonObject } from '../../../ledger/log/index.js';
import type { StoreWrite } from '../../../ledger/store.js';
import { openRow, sealRow } from '../../../ledger/vault/index.js';
import type { Subject } from '../../instance/subjects.js';
import type { CertifiedRows } from '../ca/index.js';

/** What a representative may do: sign consents, withdraw them, answer access requests, read. */
export type Act = 'consent' | 'withdraw' | 'decide' | 'read';

/** What the patient signed, and the salt of its commitment, base64url. */
export interface SignedPart {
  readonly document: JsonObject;
  readonly signature: string;
  readonly salt: string;
}

export interface Appointment extends SignedPart {
  /** Handle of its `representative.appointed`. */
  readonly handle: string;
  /** SHA-256 of the signed bytes, base64url: the same document appoints once. */
  readonly hash: string;
  /** Handle of the participant who acts. */
  readonly representative: string;
  readonly acts: readonly Act[];
  /** Milliseconds since the epoch; from this moment on it is over. */
  readonly untilMs: number;
  readonly ended?: SignedPart;
}

type View = Pick<StateView, 'get'>;

const PREFIX = 'representatives/';

/** One sealed row a patient: all appointments, the ended ones too. */
export class AppointmentRows {
  readonly #key: Buffer;

  constructor(indexKey: Buffer) {
    this.#key = indexKey;
  }

  of(view: View, subject: string): readonly Appointment[] {
    const row = view.get(PREFIX + subject);
    if (row === undefined) return [];
    return JSON.parse(openRow(this.#key, PREFIX + subject, row).toString('utf8')) as Appointment[];
  }

  put(subject: string, appointments: readonly Appointment[]): StoreWrite {
    const plain = Buffer.from(JSON.stringify(appointments), 'utf8');
    return { type: 'put', key: PREFIX + subject, value: sealRow(this.#key, PREFIX + subject, plain) };
  }
}

/** What the judgement reads: the batch that is gathered, or the store. */
export interface ActingView {
  readonly state: View;
  readonly appointments: AppointmentRows;
  readonly certified: CertifiedRows;
}

/**
 * Whether a certificate may act for a patient now: to be asked inside the batch of what is signed, so that no end and
 * no revocation comes between.
 *
 * @param actorCertificate - Handle of the participant, and fingerprint of the certificate it signs with.
 * @param at - Milliseconds since the epoch.
 * @returns `self`, the handle of the appointment, or `undefined`.
 */
export function actsFor(
  view: ActingView,
  subject: Pick<Subject, 'key' | 'wallet'>,
  actorCertificate: { readonly participant: string; readonly fingerprint: string },
  act: Act,
  at: number,
): 'self' | { readonly appointment: string } | undefined {
  const { participant, fingerprint } = actorCertificate;
  if (!view.certified.certificateNow(participant, fingerprint, at, view.state).ok) return undefined;
  const { wallet } = subject;
  if (wallet?.participant === participant && wallet.fingerprint === fingerprint) return 'self';
  const found = view.appointments
    .of(view.state, subject.key)
    .find(
      (one) =>
        one.representative === participant &&
        one.ended === undefined &&
        at < one.untilMs &&
        one.acts.includes(act),
    );
  return found === undefined ? undefined : { appointment: found.handle };
}
