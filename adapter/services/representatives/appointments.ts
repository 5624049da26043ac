/** Appointments as they are kept, and whether a certificate may act for a patient by one of them. */
import type { StateView } from '../../../ledger/custody/index.js';
import type { JsonObject } from '../../../ledger/log/index.js';
import type { StoreWrite } from '../../../ledger/store.js';
import { openRow, sealRow } from '../../../ledger/vault/index.js';
import type { Act, Relationship } from '../../http/contract/index.js';
import type { CertifiedRows } from '../ca/index.js';

/** What was signed, with its signatures, and the salt of its commitment, base64url. */
export interface SignedPart {
  readonly signed: JsonObject;
  readonly salt: string;
}

export interface Appointment extends SignedPart {
  /** Handle of its `representative.appointed`. */
  readonly handle: string;
  /** SHA-256 of the signed bytes, base64url: the same document appoints once. */
  readonly hash: string;
  readonly by: 'patient' | 'hospital';
  /** Handle of the participant who acts. */
  readonly representative: string;
  readonly relationship: Relationship;
  readonly acts: readonly Act[];
  /** Milliseconds since the epoch. */
  readonly fromMs: number;
  /** From this moment on it is over. */
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
  /** Handle of the patient's own enrolment. */
  readonly walletOf: (state: View, subject: string) => { readonly participant: string } | undefined;
}

/** As whom somebody acts. */
export type ActsAs = 'self' | { readonly appointment: string };

/**
 * Whether a certificate may act for a patient now: to be asked inside the batch of what is signed, so that no end and
 * no revocation comes between.
 *
 * @param subject - Key of the patient's record.
 * @param actor - Handle of the participant, and fingerprint of the certificate it signs with.
 * @param at - Milliseconds since the epoch.
 * @returns `self`, the handle of the appointment, or `undefined`.
 */
export function actsFor(
  view: ActingView,
  subject: string,
  { participant, fingerprint }: { readonly participant: string; readonly fingerprint: string },
  act: Act,
  at: number,
): ActsAs | undefined {
  const { state, certified, appointments, walletOf } = view;
  if (!certified.certificateNow(participant, fingerprint, at, state).ok) return undefined;
  if (walletOf(state, subject)?.participant === participant) return 'self';
  const found = appointments
    .of(state, subject)
    .find(
      (one) =>
        one.representative === participant &&
        one.ended === undefined &&
        at < one.untilMs &&
        one.acts.includes(act),
    );
  return found === undefined ? undefined : { appointment: found.handle };
}
